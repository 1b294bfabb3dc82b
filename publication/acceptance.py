"""Acceptance: what the operator of a server said yes to, against what the coordinator publishes now.

Removals and revocations apply by themselves: nobody's protection waits for a signature. All that adds a peer, an
address, a party, a release or a key waits until the operator accepts it. The accepted document lies on the server
(`/etc/werkplaats/accepted/<network>.json`); its digest covers the definition, the pinned statement keys, the keys of
root and release holders, the CA's key and the release, so that two organisations that compare one digest compare
everything. The coordinator's own keys are no part of it: root holders replace those, and nobody accepts that anew.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

import pydantic

from base import canonical, errors
from network_topology import diff, model, rules, violation
from network_topology.rules import texts
from network_topology.steps import meanwhile
from publication import identity, verified
from publication.whole import Holders, Keys, RootHolders

WARNING = "WARNING: "
"""How a change begins of which somebody has to ring up who published it."""
_ANEW = "look at what is published with `werkplaats plan`, and accept it anew with `werkplaats accept`"


class Remembered(pydantic.BaseModel):
    """Which keys are pinned, and which ever were: what is kept of an accepted document of which the rest is no good."""

    model_config = pydantic.ConfigDict(extra="ignore", strict=True, frozen=True)

    statement_keys: dict[str, str]
    seen: dict[str, dict[str, Annotated[int, pydantic.Field(ge=0, lt=2**31)]]] = pydantic.Field(default_factory=dict)
    """Organisation → each statement key of it that was ever pinned here → the highest serial of a gateway key of it."""


class Accepted(Remembered):
    """What was accepted. A station without a pinned key in `statement_keys` (by organisation) is nobody's peer."""

    model_config = pydantic.ConfigDict(extra="forbid")

    network: str
    publication: Annotated[int, pydantic.Field(ge=1)]
    root: Annotated[int, pydantic.Field(ge=1)]
    """The version of the root that was seen; a publication of a newer one counts anew."""
    definition: Annotated[model.Definition | model.Joined, pydantic.Field(discriminator="kind")]
    holders: Holders | RootHolders
    authority: model.Digest
    release: model.Release | None = None
    """The image that was said yes to; a federation ships none."""
    earlier: model.Release | None = None
    """The one that may go on running while that one comes to the stations."""
    successor: model.Digest | None = None
    """The key of the CA that takes the place of `authority`, from the yes to it until that one is trusted no more."""

    @property
    def cut(self) -> frozenset[str]:
        """Organisations with a station in the definition that is cut: no key of theirs is (or is still) pinned."""
        return frozenset(self.definition.stations.keys() - self.statement_keys.keys())

    @property
    def serials(self) -> dict[str, int]:
        """Organisation → the serial of its gateway key below which none is taken, of who has a pinned key."""
        return {name: max(1, self.seen.get(name, {}).get(key, 0)) for name, key in self.statement_keys.items()}

    @property
    def authorities(self) -> tuple[str, ...]:
        """The fingerprints of the keys of CAs that were said yes to, the earlier one first."""
        return (self.authority, *([self.successor] if self.successor else []))

    def knew(self, organisation: str) -> bool:
        """Whether a key of an organisation is pinned here, or ever was."""
        return organisation in self.statement_keys or organisation in self.seen

    @property
    def root_fingerprint(self) -> str:
        """The fingerprint of the root that was accepted."""
        return self.holders.fingerprint(self.network)

    @property
    def parts(self) -> dict[str, str]:
        """What the digest is of, a digest each: by these stations tell each other what they accepted."""
        return {
            "definition": canonical.digest(verified.document(self.definition)),
            "statement_keys": canonical.digest(self.statement_keys),
            "holders": canonical.digest(self.holders.model_dump(mode="json")),
            "authority": canonical.digest(self.authorities) if self.successor else self.authority,
            **({"release": canonical.digest(self._releases)} if self.release else {}),
        }

    @property
    def releases(self) -> tuple[model.Release, ...]:
        """Those of which a station may run the image: the one that it moves to, and the one that it may come from."""
        return tuple(one for one in (self.release, self.earlier) if one)

    @property
    def _releases(self) -> Any:
        documents = [verified.document(one) for one in self.releases]
        return documents if self.earlier else documents[0]

    @property
    def digest(self) -> str:
        """What two organisations compare; the publication's numbers and what was seen before are no part of it."""
        return canonical.digest(self._document(without={"publication", "root", "seen"}))

    def document(self) -> dict[str, Any]:
        """As it lies on the server."""
        return {**self._document(), "digest": self.digest}

    def _document(self, without: set[str] | None = None) -> dict[str, Any]:
        described = {"definition": self.definition, "release": self.release, "earlier": self.earlier}
        unsaid = {*(without or ()), *described, *(() if self.successor else ("successor",))}
        return {
            **self.model_dump(mode="json", exclude=unsaid),
            **{field: verified.document(one) for field, one in described.items() if one},
        }


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Changes between what was accepted and what is published, in people's words."""

    applies: tuple[diff.Change, ...]
    waits: tuple[diff.Change, ...]


