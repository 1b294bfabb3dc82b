"""Revocation: the list of one network, in force from the first day, and never older than the one before it.

RFC 5280 section 5. A list is good for 90 days and made anew when fewer than 60 are left or when something was
revoked: without a valid list every gateway of the network refuses every new connection.
"""

from __future__ import annotations

import datetime

from cryptography import x509

from base import canonical, errors
from publication import profile, revocations
from werkplaats.operations.coordinator.authority import Authority
from werkplaats.operations.coordinator.ledger import Records

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


def revoked_serials(records: Records) -> set[str]:
    """The serials, in hexadecimal, that the records say are revoked."""
    return {row["serial"] for row in records.rows("revoked")}


def revoked_keys(records: Records) -> dict[str, str]:
    """What is never certified again → serial: gateway keys (SHA-256 of the SPKI, hexadecimal) and statement keys."""
    return {row["key"]: row["serial"] for row in records.rows("revoked-keys")}


def revoke(
    authority: Authority,
    serial: int,
    reason: str = "unspecified",
    moment: datetime.datetime | None = None,
    *,
    keep_statement_key: bool = False,
) -> x509.CertificateRevocationList:
    """Revoke a certificate that this CA issued, for good, and give the list that says so.

    The keys that it was given for are never certified again, for nobody; `keep_statement_key` where that one signed
    the gateway key that takes the place of this.
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
        for row in authority.records.rows("keys"):
            if row["serial"] == text:
                kept = () if keep_statement_key else (row["statement_key"],)
                for key in (row["gateway_key"], *kept):
                    authority.records.append("revoked-keys", key=key, serial=text)
        at = canonical.stamp(moment or canonical.now())
        authority.records.append("revoked", serial=text, name=issued[text], at=at, reason=reason)
    return current(authority, moment)


def current(authority: Authority, moment: datetime.datetime | None = None) -> x509.CertificateRevocationList:
    """The list in force: the one in the vault, or a new one when that is too old or says another thing."""
    moment = moment or canonical.now()
    last = revocations.load(authority.vault.read(IN_VAULT)) if authority.vault.has(IN_VAULT) else None
    if last is not None and _serves(last, authority, moment):
        return last
    made = _make(authority, last, moment)
    authority.vault.write(IN_VAULT, revocations.pem(made))
    return made


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
    following = max([*numbers, 0 if last is None else revocations.number(last)]) + 1
    # A clock that was set back must not make a list that everybody refuses as older.
    start = moment - profile.BACKDATED if last is None else max(moment - profile.BACKDATED, last.last_update_utc)
    end = moment + LIFETIME
    authority.records.append(
        "crl-numbers",
        number=following,
        this_update=canonical.stamp(start),
        next_update=canonical.stamp(end),
        revoked=len(rows),
    )
    builder = x509.CertificateRevocationListBuilder(last_update=start, next_update=end)
    builder = builder.add_extension(x509.CRLNumber(following), critical=False)
    for row in rows:
        entry = x509.RevokedCertificateBuilder(int(row["serial"], 16), datetime.datetime.fromisoformat(row["at"]))
        if row["reason"] != "unspecified":  # RFC 5280, 5.3.1: this reason is told by leaving it out
            entry = entry.add_extension(x509.CRLReason(REASONS[row["reason"]]), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return authority.sign_revocations(builder)
