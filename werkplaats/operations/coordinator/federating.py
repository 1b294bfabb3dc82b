"""What the coordinator of a federation signs: for the CAs of members whose root holders said yes, and for no others.

It is derived again at every publication, from the definition, from what each member publishes and from the records, so
that whoever is killed runs it once more:

    the member's root holders say yes, all is well    its CA is certified, and anew once two thirds of that are over
    its publication is not here, or something is amiss    what was certified stays, and nothing is added
    they say so no more, or it left the definition    what was certified is revoked; it may come back as it is
    the coordinator revoked it                        the same key of a CA is certified again after a hold only

No certificate of a station changes by any of it, and no region depends on it for its own sessions.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography import x509

from base import canonical, errors
from network_topology import names
from publication import folder as folders
from publication import profile, reading, revocations, trust, whole
from publication.federations import federated, members
from werkplaats.operations import progress
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.coordinator import revocation, steps
from werkplaats.operations.coordinator.authority import Authority
from werkplaats.operations.coordinator.ledger import Records
from werkplaats.operations.home import networks, places, vault

_FOLDER = "members"
_MOST = 64
"""Certificates that the records keep of a member: those in use, and those that were revoked."""


def publish(
    federation: networks.Federation, say: progress.Say, moment: datetime.datetime | None = None
) -> federated.Federated:
    """Certify the CAs of members as they publish themselves, and publish that; where nothing is due nothing is done.

    Raises UsageError where no root was founded, PublicationError where that is not signed.
    """
    moment, held = moment or canonical.now(), steps.held_by(federation)
    if federation.made_here:
        steps.found(federation)
    held.wanted()  # before a CA is founded that nobody signed for
    held.settle()
    own = steps.authority_of(federation)
    steps.require_signed(federation, own)
    _require_newest(federation, own)
    kept = own.vault.folder / members.KEPT  # so that who relays makes nobody leave, or come back
    met = members.read(federation.definition, held.lineage(), federation.publication_of, moment, kept)
    known = {path.stem for path in (own.records.folder / _FOLDER).glob("*.json")}
    crossed = {slug: _settle(own, slug, met.get(slug), moment, say) for slug in sorted(met.keys() | known)}
    _revoke_who_left(own, crossed, moment, say)
    revoked = revocation.revoked_serials(own.records)
    files: dict[str, bytes] = {}
    for slug, certificates in crossed.items():
        if good := [one for one in certificates if _serial(one) not in revoked]:
            files[f"{_FOLDER}/{slug}.pem"] = b"".join(map(profile.as_pem, good))
    files |= publishing.agreed(federation.questions, federation.figures)
    federation.publication.parent.mkdir(parents=True, exist_ok=True)
    return publishing.lay(federation.publication, federation.definition, own, files, moment, federated.verify)


def consent(region: networks.Network, federation: str, given: whole.Consent) -> bool:
    """Have the root holders of a network that is made here say yes to a federation; returns whether that is new.

    The caller holds the coordinator's lock of the network; what is published says so with its next `publish`.
    """
    held = steps.held_by(region)
    before = held.wanted()
    if before.federations.get(federation) == given:
        return False
    wanted = dataclasses.replace(before, federations={**before.federations, federation: given})
    held.ask(wanted, canonical.now())
    held.settle()
    return True


def revoke(federation: networks.Federation, member: str, reason: str, say: progress.Say) -> None:
    """Revoke all that the CA of a member was certified; what is published says so with the next `publish`.

    Raises UsageError for a member that never was certified.
    """
    own = steps.authority_of(federation, keyless=True)
    generations = {trust.generation(one) for one in _recorded(own.records, member)}
    named = {names.ca_subject(member, one) for one in generations}
    revocation.withdraw(own, member, reason, named=named)
    say(f"{member}: what its CA was certified is revoked: {reason}")


def reinstate(federation: networks.Federation, member: str, say: progress.Say) -> None:
    """Have the CA of a member that is on hold certified again with the next `publish`.

    Raises UsageError for one that is not on hold.
    """
    own = steps.authority_of(federation)
    before = _recorded(own.records, member)
    held = [one for one in before if revocation.held(own.records, one)]
    if not held:
        raise errors.UsageError(
            f"the CA of {member} is not on hold in {federation.name}",
            "one that was revoked for another reason is certified again with another key only: werkplaats trust roll "
            f"{member}",
        )
    _record(own.records, member, [one for one in before if one not in held])
    say(f"{member}: on hold no more")


def as_published(name: str, folder: Path | None) -> networks.Federation | None:
    """A federation as it was published last, for what must not wait until all definitions are right; None for none.

    `folder` is as `networks.find` takes it.
    """
    place = places.home(folder)
    last = _last(name, place.publication(name, vault.folder_of(name)))
    return networks.Federation(last.definition, {}, (), place, last.questions, last.figures) if last else None


def _last(name: str, lies: Path) -> federated.Federated | None:
    """What was published last, be it that its word ended since; None where nothing lies there that is good."""
    try:
        return federated.read(lies, name, reading.lately(folders.source(lies))) if folders.there(lies) else None
    except errors.RefusedError:
        return None


def _require_newest(federation: networks.Federation, own: Authority) -> None:
    """Raise PublicationError where the records end before what was published: of an older backup, say."""
    last = _last(federation.name, federation.publication)
    for what, published, recorded in (
        ("publication", last.number if last else 0, own.records.highest("publications")),
        (
            "revocation list",
            max((revocations.number(one.revocations) for one in last.trusted), default=0) if last else 0,
            revocation.highest_number(own),
        ),
    ):
        if published > recorded:
            raise errors.PublicationError(
                f"{what} {published} of {federation.name} is in {federation.publication}, and the records end at "
                f"{recorded}: readers refuse one with a lower number",
                f"take {federation.inventory} out of git as it was when that was made",
            )


def _settle(
    own: Authority, slug: str, met: members.Member | None, moment: datetime.datetime, say: progress.Say
) -> list[x509.Certificate]:
    """What is certified of a member from now on, and what was and is revoked; written down."""
    before = _recorded(own.records, slug)
    revoked = revocation.revoked_serials(own.records)
    banned = [one for one in before if _serial(one) in revoked]
    good = [one for one in before if one not in banned]
    if met is None or met.left:
        after = banned
    elif met.wrong or met.published is None:
        after = before
    else:
        given_up = {profile.key_of(one) for one in banned}
        after = banned
        for one in met.published.by_generation:
            if one.key in given_up:
                say(f"{slug}: CA-{one.generation} is not certified: its key was revoked")
            else:
                after = [*after, _signed(own, slug, one.authority, good, moment, say)]
    if met is not None:
        for why in met.wrong:
            say(f"{slug}: waits: {why}")
    if after != before:
        _record(own.records, slug, after)
    return after


def _signed(
    own: Authority,
    slug: str,
    member: x509.Certificate,
    known: Iterable[x509.Certificate],
    moment: datetime.datetime,
    say: progress.Say,
) -> x509.Certificate:
    """The certificate of a member's CA: the one that there is, or another where that is due or of an earlier CA."""
    for one in known:
        same = profile.key_of(one) == profile.key_of(member) and one.issuer == own.certificate.subject
        if same and profile.due(one) > moment:
            return one
    made = own.cross(slug, member, moment)
    say(f"{slug}: CA-{trust.generation(made)} is certified, good until {canonical.stamp(made.not_valid_after_utc)}")
    return made


