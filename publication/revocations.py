"""Revocation lists as their readers take them: of their CA, in force, never older than before (RFC 5280, 5)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from base import canonical, errors
from publication import profile

LONGEST_NUMBER = 160
"""Bits of a crlNumber with its sign: 20 octets (RFC 5280, 5.2.3)."""
_ENDS = b"-----END X509 CRL-----\n"


def load(text: bytes) -> x509.CertificateRevocationList:
    """Read a revocation list; raises RevocationError when the PEM text is none, or holds anything beside it."""
    try:
        found = x509.load_pem_x509_crl(text)
        number(found)
        _ = found.issuer, found.last_update_utc, found.next_update_utc, found.signature_hash_algorithm
        for revoked in found:
            _ = revoked.serial_number, revoked.revocation_date_utc
    except Exception as error:  # a parser of hostile bytes, late too: not all of what it stops for is a ValueError
        raise errors.RevocationError(
            f"this is not a revocation list with a number: {error}", "fetch it anew"
        ) from error
    if pem(found) != text:
        raise errors.RevocationError("this has something beside a revocation list, or around it", "fetch it anew")
    return found


def load_all(text: bytes) -> list[x509.CertificateRevocationList]:
    """Read a list for each CA that is trusted, one after the other and nothing beside them; raises as `load`."""
    if not text.endswith(_ENDS):
        return [load(text)]
    return [load(part + _ENDS) for part in text.removesuffix(_ENDS).split(_ENDS)]


def of(issuer: x509.Name, lists: Iterable[x509.CertificateRevocationList]) -> x509.CertificateRevocationList | None:
    """The one of these lists that a CA of this name issued; None where there is none."""
    return next((one for one in lists if one.issuer == issuer), None)


def pem(revocations: x509.CertificateRevocationList) -> bytes:
    """A revocation list as PEM."""
    return revocations.public_bytes(serialization.Encoding.PEM)


def number(revocations: x509.CertificateRevocationList) -> int:
    """The crlNumber of a list; raises ExtensionNotFound when it has none."""
    return revocations.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def verify(
    revocations: x509.CertificateRevocationList, authority: x509.Certificate, moment: datetime.datetime | None = None
) -> None:
    """Raise RevocationError unless the list is signed by this CA and in force at the moment (now)."""
    moment, ends = moment or canonical.now(), revocations.next_update_utc
    name = authority.subject.rfc4514_string()
    signed = revocations.issuer == authority.subject and revocations.is_signature_valid(
        profile.p256(authority.public_key())
    )
    if not signed or not isinstance(revocations.signature_hash_algorithm, hashes.SHA256):
        raise errors.RevocationError(f"the revocation list is not signed by {name}", "fetch the publication anew")
    if ends is None or ends <= moment:
        until = canonical.stamp(ends) if ends else "a moment it does not say"
        raise errors.RevocationError(
            f"the revocation list of {name} was in force until {until}",
            "ask the coordinator for a new one with `werkplaats trust publish`",
        )
    if revocations.last_update_utc > moment:
        raise errors.RevocationError(
            f"the revocation list of {name} comes into force at {canonical.stamp(revocations.last_update_utc)} only",
            "set the clock of this machine right",
        )


def refuse_rollback(installed: x509.CertificateRevocationList, offered: x509.CertificateRevocationList) -> None:
    """Raise RevocationError when the offered list would take a revocation back: an older number or an older date.

    Two lists of one number that differ are refused too: one of them is not what the CA gave out.
    """
    before, after = number(installed), number(offered)
    if installed.issuer != offered.issuer:
        return  # a CA of another generation counts for itself
    remedy = (
        "fetch the newest publication; if this is the newest, ask the coordinator what happened: where somebody had "
        "the CA's key, only another CA goes on from there, by werkplaats trust roll NETWORK --stolen"
    )
    if after < before:
        raise errors.RevocationError(f"the revocation list has number {after}, and number {before} is in force", remedy)
    if offered.last_update_utc < installed.last_update_utc:
        raise errors.RevocationError(
            f"revocation list {after} is of {canonical.stamp(offered.last_update_utc)}, "
            f"older than the one in force, of {canonical.stamp(installed.last_update_utc)}",
            remedy,
        )
    if after == before and installed.fingerprint(hashes.SHA256()) != offered.fingerprint(hashes.SHA256()):
        raise errors.RevocationError(f"there are two different revocation lists with number {after}", remedy)
