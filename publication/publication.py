"""The publication: what a coordinator gives out and every member may read. A folder, on any web server or stick.

    metadata/                          who may say what, signed: `metadata` tells the roles
    targets/definition.json            canonical JSON of the network's definition
    targets/ca.pem, crl.pem            the CA's certificate and the revocation list in force
    targets/identities/<o>.json        certificate chain, statement key, approved fingerprint of an organisation
    targets/releases/<release>.json    what the station image of a release is, by digest
    targets/questions/<question>.json  an agreed question, as its author wrote it; each steward allows it or not
    targets/tables/<table>.json        figures that a question names, such as inhabitants by CBS

Each file has its digest before its name, so that those of two publications never mix. It is read in three steps, each
with a type of its own, and only the first one reads::

    folder (or whoever relays it) → whole.Whole → verified.Verified → acceptance.Accepted
           bytes, nothing known      signed, whole     right            what the operator of a server said yes to
"""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from base import canonical, errors
from publication import folder as folders
from publication import reading, revocations, trust, trusted, verified
from publication.whole import Whole

PATIENCE_SECONDS = 60.0


class Said(Protocol):
    """What a publication of any kind says of itself."""

    @property
    def number(self) -> int:
        """Which publication of its root it is."""

    @property
    def root(self) -> str:
        """The fingerprint of its root."""

    @property
    def trusted(self) -> tuple[trust.Trust, ...]:
        """Its CAs, each with its list."""

    @property
    def root_version(self) -> int:
        """How often its root holders named its keys."""


Kind = TypeVar("Kind", bound=Said)
Verify = Callable[[Whole, datetime.datetime], Kind]


@dataclasses.dataclass(frozen=True)
class Read(Generic[Kind]):
    """A publication that was read and is right, its files, and what to keep so that none older is read later."""

    verified: Kind
    files: Mapping[str, bytes]
    following: trusted.Trusted


Taken = Read[verified.Verified]
"""That of a regional network."""


def read(
    folder: Path,
    network: str,
    kept: Path | None = None,
    *,
    root: str | None = None,
    moment: datetime.datetime | None = None,
) -> verified.Verified:
    """What the publication in a folder says, read as `read_on` does."""
    return read_on(folder, network, kept, root=root, moment=moment).verified


def read_on(
    folder: Path,
    network: str,
    kept: Path | None = None,
    *,
    root: str | None = None,
    moment: datetime.datetime | None = None,
) -> Taken:
    """Read and verify the publication in a folder, at the moment (now).

    `kept` is the file of what this reader read before: it goes back to nothing older, and keeps what it reads there.
    Where there is no such file, what is read tells whose it is and proves nothing; and nothing is kept unless `root`
    is the fingerprint of its root, as people told it: then that one counts from now on, with what was read before under
    it, and no root that another one came before it. Raises PublicationError (ExpiredError, OtherRootError,
    RevocationError, RequestError) with the file that is not right; what is kept stays.
    """
    return read_as(verified.verify, folder, network, kept, root=root, moment=moment)


def not_the_told_root(folder: Path, root: str) -> errors.AcceptanceError:
    """What is said of a publication that is of another root than people told.

    Its own is not said: who is shown it gives that, and has compared nothing.
    """
    return errors.AcceptanceError(
        f"{folder} is of another root than {root}, which was told",
        "have it read to you again; where it differs once more the publication is not the network's: install nothing "
        "of it",
    )


