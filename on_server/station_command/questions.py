"""A question in words for its steward: what is asked, who could read the inputs, what changed since."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from on_server.station_command import agent, allowing
from on_server.station_command.agent import Line, Tell
from on_server.station_command.words import say, short, table

LABELS = {
    "purpose": "purpose",
    "analysis": "analysis",
    "parameters": "parameters",
    "fields": "fields",
    "contributors": "contributors",
    "computing": "computing parties",
    "computing_alternates": "or another set of them",
    "threshold": "threshold",
    "results": "results go to",
    "minimum_cell": "minimum cell",
    "minimum_contributors": "minimum contributors",
    "until": "term until",
    "at_most": "at most",
    "dpia_annex": "DPIA annex",
    "agreements": "agreements",
    "operators": "operators",
    "statement_keys": "statement keys",
}
STATES = {
    "allowed": "allowed",
    "waits": "waits: the steward here has not allowed it",
    "changed": "changed since the steward here allowed it",
    "ended": "ended",
}


def run(options: argparse.Namespace, _: Tell) -> Line:
    """`station questions [NAME]`."""
    if options.name is None:
        return {"exit": agent.DONE, "questions": agent.questions(options.socket, options.network)}
    found = agent.question(options.socket, options.name, options.network)
    earlier = allowing.earlier(found)
    changes = None if earlier is None else differences(earlier, found["document"])
    row = {**found, "digest": allowing.digest(found["document"]), "differences": changes}
    return {"exit": agent.DONE, "questions": [row]}


def show(answer: Line, options: argparse.Namespace) -> None:
    """Print the list, or the one question."""
    rows = answer["questions"]
    if options.name is not None:
        _show_one(rows[0])
        return
    shown = [{name: row[name] for name in ("network", "question", "state", "until", "purpose")} for row in rows]
    for line in table(shown) if shown else ["no question was delivered to this station"]:
        say(line)


def differences(allowed: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Line]:
    """Field by field, what was allowed and what is asked now."""
    return [
        {"field": field, "allowed": allowed.get(field), "asked": asked.get(field)}
        for field in sorted({*allowed, *asked})
        if allowed.get(field) != asked.get(field)
    ]


def privacy(document: Mapping[str, Any]) -> list[str]:
    """Who together could read the inputs, counted per operator, who can read what is on the servers it runs.

    And who could open what was to stay hidden.
    """
    first, others = document["computing"], document.get("computing_alternates", [])
    said = _guarded(first, document["threshold"], document["operators"])
    for parties in others:
        said.append(f"Another set may compute a session: {', '.join(parties)}.")
        said += _guarded(parties, (len(parties) - 1) // 2, document["operators"])
    return said


def _guarded(parties: Sequence[str], threshold: int, operators: Mapping[str, str]) -> list[str]:
    """How many of one set of computing parties learn nothing together."""
    held = Counter(operators.get(party, party) for party in parties)
    shares, enough = 0, 0
    for _, count in held.most_common():
        if shares > threshold:
            break
        shares, enough = shares + count, enough + 1
    runs = ", ".join(f"{operator} runs {count}" for operator, count in held.most_common())
    said = [
        f"Every input is split into secret shares over {len(parties)} computing parties.",
        f"Up to {threshold} of them learn nothing from shares; any {threshold + 1} together could read every input.",
    ]
    if enough == 1:
        said.append(f"ONE OPERATOR ALONE COULD READ EVERY INPUT. Of the computing parties, {runs}.")
    else:
        said.append(f"So at least {enough} operators would have to work together. Of the computing parties, {runs}.")
    return said


def figures(row: Line) -> list[str]:
    """What a question says of the table that it names, and whether that table lies here."""
    table = row["document"]["parameters"].get("population")
    if not isinstance(table, Mapping) or "digest" not in table:
        return []
    there = "it lies here" if table["digest"] in row.get("tables", ()) else "NOT DELIVERED HERE: no session runs"
    return [
        f"inhabitants by the table {table.get('table')}, which is delivered beside the question; {there}",
        f"  {table.get('areas')} areas with inhabitants; left out: {table.get('unknown')} that are secret or have "
        f"fewer than five, {table.get('empty')} with none",
        f"  {table['digest']}",
    ]


def by_region(document: Mapping[str, Any]) -> list[str]:
    """What a question opens of each regional network beside the whole, and who that is."""
    if document["parameters"].get("by") != "region":
        return []
    found: dict[str, list[str]] = {}
    for station in document["contributors"]:
        region, _, organisation = station.rpartition(".")
        found.setdefault(region, []).append(organisation)
    least = document["minimum_contributors"]
    return [
        f"the same is opened of each region, where {least} of its own contributors have enough, and nothing follows of "
        "another:",
        *(f"  {region}: {', '.join(organisations)}" for region, organisations in found.items()),
    ]


def _show_one(row: Line) -> None:
    document = row["document"]
    say(f"{row['question']} in {row['network']}: {STATES.get(row['state'], row['state'])}")
    if row["problem"]:
        say(f"  {row['problem']}")
    if row["until"]:
        say(f"  allowed here until {row['until']}")
    hidden = {"network", "question"}
    for field in [*LABELS, *sorted(set(document) - set(LABELS) - hidden)]:
        if field in document:
            say(f"  {LABELS.get(field, field):<21} {_value(field, document[field])}")
    for line in (*figures(row), *by_region(document)):
        say(line)
    say("who together could read the inputs:")
    for line in privacy(document):
        say(f"  {line}")
    _show_differences(row)
    say(f"digest {row['digest']}")
    if row["state"] != "allowed":
        say(f"to allow exactly this: station allow {row['question']} --digest {row['digest']}")


def _show_differences(row: Line) -> None:
    if row["differences"] is None:
        return
    say(
        "what differs from what was allowed earlier:" if row["differences"] else "nothing differs from what was allowed"
    )
    for change in row["differences"]:
        say(f"  {change['field']}: {_value(change['field'], change['allowed'])}")
        say(f"    -> {_value(change['field'], change['asked'])}")


def _value(field: str, value: Any) -> str:
    if field == "agreements" and isinstance(value, Mapping):
        return "; ".join(f"{name}: {_agreement(one)}" for name, one in value.items())
    if field == "computing_alternates" and isinstance(value, list):
        return "; or ".join(", ".join(map(str, parties)) for parties in value)  # whole: it is who may compute
    if field == "statement_keys" and isinstance(value, Mapping):
        return ", ".join(f"{name}: {key[:16]}" for name, key in value.items())
    return "(none)" if value is None else short(value)


def _agreement(one: Mapping[str, Any]) -> str:
    end = f"until {one['until']}" if one.get("until") else "without end"
    return f"{one.get('kind')} signed {one.get('signed')}, {end}"
