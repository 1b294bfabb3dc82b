"""When what a gateway loaded ends: of its certificate and of the revocation list, as they lie on the server."""

from __future__ import annotations

import dataclasses
import datetime

from on_server.gateway import ends

command = ends.command


@dataclasses.dataclass(frozen=True)
class Ends:
    """Days until certificate and revocation list of one gateway end; None of what is not there, or cannot be read.

    And the days that they last in all: where these are fewer than usual, what is late is the same share of them.
    """

    certificate: int | None = None
    revocations: int | None = None
    certificate_life: int | None = None
    list_life: int | None = None

    @property
    def wrong(self) -> list[str]:
        """A sentence for each that has ended, or will soon."""
        found = []
        if self.certificate is not None and self.certificate < _share(ends.CERTIFICATE, self.certificate_life):
            found.append(f"certificate: {_when(self.certificate)}; have the coordinator renew it, then run `up`")
        if self.revocations is not None and self.revocations < _share(ends.LIST, self.list_life):
            lost = ", and no peer is let in" if self.revocations < 0 else ""
            remedy = "have the coordinator publish, fetch that, and run `up`"
            found.append(f"revocation list on the server: {_when(self.revocations)}{lost}; {remedy}")
        return found


def read(said: str) -> Ends:
    """What a server said to that."""
    told = ends.moments(said)
    kinds = (ends.CERTIFICATE, ends.LIST)
    pairs = [(told.get(kind.begins), told.get(kind.ends)) for kind in kinds]
    left = [(end - datetime.datetime.now(datetime.UTC)).days if end else None for _, end in pairs]
    life = [(end - begin).days if begin and end else None for begin, end in pairs]
    return Ends(*left, *life)


def _share(kind: ends.Kind, life: int | None) -> int:
    return kind.days if life is None else kind.days * min(life, kind.usual) // kind.usual


def _when(days: int) -> str:
    return "has expired" if days < 0 else f"ends in {days} days"
