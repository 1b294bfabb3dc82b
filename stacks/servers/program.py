"""The servers of a sandbox network and the wide-area network that stands for the internet."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_docker as docker

from stacks import labels, plans
from stacks.components import sandbox_server

PROJECT = "werkplaats-servers"
WAN = "wan"


@dataclasses.dataclass(frozen=True)
class ServersPlan:
    """All of one sandbox: its network, the subnet (CIDR) of its wide-area network, its servers."""

    network: str
    subnet: str
    servers: tuple[sandbox_server.ServerSpec, ...]


def program(plan: ServersPlan) -> None:
    """Declare the wide-area network and every server."""
    wan = docker.Network(
        WAN,
        name=plan.network,
        driver="bridge",
        ipam_configs=[docker.NetworkIpamConfigArgs(subnet=plan.subnet)],
        labels=[
            docker.NetworkLabelArgs(label=key, value=value)
            for key, value in labels.labels(PROJECT, plan.network).items()
        ],
        opts=pulumi.ResourceOptions(),
    )
    for spec in plan.servers:
        sandbox_server.SandboxServer(spec, stack=PROJECT, network=plan.network, wan=wan)


def from_plan_file() -> None:
    """Entry point of `pulumi up` by hand."""
    program(plans.read(ServersPlan))
