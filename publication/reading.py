"""Reading a publication as a client of The Update Framework does, from wherever its files come: python-tuf's own.

The library checks signatures and thresholds, that nothing is older than what was read before, that all files belong
together, and that the coordinator said so lately. Here: what the roles of a publication are, how much is taken, and
sentences for people.
"""

from __future__ import annotations

import datetime
import inspect
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Root, TargetFile, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from base import canonical, errors
from publication import metadata, trusted
from publication.metadata import NETWORK, RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from publication.whole import ASK, FETCH, Holders, RootHolders, Whole, fingerprint

Source = Callable[[str], bytes | None]
"""The content of a file of a publication by its name, as in `metadata/timestamp.json`; None where there is none."""

LARGEST_FILE = 4 * 1024 * 1024
LARGEST_WHOLE = 64 * 1024 * 1024
MOST_FILES = 2000
FIRST, NEWEST = "metadata/1.root.json", "metadata/timestamp.json"
_BASE = "publication:///"
_BOUNDS = UpdaterConfig(max_root_rotations=100, max_delegations=4, targets_max_length=LARGEST_FILE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PROBE = {NETWORK: "definition.json", RELEASES: "releases/any.json"}


class _Relayed(FetcherInterface):
    """Gives the library what a source has; remembers what was asked for last, and each root."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.last = ""
        self.roots: dict[str, bytes] = {}

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.last = url.removeprefix(_BASE)
        content = self._source(self.last)
        if content is None:
            raise exceptions.DownloadHTTPError("is missing", 404)
        if self.last.endswith(".root.json"):
            self.roots[self.last] = content
        return iter([content])


def read(
    source: Source,
    place: PurePath,
    network: str,
    known: trusted.Trusted | None = None,
    moment: datetime.datetime | None = None,
) -> tuple[Whole, trusted.Trusted]:
    """The newest publication of a network that a source has, and what to keep of it so that none older is read later.

    Follows the chain of roots from the `known` one; without one from the first that the source has, which tells whose
    it is and proves nothing. Raises PublicationError with the file that is not right, ExpiredError for one that was
    right once: anything in it is held to the moment (now).
    """
    relayed = _Relayed(source)
    try:
        begun = known or trusted.Trusted((_first(source, place),))
        _refuse_other_root(begun, source, place, network)
        with tempfile.TemporaryDirectory() as name:
            updater = _updater(Path(name), relayed, begun)
            if moment is not None:
                updater._trusted_set.reference_time = moment  # which the library has from the clock, and nowhere else
            updater.refresh()
            top = {role: (Path(name) / f"{role}.json").read_bytes() for role in (ROOT, TARGETS)}
            chain = _chain(begun, relayed, top[ROOT])
            _require_roles(place, network, chain, Metadata[Targets].from_bytes(top[TARGETS]).signed)
            handed = metadata.paths(Metadata[Targets].from_bytes(top[TARGETS]).signed)
            for role in handed:
                updater.get_targetinfo(_PROBE[role])  # has the library read the role whose name this is
            roles = (ROOT, TARGETS, *handed, SNAPSHOT, TIMESTAMP)
            found = {role: (Path(name) / f"{role}.json").read_bytes() for role in roles}
            kept = trusted.Trusted(chain, found, begun.crl)
            return _whole(source, place, kept, network, updater), kept
    except errors.WerkplaatsError:
        raise
    except Exception as error:  # a parser of hostile bytes: whatever it stops for, the publication is no good
        raise _in_words(error, relayed.last, source, place, network) from error


def lately(source: Source) -> datetime.datetime:
    """The last moment at which its own newest word counts, or now: for who looks at what is good no more."""
    try:
        ends = Metadata[Timestamp].from_bytes(source(NEWEST) or b"").signed.expires
    except exceptions.RepositoryError:
        return canonical.now()  # it is none, as its reader will say
    return min(canonical.now(), ends - datetime.timedelta(seconds=1))


def _first(source: Source, place: PurePath) -> bytes:
    content = source(FIRST)
    if content is None:
        raise errors.PublicationError(f"{place / FIRST} is missing: this is no publication", FETCH)
    return content


def _updater(folder: Path, relayed: _Relayed, known: trusted.Trusted) -> Updater:
    (folder / "root_history").mkdir()
    for content in known.roots:
        version = Metadata[Root].from_bytes(content).signed.version
        (folder / "root_history" / f"{version}.root.json").write_bytes(content)
    for role, content in known.metadata.items():
        if role != ROOT:
            (folder / f"{role}.json").write_bytes(content)
    base, how = f"{_BASE}metadata/", dict[str, Any]()
    if "bootstrap" in inspect.signature(Updater).parameters:
        how["bootstrap"] = known.roots[0]
    else:  # Debian 13's 5.1: the one that lies there, of which the chain is known
        (folder / "root.json").write_bytes(known.roots[-1])
    return Updater(str(folder), base, fetcher=relayed, config=_BOUNDS, **how)


def _chain(known: trusted.Trusted, relayed: _Relayed, newest: bytes) -> tuple[bytes, ...]:
    """The roots that were known and those that were read after them, each signed as the one before it says."""
    versions = range(_root(known.roots[-1]).version + 1, _root(newest).version + 1)
    return (*known.roots, *(relayed.roots[f"metadata/{version}.root.json"] for version in versions))


def _root(content: bytes) -> Root:
    return Metadata[Root].from_bytes(content).signed


def follows(source: Source, known: trusted.Trusted) -> bool:
    """Whether the roots that a source has are those that are known, and perhaps later ones."""
    try:
        met = _met(source, known)
    except Exception:  # a parser of hostile bytes: `read` says what is wrong with it
        return False
    return met is not None and met[1] == met[2]


def _met(source: Source, known: trusted.Trusted) -> tuple[str, Root, Root] | None:
    """Of the newest known root of which the source has the version: its name, and the source's; None for none.

    Those before it say nothing any more: whose word counts is what the newest says.
    """
    for content in reversed(known.roots):
        root = _root(content)
        name = f"metadata/{root.version}.root.json"
        there = source(name)
        if there is not None:
            return name, root, _root(there)
    return None


def _refuse_other_root(known: trusted.Trusted, source: Source, place: PurePath, network: str) -> None:
    """Raise OtherRootError where the source has another root of a version that is known here."""
    met = _met(source, known)
    if met is not None and met[1] != met[2]:
        name, root, _ = met
        raise errors.OtherRootError(
            f"{place / name} is another root of {network} than was accepted here, "
            f"{fingerprint(network, metadata.root_keys(root))}: somebody poses as the network, or it was founded "
            "anew",
            f"ring a root holder up; werkplaats accept {network} --root sha256:… only as it is read to you",
        )


def _require_roles(place: PurePath, network: str, chain: tuple[bytes, ...], targets: Targets) -> None:
    """Raise PublicationError where root holders signed for other roles than a publication of this network has."""
    for content in chain:
        if fault := metadata.root_fault(_root(content), network):
            raise errors.PublicationError(f"{place / 'metadata'}: root {_root(content).version} {fault}", ASK)
    if fault := metadata.targets_fault(targets, _root(chain[-1])):
        raise errors.PublicationError(f"{place / 'metadata'}: what the root holders signed {fault}", ASK)


def _named(known: trusted.Trusted) -> dict[str, tuple[str, TargetFile]]:
    """The files that roles name: name → the role, and what it says of the file."""
    found: dict[str, tuple[str, TargetFile]] = {}
    for role in (one for one in metadata.PATHS if one in known.metadata):
        for name, file in Metadata[Targets].from_bytes(known.metadata[role]).signed.targets.items():
            found[name] = (role, file)
    return found


def _whole(source: Source, place: PurePath, known: trusted.Trusted, network: str, updater: Updater) -> Whole:
    """The publication of which this metadata was verified, each of its files as it says."""
    signed: dict[str, Any] = {role: Metadata.from_bytes(content).signed for role, content in known.metadata.items()}
    if RELEASES in signed and signed[RELEASES].unrecognized_fields.get(metadata.OF_NETWORK) != network:
        raise errors.PublicationError(
            f"{place / 'metadata'}: what the release holders signed is of another network", ASK
        )
    published = str(signed[NETWORK].unrecognized_fields.get(metadata.PUBLISHED))
    try:
        canonical.moment(published)
    except ValueError as error:
        raise errors.PublicationError(
            f"{place / 'metadata'}: the coordinator does not say when it published", ASK
        ) from error
    return Whole(
        place,
        network,
        signed[SNAPSHOT].version,
        published,
        _files(source, place, _named(known), updater.get_targetinfo),
        _holders(signed[ROOT], signed[TARGETS]),
        signed[ROOT].version,
        _lineage(source, network, [_root(content) for content in known.roots]),
        frozenset(signed[TARGETS].unrecognized_fields[metadata.AUTHORITIES]),
        metadata.federations(signed[TARGETS]),
        {role: one.expires for role, one in signed.items()},
        {role: one.version for role, one in signed.items()},
        _signers(known.metadata) if RELEASES in signed else frozenset(),
    )


def _signers(read: Mapping[str, bytes]) -> frozenset[str]:
    """The release holders whose signature holds, by fingerprint; that they are enough was looked at before."""
    releases: Metadata[Targets] = Metadata.from_bytes(read[RELEASES])
    handed: Targets = Metadata[Targets].from_bytes(read[TARGETS]).signed
    found = handed.get_verification_result(RELEASES, releases.signed_bytes, releases.signatures)
    return frozenset(metadata.key_fingerprint(key) for key in found.signed.values())


def _holders(root: Root, targets: Targets) -> RootHolders:
    releases = metadata.release_keys(targets)
    of_root = metadata.root_keys(root)
    return RootHolders(root=of_root) if releases is None else Holders(root=of_root, releases=releases)


def _lineage(source: Source, network: str, chain: list[Root]) -> frozenset[str]:
    """The fingerprints of a chain of roots, and of those before it whose holders signed for it."""
    for version in range(chain[0].version - 1, 0, -1):
        before, after = (source(f"metadata/{one}.root.json") for one in (version, version + 1))
        if before is None or after is None:
            break
        follower: Metadata[Root] = Metadata.from_bytes(after)
        if not _root(before).get_verification_result(ROOT, follower.signed_bytes, follower.signatures):
            break
        chain.insert(0, _root(before))
    return frozenset(fingerprint(network, metadata.root_keys(one)) for one in chain)


def _files(
    source: Source,
    place: PurePath,
    named: Mapping[str, tuple[str, TargetFile]],
    look_up: Callable[[str], TargetFile | None],
) -> dict[str, bytes]:
    if len(named) > MOST_FILES:
        raise errors.PublicationError(f"{place} has more than {MOST_FILES} files", FETCH)
    found: dict[str, bytes] = {}
    for name, (role, said) in sorted(named.items()):
        if not metadata.NAMES.fullmatch(name):
            raise errors.PublicationError(f"{place / _shown(name)} is nothing that a publication has", FETCH)
        file = look_up(name)  # of the role that may name it; another one is not asked
        if file is None or file != said:
            others = metadata.who(RELEASES if name.startswith("releases/") else NETWORK)
            raise errors.PublicationError(
                f"{place / name} is named by {metadata.who(role)} alone, and only {others} may name it", ASK
            )
        found[name] = _content(source, place, name, file)
        if sum(map(len, found.values())) > LARGEST_WHOLE:
            raise errors.PublicationError(f"{place} is larger than {LARGEST_WHOLE} bytes", FETCH)
    return found


def _content(source: Source, place: PurePath, name: str, file: TargetFile) -> bytes:
    digest = file.hashes.get("sha256", "")
    if file.hashes.keys() != {"sha256"} or not _SHA256.fullmatch(digest):
        raise errors.PublicationError(f"{place / name} is published without a SHA-256, or with another digest", FETCH)
    if file.length > LARGEST_FILE:
        raise errors.PublicationError(f"{place / name} is larger than {LARGEST_FILE} bytes", FETCH)
    content = source(path_of(name, digest))
    if content is None:
        raise errors.PublicationError(f"{place / name} is missing", FETCH)
    try:
        file.verify_length_and_hashes(content)
    except exceptions.LengthOrHashMismatchError as error:
        raise errors.PublicationError(
            f"{place / name} is not the file that was published: its digest differs", FETCH
        ) from error
    return content


def path_of(name: str, digest: str) -> str:
    """Where a file of this digest lies in a publication: each version has a name of its own."""
    folder, slash, last = name.rpartition("/")
    return f"targets/{folder}{slash}{digest}.{last}"


def _shown(text: str) -> str:
    return errors.printable(text.replace("\n", "\N{REPLACEMENT CHARACTER}"))


def _in_words(error: Exception, last: str, source: Source, place: PurePath, network: str) -> errors.WerkplaatsError:
    """What the library found, as a sentence: which file, what the attack would be, and what to do."""
    if isinstance(error.__cause__, errors.WerkplaatsError):
        return error.__cause__  # of a source, which the library says again in its own words
    where, why = place / last if last else place, _shown(str(error))[:300]
    match error:
        case exceptions.ExpiredMetadataError():
            role = next((one for one in metadata.ROLES if re.search(rf"\b{one}\b", why)), TIMESTAMP)
            return errors.ExpiredError(
                f"{place} is not the word of {metadata.who(role)} any more: {role} was good until "
                f"{_until(source, role)}. Nothing newer was published, or somebody keeps it from you",
                f"fetch the newest publication; where this is the newest {_renew(role, network)}. Nothing is changed "
                "by it meanwhile, and stations work on",
            )
        case exceptions.BadVersionNumberError():
            told = f"{where} is of an older publication than was read before: {why}"
            return errors.PublicationError(told, "fetch the newest publication; ask the coordinator for its number")
        case exceptions.UnsignedMetadataError():
            told = f"{where} is not signed by those of whom the root says that they must: {why}"
            return errors.PublicationError(
                f"{told}. It was made by somebody else, or by a coordinator that was replaced",
                f"{FETCH}; where that does not help, ask the coordinator, and install nothing of it",
            )
        case exceptions.LengthOrHashMismatchError():
            return errors.PublicationError(f"{where} is not the file that was published: its digest differs", FETCH)
        case exceptions.DownloadLengthMismatchError():
            return errors.PublicationError(f"{where} is not the file that was published: it is longer", FETCH)
        case exceptions.DownloadHTTPError():
            return errors.PublicationError(f"{where} is missing", FETCH)
    return errors.PublicationError(f"{where} cannot be read as a publication: {why or type(error).__name__}", FETCH)


def _until(source: Source, role: str) -> str:
    """When the word of a role ended, where that is found at once."""
    content = source(NEWEST) if role == TIMESTAMP else None
    if content is None:
        return "a while ago"
    ends: datetime.datetime = Metadata[Timestamp].from_bytes(content).signed.expires
    return canonical.stamp(ends)


def _renew(role: str, network: str) -> str:
    if role in metadata.COORDINATORS:
        return f"the coordinator runs werkplaats trust publish {network}"
    return f"{metadata.who(role)} sign it anew with {metadata.signs(role)} {network}"


def version(known: trusted.Trusted) -> int:
    """How often the coordinator had said which publication is the newest, when this was read."""
    return Metadata[Timestamp].from_bytes(known.metadata[TIMESTAMP]).signed.version


def newest_root(known: trusted.Trusted, network: str) -> str:
    """The fingerprint of the newest root that is known."""
    return fingerprint(network, metadata.root_keys(_root(known.roots[-1])))
