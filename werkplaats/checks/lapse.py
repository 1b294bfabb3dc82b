"""When what a gateway loaded ends: of its certificate and of the revocation list, as they lie on the server."""

from __future__ import annotations

import dataclasses
import datetime
import shlex

LOADED = "/etc/werkplaats/gateway/loaded/networks"
CERTIFICATE_DAYS = 30  # what renewing a certificate may take, with two organisations in it
LIST_DAYS = 40  # a new one is made while 60 are left; then everybody has to run `up`


@dataclasses.dataclass(frozen=True)
class Ends:
    """Days until certificate and revocation list of one gateway end; None of what is not there, or cannot be read."""

    certificate: int | None = None
    revocations: int | None = None

    @property
    def wrong(self) -> list[str]:
        """A sentence for each that has ended, or will soon."""
        found = []
        if self.certificate is not None and self.certificate < CERTIFICATE_DAYS:
            found.append(f"certificate: {_when(self.certificate)}; have the coordinator renew it, then run `up`")
        if self.revocations is not None and self.revocations < LIST_DAYS:
            lost = ", and no peer is let in" if self.revocations < 0 else ""
            remedy = "have the coordinator publish, fetch that, and run `up`"
            found.append(f"revocation list on the server: {_when(self.revocations)}{lost}; {remedy}")
        return found


def command(network: str) -> tuple[str, ...]:
    """What a server is asked."""
    folder = shlex.quote(f"{LOADED}/{network}")
    asked = "openssl x509 -in station.pem -noout -enddate; openssl crl -in crl.pem -noout -nextupdate"
    return "sh", "-c", f"cd {folder} 2>/dev/null && {{ {asked}; }}"


def read(said: str) -> Ends:
    """What a server said to that."""
    rows = (line.partition("=") for line in said.splitlines())
    days = {name: _days(text) for name, _, text in rows}
    return Ends(days.get("notAfter"), days.get("nextUpdate"))


def _days(text: str) -> int | None:
    """Of a moment as openssl prints it: Jun  1 12:00:00 2027 GMT."""
    try:
        moment = datetime.datetime.strptime(" ".join(text.split()), "%b %d %H:%M:%S %Y GMT").replace(
            tzinfo=datetime.UTC
        )
    except ValueError:
        return None
    return (moment - datetime.datetime.now(datetime.UTC)).days


def _when(days: int) -> str:
    return "has expired" if days < 0 else f"ends in {days} days"
