"""Revocation: the list of one network, in force from the first day, and never older than the one before it.

RFC 5280 section 5. A list is good for 90 days (`lifetimes`) and made anew when fewer than 60 are left or when something
was revoked: without a valid list every gateway of the network refuses every new connection.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection

from cryptography import x509

from base import canonical, errors
from network_topology import names
from publication import profile, revocations
from werkplaats.operations.coordinator.authority import Authority
from werkplaats.operations.coordinator.ledger import Records
from werkplaats.operations.home import vault

IN_VAULT = "crl.pem"
_HONEST = 2**63
HOLD = "certificateHold"  # the only reason that can be taken back (RFC 5280, 5.3.1)
_KEYS_STAY = (HOLD, "superseded")  # of these the statement key may be certified again

REASONS = {
    reason.value: reason
    for reason in (
        *(x509.ReasonFlags.unspecified, x509.ReasonFlags.key_compromise, x509.ReasonFlags.affiliation_changed),
        *(x509.ReasonFlags.superseded, x509.ReasonFlags.cessation_of_operation, x509.ReasonFlags.certificate_hold),
    )
}


def entries(records: Records) -> dict[str, dict[str, str]]:
    """What was revoked: serial, in hexadecimal → the line that says so last."""
    return {row["serial"]: row for row in records.rows("revoked")}


def revoked_serials(records: Records) -> set[str]:
    """The serials, in hexadecimal, that the records say are revoked."""
    return set(entries(records))


def held(records: Records, certificate: x509.Certificate) -> bool:
    """Whether a certificate is on hold: revoked, and its keys not given up."""
    return entries(records).get(f"{certificate.serial_number:x}", {}).get("reason") == HOLD


def revoked_keys(records: Records) -> dict[str, str]:
    """What is never certified again → serial: gateway keys (SHA-256 of the SPKI, hexadecimal) and statement keys.

    Also of a revocation that was killed before it had written them down.
    """
    found, given = {}, {row["serial"]: row for row in records.rows("keys")}
    for serial, row in entries(records).items():
        if serial in given and row["reason"] != HOLD:
            found[given[serial]["gateway_key"]] = serial
        if serial in given and row["reason"] not in _KEYS_STAY:
            found[given[serial]["statement_key"]] = serial
    return found | {row["key"]: row["serial"] for row in records.rows("revoked-keys")}


def revoke(
    authority: Authority, serial: int, reason: str = "unspecified", moment: datetime.datetime | None = None
) -> x509.CertificateRevocationList:
    """Revoke a certificate that this CA issued, and all others of its gateway key; gives the list that says so.

    A certificate that was renewed is good for as long as it says: who has the key could go on with it. The keys that
    it was given for are never certified again, for nobody, unless it is only held.
    `reason` is one of REASONS (RFC 5280, 5.3.1). Raises UsageError for another, or for a serial never issued.
    """
    text = f"{serial:x}"
    _require_reason(reason)
    if text not in {row["serial"] for row in authority.records.rows("serials")}:
        raise errors.UsageError(
            f"no certificate of {authority.network} has serial {text}", "take it from serials.txt in the inventory"
        )
    given = authority.records.rows("keys")
    keys = {row["gateway_key"] for row in given if row["serial"] == text}
    others = {row["serial"] for row in given if row["gateway_key"] in keys}
    return _revoke(authority, {text, *others}, reason, moment)


def supersede(
    authority: Authority, serials: Collection[str], moment: datetime.datetime | None = None
) -> x509.CertificateRevocationList:
    """Revoke certificates of gateway keys in whose place their statement key signed another: it may sign more."""
    return _revoke(authority, serials, "superseded", moment, keep_statement_key=True)


def withdraw(
    authority: Authority,
    organisation: str,
    reason: str,
    moment: datetime.datetime | None = None,
    named: Collection[str] = (),
) -> x509.CertificateRevocationList:
    """Revoke every certificate of an organisation that has not ended, as `revoke` does each, and in any case the last.

    Its keys would be certified anew, whether it has ended or not. `named` are the names in the certificates of a member
    of a federation, which is no organisation. Raises UsageError where there never was one.
    """
    _require_reason(reason)
    wanted = named or {names.subject(authority.network, organisation)}
    rows, now = authority.records.rows("serials"), canonical.stamp(moment or canonical.now())
    own = [row for row in rows if row["name"] in wanted]
    serials = {row["serial"] for row in own if row["not_after"] > now or row is own[-1]}
    if not serials:
        raise errors.UsageError(
            f"{organisation} never had a certificate of {authority.network}",
            f"certified are: {', '.join(sorted({row['name'] for row in rows})) or 'none'}",
        )
    return _revoke(authority, serials, reason, moment)


def _require_reason(reason: str) -> None:
    if reason not in REASONS:
        raise errors.UsageError(f"{reason!r} is not a reason for a revocation", f"one of {', '.join(REASONS)}")


def _revoke(
    authority: Authority,
    serials: Collection[str],
    reason: str,
    moment: datetime.datetime | None,
    *,
    keep_statement_key: bool = False,
) -> x509.CertificateRevocationList:
    """Write down what is revoked, in one write and before all else: from then on every publication says so."""
    records, at = authority.records, canonical.stamp(moment or canonical.now())
    issued = {row["serial"]: row["name"] for row in records.rows("serials")}
    held = {None, HOLD} if reason != HOLD else {None}  # a hold may become final
    before = entries(records)
    late = sorted(one for one in serials if before.get(one, {}).get("reason") in held)
    records.append_all("revoked", [{"serial": one, "name": issued[one], "at": at, "reason": reason} for one in late])
    if reason != HOLD:
        known = {row["key"] for row in records.rows("revoked-keys")}
        keys: dict[str, str] = {}
        for row in (row for row in records.rows("keys") if row["serial"] in serials):
            kept = () if keep_statement_key else (row["statement_key"],)
            keys |= {key: row["serial"] for key in (row["gateway_key"], *kept) if key not in known}
        records.append_all("revoked-keys", [{"key": key, "serial": one} for key, one in keys.items()])
    return current(authority, moment)


def current(authority: Authority, moment: datetime.datetime | None = None) -> x509.CertificateRevocationList:
    """The list in force: the one in the vault, or a new one when that is too old or says another thing.

    Of a CA whose key is lost it is the last one as long as that is good: whoever is revoked has no identity any more.
    Raises VaultError when it is over.
    """
    moment = moment or canonical.now()
    lists = in_vault(authority.vault)
    last = revocations.of(authority.certificate.subject, lists)
    if last is not None and (_serves(last, authority, moment) if authority.signs else lasts(last, moment)):
        return last
    made = _make(authority, last or next(iter(lists), None), moment)
    others = {authority.beside.certificate.subject} if authority.beside else set()
    kept = [one for one in lists if one.issuer in others]
    authority.vault.write(IN_VAULT, b"".join(map(revocations.pem, (*kept, made))))
    return made


def in_vault(kept: vault.Vault) -> list[x509.CertificateRevocationList]:
    """The last list of each CA that is trusted."""
    return revocations.load_all(kept.read(IN_VAULT)) if kept.has(IN_VAULT) else []


def lasts(one: x509.CertificateRevocationList, moment: datetime.datetime) -> bool:
    """Whether a list is in force at a moment."""
    return one.next_update_utc is not None and one.next_update_utc > moment


def in_force(authority: Authority, moment: datetime.datetime) -> bool:
    """Whether there is a list of a CA, or can be."""
    last = revocations.of(authority.certificate.subject, in_vault(authority.vault))
    return authority.signs or (last is not None and lasts(last, moment))


def _serves(last: x509.CertificateRevocationList, authority: Authority, moment: datetime.datetime) -> bool:
    """Whether a list still says what it should, and for long enough."""
    if last.issuer != authority.certificate.subject or last.next_update_utc is None:
        return False
    told = {f"{entry.serial_number:x}": reason_of(entry) for entry in last}
    wanted = {serial: row["reason"] for serial, row in entries(authority.records).items()}
    # A network that wants its lists shorter from today on does not wait for the end of one of before.
    left = last.next_update_utc - moment
    return told == wanted and authority.lifetimes.list_left <= left <= authority.lifetimes.revocations


def reason_of(entry: x509.RevokedCertificate) -> str:
    """The reason that an entry of a list gives, one of REASONS or another of RFC 5280."""
    try:
        return str(entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value)
    except x509.ExtensionNotFound:
        return "unspecified"  # RFC 5280, 5.3.1: this reason is told by leaving it out


def highest_number(authority: Authority) -> int:
    """The highest number of a list that was given out, as far as it counts for this CA.

    Numbers go on from CA to CA; but for those that none comes to by itself: whoever had the key of an earlier one gave
    them out, and with that CA they ended.
    """
    numbers = [int(row["number"]) for row in authority.records.rows("crl-numbers")]
    return max((one for one in numbers if authority.generation == 1 or one < _HONEST), default=0)


def _make(
    authority: Authority, last: x509.CertificateRevocationList | None, moment: datetime.datetime
) -> x509.CertificateRevocationList:
    rows = entries(authority.records).values()
    before = revocations.number(last) if last is not None and last.issuer == authority.certificate.subject else 0
    following = max(highest_number(authority), before) + 1
    authority.require_key()
    if following.bit_length() >= revocations.LONGEST_NUMBER:
        raise errors.RevocationError(
            f"no revocation list of CA-{authority.generation} of {authority.network} can have a higher number: "
            "somebody who has its key gave out the highest that there is",
            f"werkplaats trust roll {authority.network} --stolen makes another CA, whose lists begin for themselves",
        )
    # A clock that was set back must not make a list that everybody refuses as older.
    start = moment - profile.BACKDATED if last is None else max(moment - profile.BACKDATED, last.last_update_utc)
    end = moment + authority.lifetimes.revocations
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
        if row["reason"] != "unspecified":  # as `reason_of`
            entry = entry.add_extension(x509.CRLReason(REASONS[row["reason"]]), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return authority.sign_revocations(builder)