def load(document: object) -> Accepted | None:
    """The accepted document of a server; None when nothing was accepted. Raises AcceptanceError when it was edited."""
    if document is None:
        return None
    if not isinstance(document, Mapping):
        raise unreadable("it is no mapping")
    inner = {name: value for name, value in document.items() if name != "digest"}
    try:
        found = Accepted.model_validate_json(canonical.dump(inner))
    except (TypeError, ValueError, RecursionError) as error:
        raise unreadable(_why(error)) from error
    if document.get("digest") != found.digest:
        raise errors.AcceptanceError("the accepted definition on the server was edited after it was accepted", _ANEW)
    _require(found)
    return found


def remembered(document: object) -> Remembered | None:
    """What the accepted document of a server, of whatever version, says of keys; None when nothing was accepted.

    Raises AcceptanceError where that cannot be read: to accept anew over it would take a key that was given up for new.
    """
    if document is None:
        return None
    try:
        found = Remembered.model_validate_json(canonical.dump(document))
        for key in itertools.chain(found.statement_keys.values(), *found.seen.values()):
            identity.checked_statement_key(key, "a key that was seen")
    except (TypeError, ValueError, RecursionError, errors.RequestError) as error:
        raise forgotten(_why(error)) from error
    return found


def _why(error: Exception) -> object:
    """Where in a document, and what, of the first that is wrong with it."""
    if not isinstance(error, pydantic.ValidationError):
        return error
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first["loc"] else first["msg"]


def forgotten(why: object) -> errors.AcceptanceError:
    """What is said of an accepted document that does not tell which keys were seen."""
    return errors.AcceptanceError(
        f"the accepted definition on the server cannot be read, nor which keys were seen before: {why}",
        "put /etc/werkplaats/accepted/ back from a backup of that server; where there is none remove the network's "
        "file there, and accept as at first, each fingerprint compared by telephone: nobody remembers then which keys "
        "were given up",
    )


def _require(found: Accepted) -> None:
    """Hold what lies on a server to all that a publication is held to: everybody who gets it counts on that."""
    try:
        rules.require(found.definition)
        for organisation, key in found.statement_keys.items():
            identity.checked_statement_key(key, f"statement_keys.{organisation}")
    except violation.DefinitionError as error:
        raise unreadable(error.violations[0].text) from error
    except errors.RequestError as error:
        raise unreadable(error) from error
    for holds, fault in (
        (found.definition.network == found.network, f"it is of {found.network}, its definition of another network"),
        (
            found.definition.release == (found.release.release if found.release else ""),
            "it has another release than its definition names",
        ),
        (
            found.definition.upgrading_from == (found.earlier.release if found.earlier else ""),
            "it has another release to come from than its definition names",
        ),
        (isinstance(found.holders, Holders) == bool(found.definition.release), "it ships a release that nobody signs"),
        (found.statement_keys.keys() <= found.definition.stations.keys(), "it has a key of who has no station"),
        (len({*found.statement_keys.values()}) == len(found.statement_keys), "two stations have one statement key"),
        *((False, one.text) for one in texts.unseen(verified.document(found.release) if found.release else {})),
    ):
        if not holds:
            raise unreadable(fault)


