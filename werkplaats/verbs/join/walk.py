"""The steps by which a server joins, as a table: whether each is done, looked at anew, and how it is done.

A step is done by the verb that there is for it, so whoever takes the steps by hand does the same. Nothing is kept of a
walk: where it is left, the next one finds what was done.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from base import errors
from publication import reading, trusted
from werkplaats.operations import progress
from werkplaats.operations.bring_up import hand_over, up
from werkplaats.operations.home import networks
from werkplaats.operations.join import beforehand, beginning, standing
from werkplaats.operations.look import verify
from werkplaats.operations.offered import examine, paper
from werkplaats.operations.offered.findings import Severity
from werkplaats.operations.reach import inventory
from werkplaats.verbs import accept as accept_verb
from werkplaats.verbs import common, named
from werkplaats.verbs import up as up_verb

PEOPLE = ("steward", "scientist")
BELOW = " " * 9
"""Before what is said of the step that is named above it."""


@dataclasses.dataclass(frozen=True)
class Waits:
    """Why a walk stops at a step: what is waited for, in words, and the exit code."""

    why: str
    code: int = errors.REFUSED


@dataclasses.dataclass
class Walk:
    """One run of the command. `said`: what the inventory is to say of the server, where it says nothing yet."""

    given: argparse.Namespace
    begun: beginning.Beginning
    said: dict[str, object] = dataclasses.field(default_factory=dict)
    report: verify.Report | None = None
    _standing: standing.Standing | None = None

    @property
    def organisation(self) -> str:
        """Whose server it is."""
        return str(self.given.organisation)

    @functools.cached_property
    def network(self) -> networks.Network:
        """The network as it lies in the operator's folder: once it was placed."""
        return networks.find(self.begun.brought.network, self.given.home)

    @property
    def inventory(self) -> Path:
        """The file that says how servers are reached."""
        return self.begun.home.inventories / self.begun.brought.network / "servers.yml"

    @property
    def again(self) -> str:
        """The command that goes on, as a shell takes it."""
        return self.command(str(self.begun.brought.place))

    def command(self, file: str) -> str:
        """The command that goes on with this file, for the same folder of the operator."""
        home = ["--home", str(self.given.home)] if self.given.home else []
        return shlex.join(["werkplaats", *home, "join", file, "--organisation", self.organisation])

    @property
    def next(self) -> str:
        """The command for who has joined: while an upgrade goes on, the one that moves the station."""
        name, newer = self.begun.brought.network, self.standing.moves_to
        return (
            f"werkplaats upgrade start {name} --to {newer} --only {self.organisation}"
            if newer
            else f"werkplaats status {name}"
        )

    @property
    def standing(self) -> standing.Standing:
        """How far the server came; looked at once between two steps that change something."""
        if self._standing is None:
            self._standing = standing.look(self.network, self.organisation)
        return self._standing

    def changed(self) -> None:
        """Something was: look anew."""
        self._standing = None

    def entry(self) -> bool:
        """Whether the inventory says where the server is."""
        return self.inventory.exists() and self.organisation in {
            one.organisation for one in inventory.read(self.inventory)
        }


class Step(NamedTuple):
    """One step: its name, who takes it, minutes of a person, what it is, whether it is done, and how."""

    name: str
    who: str
    minutes: int
    words: str
    done: Callable[[Walk], bool]
    do: Callable[[Walk], Waits | None]


def go(walk: Walk, steps: Sequence[Step], say: Callable[[str], None] = print) -> int:
    """Go on from where it is until somebody is waited for; returns the exit code."""
    for number, step in enumerate(steps):
        if step.done(walk):
            say(_line("done", step))
            continue
        say(_line("now", step))
        waits = step.do(walk)
        walk.changed()
        if waits:
            say(f"{BELOW}{waits.why}")
            if left := [one.name for one in steps[number + 1 :]]:
                say(f"  then   {', '.join(left)}")
            return waits.code
    return errors.DONE


def _line(state: str, step: Step) -> str:
    return f"  {state:<5}  {step.name:<12} {step.words}"


def _place(walk: Walk) -> Waits | None:
    begun, told = walk.begun, None
    if not begun.confirmed:
        told = beginning.require_told(begun, _told(walk))
    vault = begun.network.vault
    with vault.lock("join"):
        for line in beginning.place(begun, told, walk.organisation):
            print(f"{BELOW}{line}")
    walk.begun = dataclasses.replace(begun, confirmed=True)
    return None


