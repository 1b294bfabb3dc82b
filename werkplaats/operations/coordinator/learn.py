"""What a coordinator whose records are older learns from the newest publication: it did more since, and forgot.

    forgotten                            what would happen                           learned from
    numbers of publications and lists    two of one number; members refuse a list    index, `crl.pem`
    who was revoked                      its certificate is published again          the entries of `crl.pem`
    whom it certified                    an earlier identity is published            `identities/`

Not to be learned is what is in no publication: a request that was approved (it is approved anew), and, of a certificate
that came and was revoked since the backup, its keys: they would be approved again if somebody asked for them and was
believed on the telephone.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from tuf.api.metadata import Metadata

from base import canonical, errors
from network_topology import names
from publication import folder as folders
from publication import metadata, profile, reading, revocations, trusted, verified
from werkplaats.operations.coordinator import approval, revocation, roles
from werkplaats.operations.coordinator import authority as authorities
from werkplaats.operations.coordinator.authority import Authority
from werkplaats.operations.coordinator.ledger import Records

_NEWEST = "ask two members for the publication that they have, and take the one with the higher number"
_UNKNOWN = "unknown"  # the name of whoever had a certificate that no record tells of


@dataclasses.dataclass(frozen=True)
class Newest:
    """A publication that was read, be it that its word ended since, with its files as they lie there."""

    published: verified.Verified
    files: Mapping[str, bytes]


def newest(place: Path, network: str, root: bytes | None) -> Newest:
    """The publication that lies at a place, of the root that is known, where one is.

    Raises PublicationError (RevocationError, RequestError) where it was never right.
    """
    source, files = folders.source(place), dict[str, bytes]()

    def kept(name: str) -> bytes | None:
        found = source(name)
        if found is not None:
            files[name] = found
        return found

    # At the moment that it is of: what a coordinator signed that was away for long has ended meanwhile.
    moment = reading.lately(source)
    whole, _ = reading.read(kept, place, network, trusted.Trusted((root,)) if root else None, moment)
    return Newest(verified.verify(whole, canonical.moment(whole.published)), files)


def here(place: Path, own: roles.Roles) -> Newest | None:
    """The publication that the coordinator made at a place; None where none lies there that is good."""
    if not own.roots or not folders.there(place):
        return None
    try:
        return newest(place, own.network, own.roots[0])
    except errors.RefusedError:
        return None


def catch_up(authority: Authority, own: roles.Roles, place: Path, memory: Path) -> list[str]:
    """Learn from the publication that lies at a place where the records end before it; returns in words what that was.

    `memory` is what this workstation read last as any reader does. Raises PublicationError where that was more than can
    be learned here: every reader would refuse what is published with a lower number.
    """
    last, learned = here(place, own), list[str]()
    if last and last.published.number > authority.records.highest("publications"):
        learned = [*learn(authority, last.published), *own.learn(last.files)]
    _require_no_more(_remembered(memory), authority, own, place)
    return learned


def _remembered(memory: Path) -> trusted.Trusted | None:
    try:
        return trusted.load(memory)
    except errors.PublicationError:
        return None  # it tells nothing; whoever reads by it is told so, and a revocation does not wait for that


def _require_no_more(known: trusted.Trusted | None, authority: Authority, own: roles.Roles, place: Path) -> None:
    if known is None or metadata.SNAPSHOT not in known.metadata:
        return
    root = _version(known.roots[-1])
    if root <= len(own.roots) and known.roots[-1] != own.roots[root - 1]:
        return  # it was read of another root
    # Once root holders named another key, nobody counts publications of before; lists count as long as their CA does.
    read_last = _version(known.metadata[metadata.SNAPSHOT]) if root >= len(own.roots) else 0
    lists = revocations.load_all(known.crl) if known.crl else []
    own_ones = {one.certificate.subject for one in (authority, authority.beside) if one}
    list_read = max((revocations.number(one) for one in lists if one.issuer in own_ones), default=0)
    for what, read, recorded in (
        ("publication", read_last, authority.records.highest("publications")),
        ("revocation list", list_read, revocation.highest_number(authority)),
    ):
        if read > recorded:
            raise errors.PublicationError(
                f"{what} {read} of {own.network} was read on this workstation, and the records end at {recorded}: "
                "readers refuse one with a lower number",
                f"put the newest publication that any member has in {place} and run it again: it is learned from "
                f"there. Where none of yours made it, somebody has your keys: werkplaats trust roll {own.network} "
                "--stolen",
            )


def _version(content: bytes) -> int:
    return int(Metadata.from_bytes(content).signed.version)


def learn(authority: Authority, published: verified.Verified) -> list[str]:
    """Write into the records what they lack of a publication of this CA; returns in words what that was.

    Each event is recorded before what stands on it, and the publication's number last: a run that was killed is done
    again. Needs no key. Raises PublicationError for one of another CA, older than the records, or of another history.
    """
    last = _require_successor(authority, published)
    by_number = sorted(published.trusted, key=lambda one: revocations.number(one.revocations))
    found = [
        *_identities(authority, published),
        *_revoked(authority, published),
        *(line for one in by_number for line in _list(authority, one.revocations)),
        *_rolled(authority.records, published),
    ]
    if published.number > last:
        digest = canonical.digest(verified.document(published.definition))
        authority.records.append(
            "publications", number=published.number, published=published.published, definition=digest
        )
        found.append(f"publication {published.number} of {published.published}; the records ended at {last}")
    return found


def _require_successor(authority: Authority, published: verified.Verified) -> int:
    """The number of the publication that the records know last."""
    own, signed = authority.key_fingerprint, {one.key for one in published.trusted}
    known = {own, *(row["key"] for row in authority.records.rows("authorities"))}
    earlier = own not in signed and published.by_generation[-1].generation < authority.generation
    if earlier or not signed <= known:
        raise errors.PublicationError(
            f"publication {published.number} is of a CA with key {published.authority_key}, and the backup has "
            f"CA-{authority.generation} with {own}",
            "take a backup of after the CA became another one; where nobody made another CA, somebody poses as you",
        )
    rows = {int(row["number"]): row["definition"] for row in authority.records.rows("publications")}
    last = max(rows, default=0)
    if published.number < last:
        raise errors.PublicationError(f"publication {published.number} is older than {last}, which was made", _NEWEST)
    digest = canonical.digest(verified.document(published.definition))
    if rows.get(published.number, digest) != digest:
        raise errors.PublicationError(
            f"publication {published.number} is another one than the records know of this number",
            "somebody else publishes with this CA: find out who, and go on with one of the two",
        )
    for kept in revocation.in_vault(authority.vault):
        for one in published.trusted:
            if revocations.number(kept) == revocations.number(one.revocations):
                revocations.refuse_rollback(kept, one.revocations)
    return last


def _rolled(records: Records, published: verified.Verified) -> list[str]:
    """The step to which a roll came: both are trusted, and the earlier or the later one signs; or one alone again."""
    came, last = published.by_generation[-1].generation, authorities.rolled_last(records)
    signs = published.trusted[0].generation
    if len(published.trusted) > 1:
        step = authorities.SWITCHED if signs == came else authorities.BEGUN
    elif last is not None and last[0] == came:
        step = authorities.DROPPED
    else:
        return []
    if last == (came, step):
        return []
    authorities.step(records, came, step)
    return [f"CA-{came} takes the place of the one before it: {step}"]


def _identities(authority: Authority, published: verified.Verified) -> list[str]:
    """Every certificate of an identity that the records lack: while a CA takes the place of another there are two."""
    records, learned = authority.records, []
    generations = {by.authority.subject: by.generation for by in published.trusted}
    known = {row["serial"] for row in records.rows("serials")}
    for organisation, one in sorted(published.identities.items()):
        # The one that names the identity comes last: once it is recorded, so are both.
        for certificate in filter(None, (one.earlier_certificate, one.station_certificate)):
            serial = f"{certificate.serial_number:x}"
            if serial in known:
                continue  # the records have this one, or one of later
            if serial not in {row["serial"] for row in records.rows("statements")}:  # written after its keys
                key = profile.p256(certificate.public_key())
                approval.record(records, certificate, key, one.statement_key, one.statement)
            if certificate == one.station_certificate:
                records.write("identities", organisation, one.document())
            records.append(
                "serials",
                serial=serial,
                name=names.subject(authority.network, organisation),
                not_before=canonical.stamp(certificate.not_valid_before_utc),
                not_after=canonical.stamp(certificate.not_valid_after_utc),
                issuer=names.ca_subject(authority.network, generations[certificate.issuer]),
            )
            learned.append(f"certificate {serial} of {organisation}")
    return learned


def _revoked(authority: Authority, published: verified.Verified) -> list[str]:
    records = authority.records
    issued = {row["serial"]: row["name"] for row in records.rows("serials")}
    known = {serial: row["reason"] for serial, row in revocation.entries(records).items()}
    lines = [
        {"serial": serial, "name": issued.get(serial, _UNKNOWN), "at": canonical.stamp(at), "reason": reason}
        for serial, at, reason in map(_entry, published.revocations)
        if known.get(serial) in {None, revocation.HOLD} - {reason}  # unknown, or a hold that became final
    ]
    records.append_all("revoked", lines)
    return [f"certificate {line['serial']} ({line['name']}) is revoked: {line['reason']}" for line in lines]


def _entry(entry: x509.RevokedCertificate) -> tuple[str, datetime.datetime, str]:
    return f"{entry.serial_number:x}", entry.revocation_date_utc, revocation.reason_of(entry)


def _list(authority: Authority, published: x509.CertificateRevocationList) -> list[str]:
    records, number, ends = authority.records, revocations.number(published), published.next_update_utc
    recorded = revocation.highest_number(authority)
    learned = []
    if number > recorded and ends is not None:
        records.append(
            "crl-numbers",
            number=number,
            this_update=canonical.stamp(published.last_update_utc),
            next_update=canonical.stamp(ends),
            revoked=len(list(published)),
        )
        learned.append(f"revocation list {number}; the records ended at {recorded}")
    lists = revocation.in_vault(authority.vault)
    kept = revocations.of(published.issuer, lists)
    if kept is None or (number >= revocations.number(kept) and revocations.pem(kept) != revocations.pem(published)):
        others = [one for one in lists if one.issuer != published.issuer]
        authority.vault.write(revocation.IN_VAULT, b"".join(map(revocations.pem, (*others, published))))
    return learned
