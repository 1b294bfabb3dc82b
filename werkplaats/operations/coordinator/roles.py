"""The offline roles of a publication: what root holders and release holders signed, and what waits for them.

    publication/<n>.root.json                  each root that was ever in force
    publication/targets.json, releases.json    what is in force, signed by as many as must
    publication/releases/<release>.json        what the release holders signed for
    publication/waiting/                       the next of these, with the signatures that there are

All of it is text without secrets, in the coordinator's inventory: it goes to the holders and back as files do, in git
or on a stick. What waits comes into force all together, once enough have signed for every part of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, Signed, TargetFile, Targets
from tuf.api.serialization import DeserializationError

from base import canonical, errors, files, values
from network_topology import model
from publication import metadata, reading, whole
from publication.metadata import NETWORK, OFFLINE, RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from werkplaats.operations.coordinator.ledger import Records
from werkplaats.operations.home import vault

ONLINE = "publication.key"
"""The coordinator's own key, in its vault: for the roles network, snapshot and timestamp."""
BEFORE = "publication-before.key"
"""The one before it, until root holders signed for the other: without it nothing could be revoked meanwhile."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Who shall hold what: all that root holders sign for. A federation has no release holders: it ships nothing."""

    root: tuple[Key, ...]
    root_threshold: int
    releases: tuple[Key, ...]
    releases_threshold: int
    online: Key
    authorities: tuple[str, ...]
    federations: Mapping[str, whole.Consent] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class InForce:
    """What is in force: role → metadata, each root, and what the release holders signed for: name → content.

    A federation has no release holders.
    """

    roots: tuple[bytes, ...]
    targets: bytes
    releases: bytes | None
    contents: Mapping[str, bytes]

    @property
    def named(self) -> dict[str, bytes]:
        """Role → metadata, of those that are published beside the roots."""
        return {TARGETS: self.targets} | ({RELEASES: self.releases} if self.releases is not None else {})

    @property
    def versions(self) -> dict[str, int]:
        """Role → its version."""
        every = {ROOT: self.roots[-1], **self.named}
        return {role: int(Metadata.from_bytes(content).signed.version) for role, content in every.items()}


