"""`trust` on a federation: root, publish, revoke and reinstate. It has no servers, and certifies CAs of its members.

publish     certify the CAs of members whose root holders said yes, revoke what was certified of those that left, and
            publish that; members' publications lie beside it, as they are fetched
revoke      cut a member off: what its CA was certified is revoked. Inside that region all goes on
reinstate   have the CA of a member that is on hold certified again
"""

from __future__ import annotations

import argparse
import sys

from base import errors
from werkplaats.operations.coordinator import federating, revocation, steps
from werkplaats.operations.home import networks
from werkplaats.verbs import common
from werkplaats.verbs.trust import signing

ACTIONS = ("root", "publish", "revoke", "reinstate")


def require(given: argparse.Namespace, federation: networks.Federation) -> None:
    """Raise UsageError where servers are asked for; ask before anything is revoked."""
    if getattr(given, "now", False):
        raise errors.UsageError(
            f"{federation.name} is a federation, and nothing is put in force by it on servers of others",
            "leave --now out; each operator runs up for the regional network, and reads it then",
        )
    if given.action == "revoke":
        final = "" if given.reason == revocation.HOLD else ", until its CA has another key"
        common.confirm(f"cut {given.organisation} off from {federation.name}{final}?", yes=given.yes)


def run(given: argparse.Namespace, federation: networks.Federation, wrong: errors.WerkplaatsError | None) -> int:
    """Do one of them; the caller holds the locks.

    Where the definition is `wrong` the federation is as it was published last: raises that once all else is published.
    """
    before = steps.number_published(federation)
    match given.action:
        case "root":
            return signing.run(given, federation)
        case "revoke":
            federating.revoke(federation, given.organisation, given.reason, print)
        case "reinstate":
            federating.reinstate(federation, given.organisation, print)
    quiet = getattr(given, "quiet", False)
    for left_out in () if quiet else federation.warnings:
        print(f"note: {left_out}", file=sys.stderr)
    _publish(federation, before if quiet else None)
    if wrong and given.action == "publish":
        raise wrong
    if wrong:
        print(f"note: all else is as it was published before: {wrong}", file=sys.stderr)
    return errors.DONE


def _publish(federation: networks.Federation, before: int | None) -> None:
    published = federating.publish(federation, lambda text: print(text, file=sys.stderr))
    certified = f"certified are: {', '.join(sorted(published.crossed)) or 'none'}"
    root = f"its root is {published.root}: root holders read this to those of its members, and to who accepts it"
    signing.show_published(federation, published.number, before, certified, root)
