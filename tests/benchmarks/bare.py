"""From bare Debian servers, as organisations make them available, to a verified network of four: roles install it all.

The servers run already and are known by an inventory only, so this is no sandbox; they can reach a Debian mirror.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from base import files
from stacks.servers import seeds
from stacks.servers.image import make as server_image
from tests.benchmarks import network as whole
from tests.harness import sandboxes, servers, sized

NAME, SIZE = "kale-meting", 4
SUBNET = ipaddress.IPv4Network("198.19.255.0/24")  # the last of seeds.POOL: sandboxes get theirs from the first on
FOLDER = whole.FOLDER / NAME


def measure(said: whole.Said) -> Iterator[whole.Row]:
    """One run: it depends on the mirror most of all."""
    whole.prepare(said)
    server_image.ensure_bare(said)
    with _booted(said) as network:
        said(f"up of {SIZE} organisations on bare servers, step by step")
        yield whole.row(SIZE, "bare servers to verified", [_up(network)])


def _up(network: sandboxes.Sandbox) -> whole.Measured:
    """Every command that operators and coordinator give, one after another; the phases are those of the last `up`."""
    began = time.perf_counter()
    told = sandboxes.up_step_by_step(network)
    seconds = time.perf_counter() - began
    if not told["verified"]:
        raise AssertionError(f"not verified, so this measures something else: {told}")
    phases = {"steps before the last up": seconds - told["seconds"], **told["phases"]}
    return whole.Measured(seconds, phases, {"changes": told["changes"]})


@contextlib.contextmanager
def _booted(said: whole.Said) -> Iterator[sandboxes.Sandbox]:
    defined = definition()
    # One passphrase for the vault and for the keys of those who sign offline, who are asked for it.
    network = sandboxes.Sandbox(NAME, FOLDER / "home", FOLDER / "state", FOLDER / "passphrase")
    try:
        sized.write(network, defined)
        files.write_atomically(FOLDER / "passphrase", b"een lange zin die niemand raadt\n", mode=0o600)
        said(f"booting {SIZE} bare servers")
        servers.docker("network", "create", "--subnet", str(SUBNET), NAME)
        booted = dict(_boot(defined, FOLDER / "servers"))
        inventory = network.home / "inventories" / NAME / "servers.yml"
        inventory.parent.mkdir(parents=True)
        inventory.write_text(json.dumps(booted))
        yield network
    finally:
        remove_left_behind(said)


def definition() -> dict[str, Any]:
    """Of the usual network of four; calls come from the network that the servers are really on."""
    defined = sized.definition(NAME, SIZE)
    return defined | {"organisations": {slug: _moved(one) for slug, one in defined["organisations"].items()}}


def _moved(organisation: dict[str, Any]) -> dict[str, Any]:
    ranges = {"egress": [str(SUBNET)]}
    gateway = organisation.get("gateway")
    return organisation | ({"gateway": gateway | ranges} if gateway else ranges)


def _boot(defined: dict[str, Any], folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Boot the servers; gives organisation and entry in the inventory of each that lets its owner in."""
    addresses = (str(address) for address in list(SUBNET.hosts())[seeds.FIRST_HOST :])
    booting = {}
    for organisation, one in defined["organisations"].items():
        address, alias = next(addresses), one.get("gateway", {}).get("name", "")
        own = folder / organisation
        booting[organisation] = servers.boot(
            f"{NAME}.{organisation}", own, NAME, bare=True, address=address, alias=alias
        )
    for organisation, server in booting.items():
        server.wait_for_login()
        yield organisation, {"host": server.address, "host_key": server.host_key, "key": str(server.key)}


def remove_left_behind(said: whole.Said) -> None:
    """Remove servers, their network and what is known of them; of a run that was killed too."""
    if not FOLDER.exists():
        return
    if left := servers.docker("ps", "--all", "--quiet", "--filter", f"network={NAME}").split():
        said("removing the bare servers")
        servers.docker("rm", "--force", "--volumes", *left)
    if servers.docker("network", "ls", "--quiet", "--filter", f"name=^{NAME}$").strip():
        servers.remove_network(NAME)
    shutil.rmtree(FOLDER)