class Roles:
    """The offline roles of one network, as they lie in the coordinator's inventory."""

    def __init__(self, kept: vault.Vault, records: Records) -> None:
        self._vault = kept
        self.network = kept.network
        self.folder = records.folder / "publication"
        self.waiting = self.folder / "waiting"
        self._held: dict[Path, bytes] | None = None

    def hold(self) -> None:
        """Look from now on at what lies there now: what is signed is what was shown, whoever writes there meanwhile."""
        self._held = {path: _read(path) for path in self.folder.rglob("*.json")}

    def _content(self, path: Path) -> bytes | None:
        if self._held is not None:
            return self._held.get(path)
        return _read(path) if path.exists() else None

    # what is in force

    @property
    def roots(self) -> tuple[bytes, ...]:
        """Each root that was in force, the oldest first; none where nothing was founded."""
        there = self.folder.glob("*.root.json") if self._held is None else self._held
        named = [path for path in there if path.parent == self.folder and path.name.endswith(".root.json")]
        found = sorted(named, key=lambda path: int(path.name.partition(".")[0]))
        return tuple(content for path in found if (content := self._content(path)) is not None)

    def _in_force(self, role: str) -> Metadata[Any] | None:
        if role == ROOT:
            roots = self.roots
            return _parsed(roots[-1], self.folder) if roots else None
        path = self.folder / f"{role}.json"
        content = self._content(path)
        return _parsed(content, path) if content is not None else None

    def _next(self, role: str) -> Metadata[Any] | None:
        path = self.waiting / f"{role}.json"
        content = self._content(path)
        waits = _parsed(content, path) if content is not None else None
        known = self._in_force(role) if waits else None
        # Of a backup, say: what was published since counts, and it is asked anew.
        return None if waits and known and waits.signed.version <= known.signed.version else waits

    def _newest(self, role: str) -> Metadata[Any] | None:
        return self._next(role) or self._in_force(role)

    def waits(self, role: str) -> bool:
        """Whether a role waits for signatures."""
        return self._next(role) is not None

    def root_keys(self) -> whole.Keys | None:
        """The root holders' keys that are in force."""
        root = self._in_force(ROOT)
        return metadata.root_keys(root.signed) if root else None

    def wanted(self) -> Wanted:
        """Who holds what, once all that waits is signed; raises UsageError where nothing was founded."""
        root, targets = self._newest(ROOT), self._newest(TARGETS)
        if root is None or targets is None:
            raise errors.UsageError(
                f"{self.network} has no root: nobody holds the keys that say who may publish",
                f"root holders and release holders make their keys, then werkplaats trust root found {self.network}",
            )
        keys, handed = root.signed.keys, targets.signed.delegations
        releases = handed.roles.get(RELEASES)
        return Wanted(
            tuple(keys[one] for one in root.signed.roles[ROOT].keyids),
            root.signed.roles[ROOT].threshold,
            tuple(handed.keys[one] for one in releases.keyids) if releases else (),
            releases.threshold if releases else 0,
            keys[root.signed.roles[TIMESTAMP].keyids[0]],
            tuple(targets.signed.unrecognized_fields[metadata.AUTHORITIES]),
            self._taken_part(targets.signed),
        )

    def _taken_part(self, targets: Targets) -> dict[str, whole.Consent]:
        try:
            return metadata.federations(targets)
        except ValueError as error:
            raise errors.RefusedError(
                f"targets.json says something else than is shown of it: of federations, {error}",
                f"sign nothing of it; ask the coordinator where {self.folder} comes from, and have it made anew",
            ) from error

    # what is asked of holders

    def ask(self, wanted: Wanted, moment: datetime.datetime) -> None:
        """Have what is wanted wait for the root holders, as far as it is another thing than is in force."""
        self._propose(ROOT, root_of(self.network, wanted), moment)
        self._propose(TARGETS, targets_of(self.network, wanted), moment)
        releases = self._in_force(RELEASES)
        if releases and not self._next(RELEASES):
            self._propose(RELEASES, releases_of(self.network, releases.signed.targets), moment)

    def ask_releases(self, documents: Mapping[str, bytes], moment: datetime.datetime) -> None:
        """Have releases (name → content) wait for the release holders, as far as these did not sign for them."""
        wanted = {name: TargetFile.from_data(name, content, ["sha256"]) for name, content in documents.items()}
        self._propose(RELEASES, releases_of(self.network, wanted), moment)
        if self._next(RELEASES):
            for name, content in documents.items():
                _place(self.waiting / name, content)

    def _propose(self, role: str, wanted: Root | Targets, moment: datetime.datetime) -> None:
        current = self._in_force(role)
        if current and _same(current.signed, wanted) and self._stands(role, current, moment):
            (self.waiting / f"{role}.json").unlink(missing_ok=True)
            return
        waits = self._next(role)
        if waits is None or not _same(waits.signed, wanted):
            self._write(role, wanted, current, moment)

    def _stands(self, role: str, current: Metadata[Any], moment: datetime.datetime) -> bool:
        """Whether what is in force goes on to be: not due, and signed by those who may once all that waits is."""
        if metadata.due(current.signed.expires, metadata.LIFETIMES[role], moment):
            return False
        above = self._newest(ROOT if role == TARGETS else TARGETS)
        if role == ROOT or above is None:
            return True
        return bool(above.signed.get_verification_result(role, current.signed_bytes, current.signatures))

    def _write(
        self, role: str, wanted: Root | Targets, current: Metadata[Any] | None, moment: datetime.datetime
    ) -> None:
        wanted.version = current.signed.version + 1 if current else 1
        wanted.expires = moment + metadata.LIFETIMES[role]
        made: Metadata[Any] = Metadata(wanted)
        _place(self.waiting / f"{role}.json", made.to_bytes())

    # signing

    def sign(
        self,
        signers: Iterable[Signer],
        roles: Iterable[str] = OFFLINE,
        writing: contextlib.AbstractContextManager[object] | None = None,
    ) -> list[str]:
        """Sign what waits for the holders of these keys; returns the roles, once for each signature.

        Where the caller does not hold the coordinator's lock, `writing` is what takes it once all is signed. Raises
        RefusedError for what says more than `words` does: it came as files from others. Where a key does not sign,
        nothing of any of them is written.
        """
        self._require_plain()
        waiting = {role: waits for role in roles if (waits := self._next(role))}
        signed = []
        for signer in signers:
            for role, waits in waiting.items():
                if signer.public_key.keyid in self._who_may_sign(role):
                    made = signer.sign(waits.signed_bytes)  # by itself: the library hides what a signer says is wrong
                    waits.signatures[made.keyid] = made
                    signed.append(role)
        with writing or contextlib.nullcontext():
            for role in waiting.keys() & {*signed}:
                self._put_signed(self.waiting / f"{role}.json", waiting[role].to_bytes())
        return signed

    def _put_signed(self, path: Path, content: bytes) -> None:
        """Write what was signed; raises RefusedError where another thing lies there than was looked at."""
        if self._held is not None:
            if _read(path) != self._held[path]:
                raise errors.RefusedError(
                    f"{path} became another one while you looked at it: nothing of it is signed",
                    "see who writes there, and look at it again",
                )
            self._held[path] = content
        _place(path, content)

    def _require_plain(self) -> None:
        """Raise RefusedError where something waits that nobody would see who looks at what is shown of it."""
        root, targets, releases = (self._next(role) for role in OFFLINE)
        shown = self.wanted() if root or targets else None
        for role, waits, plain in (
            (ROOT, root, root_of(self.network, shown) if shown else None),
            (TARGETS, targets, targets_of(self.network, shown) if shown else None),
            (RELEASES, releases, releases_of(self.network, releases.signed.targets) if releases else None),
        ):
            if waits is None or plain is None:
                continue
            before = self._in_force(role)
            version = before.signed.version + 1 if before else 1
            late = waits.signed.expires > canonical.now() + metadata.LIFETIMES[role]
            odd = role == RELEASES and not all(map(_is_plain, waits.signed.targets.items()))
            if not _same(waits.signed, plain) or waits.signed.version != version or late or odd:
                raise errors.RefusedError(
                    f"{self.waiting / role}.json says something else than is shown of it: other keys, names or numbers",
                    "sign nothing of it; ask the coordinator where it comes from, and have it made anew",
                )

    def sign_here(self) -> None:
        """Sign with the holders' keys that lie in this vault: those of a network of which one person has all."""
        if self.waiting.is_dir() and any(self.waiting.glob("*.json")):
            names = sorted(
                path.name for kind in ("root", "release") for path in self._vault.folder.glob(f"{kind}-*.key")
            )
            self.sign(CryptoSigner(self._vault.read_private_key(name)) for name in names)

    def _who_may_sign(self, role: str) -> set[str]:
        if role == ROOT:
            known = [one for one in (self._in_force(ROOT), self._next(ROOT)) if one]
            return {key for one in known for key in one.signed.roles[ROOT].keyids}
        if role == TARGETS:
            root = self._newest(ROOT)
            return {*root.signed.roles[TARGETS].keyids} if root else set()
        return {*self._release_ids(self._newest(TARGETS))}

    @staticmethod
    def _release_ids(targets: Metadata[Any] | None) -> list[str]:
        releases = targets.signed.delegations.roles.get(RELEASES) if targets else None
        return list(releases.keyids) if releases else []

    def missing(self) -> list[str]:
        """What waits, as sentences: which role, and how many of how many signed."""
        return [
            f"{role} version {waits.signed.version} waits for {metadata.who(role)}: {told}"
            for role, waits, told in self._counts()
        ]

    def _counts(self) -> Iterator[tuple[str, Metadata[Any], str]]:
        root, targets = self._newest(ROOT), self._newest(TARGETS)
        for role in OFFLINE:
            waits = self._next(role)
            if waits is None or root is None or targets is None:
                continue
            content, signatures = waits.signed_bytes, waits.signatures
            before, delegator = self._in_force(ROOT), targets.signed if role == RELEASES else root.signed
            parts = {"": delegator.get_verification_result(role, content, signatures)}
            if role == ROOT and before and before.signed.roles[ROOT] != root.signed.roles[ROOT]:
                old = before.signed.get_verification_result(role, content, signatures)
                parts = {" by the new ones": parts[""], " by those of before": old}
            told = [f"{len(one.signed)} of {one.threshold} signed{by}" for by, one in parts.items() if not one.verified]
            yield role, waits, ", ".join(told) or "enough signed"

    def words(self) -> list[str]:
        """What waits, in words for who is to sign for it."""
        found = []
        if self._next(ROOT) or self._next(TARGETS):
            wanted = self.wanted()
            found += [
                f"root of {self.network}: {wanted.root_threshold} of these must sign: {_fingerprints(wanted.root)}",
                f"releases: {wanted.releases_threshold} of these must sign: {_fingerprints(wanted.releases)}"
                if wanted.releases
                else f"{self.network} is a federation: it ships no release, and its CA signs for CAs of regions",
                f"the coordinator's key is {metadata.key_fingerprint(wanted.online)}",
                f"the CA's key is {', and that of the one that takes its place '.join(wanted.authorities)}",
                *(self._federations(wanted.federations) if wanted.releases or wanted.federations else ()),
            ]
        if waits := self._next(RELEASES):
            for name, file in sorted(waits.signed.targets.items()):
                found.append(f"{name}: sha256:{file.hashes['sha256']}")
        return found

    def _federations(self, wanted: Mapping[str, whole.Consent]) -> Iterator[str]:
        targets = self._in_force(TARGETS)
        before = self._taken_part(targets.signed) if targets else {}
        if not wanted:  # said whatever lies beside it: who signs is told all that is signed
            yield "takes part in no federation"
        for name, one in sorted(wanted.items()):
            yield f"takes part in {name}, whose root is {one.root}, with {', '.join(one.organisations)}"
        for name in sorted(before.keys() - wanted.keys()):
            yield f"takes part in {name} no more"

    # taking effect

    def take(self) -> None:
        """Have what waits take effect, where enough signed for all parts that hang together."""
        chosen = self._chosen()
        if chosen is None:
            return
        for role, one in chosen.items():
            waits = self.waiting / f"{role}.json"
            if one is None or not waits.exists() or one.signed != _parsed(_read(waits), waits).signed:
                continue
            if role == RELEASES:
                for name in one.signed.targets:
                    if (self.waiting / name).exists():
                        (self.folder / name).parent.mkdir(exist_ok=True)
                        (self.waiting / name).replace(self.folder / name)
            name = f"{one.signed.version}.root.json" if role == ROOT else f"{role}.json"
            _place(self.folder / name, _read(waits))
            waits.unlink()

    def _chosen(self) -> dict[str, Metadata[Any] | None] | None:
        """Of each role the newest that is signed, by whom the newest root says; None where they do not fit together."""
        root = next((one for one in (self._next(ROOT), self._in_force(ROOT)) if one and self._root_holds(one)), None)
        if root is None:
            return None
        targets = self._first_signed(TARGETS, root.signed)
        if targets is None:
            return None
        releases = self._first_signed(RELEASES, targets.signed)
        if releases is None and self._in_force(RELEASES):
            return None
        return {ROOT: root, TARGETS: targets, RELEASES: releases}

    def _root_holds(self, root: Metadata[Any]) -> bool:
        before = self._in_force(ROOT)
        if before and before.signed.version == root.signed.version:
            return True
        previous = before.signed if before else None
        return bool(root.signed.get_root_verification_result(previous, root.signed_bytes, root.signatures))

    def _first_signed(self, role: str, delegator: Root | Targets) -> Metadata[Any] | None:
        for one in (self._next(role), self._in_force(role)):
            if one and delegator.get_verification_result(role, one.signed_bytes, one.signatures):
                return one
        return None

    def release(self, name: str) -> Mapping[str, Any] | None:
        """What the release holders signed of a release; None where they did not."""
        signed, file = self._in_force(RELEASES), f"releases/{name}.json"
        if signed is None or file not in signed.signed.targets:
            return None
        return values.mapping(_read(self.folder / file))

    def learn(self, published: Mapping[str, bytes]) -> list[str]:
        """Take over what holders signed since, from the files of a publication that was read; returns what that was."""
        learned = []
        for name, content in sorted(published.items()):
            folder, _, file = name.partition("/")
            version, _, rest = file.partition(".")
            role = rest.removesuffix(".json")
            if folder != "metadata" or role not in OFFLINE:
                continue
            current = self._in_force(role)
            if role != ROOT and current and current.signed.version >= int(version):
                continue
            place = self.folder / (file if role == ROOT else rest)
            if role != ROOT or not place.exists():
                _place(place, content)
                learned.append(f"{role} version {version} of {metadata.who(role)}")
        signed = self._in_force(RELEASES)
        for name, said in (signed.signed.targets if signed else {}).items():
            path = reading.path_of(name, said.hashes["sha256"])
            if path in published:
                _place(self.folder / name, published[path])
        return learned

    # for who publishes

    def prepare(self, releases: Mapping[str, bytes], needed: Collection[str], moment: datetime.datetime) -> InForce:
        """What the coordinator publishes: all that is in force, after what can be signed here was.

        Asks the holders for what is due, and for `releases` (name → content), where some are given, that they did not
        sign for; a federation has none. Raises UsageError where nothing was founded, PublicationError where one of the
        files `needed` waits for them.
        """
        self.ask(self.wanted(), moment)
        if releases:
            self.ask_releases(releases, moment)
        self.settle()
        root, targets, signed = (self._in_force(role) for role in OFFLINE)
        ships = targets is not None and RELEASES in metadata.paths(targets.signed)
        if root is None or targets is None or (ships and (signed is None or self._waits_for(needed, signed))):
            raise errors.PublicationError(
                f"{self.network} cannot be published yet: {'; '.join(self.missing())}",
                f"they look at it and sign with {metadata.signs(ROOT)} {self.network} and {metadata.signs(RELEASES)} "
                f"{self.network}, in the files of {self.waiting}",
            )
        contents = {name: _read(self.folder / name) for name in (signed.signed.targets if signed else ())}
        return InForce(self.roots, targets.to_bytes(), signed.to_bytes() if signed else None, contents)

    def _waits_for(self, needed: Collection[str], signed: Metadata[Any]) -> bool:
        return not {*needed} <= {*signed.signed.targets} and self._next(RELEASES) is not None

    def settle(self) -> None:
        """Sign with the keys that lie here, and have what waits take effect where that is enough."""
        self.sign_here()
        self.take()
        if self._vault.has(BEFORE) and self.names_own_key():
            (self._vault.folder / BEFORE).unlink()

    def online(self) -> CryptoSigner:
        """The coordinator's key; raises VaultError where none is the one that the root holders named."""
        for name in (one for one in (ONLINE, BEFORE) if one == ONLINE or self._vault.has(one)):
            signer = CryptoSigner(self._vault.read_private_key(name))
            if self._named() == {signer.public_key.keyid}:
                return signer
        raise errors.VaultError(
            f"{ONLINE} in {self._vault.folder} is not the key that the root holders named for the coordinator",
            f"werkplaats trust root coordinator {self.network} asks them to name it",
        )

    def authorities(self) -> frozenset[str]:
        """The fingerprints of CA keys for which the root holders signed what is in force."""
        targets = self._in_force(TARGETS)
        return frozenset(targets.signed.unrecognized_fields[metadata.AUTHORITIES]) if targets else frozenset()

    def names_own_key(self) -> bool:
        """Whether what is in force names the coordinator's key that lies here, made where there is none."""
        return self._named() == {self.own_key().keyid}

    def lineage(self) -> frozenset[str]:
        """The fingerprints of every root that was in force."""
        roots = (metadata.root_keys(_parsed(content, self.folder).signed) for content in self.roots)
        return frozenset(whole.fingerprint(self.network, keys) for keys in roots)

    def _named(self) -> set[str]:
        """The ids of the keys that what is in force names for the coordinator."""
        root, targets = self._in_force(ROOT), self._in_force(TARGETS)
        return {
            *(root.signed.roles[TIMESTAMP].keyids if root else ()),
            *(targets.signed.delegations.roles[NETWORK].keyids if targets else ()),
        }

    def own_key(self) -> Key:
        """The public half of the coordinator's key, made where there is none."""
        return self._made(ONLINE)

    def another_key(self) -> Key:
        """The public half of a new key in the place of the coordinator's, which signs on until holders named it."""
        online, before = self._vault.folder / ONLINE, self._vault.folder / BEFORE
        if before.exists():
            online.unlink(missing_ok=True)  # which took its place, and nobody named yet
        elif online.exists():
            online.rename(before)
        return self.own_key()

    def found_here(
        self, signatures: model.Signatures, authority: str, moment: datetime.datetime, *, ships: bool = True
    ) -> None:
        """Found all roles with keys in this vault, or bring them up to the definition: one person plays all.

        A network that ships no image has no release holders.
        """
        if not ships:
            signatures = signatures.model_copy(update={"releases": 0})
        if self.roots:
            wanted = self.wanted()
            asked = (wanted.root_threshold, wanted.releases_threshold)
            if asked == (signatures.root, signatures.releases) and authority in wanted.authorities:
                return
        root, releases = (
            tuple(self._made(f"{kind}-{number}.key") for number in range(1, many + 1))
            for kind, many in (("root", signatures.root), ("release", signatures.releases))
        )
        before = self.wanted() if self.roots else None
        authorities = before.authorities if before and authority in before.authorities else (authority,)
        federations = before.federations if before else {}
        wanted = Wanted(root, signatures.root, releases, signatures.releases, self.own_key(), authorities, federations)
        self.ask(wanted, moment)
        self.settle()

    def _made(self, name: str) -> Key:
        if not self._vault.has(name):
            self._vault.write_private_key(name, ec.generate_private_key(ec.SECP256R1()))
        return SSlibKey.from_crypto(self._vault.read_private_key(name).public_key())


