"""Steps that several runbooks take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runbooks.framework import seen
from runbooks.framework.steps import Case, Kept, Step, StepError
from werkplaats.operations import progress
from werkplaats.operations.bring_up import up
from werkplaats.operations.reach.servers import UnreachableError

PARTS = ("agent", "computer")
LATELY = 60  # seconds within which whoever is let in calls


def active(case: Case, unit: str) -> bool:
    """Whether systemd runs a unit there."""
    return case.on("systemctl", "is-active", "--quiet", unit).exited == 0


def start(unit: str, words: str) -> Step:
    """Have a unit run, also one that systemd gave up on; its way back is to stop it."""

    def run(case: Case) -> None:
        case.on("systemctl", "reset-failed", unit)
        case.must("systemctl", "start", unit)

    def back(case: Case, kept: Kept) -> None:
        if kept["was"] != "active":
            case.must("systemctl", "stop", unit)

    return Step(
        key=f"start {unit}",
        words=words,
        done=lambda case: active(case, unit),
        run=run,
        before=lambda case: {"was": case.on("systemctl", "is-active", unit).stdout.strip()},
        rollback=back,
    )


def containers(case: Case) -> dict[str, str]:
    """Part of the station → the state of its container, of those that are there."""
    form = "{{.Name}} {{.State.Status}}"
    said = case.on("docker", "inspect", "--format", form, *(f"station-{part}" for part in PARTS)).stdout
    rows = (line.split() for line in said.splitlines())
    return {row[0].removeprefix("/station-"): row[1] for row in rows if len(row) == 2}


def restart(part: str, healthy: Callable[[seen.Server], bool]) -> Step:
    """Have a part of the station begin anew; what it was computing ends, and is told to the others."""
    return Step(
        key=f"restart {part}",
        words=f"restart the container station-{part}",
        done=lambda case: healthy(case.server()),
        run=lambda case: void(case.must("docker", "restart", "--time", "10", f"station-{part}", seconds=90)),
        no_way_back="what hung is gone, and nobody wants it back",
    )


def brought_up(key: str, words: str, done: Callable[[Case], bool]) -> Step:
    """Have `up` make what is missing on one server, and leave all others alone."""
    return Step(
        key=key,
        words=words,
        done=done,
        run=bring_up,
        no_way_back="what `up` puts there is what the operator accepted; `werkplaats destroy` takes it off",
        whole=True,
        patience=120,
    )


def bring_up(case: Case) -> None:
    """Run `up` for the server of the case. Raises StepError where it is left out."""
    reporter = progress.Progress(quiet=True)
    outcome = up.Run(case.network, up.Options((case.subject,)), reporter)()
    if why := outcome.left_out.get(case.subject):
        raise StepError(f"`werkplaats up {case.network.name} --only {case.subject}` left it out: {why}")
    if waits := outcome.waiting.get(case.subject):
        raise StepError(f"it waits for: {'; '.join(waits)}")


def reached(case: Case) -> bool:
    """Whether the server lets us in."""
    try:
        return case.on("true").exited == 0
    except UnreachableError:
        return False


def answers(case: Case) -> bool:
    """Whether the agent answers and sees its computer."""
    server = case.server()
    return _agent_of(server) and server.computer == "yes"


def agent_answers(case: Case) -> bool:
    """Whether the agent answers, whatever its computer does."""
    return _agent_of(case.server())


def register_is_well(case: Case) -> bool:
    """Whether it answers, and nothing of its register keeps it from questions any more."""
    server = case.server()
    return _agent_of(server) and not server.register_problem


def _agent_of(server: seen.Server) -> bool:
    return server.reached and server.agent == "yes"


def ready(words: str = "wait until agent and computer answer") -> Step:
    """Look whether the station is there again."""
    return Step(
        key="ready",
        words=words,
        done=answers,
        by_hand="the station does not answer yet; `werkplaats incident diagnose` tells what else is wrong with it",
        patience=90,
    )


def asked(key: str, words: str, question: str) -> Step:
    """A person's word on what nothing here can see; a run that begins anew asks it anew."""
    said: list[str] = []
    return Step(
        key=key,
        words=words,
        done=lambda _: bool(said),
        run=lambda _: said.append(key),
        no_way_back="it was somebody's word",
        decides=question,
    )


def out(case: Case) -> bool:
    """Whether the subject is out by what is published here, and has no link that works any more.

    By the word of others, where a server of theirs is seen: who took over that of the subject has it say what it likes,
    and could keep this from ever ending, or have it end while others let it in.
    """
    what, who = case.look(), case.subject
    others = {name: server for name, server in what.reached().items() if name != who}
    return who in what.here.out and not (
        any(one.ok for one in what.links if one.target == who)
        or any(_heard(server, who) for name, server in others.items() if not what.link(name, who))
        or any(one.ok for one in what.links if one.source == who and one.target not in others)
    )


def _heard(server: seen.Server, who: str) -> bool:
    """Of one that has no gateway, which nobody calls: whether the agent there heard of it lately."""
    ago = server.peers.get(who)
    return ago is not None and ago < LATELY


def cut_off(case: Case, reason: str = "keyCompromise", then: str = "") -> Step:
    """Have nobody let it in any more, revoked or held for a reason; `then` tells what follows that."""
    network, who = case.network.name, case.subject
    return Step(
        key="out",
        words=f"have all that {who} was certified be revoked or held, published, and no link with it work",
        done=out,
        by_hand=(
            f"ring the coordinator, or be it: `werkplaats trust revoke {network} {who} --reason {reason} --now`{then}. "
            f"Others that operate servers fetch the publication and run `werkplaats trust enforce {network}`. Who "
            f"cannot wait cuts it off at the own server: `station-cut {network}.{who}`. When it is published here, run "
            "the same command again"
        ),
        patience=5,
    )


def linked(what: seen.Seen, subject: str) -> bool:
    """Whether the source of a link finds its target."""
    source, target = subject.split(seen.ARROW)
    found = what.link(source, target)
    return bool(found and found.ok)


def void(_: object) -> None:
    """Nothing: of a program that is run for what it does."""


def named(parts: Sequence[str]) -> str:
    """Parts in a sentence."""
    return " and ".join(parts)