def _told(walk: Walk) -> str:
    """The fingerprint of the root, as it was read out."""
    if walk.given.root is not None:
        return str(walk.given.root)
    definition = walk.begun.published.definition
    who = f"ring one of the root holders of {walk.begun.brought.network} up, or have them ring you"
    if not sys.stdin.isatty():
        raise errors.RefusedError(
            "there is no terminal to type the fingerprint of the root on, so nothing was changed",
            f"{who}, and give what is read to you: --root sha256:…",
        )
    coordinator = definition.organisations[definition.coordinator].name
    print(f"{BELOW}{who}: {coordinator} coordinates, and says who they are.")
    print(f"{BELOW}Take a number that you had before: what this file says of itself proves nothing.")
    return common.typed(f"{BELOW}type the fingerprint of the root that is read to you: ")


def _say_where(walk: Walk) -> Waits | None:
    if not walk.said:
        return Waits(
            "say how it is reached, at the end of the same command: --here on the server itself, or from another "
            "machine --host HOST --host-key SHA256:…, with --user where your login there is not beheer; on its console "
            "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub shows the fingerprint"
        )
    line = inventory.line(walk.organisation, walk.said)
    if why := beforehand.reached(walk.organisation, line):
        return Waits(
            f"its server cannot be looked at: {why}; nothing was written of it; once that is mended run the same "
            "command again, with how it is reached at its end",
            errors.HALF_WAY,
        )
    print(f"{BELOW}would write in {walk.inventory}: {line.strip()}")
    common.confirm(f"{BELOW}write this?", yes=walk.given.yes)
    with walk.network.vault.lock("join"):
        inventory.say(walk.inventory, line)
    del walk.network  # it has read what the inventory said before
    return None


def _examine(walk: Walk) -> Waits | None:
    published, organisation = walk.begun.published, walk.organisation
    if walk.standing.lost:
        return _unreached(walk, walk.standing.lost)
    if walk.standing.refused:
        return Waits(walk.standing.refused, errors.FOUND)
    if organisation in published.identities:
        return Waits(
            f"publication {published.number} has a certificate of keys of {organisation} already, and this server has "
            "none: another server is its station, or was. Ring the coordinator up: where this one comes in its place, "
            "those keys are revoked first, or come back from a backup"
        )
    network = walk.network
    with network.remotes() as remotes:
        if why := remotes.probe().get(organisation):
            return _unreached(walk, why)
        found, lost = examine.examine(network, remotes, [organisation])
    if lost:
        return _unreached(walk, lost[organisation])
    one = found[organisation]
    for heading in (Severity.STOPS, Severity.DECIDES):
        for finding in one.of(heading):
            print("\n".join(paper.told([finding])))
    if one.of(Severity.STOPS):
        return Waits(f"{one.verdict}; mend that and run it again: {walk.again}", errors.FOUND)
    print(f"{BELOW}{one.verdict}")
    return None


def _unreached(walk: Walk, why: str) -> Waits:
    return Waits(f"its server cannot be looked at: {why}; once that is mended: {walk.again}", errors.HALF_WAY)


def _prepare(walk: Walk) -> Waits | None:
    network, organisation = walk.network, walk.organisation
    reporter = progress.Progress()
    for sentence in (*named.owners(network, [organisation]), *network.compiled.privacy):
        print(f"{BELOW}note: {sentence}")
    common.confirm(f"{BELOW}prepare the server of {organisation}? Nothing runs on it afterwards", yes=walk.given.yes)
    outcome = up_verb.bring(network, up.Options((organisation,)), reporter)
    if organisation in outcome.left_out:
        return Waits(f"{outcome.left_out[organisation]}; once that is mended: {walk.again}", errors.HALF_WAY)
    return None


def _request(walk: Walk) -> Waits | None:
    if why := walk.standing.lost:
        return _unreached(walk, why)
    with walk.network.vault.lock("join"), walk.network.remotes() as remotes:
        if lost := remotes.probe().get(walk.organisation):
            return _unreached(walk, lost)
        hand_over.request(walk.network, remotes, [walk.organisation])
    return None