def root_of(network: str, wanted: Wanted) -> Root:
    """The root of a network in which it is as wanted, without version and end."""
    holders, online = {one.keyid: one for one in wanted.root}, wanted.online
    of_holders = Role(sorted(holders), wanted.root_threshold)
    roles = {
        ROOT: of_holders,
        TARGETS: of_holders,
        SNAPSHOT: Role([online.keyid], 1),
        TIMESTAMP: Role([online.keyid], 1),
    }
    keys = dict(sorted({**holders, online.keyid: online}.items()))
    return Root(keys=keys, roles=roles, consistent_snapshot=True, unrecognized_fields={metadata.OF_NETWORK: network})


def releases_of(network: str, named: Mapping[str, TargetFile]) -> Targets:
    """What release holders of a network sign for, without version and end."""
    return Targets(targets=dict(named), unrecognized_fields={metadata.OF_NETWORK: network})


def targets_of(network: str, wanted: Wanted) -> Targets:
    """What root holders of a network hand on where it is as wanted, without version and end."""
    holders, online = {one.keyid: one for one in wanted.releases}, wanted.online
    of = {RELEASES: (sorted(holders), wanted.releases_threshold), NETWORK: ([online.keyid], 1)}
    paths = metadata.PATHS if wanted.releases else metadata.PATHS_OF_FEDERATION
    roles = {name: DelegatedRole(name, *of[name], True, list(some)) for name, some in paths.items()}
    handed = Delegations(dict(sorted({**holders, online.keyid: online}.items())), roles)
    fields: dict[str, Any] = {metadata.OF_NETWORK: network, metadata.AUTHORITIES: list(wanted.authorities)}
    if wanted.federations:
        named = sorted(wanted.federations.items())
        fields[metadata.FEDERATIONS] = {name: one.model_dump(mode="json") for name, one in named}
    return Targets(delegations=handed, unrecognized_fields=fields)


def _same(one: Signed, other: Signed) -> bool:
    """Whether two say the same, whatever their versions and ends."""
    first, second = (
        {k: v for k, v in each.to_dict().items() if k not in ("version", "expires")} for each in (one, other)
    )
    return first == second


def _is_plain(named: tuple[str, TargetFile]) -> bool:
    """Whether all that is said of a file is shown: a name of ours, and one digest."""
    name, file = named
    return bool(metadata.NAMES.fullmatch(name)) and file.hashes.keys() == {"sha256"} and not file.unrecognized_fields


def _read(path: Path) -> bytes:
    """A file as it was signed: git on Windows, for one, makes other line ends."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def _parsed(content: bytes, place: Path) -> Metadata[Any]:
    try:
        return Metadata.from_bytes(content)
    except DeserializationError as error:
        raise errors.RefusedError(f"{place} is no metadata: {error}", "restore it from git") from error


def _place(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomically(path, content, mode=0o644)


def _fingerprints(keys: Iterable[Key]) -> str:
    return ", ".join(sorted(map(metadata.key_fingerprint, keys)))


def release_files(releases: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    """Releases (name → document) as the files that release holders sign for."""
    return {f"releases/{name}.json": canonical.pretty(one) for name, one in releases.items()}