def unreadable(why: object) -> errors.AcceptanceError:
    """What is said of an accepted document that is none."""
    return errors.AcceptanceError(f"the accepted definition on the server cannot be read: {why}", _ANEW)


def accept(publication: verified.Verified, before: Remembered | None = None) -> Accepted:
    """The acceptance of all that a publication says: what is kept on the server when its operator says yes.

    What was seen `before` of keys stays known.
    """
    return Accepted(
        network=publication.network,
        publication=publication.number,
        root=publication.root_version,
        holders=publication.holders,
        definition=publication.definition,
        statement_keys=publication.statement_keys,
        **_authorities(publication, {one.key for one in publication.trusted}),
        release=publication.release,
        earlier=publication.earlier,
        seen=_seen(before, publication, publication.statement_keys),
    )


def _authorities(publication: verified.Verified, keys: Collection[str]) -> dict[str, Any]:
    """The fields that say which CAs are trusted, of those that are published the ones with these keys."""
    first, *others = (one.key for one in publication.by_generation if one.key in keys)
    return {"authority": first, "successor": others[0] if others else None}


def narrowed(view: Accepted, publication: verified.Verified, keys: Collection[str]) -> Accepted | None:
    """What was accepted with none but the CAs of these keys trusted; None where that are none."""
    kept = {*view.authorities} & {*keys} & {one.key for one in publication.trusted}
    return view.model_copy(update=_authorities(publication, kept)) if kept else None


def compare(accepted: Accepted | None, publication: verified.Verified) -> Comparison:
    """What changed since the acceptance, split in what applies by itself and what waits.

    Raises PublicationError for the publication of another network, or one older than the accepted one.
    """
    if accepted is None:
        changes = diff.changes(None, publication.definition)
        keys = [_pinned(publication, organisation) for organisation in publication.identities]
        return Comparison((), (_first_root(publication), *changes, *keys))
    if accepted.network != publication.network:
        raise errors.PublicationError(
            f"this is the publication of {publication.network}, not of {accepted.network}", "read that of the network"
        )
    if same_root(accepted, publication) and (publication.root_version, publication.number) < (
        accepted.root,
        accepted.publication,
    ):
        raise errors.PublicationError(
            f"publication {publication.number} is older than {accepted.publication}, which was accepted",
            "fetch the newest publication",
        )
    found = (
        *_root_changes(accepted, publication),
        *_authority_changes(accepted, publication),
        *_key_changes(accepted, publication),
        *diff.changes(accepted.definition, publication.definition),
        *_release_changes(accepted, publication),
    )
    return Comparison(
        tuple(change for change in found if not change.adds), tuple(change for change in found if change.adds)
    )


def accepted_view(accepted: Accepted | None, publication: verified.Verified) -> Accepted | None:
    """What may be applied now, to be kept on the server as the accepted document from now on.

    Where nothing waits it is all that is published. Else it is what was accepted, without the keys of those who were
    removed or revoked (they are `cut`), and without those organisations altogether where the definition stays sound:
    a computing party cannot be taken out of it, since with fewer parties the threshold would fall.

    Other holders wait as other things do: those who were accepted named them. A CA that is published beside the
    accepted one waits too, and nothing of it is installed. Raises AcceptanceError while another root waits, or where no
    CA is published that was accepted: nothing that the other one signed, no list either, may be installed.
    """
    comparison = compare(accepted, publication)
    if accepted is None or not comparison.waits:
        return accept(publication, accepted) if accepted else None
    if not same_root(accepted, publication):
        raise errors.AcceptanceError(
            _root_changes(accepted, publication)[0].text,
            f"werkplaats accept {publication.network} --root sha256:…, as a root holder reads it to you",
        )
    trusted = {*accepted.authorities} & {one.key for one in publication.trusted}
    if not trusted:
        raise errors.AcceptanceError(
            _authority_changes(accepted, publication)[0].text, f"werkplaats accept {publication.network}"
        )
    keys = {
        organisation: key
        for organisation, key in accepted.statement_keys.items()
        if organisation in publication.definition.stations and organisation in publication.identities
    }
    return accepted.model_copy(
        update={
            "publication": publication.number,
            "root": publication.root_version,
            "definition": meanwhile.kept(accepted.definition, publication.definition),
            "statement_keys": keys,
            "seen": _seen(accepted, publication, keys),
            **_authorities(publication, trusted),
        }
    )


