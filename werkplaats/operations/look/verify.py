"""Verify: the checks on every server, every compiled link, and a real joint computation."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from base import together
from network_topology import names
from werkplaats.operations import progress
from werkplaats.operations.home import networks, passing
from werkplaats.operations.look import agreement, station_says
from werkplaats.operations.reach import remote, servers

SESSION_SECONDS = 120
LINKS = ("station", "links", "--json")
"""Has a station call every peer; takes seconds where one does not answer."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One thing that was looked at: `kind` is check, link or session; `reason` is empty when it is good."""

    kind: str
    subject: str
    name: str
    reason: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.reason


@dataclasses.dataclass(frozen=True)
class Report:
    """All verdicts, and what the joint computation gave (an empty dict when it could not run)."""

    verdicts: tuple[Verdict, ...]
    session: Mapping[str, Any]
    accepted: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    """What two organisations compare, the digest of what applies → the organisations of which it is known here."""

    @property
    def good(self) -> bool:
        """Whether everything that was looked at is as it should be."""
        return all(verdict.good for verdict in self.verdicts)

    def faults(self) -> list[Verdict]:
        """What is not as it should be."""
        return [verdict for verdict in self.verdicts if not verdict.good]


def run(
    network: networks.Network,
    remotes: remote.Remotes,
    expected: Mapping[str, Mapping[str, Any]],
    unreachable: Mapping[str, str],
    agreed: agreement.Agreed,
    say: progress.Say,
) -> Report:
    """Look at every server of `expected` (organisation → host variables), each of its links, and run a session.

    A link is good where the peer also goes by the definition that applies on the server that called it. The session
    begins when all else is done: checks keep every processor busy where many servers are on one machine, and stations
    whose shares came too late for that were left out.
    """
    verdicts = [Verdict("check", organisation, "reachable", reason) for organisation, reason in unreachable.items()]
    reached = [organisation for organisation in expected if organisation not in unreachable]
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as beside:
        called = beside.submit(_links, network, remotes, reached, unreachable, agreed, say)
        on_servers = _checks(network, remotes, {o: expected[o] for o in reached})
        on_servers += _of_themselves(network, remotes, reached)
        say(f"checks: {sum(v.good for v in on_servers)} of {len(on_servers)} are good")
        together.hear([called])
    session, verdict = sessions(network, reached, lambda one: (remotes, one))
    say(session_in_words(session, verdict))
    return Report((*verdicts, *on_servers, *called.result(), verdict), session, agreed.digests())


def _links(
    network: networks.Network,
    remotes: remote.Remotes,
    reached: Sequence[str],
    unreachable: Mapping[str, str],
    agreed: agreement.Agreed,
    say: progress.Say,
) -> list[Verdict]:
    """Every link, as the stations tell of it when asked."""
    found = links(network, remotes.ask_all(reached, *LINKS), unreachable, agreed)
    say(links_in_words(found))
    return found


def links_in_words(found: Sequence[Verdict]) -> str:
    """How many links are good, of all that were looked at."""
    return f"links: {sum(one.good for one in found)} of {len(found)} are good"


def session_in_words(session: Mapping[str, Any], verdict: Verdict) -> str:
    """What a joint computation came to."""
    contributors = session.get("contributors", ())
    return verdict.reason or f"joint computation over {len(contributors)} organisations: the sum is right"


def _checks(
    network: networks.Network, remotes: remote.Remotes, expected: Mapping[str, Mapping[str, Any]]
) -> list[Verdict]:
    """Run the testinfra suite on every server; one verdict for each check of each server."""
    if not expected:
        return []
    from werkplaats.checks import suite  # here: it brings pytest, for which `status` and `trust` would wait too

    with passing.folder(network.run_folder) as own:
        (own / "expected.json").write_text(json.dumps(expected))
        try:
            found = suite.run({o: functools.partial(_line, remotes, o) for o in expected}, own / "expected.json")
        except RuntimeError as error:
            return [Verdict("check", network.name, "the suite itself", str(error)[-1000:])]
    return [Verdict("check", one.organisation, one.name, one.reason) for one in found]


def _line(remotes: remote.Remotes, organisation: str, line: str) -> tuple[int, bytes, bytes]:
    return remotes.run(organisation, ("/bin/sh", "-c", line))


