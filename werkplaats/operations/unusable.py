"""A file or folder that this machine does not let us use, as an error with place and remedy."""

from __future__ import annotations

import errno
import os
import shlex

from base import errors

_MINE = "let your login use it: `namei -l {place}` tells whose it and each folder above it is"
_AWAY = "choose another place, or move away what is there"
_ROOM = "make room there (`df` tells where there is none)"
# errno → why, and what to do, where {place} is one that a shell can be given.
_SAID = {
    errno.EACCES: ("this login may not use it", _MINE),
    errno.EPERM: ("this login may not change it", _MINE),
    errno.ENOENT: ("it is not there", "name one that is there, or make it"),
    errno.EEXIST: ("something is there already", _AWAY),
    errno.ENOTEMPTY: ("it is not empty", _AWAY),
    errno.EISDIR: ("it is a folder, and a file is wanted", _AWAY),
    errno.ENOTDIR: ("a file lies where a folder is wanted", _AWAY),
    errno.ENAMETOOLONG: ("its name is too long", "choose a place with a shorter name"),
    errno.EROFS: ("its disk can only be read", "choose a place on another one, or mount that to be written to"),
    errno.ENOSPC: ("no room is left", _ROOM),
    errno.EDQUOT: ("no room is left for this login", _ROOM),
    errno.EMFILE: ("this process has too many files open", "let a process have more of them: `ulimit -n 4096`"),
}
_OF_NO_FILE = (errno.ENOSPC, errno.EDQUOT)  # what is written to is open then, and has no name in the error


def in_words(error: OSError, *, half_way: bool) -> errors.WerkplaatsError | None:
    """The error that a person is told; None for one that is about no file: that is ours to mend.

    `half_way`: the command may have changed something before.
    """
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if not names and error.errno not in _OF_NO_FILE:
        return None
    reason, remedy = _SAID.get(error.errno or 0, (error.strerror or "it cannot be used", "mend that"))
    remedy = remedy.format(place=shlex.quote(names[0])) if names else remedy
    what = f"{' to '.join(names) or 'a disk of this machine'}: {reason}"
    if half_way:
        return errors.HalfWayError(what, f"{remedy}; then run the same command again, it goes on from here")
    return errors.UsageError(what, remedy)
