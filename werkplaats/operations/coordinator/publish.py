"""Publishing: what the coordinator's records say, as the files that every member may read."""

from __future__ import annotations

import datetime
import hashlib
import types
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Signed, Snapshot, TargetFile, Targets, Timestamp

from base import canonical, errors
from network_topology import model, tables
from publication import folder as folders
from publication import identity, metadata, reading, trust, trusted, verified
from publication.metadata import NETWORK, ROOT, SNAPSHOT, TIMESTAMP
from publication.whole import Whole
from werkplaats.operations.coordinator import approval, placing, revocation, roles
from werkplaats.operations.coordinator.authority import Authority

Lives = Mapping[str, datetime.timedelta]


def publish(
    folder: Path,
    definition: model.Definition,
    releases: Mapping[str, Mapping[str, Any]],
    authority: Authority,
    moment: datetime.datetime | None = None,
    asked: Mapping[str, model.Question] | None = None,
    figures: Mapping[str, tables.Table] | None = None,
    identities: Mapping[str, identity.Identity] | None = None,
) -> verified.Verified:
    """Publish what the records say, with a revocation list in force; where nothing changed or is due, nothing is done.

    `releases` maps name to document, `asked` name to question, `figures` name to table, `identities` organisation to
    identity, where it is not all that the records have. A release for which its holders
    did not sign waits for them; one of the same name for which they did is published. Raises UsageError where no root
    was founded, PublicationError when the release that is named waits, or when readers would refuse the result.
    """
    moment = moment or canonical.now()
    approval.supersede(definition, authority, moment)
    approved = _approved(definition, authority, identities)
    identified = {f"identities/{name}.json": one for name, one in approved.items()}
    files = {name: canonical.pretty(one) for name, one in identified.items()} | agreed(asked or {}, figures or {})
    needed = [f"releases/{one}.json" for one in (definition.release, definition.upgrading_from) if one]
    return lay(folder, definition, authority, files, moment, verified.verify, roles.release_files(releases), needed)


def agreed(asked: Mapping[str, model.Question], figures: Mapping[str, tables.Table]) -> dict[str, bytes]:
    """The files of agreed questions, and of the tables that these name."""
    questions = {f"questions/{name}.json": canonical.dump(verified.document(one)) for name, one in asked.items()}
    return questions | {f"tables/{name}.json": canonical.dump(one.document) for name, one in figures.items()}


Read = TypeVar("Read")


def lay(
    folder: Path,
    definition: model.Network,
    authority: Authority,
    own_files: Mapping[str, bytes],
    moment: datetime.datetime,
    verify: Callable[[Whole, datetime.datetime], Read],
    releases: Mapping[str, bytes] = types.MappingProxyType({}),
    needed: Collection[str] = (),
) -> Read:
    """Lay a publication of a network of any kind: definition, CAs and their lists, and its own files beside these.

    `verify` reads what was made as every reader does. `releases` and `needed` are as in `Roles.prepare`, raises as
    `publish`.
    """
    described = verified.document(definition)
    authorities, lists = trust.pem(_trusted(authority, moment))
    own = roles.Roles(authority.vault, authority.records)
    held = own.prepare(releases, needed, moment)
    files = {
        "definition.json": canonical.dump(described),
        "ca.pem": authorities,
        "crl.pem": lists,
        **held.contents,
        **own_files,
    }
    last = authority.records.highest("publications")
    known, lives = trusted.Trusted((held.roots[0],)), authority.lifetimes.roles
    existing = _existing(folder, definition.network, known, moment)
    if existing and existing.number == last and existing.files == files and not _due(existing, held, lives, moment):
        return verify(existing, moment)
    number, published = last + 1, canonical.stamp(moment)
    made = assembled(held, files, number, moment, own.online(), lives)
    # Read before it is written: a publication that members would refuse must not take the place of a good one.
    whole, _ = reading.read(made.get, folder, definition.network, known, moment)
    result = verify(whole, moment)
    authority.records.append("publications", number=number, published=published, definition=canonical.digest(described))
    placing.write(folder, made, number)
    return result


def _existing(folder: Path, network: str, known: trusted.Trusted, moment: datetime.datetime) -> Whole | None:
    """What lies there; None where there is none yet, or one that was damaged: the next takes its place."""
    try:
        return reading.read(folders.source(folder), folder, network, known, moment)[0]
    except errors.RefusedError:
        return None


def _due(existing: Whole, held: roles.InForce, lives: Lives, moment: datetime.datetime) -> bool:
    """Whether a role is to be signed anew, or was."""
    return any(metadata.due(existing.ends[role], life, moment) for role, life in lives.items()) or any(
        existing.versions[role] != version for role, version in held.versions.items()
    )


def assembled(
    held: roles.InForce,
    files: Mapping[str, bytes],
    number: int,
    moment: datetime.datetime,
    online: Signer,
    lives: Lives = metadata.LIFETIMES,
) -> dict[str, bytes]:
    """All that lies in a publication of these files, by its name there, the newest word last."""
    named = {
        name: TargetFile.from_data(name, content, ["sha256"])
        for name, content in sorted(files.items())
        if name not in held.contents
    }
    ends = {role: moment + lives[role] for role in metadata.COORDINATORS}
    network = _signed(
        Targets(number, None, ends[NETWORK], named, None, {metadata.PUBLISHED: canonical.stamp(moment)}), online
    )
    contents = {**held.named, NETWORK: network}
    versions = {**held.versions, NETWORK: number}
    meta = {
        f"{role}.json": MetaFile.from_data(versions[role], content, ["sha256"]) for role, content in contents.items()
    }
    snapshot = _signed(Snapshot(number, None, ends[SNAPSHOT], meta), online)
    newest = Timestamp(number, None, ends[TIMESTAMP], MetaFile.from_data(number, snapshot, ["sha256"]))
    made = {reading.path_of(name, hashlib.sha256(content).hexdigest()): content for name, content in files.items()}
    for version, content in enumerate(held.roots, 1):
        made[f"metadata/{version}.{ROOT}.json"] = content
    for role, content in contents.items():
        made[f"metadata/{versions[role]}.{role}.json"] = content
    made[f"metadata/{number}.{SNAPSHOT}.json"] = snapshot
    made[reading.NEWEST] = _signed(newest, online)
    return made


def _signed(one: Signed, signer: Signer) -> bytes:
    made: Metadata[Any] = Metadata(one)
    made.sign(signer)
    return made.to_bytes()


def _trusted(authority: Authority, moment: datetime.datetime) -> list[trust.Trust]:
    """The CA that signs and the one that is trusted beside it, less one that has no list any more and makes none."""
    other = authority.beside
    both = (authority, other) if other and revocation.in_force(other, moment) else (authority,)
    return [trust.Trust(one.network, one.certificate, revocation.current(one, moment)) for one in both]


def _approved(
    definition: model.Definition, authority: Authority, given: Mapping[str, identity.Identity] | None
) -> dict[str, dict[str, Any]]:
    """The identities of the definition's organisations, without those whose certificate was revoked.

    A certificate of the CA before goes with that CA.
    """
    found: dict[str, dict[str, Any]] = {}
    revoked = revocation.revoked_serials(authority.records)
    for organisation in definition.stations:
        one = approval.find(authority.records, organisation) if given is None else given.get(organisation)
        if one and f"{one.station_certificate.serial_number:x}" not in revoked:
            earlier = one.earlier_certificate
            stays = authority.beside and earlier and earlier.issuer == authority.beside.certificate.subject
            found[organisation] = (one if stays else one.model_copy(update={"earlier_chain_pem": ""})).document()
    return found
