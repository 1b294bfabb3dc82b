"""When what a gateway loaded ends: of its certificate and of the revocation list, as they lie on the server."""

from __future__ import annotations

import dataclasses
import datetime
import shlex

LOADED = "/etc/werkplaats/gateway/loaded/networks"
CERTIFICATE_DAYS, CERTIFICATE_LIFE = 30, 180  # what renewing may take, with two organisations in it
LIST_DAYS, LIST_LIFE = 40, 90  # a new one is made while 60 are left; then everybody has to run `up`


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
        if self.certificate is not None and self.certificate < _share(
            CERTIFICATE_DAYS, CERTIFICATE_LIFE, self.certificate_life
        ):
            found.append(f"certificate: {_when(self.certificate)}; have the coordinator renew it, then run `up`")
        if self.revocations is not None and self.revocations < _share(LIST_DAYS, LIST_LIFE, self.list_life):
            lost = ", and no peer is let in" if self.revocations < 0 else ""
            remedy = "have the coordinator publish, fetch that, and run `up`"
            found.append(f"revocation list on the server: {_when(self.revocations)}{lost}; {remedy}")
        return found


def command(network: str) -> tuple[str, ...]:
    """What a server is asked."""
    folder = shlex.quote(f"{LOADED}/{network}")
    certificate = "openssl x509 -in station.pem -noout -startdate -enddate"
    revocations = "openssl crl -in crl.pem -noout -lastupdate -nextupdate"
    return "sh", "-c", f"cd {folder} 2>/dev/null && {{ {certificate}; {revocations}; }}"


def read(said: str) -> Ends:
    """What a server said to that."""
    rows = (line.partition("=") for line in said.splitlines())
    told = {name: moment for name, _, text in rows if (moment := _moment(text))}
    begins = [told.get(name) for name in ("notBefore", "lastUpdate")]
    ends = [told.get(name) for name in ("notAfter", "nextUpdate")]
    left = [(one - datetime.datetime.now(datetime.UTC)).days if one else None for one in ends]
    life = [(end - begin).days if begin and end else None for begin, end in zip(begins, ends, strict=True)]
    return Ends(*left, *life)


def _share(days: int, usual: int, life: int | None) -> int:
    return days if life is None else days * min(life, usual) // usual


def _moment(text: str) -> datetime.datetime | None:
    """A moment as openssl prints it: Jun  1 12:00:00 2027 GMT."""
    try:
        return datetime.datetime.strptime(" ".join(text.split()), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def _when(days: int) -> str:
    return "has expired" if days < 0 else f"ends in {days} days"
