"""Approval: an organisation asks with a public key, the coordinator approves by fingerprint and signs."""

from __future__ import annotations

import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from base import canonical, errors
from network_topology import model, names
from publication import identity, profile
from publication.following import requests
from werkplaats.operations.coordinator import revocation
from werkplaats.operations.coordinator.authority import Authority
from werkplaats.operations.coordinator.ledger import Records


def receive(records: Records, asked: identity.Request) -> None:
    """Put a request among the coordinator's records, where it waits for approval; a newer one takes its place."""
    records.write("requests", asked.organisation, asked.model_dump())


def approve(
    definition: model.Definition,
    organisation: str,
    approved_fingerprint: str,
    authority: Authority,
    moment: datetime.datetime | None = None,
) -> identity.Identity:
    """Approve the waiting request of an organisation by its fingerprint, and sign a certificate for its public key.

    The same keys again give the same identity. A new gateway key that the same statement key signed takes the place of
    the one before, whose certificate is revoked; killed between the two, the next publication does it. Raises
    UsageError for an organisation without a station or request, RequestError for another fingerprint, for keys that are
    somebody else's, for new keys beside a valid identity, and while the certificate is on hold.
    """
    asked, key = require(definition, organisation, approved_fingerprint, authority.records)
    existing = find(authority.records, organisation)
    if existing and _stands(existing, asked, authority, moment or canonical.now()):
        return existing
    statement = _highest(existing, asked)
    signed = certified(authority, organisation, key, asked.statement_key, statement, moment)
    same = existing is not None and existing.fingerprint == asked.fingerprint
    made = identity.Identity(
        network=definition.network,
        organisation=organisation,
        statement_key=asked.statement_key,
        statement=statement,
        fingerprint=asked.fingerprint,
        **signed,
        approved=existing.approved if existing and same else canonical.stamp(moment or canonical.now()),
    )
    authority.records.write("identities", organisation, made.document())
    supersede(definition, authority, moment)
    return made


def supersede(definition: model.Definition, authority: Authority, moment: datetime.datetime | None = None) -> None:
    """Revoke what was certified of gateway keys in whose place their statement key signed another that was approved.

    It follows from the identities, so that none is ever without a certificate: whoever is killed leaves the key before
    or the new one.
    """
    records = authority.records
    highest = {}
    for organisation in definition.stations:
        if one := find(records, organisation):
            key = key_digest(profile.p256(one.station_certificate.public_key()))
            highest[one.statement_key] = (one.statement.serial, key)
    keys = {row["serial"]: row["gateway_key"] for row in records.rows("keys")}
    late = set()
    for row in records.rows("statements"):
        number, key = highest.get(row["statement_key"], (0, ""))
        if int(row["number"]) < number and keys.get(row["serial"]) != key:
            late.add(row["serial"])
    if late := late - revocation.revoked_serials(records):
        revocation.supersede(authority, late, moment)


def require(
    definition: model.Definition, organisation: str, approved_fingerprint: str, records: Records
) -> tuple[identity.Request, ec.EllipticCurvePublicKey]:
    """The waiting request of an organisation and its key, once nothing is wrong with them; as `approve`, else raises.

    Writes and revokes nothing. Whether a valid identity with other keys stands in the way is not looked at.
    """
    asked = _waiting_request(definition, organisation, records)
    place = records.place("requests", organisation)
    key = requests.requested_key(asked.request_pem, str(place))
    identity.checked_statement_key(asked.statement_key, str(place))
    computed = identity.fingerprint(definition.network, organisation, key, asked.statement_key)
    _refuse_other_fingerprint(asked, computed, approved_fingerprint, str(place))
    _refuse_held(asked, records)
    requests.require_signed(asked, key, str(place))
    _refuse_keys_of_others(definition, organisation, key, asked.statement_key, records)
    _refuse_revoked_keys(asked, key, records)
    _refuse_lower_number(asked, key, records)
    return asked, key


def number(records: Records, organisation: str, statement_key: str) -> int:
    """The highest number of a gateway key of an organisation that was approved with this statement key; 0 for none."""
    known = find(records, organisation)
    now = [known.statement.serial] if known and known.statement_key == statement_key else []
    rows = (row for row in records.rows("statements") if row["statement_key"] == statement_key)
    return max([*now, *(int(row["number"]) for row in rows)], default=0)


