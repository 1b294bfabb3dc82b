"""What of this operator's stations may move now by a yes said beforehand, and the yes itself, which is written down.

The yes is in the operator's own inventory, and the operator's own machine acts by it: the same `accept` and the same
upgrade as by hand. Nothing on a server decides, and nobody else's machine.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from base import canonical, values
from network_topology import model
from publication import acceptance, verified
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.home import networks, vault
from werkplaats.operations.look import observed
from werkplaats.operations.reach import remote, windows
from werkplaats.operations.release import find
from werkplaats.operations.upgrade import beforehand, preflight
from werkplaats.operations.upgrade.beforehand import Decision, Verdict
from werkplaats.operations.upgrade.failure import Code
from werkplaats.operations.upgrade.state import Phase, Upgrade

WILL, DONE = "will", "done"
FILE = "beforehand.jsonl"
"""In the vault: two lines for each time that a publication is accepted by a yes said beforehand, before and after it.

One that `will` be accepted and of which no line says `done` was refused by its server, or a kill came in between.
"""


@dataclasses.dataclass(frozen=True)
class Found:
    """What was looked at: a decision for each organisation with a rule, and what is published and was judged.

    `runs`: organisation → the release of which its station runs the image, where it is known.
    """

    decisions: Mapping[str, Decision]
    applicable: hand_over.Applicable
    runs: Mapping[str, model.Release]

    def of(self, verdict: Verdict) -> list[str]:
        """The organisations of which this was decided."""
        return [one for one, decision in self.decisions.items() if decision.verdict is verdict]

    def from_one(self, organisations: Sequence[str]) -> list[str]:
        """Those of some whose stations run the same release, the earliest of theirs: an upgrade comes from one.

        So the last one, to which all can go back, is that which definitions name.
        """
        first = min((beforehand.numbers(self.runs[one]) for one in organisations), default=())
        return [one for one in organisations if beforehand.numbers(self.runs[one]) == first]


def rules(network: networks.Network) -> dict[str, windows.Rule]:
    """Organisation → what its operator said beforehand, of those of which something was said."""
    return {server.organisation: server.upgrades for server in network.servers if server.upgrades}


def look(
    network: networks.Network,
    remotes: remote.Remotes,
    asked: Mapping[str, windows.Rule],
    now: datetime.datetime,
    *,
    looking: bool = False,
) -> Found:
    """Decide of these organisations, by what their servers accepted and run; changes nothing.

    Whether a window is open is told by this machine's clock, which is held against those of all servers that answer.

    Raises as `hand_over.applicable` does; who is only `looking` is told of a publication that is good no more.
    """
    away = remotes.probe() if asked else {}
    off = preflight.clocks(remotes, [one for one in remotes.servers if one not in away]) if asked else {}
    wrong = preflight.own_clock(off)
    found = hand_over.applicable(network, remotes, [one for one in asked if one not in away], looking=looking)
    seen, lost = observed.observe(remotes, found.judged)
    images = preflight.running(seen)
    known = find.every(network.home)
    runs = dict[str, model.Release]()

    def decided(organisation: str, rule: windows.Rule) -> Decision:
        clock = wrong or preflight.clock(off.get(organisation))
        if why := away.get(organisation) or lost.get(organisation) or found.stale or clock:
            return beforehand.timed(rule, now, Verdict.PERSON, [why])
        if found.publication is None:
            return beforehand.timed(rule, now, Verdict.PERSON, [f"{network.publication} has no publication"])
        judged = found.judged.get(organisation)
        if judged is None:
            return beforehand.timed(rule, now, Verdict.PERSON, [found.refused[organisation]])
        # What was said yes to counts most, and what is published least: it could call an image by another name.
        accepted = judged.accepted.releases if judged.accepted else ()
        there = (*found.publication.releases.values(), *known, *accepted)
        running = {one.image_id: one for one in there}.get(images[organisation])
        if running:
            runs[organisation] = running
        return beforehand.decide(rule, found.publication, judged, running, now, known)

    return Found({one: decided(one, rule) for one, rule in asked.items()}, found, runs)


def stopped(before: Upgrade | None, published: verified.Verified | None) -> str:
    """Why the last upgrade waits for a person; "" where it is over and well, or where a window goes on with it.

    A release that somebody went back from is not begun again by itself.
    """
    if before is None or published is None:
        return ""
    if published.release.image_id in before.unwanted:
        name = published.release.release
        return f"somebody went back from release {name}, or ended the upgrade to it, so that it waits for a person"
    if before.phase.over:
        return ""
    code = before.failure.code if before.failure else None
    if before.phase is Phase.PAUSED and code is Code.WINDOW:
        same = before.to == published.release
        return "" if same else f"a window ended on its way to {before.goal}, and another release is published by now"
    if code:
        return f"something else than the end of a window stopped it ({code}), which waits for a person"
    cut_off = before.phase in (Phase.RUNNING, Phase.ENDED)
    return f"it was {'cut off in the middle' if cut_off else 'paused by somebody'}, which waits for a person"


def say_yes(
    network: networks.Network,
    remotes: remote.Remotes,
    found: Found,
    organisations: Sequence[str],
) -> dict[str, str]:
    """Accept the publication that was judged, on these servers, and write down by which yes. The caller has the lock.

    What will be done is written down first: nothing is accepted of which no line tells.

    Returns why, by organisation, of those on which it could not be written.
    """
    published = found.applicable.publication
    if published is None or not organisations:
        return {}
    hand_over.require_root(network, found.applicable, None, organisations)
    lines = {one: _line(published, one, found.decisions[one].rule) for one in organisations}
    _write_down(network.vault, WILL, lines.values())
    failed = hand_over.accept(network, remotes, found.applicable, organisations)
    _write_down(network.vault, DONE, (line for one, line in lines.items() if one not in failed))
    return failed


def said(kept: vault.Vault) -> list[dict[str, Any]]:
    """Every yes that was said beforehand and acted by, the earliest first: what `will` be done, and what is `done`."""
    return [values.mapping(line) for line in kept.read(FILE).splitlines()] if kept.has(FILE) else []


def _write_down(kept: vault.Vault, state: str, lines: Iterable[dict[str, Any]]) -> None:
    at, before = canonical.stamp(canonical.now()), kept.read(FILE) if kept.has(FILE) else b""
    found = ({"at": at, "state": state, **one} for one in lines)
    kept.write(FILE, before + b"".join(canonical.dump(one) + b"\n" for one in found))


def _line(published: verified.Verified, organisation: str, rule: windows.Rule) -> dict[str, Any]:
    return {
        "organisation": organisation,
        "publication": published.number,
        "digest": acceptance.accept(published).digest,
        "release": published.release.release,
        "signed_by": sorted(published.released_by),
        "by": "a yes said beforehand, in the operator's inventory",
        "rule": rule.model_dump(mode="json"),
    }
