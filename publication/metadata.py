"""What the metadata of a publication looks like: one table for who makes it and for who reads it.

A publication is a repository of The Update Framework (TUF 1.0); python-tuf looks after signatures, versions, ends,
lengths and digests. Here is which roles there are, and who may name what:

    root       the root holders, offline     names the keys of all others; a publication has one root for ever
    targets    the root holders, offline     names no file: hands them on to the two below, names the CA's key, and the
                                             federations in which the network takes part
    network    the coordinator               definition, CA, revocation list, identities, questions, tables
    releases   the release holders, offline  releases/*: who ships the station image could read all data
    snapshot   the coordinator               which versions belong together
    timestamp  the coordinator               that this is the newest, for a month

`targets` names no file because TUF asks it first: with the coordinator's key there, the coordinator alone published a
release. Both roles below end the search, so that no other one is asked for their names.

A federation ships no image, so it has no release holders. What its coordinator publishes of a member is the
cross-certificates of that one's CA.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

import pydantic
from cryptography.hazmat.primitives import serialization
from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from base import canonical
from network_topology import names
from publication import profile
from publication.whole import Consent, Keys

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = "root", "targets", "snapshot", "timestamp"
NETWORK, RELEASES = "network", "releases"
ROLES = (ROOT, TARGETS, NETWORK, RELEASES, SNAPSHOT, TIMESTAMP)
COORDINATORS = (NETWORK, SNAPSHOT, TIMESTAMP)
OFFLINE = (ROOT, TARGETS, RELEASES)
Paths = Mapping[str, tuple[str, ...]]
PATHS: Paths = {
    RELEASES: ("releases/*",),
    NETWORK: ("definition.json", "ca.pem", "crl.pem", "identities/*", "questions/*", "tables/*"),
}
PATHS_OF_FEDERATION: Paths = {
    NETWORK: ("definition.json", "ca.pem", "crl.pem", "members/*", "questions/*", "tables/*"),
}
NAMES = re.compile(
    r"definition\.json|(ca|crl)\.pem|members/[a-z0-9-]+(\.sandbox)?\.pem|(identities|questions|tables)/[a-z0-9-]+\.json"
    r"|releases/[A-Za-z0-9][A-Za-z0-9._-]*\.json"
)
"""What the files of a publication are called."""
LIFETIMES: Mapping[str, datetime.timedelta] = {
    ROOT: datetime.timedelta(days=3653),
    TARGETS: datetime.timedelta(days=400),
    RELEASES: datetime.timedelta(days=400),
    NETWORK: datetime.timedelta(days=100),
    SNAPSHOT: datetime.timedelta(days=35),
    TIMESTAMP: datetime.timedelta(days=35),
}
# Fields of our own, signed with the rest: a root is of one network, also where people hold keys of several.
OF_NETWORK, AUTHORITIES, PUBLISHED = "x-network", "x-authorities", "x-published"
FEDERATIONS = "x-federations"
MOST_FEDERATIONS = 16


def due(ends: datetime.datetime, life: datetime.timedelta, moment: datetime.datetime) -> bool:
    """Whether two thirds of a life are over, so that a role is signed anew."""
    return ends - moment < life / 3


def signs(role: str) -> str:
    """The command with which those sign who hold a role that is offline, without what it needs."""
    return "werkplaats release sign" if role == RELEASES else "werkplaats trust root sign"


def who(role: str) -> str:
    """Whose word a role is."""
    return {RELEASES: "the release holders"}.get(
        role, "the coordinator" if role in COORDINATORS else "the root holders"
    )


def key_fingerprint(key: Key) -> str:
    """The fingerprint of a key of P-256, the only kind that is taken, tokens have it too; else raises ValueError."""
    if (key.keytype, key.scheme) != ("ecdsa", "ecdsa-sha2-nistp256"):
        raise ValueError(f"a key is {key.keytype} with {key.scheme}, and P-256 is the only kind that is taken")
    public = serialization.load_pem_public_key(key.keyval["public"].encode())
    return profile.key_fingerprint(profile.p256(public))


def keys(known: Mapping[str, Key], key_ids: list[str], threshold: int) -> Keys:
    """The keys of a role; raises ValueError where one of them is there twice under two ids, and would count twice."""
    found = sorted(key_fingerprint(known[one]) for one in key_ids)
    if len({*found}) < len(found) or threshold > len(found):
        raise ValueError(f"{threshold} must sign of {len({*found})} keys, of which one may stand there twice")
    return Keys(keys=tuple(found), threshold=threshold)


def root_keys(root: Root) -> Keys:
    """The root holders' keys."""
    return keys(root.keys, root.roles[ROOT].keyids, root.roles[ROOT].threshold)


