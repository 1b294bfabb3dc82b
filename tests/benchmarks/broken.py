"""What can be broken on the server of one station, as data; three at random by seed are what one `up` has to mend."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

from tests.harness import sandboxes, servers

GATEWAY = "/etc/werkplaats/gateway/compiled/base.cfg"
NO_SERVER = "server removed"
# What is broken → how, as root on the server itself.
WAYS = {
    "agent removed": "docker rm --force station-agent",
    "gateway's settings edited": f"sed --in-place '1i # edited by hand' {GATEWAY}",
    "gateway stopped": "systemctl stop werkplaats-gateway",
    "image removed": "docker stop station-agent station-computer && docker image rm --force $(docker image ls --quiet)",
    "engine's settings edited": """sed --in-place '/"live-restore"/s/true/false/' /etc/docker/daemon.json""",
    NO_SERVER: "",  # from outside
}
DRIFT = ("agent removed", "gateway's settings edited")


def chosen(chance: random.Random, organisations: Iterable[str], number: int) -> dict[str, str]:
    """Organisation → what is to be broken on its server; each another thing."""
    return dict(zip(chance.sample(sorted(organisations), number), chance.sample(list(WAYS), number), strict=True))


def make(network: sandboxes.Sandbox, organisation: str, what: str) -> None:
    """Break it."""
    if what == NO_SERVER:
        servers.docker("rm", "--force", "--volumes", network.container(organisation))
        return
    done = network.on(organisation, "sh", "-c", WAYS[what])
    if done.returncode:
        raise AssertionError(f"{organisation}: {what}: {done.stderr}")


def touched(changes: Mapping[str, Any]) -> set[str]:
    """The organisations on whose servers `up` changed something, from its JSON document."""
    made = [change["name"].rpartition("-")[0] for part in ("servers", "stations") for change in changes[part]]
    return {*changes["configured"], *made}