def _certificate(walk: Walk) -> Waits | None:
    if why := walk.standing.lost:
        return _unreached(walk, why)
    if walk.standing.refused:
        return Waits(walk.standing.refused)
    request, definition = walk.standing.request, walk.begun.published.definition
    coordinator = definition.organisations[definition.coordinator].name
    place = walk.inventory.parent / "requests" / f"{walk.organisation}.json"
    print(f"{BELOW}send {place} to {coordinator}, which coordinates {definition.network}; it holds no secret")
    print(f"{BELOW}then ring them up, at a number that you had before, and read this to them:")
    print(f'           "the keys of {walk.organisation} in {definition.network} are"')
    print(f"{BELOW}  {request.fingerprint if request else ''}")
    return Waits(
        f"publication {walk.begun.published.number} has no certificate of these keys. Once they approved and published "
        f"it, take the new file: {walk.command('FILE')}"
    )


def _accept(walk: Walk) -> Waits | None:
    network = walk.network
    known = trusted.load(network.trusted)
    root = reading.newest_root(known, network.name) if known else None
    words = argparse.Namespace(
        network=network.name,
        home=walk.given.home,
        only=[walk.organisation],
        root=root,
        yes=walk.given.yes,
        json=False,
    )
    code = accept_verb.run(words)
    return Waits(f"nothing was accepted; {walk.again}", code) if code else None


def _runs(walk: Walk) -> bool:
    """Whether the station runs and all is well; what `verify` finds wrong `up` may mend."""
    if not walk.standing.runs:
        return False
    walk.report = up.verify_network(walk.network, progress.Progress(), only=[walk.organisation])
    return walk.report.good


def _up(walk: Walk) -> Waits | None:
    network, reporter = walk.network, progress.Progress()
    common.confirm(f"{BELOW}bring the station of {walk.organisation} up?", yes=walk.given.yes)
    outcome = up_verb.bring(network, up.Options((walk.organisation,)), reporter)
    up_verb.print_outcome(network, outcome, reporter)
    walk.report = outcome.report
    if outcome.left_out or outcome.waiting:
        return Waits(f"what is said above; once that is mended: {walk.again}", outcome.exit_code)
    return None


def _verified(walk: Walk) -> bool:
    return walk.report is not None and walk.report.good


def _verify(walk: Walk) -> Waits | None:  # `up` verified, and said what it found
    return Waits(
        "the station runs, and what is named above is not as it should be: others may not be up yet, or a firewall "
        f"between is closed. Once that is mended: {walk.again}",
        errors.FOUND,
    )


def _people_are_in(walk: Walk) -> bool:
    people = walk.network.server(walk.organisation).people
    return all(people.get(one, {}).get("keys") for one in PEOPLE)


def _people(walk: Walk) -> Waits | None:
    print(f"{BELOW}steward and scientist of {walk.organisation} come in once their keys stand in {walk.inventory}:")
    print(
        f"{BELOW}`people`, as docs/operators.md shows in step 7; then run: "
        f"werkplaats up {walk.network.name} --only {walk.organisation}"
    )
    return None


STEPS: tuple[Step, ...] = (
    Step(
        "publication", "you, by telephone with a root holder", 5,
        "the file is the network's, by the root that is read to you; it is placed here",
        lambda walk: beginning.placed(walk.begun), _place,
    ),
    Step(
        "server", "you", 3, "how your server is reached: one line of servers.yml",
        Walk.entry, _say_where,
    ),
    Step(
        "examine", "you", 1, "nothing on the server is in the way; nothing is changed by it",
        lambda walk: walk.standing.request is not None, _examine,
    ),
    Step(
        "prepare", "you", 2, "packages, accounts, folders and keys on the server; nothing runs",
        lambda walk: walk.standing.request is not None, _prepare,
    ),
    Step(
        "request", "you", 1, "what the server's keys ask for, as a file",
        lambda walk: walk.standing.fetched or walk.standing.certified, _request,
    ),
    Step(
        "certificate", "you by telephone, then the coordinator", 5, "the coordinator approves it, and publishes",
        lambda walk: walk.standing.certified, _certificate,
    ),
    Step(
        "accept", "you", 5, "what will hold on your server, in words, and your yes",
        lambda walk: walk.standing.accepted, _accept,
    ),
    Step(
        "up", "you", 2, "the station runs",
        _runs, _up,
    ),
    Step(
        "verify", "nobody", 0, "every check and link, and a computation with all others",
        _verified, _verify,
    ),
    Step(
        "people", "your steward and scientist", 5, "those of your organisation who log in, and for what",
        _people_are_in, _people,
    ),
)  # fmt: skip
