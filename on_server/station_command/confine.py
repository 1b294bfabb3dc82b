"""Narrow which files this process and its children can reach, by Landlock (landlock(7)).

It wants no rights and cannot be undone. What a path is, its size and its times can still be asked of any file.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Mapping
from pathlib import Path

# Numbers of the calls, and flags of <linux/landlock.h> as of its version 2 (Linux 5.19): with the first no file could
# move from one folder to another. Truncation is version 3's (Linux 6.2): an older kernel leaves it to the file's mode.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH = 1
WRITE = (1 << 14) - 1  # all of version 2
READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, list a folder
TRUNCATE = 1 << 14
OF_A_FILE = 1 << 0 | 1 << 1 | 1 << 2 | TRUNCATE
VERSION = 1
SET_NO_NEW_PRIVS = 38


def only(rights: Mapping[str, int]) -> None:
    """From now on nothing but these files, and what lies in these folders. Raises OSError where the kernel cannot."""
    more = TRUNCATE if _call("syscall", CREATE_RULESET, 0, 0, VERSION) >= 3 else 0
    ruleset = _call("syscall", CREATE_RULESET, struct.pack("=Q", WRITE | more), 8, 0)
    for path, right in rights.items():
        _allow(ruleset, path, right | more if right == WRITE else right)
    _call("prctl", SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("syscall", RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, right: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:  # then there is nothing to reach
        return
    right = right if Path(path).is_dir() else right & OF_A_FILE
    _call("syscall", ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", right, place), 0)
    os.close(place)


def _call(name: str, *arguments: int | bytes) -> int:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    done: int = function(*(ctypes.c_long(one) if isinstance(one, int) else one for one in arguments))
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done
