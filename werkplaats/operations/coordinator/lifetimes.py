"""How long what a coordinator signs is good for, and when it is signed anew.

`lifetimes.txt` among the records says it where a network wants it shorter than usual, a line each::

    certificate 90 days
    list 30 days
    publication 10 days
"""

from __future__ import annotations

import dataclasses
import datetime

from base import errors
from publication import metadata, profile
from werkplaats.operations.coordinator.ledger import Records

NAME = "lifetimes"
_FIELDS = {"certificate": "certificate", "list": "revocations", "publication": "publication"}
_UNITS = ("days", "hours", "minutes")


@dataclasses.dataclass(frozen=True)
class Lifetimes:
    """How long certificates, revocation lists and the word that a publication is the newest are good for."""

    certificate: datetime.timedelta = profile.STATION_LIFETIME
    revocations: datetime.timedelta = datetime.timedelta(days=90)
    publication: datetime.timedelta = metadata.LIFETIMES[metadata.TIMESTAMP]

    @property
    def list_left(self) -> datetime.timedelta:
        """With less than this left a list is made anew."""
        return self.revocations * 2 / 3

    @property
    def roles(self) -> dict[str, datetime.timedelta]:
        """Of each role of the coordinator's."""
        newest = {metadata.SNAPSHOT: self.publication, metadata.TIMESTAMP: self.publication}
        return {metadata.NETWORK: metadata.LIFETIMES[metadata.NETWORK], **newest}


def read(records: Records) -> Lifetimes:
    """What the records say; raises RefusedError for what is no lifetime, or one longer than usual."""
    found, usual = {}, Lifetimes()
    for row in records.rows(NAME):
        what, number, unit = row["what"], row["number"], row["unit"]
        place, remedy = f"{records.folder / NAME}.txt: {what} {number} {unit}", "as in `certificate 90 days`"
        if what not in _FIELDS or unit not in _UNITS or not (number.isascii() and number.isdigit()):
            raise errors.RefusedError(f"{place} is no lifetime of {' or '.join(_FIELDS)}", remedy)
        longest: datetime.timedelta = getattr(usual, _FIELDS[what])
        if (
            len(number) > 6
            or not datetime.timedelta() < (wanted := datetime.timedelta(**{unit: int(number)})) <= longest
        ):
            raise errors.RefusedError(f"{place} is not between nothing and {longest.days} days", remedy)
        found[_FIELDS[what]] = wanted
    return Lifetimes(**found)
