"""Certificates: request, approve, publish. Each step hands the next one files, and none needs the other's login.

request   fetch the certificate requests that the servers made, from the servers that this operator runs
approve   sign one request, by the fingerprint that was compared with the organisation (coordinator)
publish   make the folder that all members may read: definition, CA, revocation list, identities (coordinator)

No server changes by any of them. The first approve or publish founds the network's CA, in the vault of whoever runs it.
"""

from __future__ import annotations

import argparse
import sys

from base import errors
from station_image.builder import images
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.coordinator import steps
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action and what it needs."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    request = actions.add_parser("request", help="fetch the requests of this operator's servers")
    common.network_argument(request)
    common.only_argument(request)
    approve = actions.add_parser("approve", help="sign one request by its fingerprint")
    common.network_argument(approve)
    approve.add_argument("organisation", metavar="ORGANISATION")
    approve.add_argument("--fingerprint", required=True, metavar="SHA256:…", help="as the organisation told it")
    publish = actions.add_parser("publish", help="make the publication")
    common.network_argument(publish)


def run(given: argparse.Namespace) -> int:
    """Do one of the three."""
    network = named.find(given)
    with network.vault.lock(f"trust {given.action}"):
        match given.action:
            case "request":
                with network.remotes() as remotes:
                    unreachable = remotes.probe()
                    wanted = [o for o in given.only or remotes.servers if o not in unreachable]
                    for asked in hand_over.request(network, remotes, wanted):
                        print(f"{asked.organisation}: {asked.fingerprint}")
                    for organisation, why in unreachable.items():
                        print(f"left out: {organisation}: {why}")
                print("tell each fingerprint to the coordinator by another way than this file")
                return errors.HALF_WAY if unreachable else errors.DONE
            case "approve":
                identity = steps.approve(network, given.organisation, given.fingerprint)
                print(f"{identity.organisation}: approved {identity.fingerprint}")
            case "publish":
                for left_out in network.warnings:
                    print(f"note: {left_out}", file=sys.stderr)
                published = steps.publish(network, steps.release(network, images.current()))
                print(f"publication {published.number} is in {network.publication}")
                print(
                    f"signed by the CA with key {published.authority_key}: read this to who accepts for the first time"
                )
    return errors.DONE
