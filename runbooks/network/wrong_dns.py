"""The name of a peer's gateway leads elsewhere from one server: its DNS, or its /etc/hosts, is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.looking import GATEWAY
from runbooks.framework.steps import Case, Step, StepError

TITLE = "Wrong address in DNS"
ABOUT = "link"
EXPLAINS = ("partition",)
INTERRUPTS = ""
LOSES = ""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where a link fails, and its name has no address that the definition or another server has for it.

    Also where the name is right again, and the gateway did not look since.
    """
    for source, server in what.reached().items():
        for target, way in server.ways.items():
            link = what.link(source, target)
            if link and link.ok:
                continue
            evidence = wrong(what, source, target)
            score = 95 if len(evidence) > 1 else 60
            if not evidence and link and not way.why and way.ours and server.loaded and server.unit(GATEWAY).runs:
                score, evidence = 90, [
                    f"on the server of {source} {way.name} is {', '.join(way.addresses)}, and takes calls",
                    f"the gateway has not loaded what it finds now: {server.loaded}",
                ]  # fmt: skip
            if evidence:
                why = f"{seen.link(source, target)}: {(link and link.why) or way.why or 'no answer'}"
                yield Fit(seen.link(source, target), score, (*evidence, why))


def wrong(what: seen.Seen, source: str, target: str) -> list[str]:
    """By what a name is seen to lead elsewhere; nothing where it does not."""
    way = what.servers[source].ways[target]
    if not way.addresses:
        unknown = f"the server of {source} finds no address for {way.name}: {way.why}"
        return [unknown, *_witnesses(what, source, target)] if "is not found" in way.why else []
    there = ", ".join(way.addresses)
    found = [] if not way.defined or {*way.defined} & {*way.addresses} else [
        f"the definition has {', '.join(way.defined)} for it"
    ]  # fmt: skip
    found += _witnesses(what, source, target)
    return [f"on the server of {source} {way.name} is {there}", *found] if found else []


def _witnesses(what: seen.Seen, source: str, target: str) -> Iterator[str]:
    """Other servers, for which the same name has other addresses, and which get through to the gateway there."""
    mine = {*what.servers[source].ways[target].addresses}
    for other, server in what.reached().items():
        way = server.ways.get(target)
        if other != source and way and way.addresses and not mine & {*way.addresses} and not way.why and way.ours:
            yield f"on the server of {other} it is {', '.join(way.addresses)}, and the gateway answers there"


def steps(case: Case) -> Sequence[Step]:
    """People who keep DNS put it right; then the gateway looks again, where it did not by itself."""
    source, target = case.subject.split(seen.ARROW)
    gateway = case.network.definition.organisations[target].gateway
    name = gateway.name if gateway else target
    return (
        Step(
            key="right address",
            words=f"have {name} lead to the gateway of {target} on the server of {source}",
            done=lambda case: _right(case.look(), source, target),
            by_hand=(
                f"ring {target}: at which address is {name} now? Then ring who keeps DNS for {source}: it is to say "
                f"that. On its server `getent ahosts {name}` tells what it says, and a line of /etc/hosts goes before "
                "it. Never write an address in the definition because one server has it. When it is right, run the "
                "same command again"
            ),
            patience=1,
        ),
        Step(
            key="looked again",
            words=f"have the gateway of {source} look again where its peers are",
            done=lambda case: common.linked(case.look(), case.subject),
            run=lambda case: _reload(case, source),
            no_way_back="where its peers were before is nowhere",
        ),
    )


def _right(what: seen.Seen, source: str, target: str) -> bool:
    if common.linked(what, seen.link(source, target)):
        return True
    server = what.servers[source]
    way = server.ways.get(target) if server.reached else None
    return bool(way and not way.why and way.ours and not wrong(what, source, target))


def _reload(case: Case, source: str) -> None:
    """A reload drops no connection, and one that would load nothing else is none."""
    done = case.remotes.ask(source, "gateway-reload", "--if-needed")
    if done.exited:
        raise StepError(f"`gateway-reload` on the server of {source}: {seen.text(done.stderr or done.stdout)}")
