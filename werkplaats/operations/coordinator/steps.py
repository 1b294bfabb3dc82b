"""The coordinator's steps, for a network as its home has it: take requests in, approve by fingerprint, publish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from base import canonical, errors
from network_topology import model, tables
from network_topology.compiling import compile as compiler
from publication import folder as folders
from publication import identity, publication, verified, whole
from station_image.builder import images
from werkplaats.operations import progress
from werkplaats.operations.coordinator import approval, authority, learn, ledger, renewal, revocation, roles
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.home import networks, places, vault
from werkplaats.operations.release import find


def receive(network: networks.Network, asked: identity.Request) -> identity.Request:
    """Put a request, as its server made it, among the records, where it waits for approval."""
    with network.vault.coordinating(f"the request of {asked.organisation}"):
        approval.receive(ledger.Records(network.inventory), asked)
    return asked


def number(network: networks.Network, organisation: str) -> tuple[str, ...]:
    """The statement key that was approved last for an organisation, and the highest number of a gateway key under it.

    As `on_server/keys.py` takes them; empty where nothing was approved.
    """
    records = ledger.Records(network.inventory)
    known = approval.find(records, organisation)
    return (known.statement_key, str(approval.number(records, organisation, known.statement_key))) if known else ()


def approve(network: networks.Network, organisation: str, fingerprint: str) -> identity.Identity:
    """Sign one waiting request, by the fingerprint that the coordinator compared."""
    return approval.approve(network.definition, organisation, fingerprint, authority_of(network))


def approve_all(network: networks.Network, requests: Iterable[identity.Request], say: progress.Say) -> dict[str, str]:
    """Sign what waits among these requests, where the one who fetched them is the coordinator as well.

    A server that has other keys than were approved was made anew: its earlier certificate is revoked first. Returns
    why, by organisation, of those whose request is no good; nothing of theirs was revoked.
    """
    own, refused = authority_of(network), {}
    for asked in requests:
        try:
            _approve_anew(network, asked, own, say)
        except (errors.RequestError, errors.UsageError) as error:
            refused[asked.organisation] = str(error)
            say(f"{asked.organisation}: not approved: {error}")
    return refused


def _approve_anew(
    network: networks.Network, asked: identity.Request, own: authority.Authority, say: progress.Say
) -> None:
    known = approval.find(own.records, asked.organisation)
    if known and known.fingerprint == asked.fingerprint:
        return
    approval.require(network.definition, asked.organisation, asked.fingerprint, own.records)
    if known and known.statement_key != asked.statement_key:
        revocation.revoke(own, known.station_certificate.serial_number, "superseded")
    approval.approve(network.definition, asked.organisation, asked.fingerprint, own)
    if known:
        say(f"{asked.organisation}: has new keys; the certificate of its earlier ones is revoked")
    say(f"{asked.organisation}: approved {asked.fingerprint}")


def found(network: networks.Kept) -> str:
    """Found all roles of the publication with keys in this vault, where one person takes every step.

    Returns the fingerprint of the root.
    """
    key, signatures, held = authority_key(network), network.definition.signatures, held_by(network)
    held.found_here(signatures, key, canonical.now(), ships=network.ships)
    root = held.root_keys()
    return whole.fingerprint(network.name, root) if root else ""


def held_by(network: networks.Kept) -> roles.Roles:
    """The offline roles of the publication, as the records have them."""
    return roles.Roles(network.vault, ledger.Records(network.inventory))


def authority_key(network: networks.Kept) -> str:
    """The fingerprint of the newest CA's key, for which root holders sign; founded where there is none."""
    records = ledger.Records(network.inventory)
    return authority.open_or_found(network.vault, records, tier=network.tier).key_fingerprint


