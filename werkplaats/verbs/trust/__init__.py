"""Certificates: from request to revocation. Steps hand each other files, and none needs the other's login.

request     fetch the certificate requests that the servers made, from the servers that this operator runs
renew-key   have a server of this operator make another gateway key, and fetch its request: nobody has to approve it
approve     sign one request, by the fingerprint that was compared with the organisation (coordinator)
publish     make the folder that all members may read: definition, CA, revocation list, identities. Certificates are
            signed anew of which two thirds of the life are over, and renewed keys certified (coordinator); --quiet is
            for cron, which writes to you then when something was done, and when somebody has to act
revoke      revoke all that an organisation was certified, withdraw its identity, and publish that (coordinator); --now
            also puts it in force on the servers of this operator
reinstate   certify the keys of an organisation again whose certificate is on hold, and publish that (coordinator)
enforce     put in force on the servers of this operator, within seconds, what is published and ends something: the
            revocation list, and who is out. All else waits for `up`
roll        have another CA take the place of the one there is, for the same keys of stations, in three steps that
            are published one after the other: trusted beside it, for which root holders sign and which every operator
            accepts; --switch, its certificates are shown; --drop, it is trusted alone. No session is lost. The key of
            the one before may be lost, as long as its last list is good. --at-once does without the first two, and
            whoever did not accept it does not talk with who did; --stolen is that with another key to publish, too
            (coordinator)
root        the root holders' keys, which say who may publish: make, found, change, sign, replace the coordinator

On a federation `root`, `publish`, `revoke` and `reinstate` work: it certifies the CAs of its members, of which
ORGANISATION is one then; a member that is cut off goes on by itself.

No other server changes by any of them, and those of `renew-key` go on with the key before. The first approve or publish
founds the network's CA, in the vault of whoever runs it. Exit code 5 when a server was left out.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from base import errors
from network_topology import load, violation
from publication import verified
from station_image.builder import images
from werkplaats.operations.bring_up import enforce, hand_over
from werkplaats.operations.coordinator import federating, revocation, rolling, steps
from werkplaats.operations.home import networks
from werkplaats.verbs import common, named
from werkplaats.verbs.trust import federation as of_federation
from werkplaats.verbs.trust import signing

_BRAKES = ("revoke", "enforce")
_AS_PUBLISHED = (*_BRAKES, "publish")
_WITH_SERVERS = ("request", "renew-key", "enforce")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action and what it needs."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    helps = {
        "request": "fetch the requests of this operator's servers",
        "renew-key": "have a server make another gateway key, and fetch its request",
        "approve": "sign one request by its fingerprint",
        "publish": "make the publication, with what is due signed anew",
        "revoke": "revoke all that an organisation was certified, and publish that",
        "enforce": "put the published list in force on this operator's servers, within seconds",
        "roll": "have another CA take the place of the one there is",
        "reinstate": "certify the keys of an organisation again whose certificate is on hold",
    }
    root = actions.add_parser("root", help="the keys of root holders, and what they sign")
    signing.arguments(root.add_subparsers(dest="step", required=True, metavar="STEP"), signing.ROOT)
    made = {action: actions.add_parser(action, help=text) for action, text in helps.items()}
    for action, one in made.items():
        common.network_argument(one)
        if action not in ("request", "publish", "enforce", "roll"):
            one.add_argument("organisation", metavar="ORGANISATION")
    common.only_argument(made["request"])
    made["publish"].add_argument(
        "--quiet", action="store_true", help="for cron: say nothing where nothing was due and nobody has to act"
    )
    made["approve"].add_argument("--fingerprint", required=True, metavar="SHA256:…", help="as the organisation told it")
    made["revoke"].add_argument(
        "--reason",
        required=True,
        choices=tuple(revocation.REASONS),
        help=f"as RFC 5280 names it; {revocation.HOLD} is the only one that `reinstate` takes back",
    )
    made["revoke"].add_argument("--now", action="store_true", help="and put it in force, as `enforce` does")
    how = made["roll"].add_mutually_exclusive_group()
    how.add_argument("--switch", action="store_true", help="certificates are of the new one from now on")
    how.add_argument("--drop", action="store_true", help="the one before is trusted no more")
    how.add_argument("--at-once", action="store_true", help="trust the new one alone from the beginning")
    how.add_argument(
        "--stolen",
        action="store_true",
        help="at once: somebody may have what was in the vault, the publication key too",
    )
    for action in ("revoke", "roll"):
        common.yes_argument(made[action])


def run(given: argparse.Namespace) -> int:
    """Do one of them."""
    network, wrong = _network(given)
    if isinstance(network, networks.Federation):
        of_federation.require(given, network)
        with _locks(given, network):
            return of_federation.run(given, network, wrong)
    if given.action == "revoke":
        final = "" if given.reason == revocation.HOLD else ", for good: it comes back with new keys only"
        common.confirm(f"take {given.organisation} out of {network.name}{final}?", yes=given.yes)
    if given.action == "roll":
        common.confirm(f"{_asked_of_roll(given)} {network.name}?", yes=given.yes)
    with _locks(given, network):
        code = _do(given, network, wrong)
    if given.action in _BRAKES and (who := network.vault.lock("").holder):
        again = f"where it is no up that ends well, run werkplaats trust enforce {network.name} once it has ended"
        print(f"note: {who} changes {network.name}, and may place what was published before: {again}", file=sys.stderr)
    return _enforce(network) if given.action == "enforce" or (given.action == "revoke" and given.now) else code


def _locks(given: argparse.Namespace, network: networks.Kept) -> contextlib.ExitStack:
    """What nobody else may do meanwhile. A brake waits for no run that changes servers, stopped or hanging."""
    purpose = f"trust {given.action}"
    coordinates = given.action not in _WITH_SERVERS and getattr(given, "step", "") not in signing.OF_HOLDERS
    if coordinates:
        network.vault.ask_first()
    with contextlib.ExitStack() as held:
        if given.action not in _BRAKES:
            held.enter_context(network.vault.lock(purpose))
        if coordinates:
            held.enter_context(network.vault.coordinating(purpose))
        return held.pop_all()


def _do(given: argparse.Namespace, network: networks.Network, wrong: errors.WerkplaatsError | None) -> int:
    match given.action:
        case "request":
            return _request(given, network)
        case "renew-key":
            _renew_key(given, network)
            return errors.DONE
        case "approve":
            identity = steps.approve(network, given.organisation, given.fingerprint)
            print(f"{identity.organisation}: approved {identity.fingerprint}")
            return errors.DONE
        case "enforce":
            if wrong:
                print(f"note: in force is put what was published last: {wrong}", file=sys.stderr)
            return errors.DONE
        case "root":
            return signing.run(given, network)
        case "revoke":
            steps.revoke(network, given.organisation, given.reason, print)
        case "roll":
            _roll(given, network)
        case "reinstate":
            steps.reinstate(network, given.organisation, print)
    if given.action == "publish":
        if given.quiet:
            steps.require_key(network)  # on the first morning, and not on the first one on which something is due
        _publish(network, wrong, must=True, quiet=given.quiet)
        return errors.DONE
    _publish(network, wrong)
    return errors.DONE


_ROLLS = (
    (
        "switch",
        "Whoever did not accept it does not talk then with who did. Have the new CA sign certificates of",
        rolling.switch,
    ),
    ("drop", "Whoever shows a certificate of before is let in no more. Trust the new CA alone in", rolling.drop),
    (
        "at_once",
        "Until its operator accepts that, a station and those that did do not talk. Make another CA of",
        rolling.at_once,
    ),
    (
        "stolen",
        "Until its operator accepts that, a station and those that did do not talk. Make another CA of",
        rolling.stolen,
    ),
)


def _asked_of_roll(given: argparse.Namespace) -> str:
    asked = (what for name, what, _ in _ROLLS if getattr(given, name))
    return next(asked, "have another CA take the place of that of")


def _roll(given: argparse.Namespace, network: networks.Network) -> None:
    do = next((do for name, _, do in _ROLLS if getattr(given, name)), rolling.begin)
    do(network, print)


def _network(given: argparse.Namespace) -> tuple[networks.Network | networks.Federation, errors.WerkplaatsError | None]:
    """The network that was named; as it was published last, and why, where its definition is not right now.

    That is enough to revoke in it and to sign anew what is due, where its records lie, and to put in force anywhere.
    """
    try:
        return _looked_at(given), None
    except violation.UnknownNetworkError:
        raise
    except violation.DefinitionError as error:
        network: networks.Network | networks.Federation | None = None
        if given.action in _AS_PUBLISHED:
            network = steps.as_published(given.network, given.home)
            if network is None and given.action in of_federation.ACTIONS:
                network = federating.as_published(given.network, given.home)
        if network is None and given.action == "enforce":
            network = steps.as_read(given.network, given.home)
        if network is None:
            raise
        return network, error


def _looked_at(given: argparse.Namespace) -> networks.Network | networks.Federation:
    """The network as it is defined. Raises KindError for a federation where only a regional network will do.

    So it will where one was published under that name: its definition was written over.
    """
    network = named.look_at(given)
    if isinstance(network, networks.Network):
        return network
    if given.action not in of_federation.ACTIONS or steps.as_published(given.network, given.home):
        raise load.regional_wanted(network.definition)
    return network


def _request(given: argparse.Namespace, network: networks.Network) -> int:
    with network.remotes() as remotes:
        unreachable = remotes.probe()
        wanted = [o for o in given.only or remotes.servers if o not in unreachable]
        for asked in hand_over.request(network, remotes, wanted):
            print(f"{asked.organisation}: {asked.fingerprint}")
        for organisation, why in unreachable.items():
            print(f"left out: {organisation}: {why}")
    print("tell each fingerprint to the coordinator by another way than this file")
    return errors.HALF_WAY if unreachable else errors.DONE


def _renew_key(given: argparse.Namespace, network: networks.Network) -> None:
    if given.organisation not in {one.organisation for one in network.servers}:
        raise errors.UsageError(f"{given.organisation} is none of the servers of this operator in {network.name}")
    with network.remotes() as remotes:
        asked = hand_over.renew_key(network, remotes, given.organisation)
    print(f"{asked.organisation}: gateway key {asked.statement.serial}, which its statement key signed")
    print(f"give its request to the coordinator: {network.inventory / 'requests' / f'{asked.organisation}.json'}")
    print(f"it is certified by werkplaats trust publish {network.name}, and then taken by werkplaats up {network.name}")


def _enforce(network: networks.Network) -> int:
    with network.remotes() as remotes:
        outcome = enforce.enforce(network, remotes)
    if outcome.in_force:
        print(f"in force at {', '.join(outcome.in_force)}: links with who is out are ended there")
    for organisation, why in outcome.out.items():
        print(f"out: {organisation}: {why}")
    if outcome.others:
        print(f"run by other operators, who run werkplaats trust enforce or up: {', '.join(outcome.others)}")
    for organisation, why in outcome.left_out.items():
        print(f"not in force: {organisation}: {why}")
    return errors.HALF_WAY if outcome.left_out else errors.DONE


def _publish(
    network: networks.Network, wrong: errors.WerkplaatsError | None, *, must: bool = False, quiet: bool = False
) -> None:
    """Publish all that is defined, or what is published already with what was revoked and is due; `must` it be all?"""
    before = steps.number_published(network) if quiet else None
    for left_out in () if quiet else network.warnings:
        print(f"note: {left_out}", file=sys.stderr)
    try:
        if wrong:
            raise wrong
        if network.made_here:
            steps.found(network)
        image = images.current()
        release = steps.release(network, image)
        published = steps.publish(network, release, print, ask=steps.known_release(network, image) is not None)
    except (errors.RefusedError, errors.UsageError, errors.FoundError) as error:
        _show(network, _go_on(network, error), before)
        if must:
            raise
        print(f"note: all else is as it was published before: {error}", file=sys.stderr)
    else:
        _show(network, published, before)


def _go_on(network: networks.Network, wanted: errors.WerkplaatsError) -> verified.Verified:
    """Publish what does not wait; raises `wanted`, for which the rest does, where nothing can be published."""
    try:
        published = steps.go_on(network, print)
    except errors.WerkplaatsError as error:
        raise wanted from error
    if published is None:
        raise wanted
    return published


def _show(network: networks.Network, published: verified.Verified, before: int | None) -> None:
    root = f"its root is {published.root}: root holders read this to who accepts for the first time"
    signing.show_published(network, published.number, before, root)
