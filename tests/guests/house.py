"""Guests at their owners' servers: a network of which every server exists already, each spoilt in its own way.

All situations that were asked for share one run of each verb and one reboot: a server more costs seconds, a run of its
own would cost a minute. Servers do not disturb each other; who is refused is left out, and the rest goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import ipaddress
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any, TypeVar

import yaml

from network_topology import names
from tests.guests.situations import EVERYBODY_S, PLACES, Situation
from tests.harness import sandboxes, servers

NAME = names.twin("gasten")
# The last but one of seeds.POOL: sandboxes get theirs from the first on, tests/benchmarks/bare.py has the last.
WAN, SUBNET = "gasten-wan", ipaddress.IPv4Network("198.19.253.0/24")
FIRST_HOST = 10
COMPUTING = ("ggd", "ziekenhuis", "thuiszorg")
T = TypeVar("T")
Owners = dict[str, str]


def _once(stage: Callable[[House], T]) -> property:
    """A property that is made once; where it could not be made, every test that needs it fails at once, and alike."""

    def give(house: House) -> T:
        if stage not in house.made:
            try:
                house.made[stage] = stage(house)
            except BaseException as problem:
                house.made[stage] = RuntimeError(f"{stage.__name__}: {problem}")
                raise
        found: T | RuntimeError = house.made[stage]
        if isinstance(found, RuntimeError):
            raise found.with_traceback(None)
        return found

    return property(give)


@dataclasses.dataclass
class House:
    """The network `gasten.sandbox`: computing parties on servers that nobody spoilt, and a guest per situation.

    What is asked first makes it: booting, spoiling, `up`, reboot and `verify` each happen once, in that order, and
    their seconds are in `seconds`.
    """

    network: sandboxes.Sandbox
    situations: Sequence[Situation]
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    made: dict[Any, Any] = dataclasses.field(default_factory=dict)

    @property
    def computing(self) -> list[str]:
        """Those that compute, an odd number: situations that do, and of the servers that nobody spoilt the first."""
        found = [*(one.name for one in self.situations if one.computes), *COMPUTING]
        return found[: len(found) - 1 + len(found) % 2]

    @_once
    def servers(self) -> dict[str, servers.Server]:
        """Organisation → its server, booted."""
        with self._timed("boot"):
            servers.docker("network", "create", "--subnet", str(SUBNET), WAN)
            bare = dict.fromkeys(self.computing, False)
            bare |= {situation.name: situation.bare for situation in self.situations}
            booting = {
                organisation: servers.boot(
                    self.network.container(organisation),
                    self.network.home.parent / "s",  # short: the path of a socket of ssh has 108 bytes
                    WAN,
                    name=organisation,
                    bare=bare[organisation],
                    address=str(SUBNET[number]),
                    alias=names.dns(self.network.name, organisation),
                    shared=True,
                )
                for number, organisation in enumerate(bare, FIRST_HOST)
            }
            _each(booting, lambda organisation: booting[organisation].wait())
        return booting

    @_once
    def before(self) -> dict[str, Owners]:
        """Situation → what its owner has, after it was spoilt and before anything of ours came."""
        chosen = {situation.name: situation for situation in self.situations}
        _ = self.servers
        with self._timed("spoil"):
            _each(chosen, lambda name: self.root(name, "set -e\n" + chosen[name].spoil))
        with self._timed("look"):
            return self._owners(first=True, running=True)

    @_once
    def examined(self) -> dict[str, str]:
        """Situation → what `werkplaats doctor` says of it beforehand: a line SEVERITY PART: SEEN for each finding.

        After these the sheet of what its owner has to set, each line as `yours`, its part where that begins, and `: `.
        """
        _ = self.written
        with self._timed("doctor"):
            done = self.network.run("doctor", "--json", expect=None)
        assert done.stdout, f"`doctor` told nothing: {done.stderr}"
        told = json.loads(done.stdout)
        assert not told["left_out"], told
        return {
            name: "".join(
                [*map("{severity} {part}: {seen}\n".format_map, one["findings"])]
                + [f"yours {part}: {line}\n" for part, line in one["owners"]]
            )
            for name, one in told["servers"].items()
        }

    @_once
    def up(self) -> dict[str, Any]:
        """The document of `werkplaats up` on all of them."""
        _ = self.examined if any(situation.said for situation in self.situations) else self.written
        with self._timed("up"):
            done = self.network.run("up", "--yes", "--all-steps", "--json", expect=None)
        assert done.stdout, f"`up` told nothing: {done.stderr}"
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    @_once
    def after(self) -> dict[str, Owners]:
        """Situation → what its owner has after `up`."""
        _ = self.up
        with self._timed("look"):
            return self._owners(running=True)

    @_once
    def after_reboot(self) -> dict[str, Owners]:
        """Situation → what its owner has once its server was switched off and on."""
        _ = self.after
        with self._timed("reboot"):
            _each(self.servers, lambda organisation: servers.docker("restart", self.servers[organisation].container))
            _each(self.servers, lambda organisation: self.servers[organisation].wait())
        with self._timed("look"):
            return self._owners()

    @_once
    def verified(self) -> list[dict[str, Any]]:
        """What `werkplaats verify` finds at fault after the reboot: kind, subject, name, reason."""
        _ = self.after_reboot
        with self._timed("verify"):
            asked = "/usr/local/bin/station status --json"  # not every sudo looks there by itself
            answers = f"timeout 60 sh -c 'until {asked} >/dev/null 2>&1; do sleep 0.2; done'"
            refused = {situation.name for situation in self.situations if situation.refused}
            _each(dict.fromkeys(self.servers.keys() - refused), lambda organisation: self.root(organisation, answers))
            done = self.network.run("verify", "--json", expect=None)
        return [verdict for verdict in json.loads(done.stdout)["verdicts"] if not verdict["good"]]

    def root(self, organisation: str, script: str, *, check: bool = True) -> str:
        """Run a script of root's shell on a server; returns what it printed.

        One that fails fails the test or, without `check`, returns its exit code and all that it printed.
        """
        server: servers.Server = self.servers[organisation]
        begins = secrets.token_hex(16)  # a login may print something by itself
        done = server.ask("sudo sh -s", given=f"echo {begins}\n{script}")
        done.stdout = done.stdout.rpartition(f"{begins}\n")[2]
        assert not (check and done.returncode), f"{organisation}: a script of root failed: {done.stdout}{done.stderr}"
        return f"{done.returncode}: {done.stdout}{done.stderr}" if done.returncode else done.stdout

    def remove(self) -> None:
        """Remove all that there is of it, also what a run that was killed left."""
        if self.network.vault.exists():
            self.network.run("destroy", "--yes", expect=None)
        if left := servers.docker("ps", "--all", "--quiet", "--filter", f"network={WAN}").split():
            servers.docker("rm", "--force", "--volumes", *left)
        if servers.docker("network", "ls", "--quiet", "--filter", f"name=^{WAN}$"):
            servers.remove_network(WAN)

    def _owners(self, *, first: bool = False, running: bool = False) -> dict[str, Owners]:
        def look(name: str) -> Owners:
            lines = {**EVERYBODY_S, **chosen[name].owners, **(chosen[name].running if running else {})}
            lines |= PLACES if running and chosen[name].refused else {}
            return {what: self.root(name, line, check=first) for what, line in lines.items()}

        chosen = {situation.name: situation for situation in self.situations}
        return _each(chosen, look)

    @_once
    def written(self) -> Path:
        """The inventory that the operator of all of them has, beside the definition; the servers are spoilt by now."""
        _ = self.before
        defined = yaml.safe_load(sandboxes.DEFINITION)
        own = {slug: _reachable(defined["organisations"][slug]) for slug in COMPUTING if slug in self.computing}
        organisations = own | {situation.name: _organisation(situation) for situation in self.situations}
        defined |= {
            "network": names.defined(self.network.name),
            "organisations": organisations,
            "computing": self.computing,
        }
        self.network.definition.parent.mkdir(parents=True)
        self.network.definition.write_text(yaml.safe_dump(defined, sort_keys=False))
        entry = {situation.name: situation.entry for situation in self.situations}
        entries = {
            organisation: {
                "host": server.address,
                "host_key": server.host_key,
                "key": str(server.key),
                **entry.get(organisation, {}),
            }
            for organisation, server in self.servers.items()
        }
        inventory = self.network.vault / "inventory" / "given.yml"
        for folder in (self.network.vault, inventory.parent):
            folder.mkdir(mode=0o700, parents=True)
        inventory.write_text(json.dumps(entries))
        inventory.with_name("servers.yml").write_text("# None is made here: each exists already.\n")
        return inventory

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[what] = self.seconds.get(what, 0.0) + time.monotonic() - began


def _each(names_: Mapping[str, Any], do: Callable[[str], T]) -> dict[str, T]:
    """Do something for all at once; the first that fails fails the test."""
    with futures.ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(names_, pool.map(do, names_), strict=True))


def _reachable(organisation: dict[str, Any]) -> dict[str, Any]:
    return organisation | {"gateway": organisation["gateway"] | {"egress": [str(SUBNET)]}}


def _organisation(situation: Situation) -> dict[str, Any]:
    card = {
        "name": situation.name,
        "domain": "nursing_care",
        "operator": "itself",
        "egress": [str(SUBNET)],
        "agreement": {"kind": "gvo", "signed": datetime.date(2026, 3, 1)},
    }
    if situation.computes:
        card["gateway"] = {"name": f"mesh.{situation.name}.example", "port": 8443, "egress": card.pop("egress")}
    return card


def made(folder: Path, situations: Sequence[Situation]) -> Iterator[House]:
    """A house for these situations, removed at the end; nothing is made before it is asked for."""
    house = House(sandboxes.Sandbox(NAME, folder / "home", folder / "state"), situations)
    house.remove()
    try:
        yield house
    finally:
        house.remove()