def _seen(
    before: Remembered | None, publication: verified.Verified, pinned: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    found = {organisation: dict(keys) for organisation, keys in before.seen.items()} if before else {}
    for organisation, key in (*(before.statement_keys if before else {}).items(), *pinned.items()):
        keys = found.setdefault(organisation, {})
        keys[key] = max(keys.get(key, 0), publication.serial(organisation, key))
    return found


def _pinned(publication: verified.Verified, organisation: str) -> diff.Change:
    return diff.Change(
        "statement_key",
        f"the keys of {organisation} are pinned: {publication.identities[organisation].fingerprint}; compare this with "
        "what its people read to you from their server",
        True,
    )


def _key_changes(accepted: Accepted, publication: verified.Verified) -> list[diff.Change]:
    found: list[diff.Change] = []
    current = publication.statement_keys
    for organisation in sorted(accepted.statement_keys.keys() | current.keys()):
        before, after = accepted.statement_keys.get(organisation), current.get(organisation)
        known = {*accepted.seen.get(organisation, ()), *([before] if before else [])}
        if before is None and (not known or after in known):
            found.append(_pinned(publication, organisation))
        elif after is None and organisation in publication.definition.stations:
            text = f"the identity of {organisation} was withdrawn: its station is cut off until it has a new one"
            found.append(diff.Change("identity", text, False))
        elif after is not None and after != before:
            text = (
                f"WARNING: the statement key of {organisation} is another one than was accepted. Either its server got "
                "new keys, or somebody poses as it. Ring its people up, and accept only what they read to you: "
                f"{publication.identities[organisation].fingerprint}"
            )
            found.append(diff.Change("statement_key", text, True))
        elif after is not None:
            found += _serial_changes(accepted, publication, organisation, after)
    return found


def _serial_changes(
    accepted: Accepted, publication: verified.Verified, organisation: str, key: str
) -> list[diff.Change]:
    """Another gateway key of a pinned statement key: it waits for nobody, and an older one is taken by nobody."""
    before = accepted.seen.get(organisation, {}).get(key, 0)
    serial = publication.serial(organisation, key)
    if serial > before > 0:
        text = f"{organisation} has a new gateway key, statement {serial}, signed by its pinned statement key"
        return [diff.Change("gateway_key", text, False)]
    if serial < before:
        text = (
            f"WARNING: the gateway key that is published for {organisation} is an older one, statement {serial}, than "
            f"was seen, {before}: no station takes it. Somebody brings back a key that was given up: ring the "
            "coordinator up"
        )
        return [diff.Change("gateway_key", text, False)]
    return []


def same_root(accepted: Accepted, publication: verified.Verified) -> bool:
    """Whether a publication is of the root that was accepted, or of one that its holders named to follow it."""
    return accepted.root_fingerprint in publication.lineage


def _first_root(publication: verified.Verified) -> diff.Change:
    """Its fingerprint is not said: who is shown it gives that, and has compared nothing."""
    holders = publication.holders
    other = "".join(f", and the one beside it {one.key}" for one in publication.trusted[1:])
    return diff.Change(
        "root",
        f"the root of {publication.network} is new here: {holders.root} root holders name all keys, "
        f"{_ships(holders)}the CA has key {publication.authority_key}{other}; "
        f"it is publication {publication.number} of {publication.published}. All that is its own word: a "
        "holder reads you its fingerprint",
        True,
    )


def _ships(holders: RootHolders) -> str:
    return f"{holders.releases} release holders sign each release, " if isinstance(holders, Holders) else ""


def _root_changes(accepted: Accepted, publication: verified.Verified) -> list[diff.Change]:
    if same_root(accepted, publication):
        return [
            diff.Change("holders", f"the {role} holders are others: {text}; those of before signed for it", True)
            for role in ("root", "release")
            if (text := _keys(*(getattr(one.holders, _FIELDS[role], None) for one in (accepted, publication))))
        ]
    text = (
        f"WARNING: {publication.network} has another root than was accepted, {accepted.root_fingerprint}. It says who "
        "may say anything: either the network was founded anew, or somebody poses as it. Ring a root "
        "holder up before you accept"
    )
    return [diff.Change("root", text, True)]


_FIELDS = {"root": "root", "release": "releases"}


def _keys(before: Keys | None, after: Keys | None) -> str:
    """What is otherwise with keys of people, in words; "" when nothing is."""
    if before == after or before is None or after is None:
        return ""
    added = [f"{key} is new" for key in after.keys if key not in before.keys]
    gone = [f"{key} is gone" for key in before.keys if key not in after.keys]
    return ", ".join([f"{after} must sign instead of {before}", *added, *gone])


def _authority_changes(accepted: Accepted, publication: verified.Verified) -> list[diff.Change]:
    published = {one.key: f"CA-{one.generation}" for one in publication.by_generation}
    new, kept = (tuple(one for one in published if (one in accepted.authorities) is known) for known in (False, True))
    found = []
    if new and not kept:
        text = (
            f"WARNING: the CA of {publication.network} has another key in ca.pem, {new[-1]}, than was "
            f"accepted, {accepted.authority}. It signs every certificate; {publication.holders.root} root holders "
            "signed for it. Where nobody told you of it, ring one of them up before you accept"
        )
        found.append(diff.Change("authority", text, True))
    elif new:
        text = (
            f"{published[new[-1]]} of {publication.network}, with key {new[-1]}, is to be trusted beside "
            f"{published[kept[0]]}, whose place it takes: its certificates are let in then; {publication.holders.root} "
            "root holders signed for it. Where nobody told you of it, ring one of them up before you accept"
        )
        found.append(diff.Change("authority", text, True))
    for gone in accepted.authorities if kept else ():
        if gone not in published:
            text = f"the CA with key {gone} is trusted no more: {published[kept[-1]]} has taken its place"
            found.append(diff.Change("authority", text, False))
    return found


def _release_changes(accepted: Accepted, publication: verified.Verified) -> list[diff.Change]:
    """A release of another name shows in the definition; here, the same name for another image, and what is new in one.

    Who takes a release is told what it repairs and what works no more, before anybody runs it.
    """
    known = {one.release: one for one in accepted.releases}
    published = [one for one in (publication.release, publication.earlier) if one]
    changed = [
        f"release {one.release} is not the one that was accepted: its contents changed"
        for one in published
        if known.get(one.release, one) != one
    ]
    told = [line for one in published[:1] if known.get(one.release) != one for line in _told(one)]
    back = [line for one in published[:1] for before in accepted.releases for line in _goes_back(before, one)]
    return [diff.Change("release", text, True) for text in (*changed, *back, *told)]


def _goes_back(before: model.Release, release: model.Release) -> Iterator[str]:
    """What is lost where a release is one that the accepted one took the place of: whoever signed it once still did."""
    if release.release in before.may_upgrade_from:
        lost = "; ".join(before.security_fixes) or "nothing that somebody could abuse"
        yield (
            f"WARNING: release {release.release} is older than {before.release}, which repairs: {lost}. Ring the "
            "coordinator up before you accept"
        )


def _told(release: model.Release) -> Iterator[str]:
    for line in release.security_fixes:
        yield f"release {release.release} repairs {line}"
    for one in release.breaking:
        yield f"release {release.release}: this only affects you if {one.affects}: {one.do}"