def paths(targets: Targets) -> Paths:
    """Which files are handed on to which roles in a publication of its kind: what the coordinator may name tells it."""
    roles = (targets.delegations.roles if targets.delegations else None) or {}
    named = roles[NETWORK].paths if NETWORK in roles else None
    return PATHS_OF_FEDERATION if tuple(named or ()) == PATHS_OF_FEDERATION[NETWORK] else PATHS


def release_keys(targets: Targets) -> Keys | None:
    """The release holders' keys; None of a federation, which has none."""
    if targets.delegations is None or targets.delegations.roles is None:
        raise ValueError("nothing is handed on to release holders")
    role = targets.delegations.roles.get(RELEASES)
    if role is None:
        return None
    return keys(targets.delegations.keys, role.keyids, role.threshold)


def root_fault(root: Root, network: str) -> str:
    """What is wrong with a root of this network, as the end of a sentence; "" when nothing is."""
    of = root.unrecognized_fields.get(OF_NETWORK)
    if of != network:
        return f"is the root of {of!r}, not of {network}"
    if not root.consistent_snapshot:
        return "does not say that each version has a name of its own"
    try:
        holders = root_keys(root)
        role = root.roles[TARGETS]
        if keys(root.keys, role.keyids, role.threshold) != holders:
            return "has other keys for targets than for root"
        online = {one for name in (SNAPSHOT, TIMESTAMP) for one in _online(root.keys, root.roles[name].keyids)}
    except ValueError as error:
        return f"has keys that are not taken: {error}"
    if online & {*holders.keys}:
        return "gives the coordinator a root holder's key"
    return ""


def targets_fault(targets: Targets, root: Root) -> str:
    """What is wrong with what the root holders hand on, as the end of a sentence; "" when nothing is."""
    if targets.unrecognized_fields.get(OF_NETWORK) != root.unrecognized_fields.get(OF_NETWORK):
        return "is of another network"
    if targets.targets:
        return "names files itself, which is for the two roles below it"
    roles, wanted = targets.delegations.roles if targets.delegations else None, paths(targets)
    if targets.delegations is None or roles is None or roles.keys() != wanted.keys():
        return f"does not hand on to {' and '.join(sorted(wanted))}"
    for name, role in roles.items():
        if not role.terminating or role.paths is None or tuple(role.paths) != wanted[name]:
            return f"hands on other files to {name} than this network does"
    try:
        releases = release_keys(targets)
        online = {*_online(targets.delegations.keys, roles[NETWORK].keyids)}
        online |= {one for name in (SNAPSHOT, TIMESTAMP) for one in _online(root.keys, root.roles[name].keyids)}
        if online & {*(releases.keys if releases else ()), *root_keys(root).keys}:
            return "gives the coordinator a key of a root or release holder"
    except ValueError as error:
        return f"has keys that are not taken: {error}"
    named = targets.unrecognized_fields.get(AUTHORITIES)
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        return "does not name the CA's key"
    try:
        federations(targets)
    except ValueError as error:
        return f"names federations in another way than is published: {error}"
    return ""


def federations(targets: Targets) -> dict[str, Consent]:
    """What the root holders said yes to, by the federation's name; raises ValueError where it cannot be read."""
    named = targets.unrecognized_fields.get(FEDERATIONS, {})
    if not isinstance(named, dict) or len(named) > MOST_FEDERATIONS or not all(map(names.is_network, named)):
        raise ValueError(f"it is no table of at most {MOST_FEDERATIONS} names")
    try:
        return {name: Consent.model_validate_json(canonical.dump(one)) for name, one in named.items()}
    except pydantic.ValidationError as error:
        raise ValueError(f"{error.errors()[0]['msg']}") from error
    except (TypeError, RecursionError) as error:
        raise ValueError("it cannot be written again") from error


def _online(known: Mapping[str, Key], key_ids: list[str]) -> tuple[str, ...]:
    return keys(known, key_ids, 1).keys