def publish(
    network: networks.Network, release: Mapping[str, Any], say: progress.Say, *, ask: bool = True
) -> verified.Verified:
    """Make the publication of what the records say, with what is due signed anew, and say what that was.

    `release` is the document of the image that the network runs. Where it was not made on this machine, and is only
    what its holders signed, they are not to be asked for it: another one that waits for them goes on waiting.
    """
    releases = {network.definition.release: release, **_earlier(network)} if ask else {}
    held_by(network).settle()  # as `go_on`
    own = authority_of(network)
    require_signed(network, own)
    return _publish(network, network.definition, releases, network.questions, network.figures, own, say)


def require_signed(network: networks.Kept, own: authority.Authority) -> None:
    """Raise PublicationError where nothing but a CA is here of which nobody would take a certificate yet."""
    signed = held_by(network).authorities()
    if signed and own.key_fingerprint not in signed:
        raise errors.PublicationError(
            f"CA-{own.generation} of {network.name} has key {own.key_fingerprint}, which the root holders did not sign "
            "for, and that of the one before it is lost",
            f"each of them signs: werkplaats trust root sign {network.name} --key FILE; then werkplaats trust publish "
            f"{network.name}. A revocation does not wait for it",
        )


def require_key(network: networks.Kept) -> None:
    """Open the coordinator's key; raises VaultError where nobody is there to give its passphrase."""
    held_by(network).online()


def number_published(network: networks.Kept) -> int:
    """The number of the publication that was made last; 0 for none."""
    return ledger.Records(network.inventory).highest("publications")


def go_on(network: networks.Network, say: progress.Say) -> verified.Verified | None:
    """Publish what was published last, with what was revoked since and what is due signed anew.

    For who cannot publish what is wanted: because that waits for holders, or is wrong. Where the CA's key is lost who
    was revoked is left out, and nothing is signed anew. None where nothing was published before.
    """
    found = learn.here(network.publication, held_by(network))
    if found is None:
        return None
    held_by(network).settle()  # first: a CA for which root holders signed now signs all of it
    last, own = found.published, authority_of(network, keyless=True)
    identities = None if own.signs else last.identities
    return _publish(network, last.definition, {}, last.questions, last.figures, own, say, identities)


def _publish(
    network: networks.Network,
    definition: model.Definition,
    releases: Mapping[str, Mapping[str, Any]],
    asked: Mapping[str, model.Question],
    figures: Mapping[str, tables.Table],
    own: authority.Authority,
    say: progress.Say,
    identities: Mapping[str, identity.Identity] | None = None,
) -> verified.Verified:
    network.publication.parent.mkdir(parents=True, exist_ok=True)
    held = held_by(network)
    for line in learn.catch_up(own, held, network.publication, network.trusted):
        say(f"learned from {network.publication}, which the records did not know: {line}")
    own = authority_of(network, keyless=not own.signs)
    taken, refused = renewal.take_up(definition, own) if own.signs else ([], {})
    for one in taken:
        say(f"{one.organisation}: its new gateway key, signed by its statement key, is certified, {_until(one)}")
    for organisation, why in refused.items():
        say(f"{organisation}: its request is left out: {why}")
    for one in renewal.renew(definition, own):
        say(f"{one.organisation}: its certificate is signed anew, {_until(one)}")
    return publishing.publish(
        network.publication, definition, releases, own, asked=asked, figures=figures, identities=identities
    )


def _until(one: identity.Identity) -> str:
    return f"good until {canonical.stamp(one.station_certificate.not_valid_after_utc)}"


def revoke(network: networks.Network, organisation: str, reason: str, say: progress.Say) -> None:
    """Revoke all that an organisation was certified; what is published says so with the next `publish`."""
    own = authority_of(network, keyless=True)
    before = revocation.revoked_serials(own.records)
    revocation.withdraw(own, organisation, reason)
    late = len(revocation.revoked_serials(own.records) - before)
    what = f"{late} certificates are" if late > 1 else "its certificate is"
    say(f"{organisation}: {what if late else 'what it was certified was'} revoked: {reason}")


