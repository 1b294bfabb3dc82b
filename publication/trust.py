"""A CA as it is trusted: with the list of what it revoked, without which nothing that it signed is taken."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from cryptography import x509

from publication import profile, revocations

MOST = 2
"""One, and while another takes its place that one too."""


@dataclasses.dataclass(frozen=True)
class Trust:
    """A CA's certificate, and the revocation list of it that is in force."""

    network: str
    authority: x509.Certificate
    revocations: x509.CertificateRevocationList

    @property
    def key(self) -> str:
        """The fingerprint of the CA's key."""
        return profile.key_of(self.authority)

    @property
    def generation(self) -> int:
        """Which CA of its network it is, the first being 1."""
        return generation(self.authority)


def generation(authority: x509.Certificate) -> int:
    """The number in the name of a CA that `profile.authority_fault` found nothing wrong with."""
    found = re.match(r"CN=(?:federation-)?CA-([0-9]+),", authority.subject.rfc4514_string())
    return int(found[1]) if found else 0


def pem(trusted: Sequence[Trust]) -> tuple[bytes, bytes]:
    """The certificates and the lists of CAs as files, each one after the other."""
    return (
        b"".join(profile.as_pem(one.authority) for one in trusted),
        b"".join(revocations.pem(one.revocations) for one in trusted),
    )
