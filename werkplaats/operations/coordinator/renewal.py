"""Certificates signed anew for the keys that were approved: nobody asks for it, and nobody has to accept anything."""

from __future__ import annotations

import datetime

from base import canonical, errors
from network_topology import model
from publication import identity, profile
from werkplaats.operations.coordinator import approval, revocation
from werkplaats.operations.coordinator.authority import Authority


def renew(
    definition: model.Definition, authority: Authority, moment: datetime.datetime | None = None
) -> list[identity.Identity]:
    """Sign anew every certificate of which two thirds of the life are over, or that an earlier CA signed.

    Returns those identities.
    What was revoked or held stays so. The certificate before it stays good until its end. A CA whose key is lost signs
    nothing.
    """
    if not authority.signs:
        return []
    moment = moment or canonical.now()
    revoked = revocation.revoked_serials(authority.records)
    found = []
    for organisation in definition.stations:
        one = approval.find(authority.records, organisation)
        if one is None or f"{one.station_certificate.serial_number:x}" in revoked:
            continue
        # Near the end of the CA a new one would end no later than the one that is there.
        later = authority.ends(moment) > one.station_certificate.not_valid_after_utc
        due = later and profile.due(one.station_certificate) <= moment
        if due or one.station_certificate.issuer != authority.certificate.subject:
            found.append(_signed_anew(one, authority, moment))
    return found


def take_up(
    definition: model.Definition, authority: Authority, moment: datetime.datetime | None = None
) -> tuple[list[identity.Identity], dict[str, str]]:
    """Certify every new gateway key that waits among the requests and that the approved statement key signed.

    Nobody compares anything: the statement key is who the station is, to everybody. The certificates of the key before
    are revoked. Returns those identities, and organisation → why, of requests that are no good.
    """
    found, refused = [], {}
    for organisation in definition.stations:
        one = approval.find(authority.records, organisation)
        try:
            asked = approval.waiting(definition, organisation, authority.records) if one else None
            if one and asked and _renews(one, asked, authority):
                found.append(approval.approve(definition, organisation, asked.fingerprint, authority, moment))
        except errors.RefusedError as error:
            refused[organisation] = str(error)
    return found, refused


def _renews(one: identity.Identity, asked: identity.Request, authority: Authority) -> bool:
    """Whether a request is of another gateway key than the approved one, later, under the same statement key."""
    return (
        one.statement_key == asked.statement_key
        and one.fingerprint != asked.fingerprint
        and one.statement.serial < asked.statement.serial
        and not revocation.held(authority.records, one.station_certificate)
    )


def reinstate(
    definition: model.Definition, organisation: str, authority: Authority, moment: datetime.datetime | None = None
) -> identity.Identity:
    """Sign a new certificate for the keys of an organisation whose certificate is on hold, and for no others.

    The certificates before stay on the list for good. Raises UsageError for who is not on hold, RequestError for keys
    that were revoked.
    """
    one = approval.find(authority.records, organisation)
    if organisation not in definition.stations or one is None:
        raise errors.UsageError(
            f"no keys of {organisation!r} were approved in {definition.network}",
            "approve its request with `werkplaats trust approve`",
        )
    certificate = one.station_certificate
    serial, given_up = f"{certificate.serial_number:x}", revocation.revoked_keys(authority.records)
    if {approval.key_digest(profile.p256(certificate.public_key())), one.statement_key} & given_up.keys():
        reason = revocation.entries(authority.records).get(serial, {}).get("reason", "another certificate of theirs")
        raise errors.RequestError(
            f"the keys of {organisation} were revoked ({reason}): nobody takes them again",
            f"it makes new ones, and asks anew: werkplaats trust request {definition.network} --only {organisation}",
        )
    if serial not in revocation.revoked_serials(authority.records):
        raise errors.UsageError(f"the certificate of {organisation} is not on hold", "nothing has to be reinstated")
    return _signed_anew(one, authority, moment or canonical.now())


def _signed_anew(one: identity.Identity, authority: Authority, moment: datetime.datetime) -> identity.Identity:
    key = profile.p256(one.station_certificate.public_key())
    made = one.model_copy(
        update=approval.certified(authority, one.organisation, key, one.statement_key, one.statement, moment)
    )
    authority.records.write("identities", one.organisation, made.document())
    return made