def find(records: Records, organisation: str) -> identity.Identity | None:
    """The identity that was approved for an organisation, if any."""
    document = records.read("identities", organisation)
    return None if document is None else identity.Identity.read(document, records.place("identities", organisation))


def waiting(definition: model.Definition, organisation: str, records: Records) -> identity.Request | None:
    """The request of an organisation that lies among the records, approved or not; None where there is none.

    Raises RequestError for one that is of another organisation, or no request.
    """
    if records.read("requests", organisation) is None:
        return None
    return _waiting_request(definition, organisation, records)


def _waiting_request(definition: model.Definition, organisation: str, records: Records) -> identity.Request:
    if organisation not in definition.stations:
        raise errors.UsageError(
            f"{organisation!r} has no station in {definition.network}", f"one of {', '.join(definition.stations)}"
        )
    document = records.read("requests", organisation)
    place = records.place("requests", organisation)
    if document is None:
        raise errors.UsageError(
            f"{organisation} has not asked yet: {place} does not exist",
            f"run `werkplaats trust request {definition.network} --only {organisation}` where its server is operated",
        )
    asked = identity.Request.read(document, place)
    if (asked.network, asked.organisation) != (definition.network, organisation):
        raise errors.RequestError(
            f"{place} is a request of {asked.organisation} in {asked.network}, not of {organisation} in "
            f"{definition.network}",
            "ask for it anew",
        )
    return asked


def _refuse_other_fingerprint(asked: identity.Request, computed: str, approved: str, place: str) -> None:
    if asked.fingerprint != computed:
        raise errors.RequestError(
            f"{place} was changed on the way: it says {asked.fingerprint} and is {computed}",
            "fetch it anew from the server",
        )
    if computed != approved:
        raise errors.RequestError(
            f"the request of {asked.organisation} has fingerprint {computed}, not {approved}",
            "compare it by telephone with what the server shows, and approve only what is the same there",
        )


def _refuse_keys_of_others(
    definition: model.Definition,
    organisation: str,
    key: ec.EllipticCurvePublicKey,
    statement_key: str,
    records: Records,
) -> None:
    for other in definition.stations:
        known = find(records, other) if other != organisation else None
        if known is None:
            continue
        for same, what in (
            (known.station_certificate.public_key() == key, "the gateway's key"),
            (known.statement_key == statement_key, "the statement key"),
        ):
            if same:
                raise errors.RequestError(
                    f"the request of {organisation} has {what} of {other}: one of the two is not what it says",
                    "make keys on each server, and never copy a server with its keys",
                )


def key_digest(key: ec.EllipticCurvePublicKey) -> str:
    """How the records call a gateway key: the SHA-256 of its SPKI, hexadecimal."""
    return hashlib.sha256(profile.spki(key)).hexdigest()


def _refuse_held(asked: identity.Request, records: Records) -> None:
    """Refuse whatever keys an organisation on hold asks for: to approve them would be to take the hold back."""
    known = find(records, asked.organisation)
    if known is None or not revocation.held(records, known.station_certificate):
        return
    reinstate = f"werkplaats trust reinstate {asked.network} {asked.organisation}"
    if known.statement_key == asked.statement_key:
        raise errors.RequestError(
            f"the certificate of {asked.organisation} is on hold, and the request has the same statement key", reinstate
        )
    raise errors.RequestError(
        f"the certificate of {asked.organisation} is on hold, and the request has another statement key: to approve it "
        "would end the hold",
        f"where its new keys are to take the place of the held ones for good, first werkplaats trust revoke "
        f"{asked.network} {asked.organisation} --reason superseded; else {reinstate}, for the keys that it had",
    )


def _refuse_revoked_keys(asked: identity.Request, key: ec.EllipticCurvePublicKey, records: Records) -> None:
    given_up = revocation.revoked_keys(records)
    for what, one in (("the gateway's key", key_digest(key)), ("the statement key", asked.statement_key)):
        if one in given_up:
            raise errors.RequestError(
                f"the request of {asked.organisation} has {what} of certificate {given_up[one]}, and that for these "
                "keys was revoked",
                "make new keys on its server",
            )