def as_published(name: str, folder: Path | None) -> networks.Network | None:
    """A network as it was published last, for what must not wait until its definition is right; None where it was not.

    `folder` is as `networks.find` takes it.
    """
    place = places.home(folder)
    if not folders.there(place.publication(name, vault.folder_of(name))):
        return None  # and no vault is made of what has none
    kept = vault.find(name)
    own = roles.Roles(kept, ledger.Records(place.inventory(name, kept.folder)))
    found = learn.here(place.publication(name, kept.folder), own)
    return _network(found.published, place) if found else None


def as_read(name: str, folder: Path | None) -> networks.Network | None:
    """The same, as this operator read it last, be it a day old or too old; None where nothing was read that is good."""
    place = places.home(folder)
    at = vault.folder_of(name)
    if not (at / networks.TRUSTED).exists():
        return None
    try:
        return _network(publication.last(place.publication(name, at), name, at / networks.TRUSTED), place)
    except errors.RefusedError:
        return None


def _network(last: verified.Verified, place: places.Home) -> networks.Network:
    compiled = compiler.compile_network(last.definition)
    return networks.Network(last.definition, compiled, (), place, last.questions, last.figures)


def unpublished(network: networks.Network, published: verified.Verified | None) -> str:
    """What a run that broke off left: revoked by the records, and not by what is published; "" where nothing was."""
    listed = {f"{entry.serial_number:x}" for entry in published.revocations} if published else set[str]()
    late = revocation.revoked_serials(ledger.Records(network.inventory)) - listed
    return (
        f"{len(late)} revoked certificates are not published: werkplaats trust publish {network.name}" if late else ""
    )


def reinstate(network: networks.Network, organisation: str, say: progress.Say) -> None:
    """Certify the keys of an organisation whose certificate is on hold again."""
    one = renewal.reinstate(network.definition, organisation, authority_of(network))
    say(f"{organisation}: its keys are certified again, {_until(one)}")


def _earlier(network: networks.Network) -> dict[str, Mapping[str, Any]]:
    """The release that stations come from, which stays beside the one that they move to: as its holders signed it.

    Where they did not, or not any more, it is asked of them by its file.
    """
    name = network.definition.upgrading_from
    if not name:
        return {}
    if signed := held_by(network).release(name):
        return {name: signed}
    pinned = find.pinned(name, network.home)
    return {name: verified.document(pinned)} if pinned else {}


def release(network: networks.Network, image: images.StationImage | None) -> Mapping[str, Any]:
    """The document of the release to publish: the one that is known here, else the one that its holders signed.

    Raises UsageError where there is neither, and as `known_release`.
    """
    if known := known_release(network, image):
        return known
    if signed := held_by(network).release(network.definition.release):
        return signed
    raise errors.UsageError(
        f"the station image of release {network.definition.release} is not made on this machine, and no release holder "
        "signed what it is",
        f"werkplaats up {network.name} makes it",
    )


def known_release(network: networks.Network, image: images.StationImage | None) -> Mapping[str, Any] | None:
    """What the release is that the definition names, by its file under releases/ or by the image that was made here.

    None where neither says so. Raises RefusedError where its holders signed for other contents under its number.
    """
    name = network.definition.release
    if pinned := find.pinned(name, network.home):
        known, signed = verified.document(pinned), held_by(network).release(name)
        if signed is not None and signed != known:
            raise errors.RefusedError(
                f"release {name} of {network.name} is taken by other contents: its release holders signed for image "
                f"{signed.get('image_id')}, and releases/{name}.yml has {pinned.image_id}",
                "give it another version: a release never changes. werkplaats release diff shows what differs",
            )
        return known
    return image.release if image is not None and image.release["release"] == name else None


def authority_of(network: networks.Kept, *, keyless: bool = False) -> authority.Authority:
    """The CA that signs: where another one waits for the root holders, the one before it goes on until they signed."""
    records, signed = ledger.Records(network.inventory), held_by(network).authorities()
    return authority.signed_for(network.vault, records, signed, keyless=keyless, tier=network.tier)
