"""Ansible's own inventory of a network: how to reach each server, and what the roles need to know of it.

`up` and `destroy` run their playbooks with it, and `werkplaats inventory` prints it for whoever runs them by hand.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from base import errors
from werkplaats.operations.bring_up import federations, hand_over, hostvars, stations
from werkplaats.operations.home import networks
from werkplaats.operations.reach import here, remote, servers, ssh_config

HostVars = Mapping[str, Mapping[str, Any]]


class _Untrusted(dict[str, Any]):
    """A mapping of which Ansible takes no text for a template."""


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  people read this: every server says all of its own
        return True

    def text(self, data: str) -> yaml.Node:
        """Certificates as they are, line by line."""
        return self.represent_scalar("tag:yaml.org,2002:str", data, "|" if "\n" in data else None)

    def untrusted(self, data: _Untrusted) -> yaml.Node:
        return self.represent_mapping("!unsafe", data.items())


_Dumper.add_representer(str, _Dumper.text)
_Dumper.add_representer(_Untrusted, _Dumper.untrusted)


@dataclasses.dataclass(frozen=True)
class Inventory:
    """The text, and why an organisation of this operator is not in it."""

    text: str
    left_out: Mapping[str, str]
    waiting: Mapping[str, str]


def read(network: networks.Network, only: Sequence[str]) -> Inventory:
    """The inventory of what may be applied now, as `up` would run with it; changes nothing and builds nothing."""
    with network.remotes() as remotes:
        unreachable = remotes.probe()
        wanted = [o for o in remotes.servers if not only or o in only]
        reached = [o for o in wanted if o not in unreachable]
        applicable = hand_over.applicable(network, remotes, reached)
        beside = federations.beside(network, remotes, reached, lambda _: None, looking=True)
        running = stations.running(remotes, applicable.views)
        hosts = hostvars.applied(network, applicable, reached, running, beside)
        left_out = {o: why for o, why in (unreachable | applicable.refused).items() if o in wanted}
        missing = [o for o in reached if o not in hosts and o not in left_out]
        waiting = dict.fromkeys(missing, f"has no certificate or acceptance yet: werkplaats up {network.name}")
        if not hosts:
            why = "; ".join(f"{o}: {reason}" for o, reason in (left_out | waiting).items())
            raise errors.UsageError(f"{network.name} has no server that may be configured: {why or 'none is known'}")
        return Inventory(text(remotes, hosts), left_out, waiting)


def text(remotes: remote.Remotes, hosts: HostVars) -> str:
    """YAML for these servers (organisation → station), each by its name in the ssh_config of the network.

    What a station is told comes from the coordinator and from other organisations. Ansible takes text of an inventory
    for templates, which can run programs on this machine: this text it must not.
    """
    rows = {
        organisation: {
            **_way(remotes, remotes.servers[organisation]),
            "station": _Untrusted(station),
        }
        for organisation, station in hosts.items()
    }
    return yaml.dump({"all": {"hosts": rows}}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _way(remotes: remote.Remotes, server: servers.Server) -> dict[str, Any]:
    """How Ansible gets to a server, and to a Python of root's there: elsewhere as `ansible.cfg` says."""
    if server.here:
        python = shlex.join((*here.as_root(server.user), "/usr/bin/python3"))
        return {"ansible_connection": "local", "ansible_python_interpreter": python}
    return {
        "ansible_ssh_common_args": shlex.join(("-F", str(remotes.config))),
        "engine_host": ssh_config.alias(server.organisation, ssh_config.ENGINE),
        "mitogen_ssh_compression": False,  # what travels is small, or compressed already
    }
