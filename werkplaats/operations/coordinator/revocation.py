"""Revocation: the list of one network, in force from the first day, and never older than the one before it.

RFC 5280 section 5. A list is good for 90 days and made anew when fewer than 60 are left or when something was
revoked: without a valid list every gateway of the network refuses every new connection.
"""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from base import errors
from publication import profile
from werkplaats.operations.coordinator.authority import Authority
from werkplaats.operations.coordinator.ledger import Records, now, stamp

LIFETIME = datetime.timedelta(days=90)
RENEWED_WITH_LESS_THAN = datetime.timedelta(days=60)
IN_VAULT = "crl.pem"

REASONS = {
    reason.value: reason
    for reason in (
        *(x509.ReasonFlags.unspecified, x509.ReasonFlags.key_compromise, x509.ReasonFlags.affiliation_changed),
        *(x509.ReasonFlags.superseded, x509.ReasonFlags.cessation_of_operation),
    )
}


def load(pem: bytes) -> x509.CertificateRevocationList:
    """Read a revocation list; raises RevocationError when it is none."""
    try:
        found = x509.load_pem_x509_crl(pem)
        number(found)
    except (ValueError, x509.ExtensionNotFound) as error:
        raise errors.RevocationError(
            f"this is not a revocation list with a number: {error}", "fetch it anew"
        ) from error
    return found


def pem(revocations: x509.CertificateRevocationList) -> bytes:
    """A revocation list as PEM."""
    return revocations.public_bytes(serialization.Encoding.PEM)


def number(revocations: x509.CertificateRevocationList) -> int:
    """The crlNumber of a list; raises ExtensionNotFound when it has none."""
    return revocations.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def revoked_serials(records: Records) -> set[str]:
    """The serials, in hexadecimal, that the records say are revoked."""
    return {row["serial"] for row in records.rows("revoked")}


def revoke(
    authority: Authority, serial: int, reason: str = "unspecified", moment: datetime.datetime | None = None
) -> x509.CertificateRevocationList:
    """Revoke a certificate that this CA issued, for good, and give the list that says so.

    `reason` is one of REASONS (RFC 5280, 5.3.1). Raises UsageError for another, or for a serial never issued.
    """
    text = f"{serial:x}"
    if reason not in REASONS:
        raise errors.UsageError(f"{reason!r} is not a reason for a revocation", f"one of {', '.join(REASONS)}")
    issued = {row["serial"]: row["name"] for row in authority.records.rows("serials")}
    if text not in issued:
        raise errors.UsageError(
            f"no certificate of {authority.network} has serial {text}", "take it from serials.txt in the inventory"
        )
    if text not in revoked_serials(authority.records):
        at = stamp(moment or now())
        authority.records.append("revoked", serial=text, name=issued[text], at=at, reason=reason)
    return current(authority, moment)


def current(authority: Authority, moment: datetime.datetime | None = None) -> x509.CertificateRevocationList:
    """The list in force: the one in the vault, or a new one when that is too old or says another thing."""
    moment = moment or now()
    last = load(authority.vault.read(IN_VAULT)) if authority.vault.has(IN_VAULT) else None
    if last is not None and _serves(last, authority, moment):
        return last
    made = _make(authority, last, moment)
    authority.vault.write(IN_VAULT, pem(made))
    return made


def verify(
    revocations: x509.CertificateRevocationList, authority: x509.Certificate, moment: datetime.datetime | None = None
) -> None:
    """Raise RevocationError unless the list is signed by this CA and in force at the moment (now)."""
    moment, ends = moment or now(), revocations.next_update_utc
    name = authority.subject.rfc4514_string()
    signed = revocations.issuer == authority.subject and revocations.is_signature_valid(
        profile.p256(authority.public_key())
    )
    if not signed or not isinstance(revocations.signature_hash_algorithm, hashes.SHA256):
        raise errors.RevocationError(f"the revocation list is not signed by {name}", "fetch the publication anew")
    if ends is None or ends <= moment:
        raise errors.RevocationError(
            f"the revocation list of {name} was in force until {stamp(ends) if ends else 'a moment it does not say'}",
            "ask the coordinator for a new one with `werkplaats trust publish`",
        )
    if revocations.last_update_utc > moment:
        raise errors.RevocationError(
            f"the revocation list of {name} comes into force at {stamp(revocations.last_update_utc)} only",
            "set the clock of this machine right",
        )


def refuse_rollback(installed: x509.CertificateRevocationList, offered: x509.CertificateRevocationList) -> None:
    """Raise RevocationError when the offered list would take a revocation back: an older number or an older date.

    Two lists of one number that differ are refused too: one of them is not what the CA gave out.
    """
    before, after = number(installed), number(offered)
    if installed.issuer != offered.issuer:
        return  # a CA of another generation counts for itself
    remedy = "fetch the newest publication; if this is the newest, ask the coordinator what happened"
    if after < before:
        raise errors.RevocationError(f"the revocation list has number {after}, and number {before} is in force", remedy)
    if offered.last_update_utc < installed.last_update_utc:
        raise errors.RevocationError(
            f"revocation list {after} is of {stamp(offered.last_update_utc)}, older than the one in force, of "
            f"{stamp(installed.last_update_utc)}",
            remedy,
        )
    if after == before and installed.fingerprint(hashes.SHA256()) != offered.fingerprint(hashes.SHA256()):
        raise errors.RevocationError(f"there are two different revocation lists with number {after}", remedy)


def _serves(last: x509.CertificateRevocationList, authority: Authority, moment: datetime.datetime) -> bool:
    """Whether a list still says what it should, and for long enough."""
    if last.issuer != authority.certificate.subject or last.next_update_utc is None:
        return False
    told = {f"{entry.serial_number:x}" for entry in last}
    return told == revoked_serials(authority.records) and last.next_update_utc - moment >= RENEWED_WITH_LESS_THAN


def _make(
    authority: Authority, last: x509.CertificateRevocationList | None, moment: datetime.datetime
) -> x509.CertificateRevocationList:
    rows = authority.records.rows("revoked")
    numbers = [int(row["number"]) for row in authority.records.rows("crl-numbers")]
    following = max([*numbers, 0 if last is None else number(last)]) + 1
    # A clock that was set back must not make a list that everybody refuses as older.
    start = moment - profile.BACKDATED if last is None else max(moment - profile.BACKDATED, last.last_update_utc)
    end = moment + LIFETIME
    authority.records.append(
        "crl-numbers", number=following, this_update=stamp(start), next_update=stamp(end), revoked=len(rows)
    )
    builder = x509.CertificateRevocationListBuilder(last_update=start, next_update=end)
    builder = builder.add_extension(x509.CRLNumber(following), critical=False)
    for row in rows:
        entry = x509.RevokedCertificateBuilder(int(row["serial"], 16), datetime.datetime.fromisoformat(row["at"]))
        if row["reason"] != "unspecified":  # RFC 5280, 5.3.1: this reason is told by leaving it out
            entry = entry.add_extension(x509.CRLReason(REASONS[row["reason"]]), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return authority.sign_revocations(builder)
