"""The front door of stations: their sessions while somebody whom the firewall lets in attacks the mesh ports; and what
a station takes of a server's memory while nothing is asked.

Attackers are containers beside the servers of a sandbox, with addresses of their own. As many runs without the attack
are before it as after it. All share the cores of this machine with the attackers, which have the lowest priority.
"""

from __future__ import annotations

import contextlib
import functools
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stacks.servers.image import make as server_image
from tests.benchmarks import network
from tests.benchmarks.door import rest
from tests.harness import sandboxes, servers, sized
from tests.harness.stations import wait_until
from tests.roles.tls_mesh import attacker

SIZE = 3
RUNS = 5
ROUNDS = 300
PROMISED = 1.5
SOURCE = Path(attacker.__file__).read_text()
ATTACKER = "meting-deur-attacker"
# The kernel of who never answers would end by a reset what it never asked for.
RESETS = "table ip attacker { chain out { type filter hook output priority 0; tcp flags rst drop; }; }"
KINDS = (*attacker.KINDS, "syn")
BEGUN = {"handshakes": 700}
"""Connections after which an attack is held to its part, where that are fewer than 2000: the firewall slows these."""


def measure(said: network.Said) -> Iterator[dict[str, Any]]:
    """Memory of a station at rest, by part; then per attack seconds without and with it, and their ratio."""
    network.prepare(said)
    with network.made("meting-deur", SIZE, said) as made:
        said(f"up of {SIZE} organisations, not measured")
        made.up()
        yield from rest.measure(made, sized.definition("", SIZE)["computing"][0], said)
        for kind in KINDS:
            said(f"sessions without and with the attack {kind}")
            yield from _attacked(made, kind)


def _attacked(made: sandboxes.Sandbox, kind: str) -> Iterator[dict[str, Any]]:
    before = [_session(made) for _ in range(RUNS)]
    with _attackers(made, kind) as names:
        under = statistics.median(_session(made) for _ in range(RUNS))
        done = _done(names[0])
    alone = statistics.median([*before, *(_session(made) for _ in range(RUNS))])
    yield _row(f"a session while the gateways are attacked by {kind}", under, "s", round(alone, 2), done)
    yield _row(f"with over without, {kind}", under / alone, "times", 1.0, {}) | {"most": PROMISED}


def _session(made: sandboxes.Sandbox) -> float:
    """Seconds of one with everybody, as the station that proposes it takes them."""
    proposer = sized.definition("", SIZE)["computing"][0]
    done = made.on(proposer, "station", "session", "--rounds", str(ROUNDS), "--json")
    told = json.loads(done.stdout or "{}")
    if told.get("outcome") != "done" or told.get("left_out"):
        raise AssertionError(f"a session without a result, or without somebody, measures nothing: {done}")
    return float(told["milliseconds"]) / 1000


@contextlib.contextmanager
def _attackers(made: sandboxes.Sandbox, kind: str) -> Iterator[list[str]]:
    """One on each gateway, each from an address of its own; their containers."""
    organisations = sized.definition("", SIZE)["organisations"]
    names = [f"{ATTACKER}-{one}" for one in organisations]
    lines = servers.docker("inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}",
                           made.container(next(iter(organisations)))).split()  # fmt: skip
    try:
        for name, (one, card) in zip(names, organisations.items(), strict=True):
            address = made.on(one, "hostname", "-I").stdout.split()[0]
            script = f'nft "{RESETS}" && exec python3 -c "$SOURCE" {kind} {address} {card["gateway"]["port"]}'
            servers.docker("run", "--detach", f"--name={name}", f"--network={lines[0]}", "--cap-add=NET_ADMIN",
                           f"--env=SOURCE={SOURCE}", server_image.ensure(print), "sh", "-c", script)  # fmt: skip
        for name in names:
            wait_until(functools.partial(_begun, name, kind), f"the attack {kind}", 60)
        yield names
    finally:
        for name in names:
            with contextlib.suppress(AssertionError):
                servers.docker("rm", "--force", name)


def _begun(name: str, kind: str) -> bool:
    """Whether it is past what an address may do: from then on it is held to that."""
    return sum(_done(name).values()) > BEGUN.get(kind, 2000)


def _done(name: str) -> dict[str, int]:
    lines = servers.docker("logs", "--tail", "1", name).splitlines()
    found: dict[str, int] = json.loads(lines[-1]) if lines else {}
    return found


def _row(name: str, value: float, unit: str, floor: float | None, done: dict[str, int]) -> dict[str, Any]:
    common = {"organisations": SIZE, "phases": done}
    return {"name": f"door: {name}", "value": round(value, 2), "unit": unit, "floor": floor} | common