def _revoke_who_left(
    own: Authority, crossed: Mapping[str, list[x509.Certificate]], moment: datetime.datetime, say: progress.Say
) -> None:
    """Revoke what was certified of CAs of which nothing is any more. One before a renewal is good until its end."""
    stay = {one.subject for certificates in crossed.values() for one in certificates}
    now, revoked = canonical.stamp(moment), revocation.revoked_serials(own.records)
    late = {
        row["serial"]: row["name"]
        for row in own.records.rows("serials")
        if row["name"] != row["issuer"] and profile.distinguished(row["name"]) not in stay
        if row["not_after"] > now and row["serial"] not in revoked
    }
    for serial, name in late.items():
        revocation.revoke(own, int(serial, 16), "cessationOfOperation", moment)
        say(f"{name}: takes part no more, and what it was certified is revoked")


def _recorded(records: Records, member: str) -> list[x509.Certificate]:
    """What the records have of a member; raises RefusedError for what is no list of certificates."""
    place, found = records.place(_FOLDER, member), records.read(_FOLDER, member)
    if found is None:
        return []
    try:
        text = found["certificates_pem"].encode()
        return profile.certificates(text, _MOST) if text else []
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise errors.RefusedError(f"{place} has no certificates: {error}", "restore it from git") from error


def _record(records: Records, member: str, certificates: Iterable[x509.Certificate]) -> None:
    text = b"".join(map(profile.as_pem, certificates)).decode()
    records.write(_FOLDER, member, {"certificates_pem": text})


def _serial(one: x509.Certificate) -> str:
    return f"{one.serial_number:x}"
