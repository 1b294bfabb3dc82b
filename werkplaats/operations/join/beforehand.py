"""What whoever has to agree wants to see before a server joins: a change advisory board, a firewall's owner, a steward.

Nothing is changed by it, on no machine: the server is examined as `doctor` does it, and where it is not known yet the
rest is told without it.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from network_topology import model
from werkplaats.operations.join.beginning import Beginning
from werkplaats.operations.offered import examine, paper
from werkplaats.operations.offered.findings import Severity
from werkplaats.operations.reach import inventory, remote, servers

StepRow = tuple[str, str, int, str]
"""Name, who takes it, minutes of a person, what it is."""
DECIDES = (
    (
        "placed, and added",
        "you, who operate the server: nothing that adds anything is applied before `werkplaats accept`",
    ),
    ("who takes part", "the coordinator publishes it, and each operator accepts it for the own server"),
    ("which software", "release holders sign it, of whom the definition says how many must, and you accept it"),
    (
        "which questions",
        "the data steward of your organisation, on the server, one by one; the command refuses everybody else, but who "
        "has root on a server can read and write what is on it: that is you",
    ),
    (
        "who is cut off",
        "the coordinator, by a revocation that every server takes by itself; and you, at once, by `station-cut`",
    ),
    ("to stop all that", "you: `werkplaats-follow --stop` on the server, and nothing that is published changes it"),
)
NEVER = (
    "The rows of your data, and the files that your people bring: they stay on the server. For a session it gives each "
    "computing party one secret share, and keyed digests that tell whether its data changed; the outcome is opened for "
    "result parties only.",
    "The private keys of the station: they are made on the server, and only public halves leave it.",
    "What is in the register, in allowances and in logs: nobody else has a login, and nothing sends them.",
    "Anything about your servers: what the network is told of yours is in the definition, which you read beforehand. "
    "Monitoring tells nothing unless your inventory asks for it.",
)


UNSAID = "how it is reached is not said: add --here, or --host and --host-key"


@dataclasses.dataclass(frozen=True)
class Paper:
    """What is known beforehand. `examined`: the server as it is; None where it was not looked at, as `lost` says."""

    begun: Beginning
    organisation: str
    examined: paper.Examined | None
    lost: str

    @property
    def in_the_way(self) -> bool:
        """Whether something on the server stands in the way."""
        return self.examined is not None and bool(self.examined.of(Severity.STOPS))

    @property
    def unreached(self) -> bool:
        """Whether it was said how the server is reached, and it was not."""
        return self.examined is None and self.lost != UNSAID


def look(begun: Beginning, organisation: str, said: Mapping[str, object]) -> Paper:
    """Examine the server, where the inventory or `said` tells how it is reached; nothing is written but below /tmp."""
    own = begun.home.inventories / begun.brought.network / "servers.yml"
    known = [one for one in (inventory.read(own) if own.exists() else ()) if one.organisation == organisation]
    with tempfile.TemporaryDirectory() as name:
        if said and not known:
            path = Path(name, "servers.yml")
            inventory.say(path, inventory.line(organisation, said))
            known = [*inventory.read(path)]
        if not known:
            return Paper(begun, organisation, None, UNSAID)
        with remote.Remotes(known, Path(name, "ssh"), Path(name, "ssh_config")) as remotes:
            if why := remotes.probe().get(organisation):
                return Paper(begun, organisation, None, why)
            found, lost = examine.examine(begun.network, remotes, [organisation])
    return Paper(begun, organisation, found.get(organisation), lost.get(organisation, ""))


def reached(organisation: str, line: str) -> str:
    """Why a server cannot be reached as this line of an inventory says, or has no sudo; "" where all is well."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "servers.yml")
        inventory.say(path, line)
        with remote.Remotes(inventory.read(path), Path(name, "ssh"), Path(name, "ssh_config")) as remotes:
            if why := remotes.probe().get(organisation):
                return why
            try:
                remotes.ask(organisation, "true")
            except servers.UnreachableError as error:
                return str(error)
    return ""


def lines(found: Paper, steps: Sequence[StepRow]) -> list[str]:
    """The text, a line each."""
    definition = found.begun.published.definition
    network, card = found.begun.network, definition.organisations[found.organisation]
    station = network.compiled.stations[found.organisation]
    root = "as it was read out to you" if found.begun.confirmed else (
        "not compared yet: until a holder of it read it to you, all of this is what the file says of itself"
    )  # fmt: skip
    told = [
        f"{card.name} ({found.organisation}) joins {network.name}: what it means for your server",
        "",
        *paper.beside("network", f"{definition.title}; publication {found.begun.published.number}"),
        *paper.beside("root", root),
        *paper.beside("coordinator", _name(definition, definition.coordinator)),
        *paper.beside("who computes", ", ".join(_name(definition, one) for one in definition.computing)),
        *paper.beside("this station", _roles(found)),
        *paper.beside("who operates it", network.compiled.operators.get(station.operated_by, station.operated_by)),
        *paper.beside("release", definition.release),
        "",
        f"the steps, {sum(one[2] for one in steps)} minutes of people in all; each can be the last of a day:",
        *(line for name, who, minutes, words in steps for line in paper.beside(name, _step(who, minutes, words))),
        "",
    ]
    if found.examined:
        told += paper.lines(found.examined)
    else:
        told += [f"the server was not examined: {found.lost}"]
    if found.examined is None or found.in_the_way:
        told += ["", *paper.flows(station.firewall)]
    told += ["", "who decides what:", *_rows(DECIDES)]
    told += ["", "what never leaves your server:", *(line for text in NEVER for line in paper.beside("", text))]
    told += ["", "who could read inputs, as the definition has it:"]
    return told + [line for text in network.compiled.privacy for line in paper.beside("", text)]


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for name, text in rows for line in paper.beside(name, text)]


def _name(definition: model.Definition, slug: str) -> str:
    return f"{definition.organisations[slug].name} ({slug})"


def _step(who: str, minutes: int, words: str) -> str:
    return f"{words} ({who}{f', {minutes} min' if minutes else ''})"


def _roles(found: Paper) -> str:
    station = found.begun.network.compiled.stations[found.organisation]
    gateway = (
        f"; others call it at {station.gateway.name}:{station.gateway.port}" if station.gateway else "; nobody calls it"
    )
    return ", ".join(one.replace("_", " ") for one in station.roles) + gateway


def document(found: Paper, steps: Sequence[StepRow]) -> dict[str, Any]:
    """The same for a program."""
    network = found.begun.network
    station = network.compiled.stations[found.organisation]
    return {
        "network": network.name,
        "organisation": found.organisation,
        "publication": found.begun.published.number,
        "root_confirmed": found.begun.confirmed,
        "coordinator": network.definition.coordinator,
        "release": network.definition.release,
        "roles": list(station.roles),
        "steps": [{"name": name, "who": who, "minutes": minutes, "what": words} for name, who, minutes, words in steps],
        "examined": paper.document(found.examined) if found.examined else None,
        "not_examined": found.lost,
        "firewall": [dataclasses.asdict(row) for row in station.firewall],
        "decides": dict(DECIDES),
        "never_leaves": list(NEVER),
        "privacy": list(network.compiled.privacy),
    }
