"""What stands for the internet between sandboxes: one more network of this machine's engine, for each federation.

The engine keeps the networks of two sandboxes apart. That a running server is on another network too is nothing that
Pulumi's provider can declare without making the server anew, so that the engine is asked for it, at every run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import docker

from base import errors
from stacks import labels

STACK = "werkplaats-between"


def connect(federation: str, subnet: str, servers: Mapping[str, str]) -> list[str]:
    """Have these servers (container → the name by which others call it) reach each other; returns who did not yet.

    `subnet` (CIDR) is that of the network where there is none yet. A server that is not there is left out. Raises
    EngineError, also where somebody else has that subnet.
    """
    with _engine() as engine:
        network = _there(engine, federation) or _made(engine, federation, subnet)
        network.reload()
        on_it = {one["Name"] for one in network.attrs["Containers"].values()}
        return [one for one in sorted(servers.keys() - on_it) if _connected(network, one, servers[one])]


def _connected(network: Any, server: str, alias: str) -> bool:
    with contextlib.suppress(docker.errors.APIError):  # one that is off is on it, and is not shown
        network.disconnect(server, force=True)
    try:
        network.connect(server, aliases=[alias])
    except docker.errors.NotFound:
        return False
    return True


def federations() -> set[str]:
    """The federations that have a network on this machine."""
    with _engine() as engine:
        return {str(one.name) for one in engine.networks.list(filters={"label": f"{labels.STACK}={STACK}"})}


def remove(federation: str) -> bool:
    """Take the network of a federation away; returns whether there was one. Raises EngineError."""
    with _engine() as engine:
        network = _there(engine, federation)
        if network is None:
            return False
        network.reload()
        for server in network.attrs["Containers"]:
            network.disconnect(server, force=True)
        network.remove()
    return True


class EngineError(errors.UnmetError):
    """This machine's engine did not do what was asked of it."""


@contextlib.contextmanager
def _engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    try:
        yield client
    except docker.errors.DockerException as error:
        raise EngineError(f"the container engine of this machine: {error}", "run the same command again") from error
    finally:
        client.close()


def _there(engine: docker.DockerClient, federation: str) -> Any:
    marks = [f"{key}={value}" for key, value in labels.labels(STACK, federation).items()]
    return next(iter(engine.networks.list(filters={"label": marks})), None)


def _made(engine: docker.DockerClient, federation: str, subnet: str) -> Any:
    pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=subnet)])
    return engine.networks.create(federation, ipam=pool, labels=labels.labels(STACK, federation))
