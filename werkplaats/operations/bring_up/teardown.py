"""Take a network down: everything that `up` made, and nothing else. Data folders of real servers stay."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Collection, Iterable

from stacks import drive
from stacks.engine import install
from werkplaats.operations import progress
from werkplaats.operations.bring_up import configure, servers, stations
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote, ssh_config

CUTS = "/etc/werkplaats/cut.d"  # whom an organisation cut off with station-cut: only its own people take that back
DATA = "/var/lib/werkplaats"  # data, results, allowances, register and keys of an organisation: never ours to remove


@dataclasses.dataclass
class Result:
    """What stays on purpose, and what could not be reached."""

    kept: list[str] = dataclasses.field(default_factory=list)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)


def destroy(network: networks.Network, reporter: progress.Progress, only: Collection[str] = ()) -> Result:
    """Take it down, on servers of organisations that left it too; the caller holds its lock.

    `only` limits it to servers of these organisations, where it is no sandbox.
    """
    engine = install.ensure(lambda text: reporter.say(text, "engine"))
    drive.end_children(network.vault.folder)
    return _sandbox(network, engine, reporter) if network.made_here else _stations(network, engine, reporter, only)


def _sandbox(network: networks.Network, engine: install.Engine, reporter: progress.Progress) -> Result:
    """Stations, certificates and data live in the servers and in the vault, and go with them."""
    with reporter.phase("servers") as say:
        say(drive.summary(servers.destroy(network, engine, say)))
    shutil.rmtree(ssh_config.sockets_folder(network.vault.folder / "ssh"), ignore_errors=True)
    shutil.rmtree(network.vault.folder)
    return Result()


def _stations(
    network: networks.Network, engine: install.Engine, reporter: progress.Progress, only: Collection[str]
) -> Result:
    result = Result()
    with network.remotes(*network.left) as remotes:
        wanted = [o for o in remotes.servers if not only or o in only]
        result.left_out |= {o: why for o, why in remotes.probe().items() if o in wanted}
        reached = [o for o in wanted if o not in result.left_out]
        with reporter.phase("stations") as say:
            gone, stays = stations.destroy(network, remotes, engine, reached, say)
            say(drive.summary(gone))
            result.left_out |= stays
            reached = [o for o in reached if o not in stays]
        with reporter.phase("configure") as say:
            played = configure.run(
                network.run_folder,
                remotes,
                {o: {"organisation": o, "network": network.name} for o in reached},
                say,
                playbook=configure.ROOT / "playbooks" / "destroy.yml",
            )
            result.left_out |= played.failed
        result.kept += _cuts(remotes, reached)
    result.kept += [f"{organisation}:{DATA}" for organisation in reached]
    if not only:
        result.kept.append(f"{network.vault.folder} (keys of this operator) and {network.inventory} (records)")
    return result


def _cuts(remotes: remote.Remotes, organisations: Iterable[str]) -> list[str]:
    """Where a peer is cut, which, and that it stays so."""
    found = []
    for organisation, answer in remotes.ask_all(organisations, "ls", CUTS).items():
        if isinstance(answer, remote.Done) and (peers := answer.stdout.split()):
            told = f"{', '.join(peers)} cut off, also after the next up, until station-cut --restore there"
            found.append(f"{organisation}:{CUTS}: {told}")
    return found
