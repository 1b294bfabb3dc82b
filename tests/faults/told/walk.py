"""A runbook of what only people know, walked as a person does at three at night, by its words alone.

Each command that it shows is typed as it stands between its backticks, its capitals filled in, by whom it is for; or
it is passed over, for a reason. One that is neither ends the walk: so words that drift from the verbs are found.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from base import errors
from runbooks.framework import found, prose, seen
from runbooks.framework.incident import Incident
from runbooks.framework.steps import Case
from tests.harness import sandboxes
from tests.werkplaats.operations.reach.terminals import COMMAND, Terminal

ASKS = " to go on: "
CONFIRM = "[y/N] "
RUNS = 4
"""More often than this nobody runs the same runbook again."""
SECONDS = 600.0
REASON = "it was told by telephone"


@dataclasses.dataclass(frozen=True)
class Typed:
    """A command that is typed: `by` whom, at which organisation (else that of the incident).

    It is typed once for each of `given`: capitals → what is typed in their place. What earlier commands said fills in
    the others: `learns` is a pattern, with the capitals as names of its groups. `ends`: its exit codes that go on.
    """

    by: str = "desk"
    at: str = ""
    given: tuple[Mapping[str, str], ...] = ({},)
    learns: str = ""
    says: str = ""
    ends: tuple[int, ...] = (errors.DONE,)


@dataclasses.dataclass(frozen=True)
class Passed:
    """A command that is not typed, and why not."""

    why: str


Commands = Mapping[str, Typed | Passed]
"""A command as runbooks have it, with NETWORK and ORGANISATION for what they are about → what the walk does with it."""


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    text: str


@dataclasses.dataclass
class Walk:
    """A person with a runbook, about a network of which they are the coordinator and run all servers.

    `folder` is for what this incident needs; `known` is what was read on the way.
    """

    network: sandboxes.Sandbox
    incident: str
    target: str
    commands: Commands
    folder: Path
    known: dict[str, str] = dataclasses.field(default_factory=dict)
    typed: list[str] = dataclasses.field(default_factory=list)
    runs: list[subprocess.Popen[str]] = dataclasses.field(default_factory=list)
    """Programs of others that go on meanwhile."""
    rung: Callable[[Walk], None] = lambda _: None
    """What whoever is rung does, before the runbook is run again."""

    @property
    def subject(self) -> str:
        """What the runbook asks to type."""
        return self.target or self.network.name

    def run(self) -> None:
        """Type what the runbook begins with, then run it until it is over, and do in between what it asks for."""
        dry, taken = own(found.find(self.incident))
        assert "nothing was changed" in self._desk(self._filled(dry, {})).text
        words = self._filled(taken.replace("…", REASON), {})
        for _ in range(RUNS):
            with Terminal(COMMAND, *words[1:], **self.network.environment) as terminal:
                terminal.seconds = SECONDS
                while (shown := terminal.asks(f"Type {self.subject}{ASKS}")) is not None:
                    self.obey(shown)
                    terminal.type(f"{self.subject}\n")
                rest, code = terminal.shown, terminal.end()
            self.obey(rest)
            if code == errors.DONE:
                return
            assert code == errors.HALF_WAY, rest
            self.rung(self)
        pytest.fail(f"{self.incident} is not over after {RUNS} runs: {rest}")

    def obey(self, shown: str) -> None:
        """Do what a text of the runbook says, but for what was done already."""
        for command in prose.commands(self._general(shown)):
            if command not in self.typed:
                self.type(command)

    def type(self, command: str) -> None:
        """Do with one command of the runbook as the row says."""
        how = self.commands.get(command)
        assert how, f"{self.incident} shows a command that the walk neither types nor passes over: {command}"
        if isinstance(how, Passed):
            return
        self.typed.append(command)
        for given in how.given:
            said = PEOPLE[how.by](self, how.at or self.target, self._filled(command, given))
            assert said.code in how.ends, f"`{command}` ended with {said.code}:\n{said.text}"
            says = self._filled_in(how.says, {})
            assert says in said.text, f"`{command}` does not say {says!r}:\n{said.text}"
            if how.learns:
                learned = re.search(self._filled_in(how.learns, {}), said.text)
                assert learned, f"`{command}` does not say {how.learns}:\n{said.text}"
                self.known |= learned.groupdict()

    def _general(self, text: str) -> str:
        """A text as runbooks have it of any network and organisation."""
        text = text.replace(self.network.name, "NETWORK")
        return re.sub(rf"\b{self.target}\b", "ORGANISATION", text) if self.target else text

    def _filled_in(self, text: str, given: Mapping[str, str]) -> str:
        names = {"NETWORK": self.network.name, "ORGANISATION": self.target, **given}
        return re.sub("|".join(names), lambda one: names[one[0]], text)

    def _filled(self, command: str, given: Mapping[str, str]) -> list[str]:
        """The words of a command, as they are typed. None has a word in capitals left."""
        places = {"folder": self.folder, "state": self.network.state}
        capitals = {name: text.format_map(places) for name, text in given.items()}
        words = shlex.split(self._filled_in(command, self.known | capitals))
        left = [one for one in words if re.fullmatch("[A-Z]{3,}", one)]
        assert not left, f"nobody knows what to type for {', '.join(left)} in `{command}`"
        return words

    def _desk(self, words: list[str]) -> Said:
        """Type one at the desk of the coordinator, and yes to what it asks."""
        with Terminal(COMMAND, *words[1:], **self.network.environment) as terminal:
            terminal.seconds, told = SECONDS, ""
            while (shown := terminal.asks(CONFIRM)) is not None:
                told += shown
                terminal.type("y\n")
            return Said(text=told + terminal.shown, code=terminal.end())


def _at_the_desk(walk: Walk, _: str, words: list[str]) -> Said:
    return walk._desk(words)


def _as_root(walk: Walk, at: str, words: list[str]) -> Said:
    done = walk.network.on(at, *words)
    return Said(done.returncode, done.stdout + done.stderr)


def _as_steward(walk: Walk, at: str, words: list[str]) -> Said:
    done = walk.network.person("steward", at, *words[1:], expect=None)
    return Said(done.returncode, done.stdout + done.stderr)


PEOPLE: Mapping[str, Callable[[Walk, str, list[str]], Said]] = {
    "desk": _at_the_desk,
    "root": _as_root,
    "steward": _as_steward,
}


def own(incident: Incident) -> tuple[str, str]:
    """How its prose says that its runbook is looked at, and run."""
    begins = rf"werkplaats incident run NETWORK {incident.name}\b"
    dry, taken = (one for one in prose.commands(incident.prose()) if re.match(begins, one))
    assert "--execute" not in dry
    assert "--execute" in taken
    return dry, taken


class _Nameless:
    """Stands for a network of which steps need no more than the name."""

    name = "NETWORK"


def shown(incident: Incident) -> set[str]:
    """Every command that a runbook shows, in its prose and in its steps, but for those that run it."""
    subject = _Nameless.name if incident.about == "network" else "ORGANISATION"

    def look() -> seen.Seen:
        return seen.Seen(network=_Nameless.name, at="")

    case = Case(cast(Any, _Nameless()), cast(Any, None), subject, print, look, cast(Any, None))
    steps = "\n".join(f"{one.by_hand} {one.decides}" for one in incident.steps(case))
    return {*prose.commands(incident.prose()), *prose.commands(steps)} - {*own(incident)}
