"""Servers: those of a sandbox are made here; all others exist already and are only reached."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import docker

from base import errors, files
from network_topology import names
from stacks import drive, labels
from stacks.components import sandbox_server
from stacks.engine import install
from stacks.servers import between, program, seeds
from werkplaats.operations import progress
from werkplaats.operations.home import networks, people
from werkplaats.operations.reach import inventory
from werkplaats.operations.reach.servers import Server

NO_IMAGE = "sha256:" + "0" * 64  # of servers that are removed


def up(network: networks.Network, engine: install.Engine, image: str, say: progress.Say) -> drive.Outcome:
    """Make the sandbox servers that are missing, and the inventory by which everything else reaches them.

    Raises RefusedError where a sandbox of this name is somebody else's, or there and in no state.
    """
    _require_own(network)
    _stack(network, engine, image).require_known(f"servers of {network.name}", functools.partial(_there, network))
    while True:
        stack = _stack(network, engine, image)
        stack.recover(say)
        remove_orphans(network, stack, say)
        try:
            made = stack.up(say, drifted=_drifted(network))
            break
        except drive.DriveError:
            # Who chose the same subnet in the same second may be ahead: the engine gives it to one of the two.
            if seeds.holds(_addresses(network), _taken_subnets(network.name)):
                raise
            say("another network took the same addresses and was ahead; choosing others")
    if there := between.federations():  # one that was made anew reaches nobody beyond its own region yet
        for federation in networks.federations(network):
            if federation.name in there:
                connect(federation, [network], say)
    return made


def adopt(network: networks.Network, engine: install.Engine) -> drive.Outcome:
    """Have a state that knows of nothing know of the servers that are there; returns what `up` would change of them.

    Raises RefusedError where a sandbox of this name is somebody else's, DriveError.
    """
    _require_own(network)
    with _local_engine() as local:
        mine = _mine(network)
        made = {str(one.labels[labels.ORGANISATION]): one for one in local.containers.list(all=True, filters=mine)}
        ids = {f"{organisation}-server": str(one.id) for organisation, one in made.items()}
        for disk in local.volumes.list(filters=mine):
            ids[f"{disk.attrs['Labels'][labels.ORGANISATION]}-engine"] = str(disk.name)
        for wide in local.networks.list(filters=mine):
            ids[program.WAN] = str(wide.id)
        image = next((str(one.attrs["Image"]) for one in made.values()), NO_IMAGE)
    return _stack(network, engine, image).adopt(ids)


def plan(network: networks.Network, engine: install.Engine, image: str) -> drive.Outcome:
    """What `up` would change of the servers."""
    return _stack(network, engine, image).preview()


def destroy(network: networks.Network, engine: install.Engine, say: progress.Say) -> drive.Outcome:
    """Remove every server, volume and network of the sandbox. Raises RefusedError where it is somebody else's."""
    _require_own(network)
    stack = _stack(network, engine, NO_IMAGE)
    stack.recover(say)
    remove_orphans(network, stack, say)
    return stack.destroy(say)


def connect(federation: networks.Federation, regions: Iterable[networks.Network], say: progress.Say) -> None:
    """Have the servers of its members that were made here reach each other, as they do over the internet."""
    made = {
        f"{region.name}.{organisation}": names.dns(region.name, organisation)
        for region in regions
        for organisation in federation.definition.members[region.name].organisations
        if organisation in _made_here(region)
    }
    record = _addresses(federation)
    while True:
        subnet, _ = seeds.addresses(record, (), _taken_subnets(federation.name))
        try:
            new = between.connect(federation.name, subnet, made)
            break
        except between.EngineError:  # as in `up`
            if seeds.holds(record, _taken_subnets(federation.name)):
                raise
    if new:
        say(f"{len(new)} servers reach those of other regions of {federation.name} now")


def _made_here(network: networks.Network) -> list[str]:
    """The organisations of a sandbox of which the server is made here, in alphabetical order."""
    given = {server.organisation for server in network.given}
    return sorted(network.compiled.stations.keys() - given)


def _stack(network: networks.Network, engine: install.Engine, image: str) -> drive.Stack:
    with files.only_one(network.vault.folder / "seeds.lock"):  # a `plan` too makes what is missing, and keeps it
        planned = _plan(network, image)
    return drive.Stack(
        project=program.PROJECT,
        program=program.program,
        plan=lambda _: planned,
        state=network.vault.folder / "stacks" / "servers",
        engine=engine,
    )


def _plan(network: networks.Network, image: str) -> program.ServersPlan:
    vault = network.vault.folder
    organisations = _made_here(network)
    subnet, addresses = seeds.addresses(_addresses(network), organisations, _taken_subnets(network.name))
    operator_line = seeds.key_pair(vault / "ssh" / "id_ed25519")
    specs, servers, path = [], [], network.inventory / "servers.yml"
    # All else in that file follows from the definition.
    said = {one.organisation: one for one in inventory.read(path)} if path.exists() else {}
    for organisation in organisations:
        folder = vault / "seeds" / organisation
        fingerprint = seeds.seed(folder, operator_line)
        alias = names.dns(network.name, organisation)
        specs.append(sandbox_server.ServerSpec(organisation, addresses[organisation], alias, image, folder))
        key = vault / "ssh" / "id_ed25519"
        own = people.in_sandbox(vault, organisation)
        made = Server(organisation, addresses[organisation], fingerprint, key=key, people=own)
        if before := said.get(organisation):
            made = dataclasses.replace(made, **{name: getattr(before, name) for name in inventory.SAID})
        servers.append(made)
    inventory.write(path, servers)
    return program.ServersPlan(network.name, subnet, tuple(specs))


