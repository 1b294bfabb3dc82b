"""The coordinator's steps, for a network as its home has it: take requests in, approve by fingerprint, publish."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from base import canonical, errors
from network_topology import model, tables
from network_topology.compiling import compile as compiler
from publication import identity, publication, verified
from station_image.builder import images
from werkplaats.operations import progress
from werkplaats.operations.coordinator import approval, authority, learn, ledger, renewal, revocation, roles
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.home import networks, places, vault


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
    return approval.approve(network.definition, organisation, fingerprint, _authority(network))


def approve_all(network: networks.Network, requests: Iterable[identity.Request], say: progress.Say) -> dict[str, str]:
    """Sign what waits among these requests, where the one who fetched them is the coordinator as well.

    A server that has other keys than were approved was made anew: its earlier certificate is revoked first. Returns
    why, by organisation, of those whose request is no good; nothing of theirs was revoked.
    """
    own, refused = _authority(network), {}
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


def found(network: networks.Network) -> None:
    """Found all roles of the publication with keys in this vault, where one person takes every step."""
    held_by(network).found_here(network.definition.signatures, authority_key(network), canonical.now())


def held_by(network: networks.Network) -> roles.Roles:
    """The offline roles of the publication, as the records have them."""
    return roles.Roles(network.vault, ledger.Records(network.inventory))


def authority_key(network: networks.Network) -> str:
    """The fingerprint of the newest CA's key, for which root holders sign; founded where there is none."""
    return authority.open_or_found(network.vault, ledger.Records(network.inventory)).key_fingerprint


def publish(
    network: networks.Network, release: Mapping[str, Any], say: progress.Say, *, ask: bool = True
) -> verified.Verified:
    """Make the publication of what the records say, with what is due signed anew, and say what that was.

    `release` is the document of the image that the network runs. Where it was not made on this machine, and is only
    what its holders signed, they are not to be asked for it: another one that waits for them goes on waiting.
    """
    releases = {network.definition.release: release} if ask else {}
    return _publish(network, network.definition, releases, network.questions, network.figures, say)


def require_key(network: networks.Network) -> None:
    """Open the coordinator's key; raises VaultError where nobody is there to give its passphrase."""
    held_by(network).online()


def number_published(network: networks.Network) -> int:
    """The number of the publication that was made last; 0 for none."""
    return ledger.Records(network.inventory).highest("publications")


def go_on(network: networks.Network, say: progress.Say) -> verified.Verified | None:
    """Publish what was published last, with what was revoked since and what is due signed anew.

    For who cannot publish what is wanted: because that waits for holders, or is wrong. None where nothing was
    published before.
    """
    found = learn.here(network.publication, held_by(network))
    if found is None:
        return None
    last = found.published
    return _publish(network, last.definition, {}, last.questions, last.figures, say)


def _publish(
    network: networks.Network,
    definition: model.Definition,
    releases: Mapping[str, Mapping[str, Any]],
    asked: Mapping[str, model.Question],
    figures: Mapping[str, tables.Table],
    say: progress.Say,
) -> verified.Verified:
    network.publication.parent.mkdir(parents=True, exist_ok=True)
    held = held_by(network)
    held.settle()  # first: a CA for which root holders signed now signs all of it
    for line in learn.catch_up(_authority(network), held, network.publication, network.trusted):
        say(f"learned from {network.publication}, which the records did not know: {line}")
    authority = _authority(network)
    taken, refused = renewal.take_up(definition, authority)
    for one in taken:
        say(f"{one.organisation}: its new gateway key, signed by its statement key, is certified, {_until(one)}")
    for organisation, why in refused.items():
        say(f"{organisation}: its request is left out: {why}")
    for one in renewal.renew(definition, authority):
        say(f"{one.organisation}: its certificate is signed anew, {_until(one)}")
    return publishing.publish(network.publication, definition, releases, authority, asked=asked, figures=figures)


def _until(one: identity.Identity) -> str:
    return f"good until {canonical.stamp(one.station_certificate.not_valid_after_utc)}"


def revoke(network: networks.Network, organisation: str, reason: str, say: progress.Say) -> None:
    """Revoke all that an organisation was certified; what is published says so with the next `publish`."""
    own = _authority(network)
    before = revocation.revoked_serials(own.records)
    revocation.withdraw(own, organisation, reason)
    late = len(revocation.revoked_serials(own.records) - before)
    what = f"{late} certificates are" if late > 1 else "its certificate is"
    say(f"{organisation}: {what if late else 'what it was certified was'} revoked: {reason}")


def as_published(name: str, folder: Path | None) -> networks.Network | None:
    """A network as it was published last, for what must not wait until its definition is right; None where it was not.

    `folder` is as `networks.find` takes it.
    """
    place, kept = places.home(folder), vault.find(name)
    own = roles.Roles(kept, ledger.Records(place.inventory(name, kept.folder)))
    found = learn.here(place.publication(name, kept.folder), own)
    if found is None:
        return None
    last = found.published
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
    one = renewal.reinstate(network.definition, organisation, _authority(network))
    say(f"{organisation}: its keys are certified again, {_until(one)}")


def roll(network: networks.Network, say: progress.Say, *, stolen: bool = False) -> None:
    """Found another CA in the place of the one there is, and ask the root holders to sign for it.

    `publish` then signs certificates anew, for keys of before. A coordinator's key that is missing, or may be `stolen`,
    is another one too. A roll that broke off before it was published goes on.
    """
    records, held = ledger.Records(network.inventory), held_by(network)
    recorded, published = authority.newest(records), _published_authority(network)
    signed = recorded is not None and recorded[1] in held.authorities()
    begun = recorded is not None and not (signed and published in (None, recorded[1]))
    # One that began before the theft counts for nothing: its CA's key was in the vault too.
    begun = begun and not (stolen and not signed and held.names_own_key())
    if stolen and not begun:
        held.another_key()  # before there is a CA: after a kill it is the CA that tells that all of it was done
    own = (authority.open_or_found if begun else authority.roll)(network.vault, records)
    wanted = dataclasses.replace(held.wanted(), online=held.own_key(), authorities=(own.key_fingerprint,))
    held.ask(wanted, canonical.now())
    say(
        f"CA-{own.generation} takes the place of CA-{own.generation - 1}: a server that accepts it takes no "
        "certificate of before"
    )


def _published_authority(network: networks.Network) -> str | None:
    """Of the publication that is made here, or was; None where none can be read any more."""
    try:
        return publication.read(network.publication, network.name).authority_key
    except errors.PublicationError:
        return None


def release(network: networks.Network, image: images.StationImage | None) -> Mapping[str, Any]:
    """The document of the release to publish: of the image that was made here, else the one that its holders signed.

    Raises UsageError where there is neither.
    """
    if image is not None and image.release["release"] == network.definition.release:
        return image.release
    if signed := held_by(network).release(network.definition.release):
        return signed
    raise errors.UsageError(
        f"the station image of release {network.definition.release} is not made on this machine, and no release holder "
        "signed what it is",
        f"werkplaats up {network.name} makes it",
    )


def _authority(network: networks.Network) -> authority.Authority:
    """The CA that signs: where another one waits for the root holders, the one before it goes on until they signed."""
    return authority.signed_for(network.vault, ledger.Records(network.inventory), held_by(network).authorities())
