"""The publication: what a coordinator gives out and every member may read. A folder, on any web server or stick.

    definition.json                    canonical JSON of the network's definition
    ca.pem  crl.pem                    the CA's certificate and the revocation list in force
    identities/<organisation>.json     certificate chain, statement key, approved fingerprint
    releases/<release>.json            what the station image of a release is, by digest
    questions/<question>.json          an agreed question, as its author wrote it; each steward allows it or not
    tables/<table>.json                figures that a question names, such as inhabitants by CBS
    index.json  index.json.sig         the digest of each of these and a number that grows; its signature

It is read in three steps, each with a type of its own, and only the first one reads::

    folder (or whoever relays it) → repository.Files → verified.Verified → acceptance.Accepted
           bytes, nothing known        signed, whole, right              what the operator of a server said yes to
"""

from __future__ import annotations

import datetime
from pathlib import Path

from base import canonical, errors
from publication import folder as folders
from publication import repository, revocations, verified


class Newest:
    """The newest publication of one network that was seen here: holds only what was verified, and never goes back.

    `least_number` is that of the newest one that was ever accepted here; 0 where none was.
    """

    def __init__(self, network: str, least_number: int = 0) -> None:
        self.network = network
        self._least_number = least_number
        self._held: verified.Verified | None = None

    @property
    def held(self) -> verified.Verified | None:
        """What was verified last; None before the first."""
        return self._held

    def update(self, files: repository.Files, moment: datetime.datetime | None = None) -> verified.Verified:
        """Take these files in place of what is held, when they are right at the moment (now) and not older.

        Raises PublicationError (RevocationError, RequestError) with the file that is not right; what is held stays.
        """
        found = verified.verify(repository.verify(files, self.network, self._least_number), moment or canonical.now())
        if self._held is not None:
            if found.number == self._held.number and found != self._held:
                raise errors.PublicationError(
                    f"{files.place} is another publication {found.number} than was read before", verified.ASK
                )
            revocations.refuse_rollback(self._held.revocations, found.revocations)
        self._least_number, self._held = found.number, found
        return found


def read(
    folder: Path, network: str, *, least_number: int = 0, moment: datetime.datetime | None = None
) -> verified.Verified:
    """Read and verify the publication in a folder, as `Newest` does."""
    return Newest(network, least_number).update(folders.read(folder), moment)