def _addresses(network: networks.Kept) -> Path:
    return network.vault.folder / "addresses.json"


@contextlib.contextmanager
def _local_engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    try:
        yield client
    finally:
        client.close()


def makes(network: networks.Network, organisation: str) -> bool:
    """Whether the server of an organisation is made on this machine, which then has its power switch."""
    return network.made_here and organisation in _made_here(network)


def switch_on(network: networks.Network, organisation: str) -> bool:
    """Start a server that is made here and is off; returns whether the engine has it. Its disk is as it was."""
    return _switched(network, organisation, _on)


def switch_off(network: networks.Network, organisation: str) -> bool:
    """Switch a server off that is made here, as it is switched off by its button; returns as `switch_on`."""
    return _switched(network, organisation, lambda server: server.stop(timeout=10))


def freeze(network: networks.Network, organisation: str) -> bool:
    """Have a server that is made here do nothing any more, and say nothing; returns as `switch_on`."""
    return _switched(network, organisation, lambda server: server.pause())


def _on(server: Any) -> None:
    if server.status == "paused":
        server.unpause()
    server.start()


def _switched(network: networks.Network, organisation: str, switch: Callable[[Any], None]) -> bool:
    """Raises RefusedError where a sandbox of this name is somebody else's."""
    _require_own(network)
    with _local_engine() as engine:
        found = [
            container
            for container in engine.containers.list(all=True, filters=_mine(network))
            if container.labels.get(labels.ORGANISATION) == organisation
        ]
        for container in found:
            switch(container)
    return bool(found)


def _taken_subnets(network: str) -> list[str]:
    """The subnets of all other networks of this machine's engine."""
    with _local_engine() as engine:
        found = [n.attrs for n in engine.networks.list() if n.name != network]
    return [
        config["Subnet"] for a in found for config in (a.get("IPAM") or {}).get("Config") or () if "Subnet" in config
    ]


def _mine(network: networks.Network) -> dict[str, str | list[str] | bool]:
    return {"label": [f"{labels.STACK}={program.PROJECT}", f"{labels.NETWORK}={network.name}"]}


def _require_own(network: networks.Network) -> None:
    """A second vault on this machine may have a sandbox of the same name: its servers bear the same labels.

    Whose a server is shows in its seed, which lies in the vault that it was made from.
    """
    with _local_engine() as engine:
        for container in engine.containers.list(all=True, filters=_mine(network)):
            mounts = {mount["Destination"]: Path(mount["Source"]) for mount in container.attrs["Mounts"]}
            seed = mounts.get(sandbox_server.SEED_FOLDER)
            if seed and not seed.resolve().is_relative_to(network.vault.folder.resolve()):
                raise errors.RefusedError(
                    f"{network.name} is there already, made from the vault {seed.parents[1]}",
                    "use that one (XDG_STATE_HOME), or give this network another name",
                )


def remove_orphans(network: networks.Network, stack: drive.Stack, say: progress.Say) -> None:
    """Remove what bears this network's labels but is not in the state: a killed run made it and could not say so."""
    with _local_engine() as engine:
        made: dict[str | None, Any] = {c.id: c for c in engine.containers.list(all=True, filters=_mine(network))}
        made |= {n.id: n for n in engine.networks.list(filters=_mine(network))}
        made |= {v.name: v for v in engine.volumes.list(filters=_mine(network))}
        known = stack.identifiers() if made else set()
        # In the order of the dict: containers hold networks and volumes.
        for identifier, thing in made.items():
            if identifier not in known:
                say(f"removing {thing.name}, which a run that was killed left behind")
                _remove(thing)


def _there(network: networks.Network) -> list[str]:
    """The names of the servers that the engine has. A disk without its server is in nobody's way."""
    with _local_engine() as engine:
        return [str(server.name) for server in engine.containers.list(all=True, filters=_mine(network))]


def _remove(thing: Any) -> None:
    kind = type(thing).__name__
    if kind == "Container":
        thing.remove(force=True, v=True)
    elif kind == "Network":
        thing.reload()
        for container in thing.attrs.get("Containers") or {}:
            thing.disconnect(container, force=True)
        thing.remove()
    else:
        thing.remove()


def _drifted(network: networks.Network) -> list[str]:
    """Organisations whose server the engine does not have any more; one that is off is not ours to start."""
    with _local_engine() as engine:
        there = {c.labels.get(labels.ORGANISATION) for c in engine.containers.list(all=True, filters=_mine(network))}
    return [o for o in _made_here(network) if o not in there]