def read_as(
    verify: Verify[Kind],
    folder: Path,
    network: str,
    kept: Path | None = None,
    *,
    root: str | None = None,
    moment: datetime.datetime | None = None,
) -> Read[Kind]:
    """Read and verify the publication of a network of any kind, by what makes of its files what that kind says."""
    before = trusted.load(kept) if kept else None
    known = before if root is None or before is None else _of_root(before, folder, network, root)
    taken = take_as(verify, folder, network, known, moment)
    made, following = taken.verified, taken.following
    if root is not None and root != made.root:
        raise not_the_told_root(folder, root)
    if kept and (known or root is not None):
        following = dataclasses.replace(
            following,
            # Of a root that was told it is the newest that people compared: whoever relays made up those before it.
            roots=following.roots if known else following.roots[-1:],
            earlier=tuple(one for one in before.each if not known or one.roots != known.roots) if before else (),
        )
        if following != before:
            trusted.save(kept, following)
    return dataclasses.replace(taken, following=following)


def take(
    folder: Path,
    network: str,
    known: trusted.Trusted | None,
    moment: datetime.datetime | None = None,
    patience: float | None = None,
) -> Taken:
    """Read and verify the publication in a folder, beside what was `known`; nothing is kept. Raises as `read` does.

    For so many seconds (PATIENCE_SECONDS) it is read once more where another one took its place as it was read.
    """
    return take_as(verified.verify, folder, network, known, moment, patience)


def take_as(
    verify: Verify[Kind],
    folder: Path,
    network: str,
    known: trusted.Trusted | None,
    moment: datetime.datetime | None = None,
    patience: float | None = None,
) -> Read[Kind]:
    """The same of a network of any kind."""
    found, following = _read(folder, network, known, moment, patience)
    made = verify(found, moment or canonical.now())
    for before in revocations.load_all(known.crl) if known and known.crl else ():
        for after in made.trusted:
            revocations.refuse_rollback(before, after.revocations)  # of one CA: another counts for itself
    return Read(made, found.files, dataclasses.replace(following, crl=found.files["crl.pem"]))


def last(folder: Path, network: str, kept: Path) -> verified.Verified:
    """What a publication said that is good no more: what servers run with. Nothing of it is installed, nor kept.

    Raises PublicationError where it was never right.
    """
    return last_as(verified.verify, folder, network, trusted.load(kept)).verified


def last_as(verify: Verify[Kind], folder: Path, network: str, known: trusted.Trusted | None) -> Read[Kind]:
    """The same of a network of any kind, beside what was `known`."""
    source = folders.source(folder)
    found, following = reading.read(source, folder, network, known, reading.lately(source))
    made = verify(found, canonical.moment(found.published))
    return Read(made, found.files, dataclasses.replace(following, crl=found.files["crl.pem"]))


def _of_root(before: trusted.Trusted, folder: Path, network: str, root: str) -> trusted.Trusted | None:
    """What was read before of the root that was told, or of one that it follows from; None where nothing was."""
    source = folders.source(folder)
    same = (one for one in before.each if reading.newest_root(one, network) == root or reading.follows(source, one))
    return next(same, None)


def _read(
    folder: Path,
    network: str,
    known: trusted.Trusted | None,
    moment: datetime.datetime | None = None,
    patience: float | None = None,
) -> tuple[Whole, trusted.Trusted]:
    """Read it, and once more where another one took its place meanwhile."""
    patience = PATIENCE_SECONDS if patience is None else patience
    deadline = time.monotonic() + patience
    while True:
        before = folders.stamp(folder)
        _refuse_earlier(folder, network)
        try:
            return reading.read(folders.source(folder), folder, network, known, moment)
        except errors.PublicationError:
            if folders.stamp(folder) == before:
                raise
            if time.monotonic() >= deadline:
                told = f"{folder} is being replaced again and again, for {patience:.0f} s now"
                raise errors.PublicationError(told, "see what writes there, and read it afterwards") from None


def _refuse_earlier(folder: Path, network: str) -> None:
    if (folder / folders.EARLIER).exists() and not (folder / "metadata").exists():
        raise errors.PublicationError(
            f"{folder} was published by an earlier version of this suite: it has no root, and nothing of it is taken",
            f"fetch the newest publication; where it is made, run `werkplaats trust root found {network}` and "
            f"`werkplaats trust publish {network}`",
        )