def _refuse_lower_number(asked: identity.Request, key: ec.EllipticCurvePublicKey, records: Records) -> None:
    """Refuse a gateway key that the statement key signed as an earlier one: its readers would, and for good."""
    known = find(records, asked.organisation)
    if known and known.fingerprint == asked.fingerprint:
        return  # it has that number already
    highest = number(records, asked.organisation, asked.statement_key)
    if asked.statement.serial == highest and _recorded(asked, key, records):
        return  # an approval of this very key broke off before its identity was written
    if asked.statement.serial <= highest:
        raise errors.RequestError(
            f"the gateway key of {asked.organisation} is signed as number {asked.statement.serial}, and number "
            f"{highest} was approved before: others would take it for one that was given up",
            f"where its server is operated, fetch the newest publication, remove {requests.STATEMENT} on the server "
            f"and run werkplaats up {asked.network} --only {asked.organisation}: it signs as a higher number; then ask "
            "anew",
        )


def _recorded(asked: identity.Request, key: ec.EllipticCurvePublicKey, records: Records) -> bool:
    """Whether the number that is asked for was ever recorded for this gateway key, and for no other."""
    wanted = (asked.statement_key, str(asked.statement.serial))
    rows = records.rows("statements")
    serials = {row["serial"] for row in rows if (row["statement_key"], str(row["number"])) == wanted}
    return {row["gateway_key"] for row in records.rows("keys") if row["serial"] in serials} == {key_digest(key)}


def _highest(existing: identity.Identity | None, asked: identity.Request) -> identity.Statement:
    """The statement of the keys that are asked for: of two about the same keys the later one, as others saw it."""
    if existing is None or existing.fingerprint != asked.fingerprint:
        return asked.statement
    return max(existing.statement, asked.statement, key=lambda one: one.serial)


def certified(
    authority: Authority,
    organisation: str,
    key: ec.EllipticCurvePublicKey,
    statement_key: str,
    statement: identity.Statement,
    moment: datetime.datetime | None = None,
) -> dict[str, str]:
    """The fields of an identity with certificates: of the CA, and of the one before it while that is trusted too."""
    found = {"certificate_chain_pem": "", "earlier_chain_pem": ""}
    for field, by in zip(found, (authority, authority.before), strict=True):
        if by:
            certificate = by.issue(organisation, key, moment)
            record(authority.records, certificate, key, statement_key, statement)
            found[field] = profile.as_pem(certificate).decode()
    return found


def record(
    records: Records,
    certificate: x509.Certificate,
    key: ec.EllipticCurvePublicKey,
    statement_key: str,
    statement: identity.Statement,
) -> None:
    """Write down which keys a certificate is given for, before it is given to anybody."""
    serial = f"{certificate.serial_number:x}"
    records.append("keys", serial=serial, gateway_key=key_digest(key), statement_key=statement_key)
    records.append("statements", statement_key=statement_key, number=statement.serial, serial=serial)


def _stands(
    existing: identity.Identity, asked: identity.Request, authority: Authority, moment: datetime.datetime
) -> bool:
    """Whether the identity that exists is the one asked for; raises RequestError when it is another that is valid."""
    organisation, certificate = existing.organisation, existing.station_certificate
    revoked = f"{certificate.serial_number:x}" in revocation.revoked_serials(authority.records)
    own = not profile.station_fault(certificate, authority.certificate, authority.network, organisation)
    if existing.fingerprint == asked.fingerprint:
        return own and certificate.not_valid_after_utc > moment  # else: a CA of a new generation, or too late
    if existing.statement_key == asked.statement_key:
        return False  # of another gateway key: it takes the place of this one
    if own and not revoked and certificate.not_valid_after_utc > moment:
        raise errors.RequestError(
            f"{organisation} has an identity with other keys, {existing.fingerprint}, valid until "
            f"{canonical.stamp(certificate.not_valid_after_utc)}",
            f"if the keys of {names.station_id(authority.network, organisation)} were lost or stolen, revoke that "
            "certificate first",
        )
    return False