def _of_themselves(network: networks.Network, remotes: remote.Remotes, reached: Sequence[str]) -> list[Verdict]:
    """What every reached station says of the network and of its register, which it reads whole for this."""
    told = remotes.ask_all(reached, "station", "status", "--json")
    registers = remotes.ask_all(reached, "station", "register", "--last", "0", "--json")
    found = []
    for organisation in reached:
        status = station_says.status_of(told[organisation])
        register = station_says.document_of(registers[organisation])
        own = station_says.problem_of(status, network.name) if status else station_says.SILENT
        kept = "" if register.get("sound") else register.get("problem") or station_says.SILENT
        if not (own or kept):
            # One that is sound may have gone back, here or at another station, and wait for stewards.
            own = status.get("register", {}).get("problem", "")
        found.append(Verdict("check", organisation, "the station can take part", own))
        found.append(Verdict("check", organisation, "the register is as the station wrote it", kept))
    return found


def links(
    network: networks.Network | networks.Federation,
    answers: Mapping[str, remote.Answer],
    unreachable: Mapping[str, str],
    agreed: agreement.Agreed,
) -> list[Verdict]:
    """Whether every station that was asked could call each peer that it must be able to: the compiled, directed links.

    `answers` are those of LINKS, and all are by what the definition calls an organisation.
    A link of a server that should have been asked and was not reached is bad: nobody knows whether it works.
    """
    verdicts = []
    for link in network.compiled.links:
        name = f"{link.source} → {link.target}"
        if why := unreachable.get(link.source):
            verdicts.append(Verdict("link", link.source, name, f"its server was not reached: {why}"))
        if link.source not in answers:
            continue
        answer = answers[link.source]
        if isinstance(answer, servers.UnreachableError):
            verdicts.append(Verdict("link", link.source, name, str(answer)))
            continue
        told = station_says.document_of(answer).get("links", ())
        # One that is a peer in several networks is called in each; of a stranger no network is known.
        rows = {row["peer"]: row for row in told if row.get("network", "") in (network.name, "")}
        row = rows.get(names.station_id(network.name, link.target))
        if row and row["ok"]:
            reason = agreed.differs(
                link.source, link.target, {**row.get("accepted", {}), "definition": row.get("definition")}
            )
        else:
            reason = str(row["why"] if row else answer.stderr.strip() or "was not tried")
        verdicts.append(Verdict("link", link.source, name, reason))
    return verdicts


def sessions(
    network: networks.Network | networks.Federation,
    reached: Collection[str],
    at: Callable[[str], tuple[remote.Remotes, str]],
) -> tuple[dict[str, Any], Verdict]:
    """Run the acceptance computation with every set, proposed by the first computing party that is reached.

    `reached` are those who could, as the definition calls them; `at`: how the server of one of them is reached, and
    as whom. What is returned of it is of the first set.
    """
    named = next((o for o in (*network.compiled.computing, *reached) if o in reached), None)
    if named is None:
        return {}, Verdict("session", network.name, "acceptance", "no server is reached that could propose a session")
    remotes, proposer = at(named)
    sets = network.definition.sets
    if len(sets) == 1:
        return session(network, remotes, proposer)
    told = [session(network, remotes, proposer, "--computing", str(number)) for number in range(1, len(sets) + 1)]
    wrong = [
        f"computed by {', '.join(parties)}: {verdict.reason}"
        for parties, (_, verdict) in zip(sets, told, strict=True)
        if verdict.reason
    ]
    return told[0][0], Verdict("session", proposer, "acceptance", "; ".join(wrong))


def session(
    network: networks.Kept, remotes: remote.Remotes, proposer: str, *options: str, seconds: float = SESSION_SECONDS
) -> tuple[dict[str, Any], Verdict]:
    """Run one acceptance session proposed by `proposer`; returns what its station told, and the verdict.

    `seconds`: how long it is waited for.
    """
    command = ("station", "session", "--network", network.name, "--json", *options)
    try:
        answer = remotes.ask(proposer, *command, seconds=seconds)
    except servers.UnreachableError as error:
        return {}, Verdict("session", proposer, "acceptance", str(error))
    document = station_says.document_of(answer)
    return document, Verdict("session", proposer, "acceptance", _wrong(document, answer))


def _wrong(document: Mapping[str, Any], answer: remote.Done) -> str:
    """What is wrong with a session, by what its proposer's station told; empty when everybody took part."""
    if left_out := document.get("left_out"):
        return "left out of the joint computation: " + ", ".join(f"{one} ({why})" for one, why in left_out.items())
    if not answer.exited:
        return "" if document else "what its station told cannot be read"
    named = f"{document['root']}: " if document.get("root") else ""
    return f"{named}{document.get('reason') or document.get('error') or answer.stderr.strip() or answer.exited}"
