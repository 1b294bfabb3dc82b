"""What an operator may say of its servers, and that it arrives where it is needed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import errors
from network_topology import load
from network_topology.compiling import compile as compiler
from werkplaats.operations.bring_up import hostvars
from werkplaats.operations.home import places
from werkplaats.operations.reach import inventory
from werkplaats.verbs import named

FINGERPRINT = "SHA256:" + "A" * 43


def read(folder: Path, more: str) -> Any:
    path = folder / "servers.yml"
    path.write_text(f'ggd: {{host: ggd.example, host_key: "{FINGERPRINT}", {more}}}\n')
    return inventory.read(path)


def test_a_part_that_is_the_owner_s_is_said_in_the_inventory_and_the_roles_are_told(tmp_path: Path) -> None:
    servers = read(tmp_path, "managed: {sshd: false, firewall: false}")
    compiled = compiler.compile_network(load.find("proeftuin", places.EXAMPLES))
    own = {"servers": servers, "server": lambda _: servers[0], "made_here": False}
    network = cast("Any", SimpleNamespace(name="n", compiled=compiled, **own))
    image = cast("Any", SimpleNamespace(image_id="sha256:0", archive=tmp_path))
    [station] = hostvars.prepared(network, ["ggd"], image.image_id, None).values()
    assert station["managed"] == {"sshd": False, "firewall": False}
    flows = named.owners_firewalls(network, ())
    assert len(flows) == len(compiled.stations["ggd"].firewall) > 0
    assert flows[0].startswith("ggd: the firewall is the owner's here, set there: in tcp ")
    assert named.owners_firewalls(network, ["other"]) == []
    # A sandbox whose servers are not made yet has no servers.yml.
    unmade = SimpleNamespace(name="n", compiled=compiled, made_here=True, given=servers)
    assert named.owners_firewalls(cast("Any", unmade), ()) == flows


def test_a_part_that_nobody_knows_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match=r"ggd\.managed\.ssh"):
        read(tmp_path, "managed: {ssh: false}")
