"""`trust root`, `release key` and `release sign`: the offline keys of a publication, and what their holders sign.

key           make a holder's key in a file of its own, or name one on a token; its public half goes to the coordinator
found         name the holders of a network that has none yet (coordinator); they sign for it
change        name other holders (coordinator); those of before and the new ones sign for it
coordinator   name this workstation's key and CA as the coordinator's, after the one before was lost or stolen
federate      say that the network takes part in a federation, with which organisations (coordinator); root holders sign
leave         say that it does so no more; nobody else has to agree (coordinator); root holders sign
sign          look at what waits for holders, and sign it with one key
show          the root's fingerprint, which holders read to who accepts for the first time, and what waits

What waits lies in the coordinator's inventory, under publication/waiting: it goes to the holders and back as files do.
Nothing of it is published before `trust publish`, and no server changes by it.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable
from pathlib import Path

from securesystemslib.signer import Key, SSlibKey

from base import canonical, errors
from network_topology import names
from publication import folder, metadata, whole
from werkplaats.operations.coordinator import roles, steps
from werkplaats.operations.home import keyfiles, networks, tokens
from werkplaats.verbs import common

ROOT, RELEASE = "root", "release"
VERBS = {ROOT: "trust root", RELEASE: "release"}
ACTIONS = {
    ROOT: {
        "key": "make a root holder's key, or name one on a token",
        "found": "name the holders of a network that has none",
        "change": "name other holders",
        "coordinator": "name this workstation as the coordinator's",
        "federate": "take part in a federation",
        "leave": "take part in a federation no more",
        "sign": "sign what waits for root holders",
        "show": "show the root's fingerprint, and what waits",
    },
    RELEASE: {
        "key": "make a release holder's key, or name one on a token",
        "sign": "sign what waits for release holders",
    },
}
# Who takes these may be asked for a passphrase, a PIN or a yes: a revocation waits for none of that.
OF_HOLDERS = ("key", "sign", "show")
_SIGNED = {ROOT: (metadata.ROOT, metadata.TARGETS), RELEASE: (metadata.RELEASES,)}


def arguments(steps_of: argparse._SubParsersAction[argparse.ArgumentParser], kind: str) -> None:
    """The steps of holders of the root or of releases, and what each needs."""
    made = {name: steps_of.add_parser(name, help=text) for name, text in ACTIONS[kind].items()}
    for name, one in made.items():
        one.set_defaults(kind=kind, step=name)
        common.network_argument(one)
    made["key"].add_argument(
        "file", type=Path, metavar="FILE", help="where the key is to lie, encrypted, or what says which token has it"
    )
    made["key"].add_argument("--token", metavar="LABEL", help="the token that has the key, by its label")
    made["key"].add_argument(
        "--id",
        type=tokens.key_id,
        default=tokens.USUAL_ID,
        metavar="HEX",
        help="the key's id on the token, as its own tool shows it (usually 02, that of a PIV card for signatures)",
    )
    made["sign"].add_argument("--key", required=True, type=Path, metavar="FILE", help="the holder's key, made by `key`")
    common.yes_argument(made["sign"])
    for name in {"federate", "leave"} & made.keys():
        made[name].add_argument("federation", metavar="FEDERATION", help="its name, as in its definition")
    if "federate" in made:
        made["federate"].add_argument(
            "--root", required=True, metavar="SHA256:…", help="its root, as one of its root holders reads it to you"
        )
        common.only_argument(made["federate"])
    for name in {"found", "change"} & made.keys():
        for what in (ROOT, RELEASE):
            made[name].add_argument(
                f"--{what}",
                action="append",
                default=[],
                type=Path,
                metavar="FILE.pub",
                required=name == "found" and what == ROOT,
                help=f"the public half of a {what} holder's key; repeated, for each of them",
            )


def run(given: argparse.Namespace, network: networks.Kept) -> int:
    """Do one step; the caller holds the network's lock, and the coordinator's but for those of holders."""
    own = steps.held_by(network)
    match given.step:
        case "key":
            made = (
                keyfiles.make(given.file)
                if given.token is None
                else keyfiles.make_of_token(given.file, given.token, given.id)
            )
            print(f"{given.file}: {made}")
            print(f"give {given.file}{keyfiles.PUBLIC} to the coordinator, and read the fingerprint to it by telephone")
            return errors.DONE
        case "sign":
            return _sign(given, network, own)
        case "found":
            if own.roots:
                raise errors.UsageError(f"{network.name} has a root", f"werkplaats trust root change {network.name}")
            if folder.there(network.publication):
                raise errors.UsageError(
                    f"{network.publication} has a publication of {network.name}, and the records know no root: they "
                    "are lost, or older",
                    f"werkplaats backup restore {network.name}, or take {network.inventory} out of git. Where the "
                    "network is to be founded anew for everybody, move that publication away",
                )
            _ask(network, own, _wanted(given, network, own))
        case "change":
            _ask(network, own, _wanted(given, network, own, own.wanted()))
        case "coordinator":
            key, authority, before = own.own_key(), steps.authority_key(network), own.wanted()
            authorities = before.authorities if authority in before.authorities else (authority,)
            _ask(network, own, dataclasses.replace(before, online=key, authorities=authorities))
            print(
                f"the CA is the one of before: where somebody may have had its key too, werkplaats trust roll "
                f"{network.name} --stolen takes the place of this"
            )
        case "federate" | "leave":
            before = own.wanted()
            _ask(network, own, dataclasses.replace(before, federations=_federations(given, network, before)))
    _show(network, own)
    return errors.DONE


def _federations(given: argparse.Namespace, network: networks.Kept, before: roles.Wanted) -> dict[str, whole.Consent]:
    """What shall be, of which federation: its name → with whom, and by which root it is known."""
    if not isinstance(network, networks.Network):
        raise errors.UsageError(f"{network.name} is a federation, and takes part in none: tiers nest no further")
    name = given.federation
    others = {one: found for one, found in before.federations.items() if one != name}
    if given.step == "leave":
        if name in before.federations:
            return others
        there = ", ".join(sorted(before.federations)) or "none"
        raise errors.UsageError(f"{network.name} does not take part in {name}; it takes part in: {there}")
    if not names.is_network(name) or name == network.name:
        raise errors.UsageError(f"{name!r} is no name of a federation", "write it as in the federation's definition")
    if len(others) >= metadata.MOST_FEDERATIONS:
        raise errors.UsageError(f"{network.name} takes part in {len(others)} federations, which is the most")
    organisations = tuple(sorted({*given.only} or network.compiled.stations))
    try:
        return {**others, name: whole.Consent(root=given.root, organisations=organisations)}
    except ValueError as error:
        raise errors.UsageError(
            f"{given.root!r} is no fingerprint of a root", "one of its root holders reads it to you: sha256:…"
        ) from error


def _wanted(
    given: argparse.Namespace, network: networks.Kept, own: roles.Roles, before: roles.Wanted | None = None
) -> roles.Wanted:
    signatures, ships = network.definition.signatures, network.ships
    root, releases = _keys(given.root), _keys(given.release)
    if releases and not ships:
        raise errors.UsageError(f"{network.name} is a federation, and ships no release", "leave --release out")
    wanted = roles.Wanted(
        root or (before.root if before else ()),
        signatures.root,
        releases or (before.releases if before else ()),
        signatures.releases if ships else 0,
        before.online if before else own.own_key(),
        before.authorities if before else (steps.authority_key(network),),
        before.federations if before else {},
    )
    for what, keys, many in (
        ("root", wanted.root, wanted.root_threshold),
        ("release", wanted.releases, wanted.releases_threshold),
    ):
        if len({one.keyid for one in keys}) < many:
            raise errors.UsageError(
                f"{len(keys)} {what} holders are named, and {many} must sign by the definition",
                f"name at least {many}, and one more, so that a lost key locks nobody out",
            )
    return wanted


def _keys(files: Iterable[Path]) -> tuple[Key, ...]:
    return tuple(SSlibKey.from_crypto(keyfiles.public(file)) for file in files)


def _ask(network: networks.Kept, own: roles.Roles, wanted: roles.Wanted) -> None:
    own.ask(wanted, canonical.now())
    print(f"{network.name}: this waits in {own.waiting}; each holder reads its key's fingerprint to you:")


def _sign(given: argparse.Namespace, network: networks.Kept, own: roles.Roles) -> int:
    own.hold()
    words, wanted = own.words(), _SIGNED[given.kind]
    if not any(own.waits(role) for role in wanted):
        print(f"nothing waits for {given.kind} holders of {own.network}")
        return errors.DONE
    print("\n".join(words))
    common.confirm("is this what was agreed, and do you sign it?", yes=given.yes)
    signer = keyfiles.signer(given.key)
    if not own.sign([signer], wanted, network.vault.coordinating(f"{VERBS[given.kind]} sign")):
        raise errors.RefusedError(
            f"{given.key} is not the key of a {given.kind} holder of {own.network}",
            "name the file of a key that is listed",
        )
    print("signed; " + ("; ".join(own.missing()) or f"nothing waits: werkplaats trust publish {own.network}"))
    return errors.DONE


def show_published(network: networks.Kept, number: int, before: int | None, *lines: str) -> None:
    """Say what waits for holders, and these lines where the publication is another one than number `before`."""
    for sentence in steps.held_by(network).missing():
        print(f"note: {sentence}", file=sys.stderr)
    if number != before:
        print("\n".join((f"publication {number} is in {network.publication}", *lines)))


def _show(network: networks.Kept, own: roles.Roles) -> None:
    for line in (*own.words(), *own.missing()):
        print(line)
    if root := own.root_keys():
        print(f"the root of {network.name} is {whole.fingerprint(network.name, root)}: {root} must sign")
        print("read this to who accepts for the first time")
