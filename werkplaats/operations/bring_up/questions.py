"""The agreed questions of a network, brought to the stations of those who take part.

Delivering one changes no server: the agent reads one file anew. And it allows nothing: what was delivered waits until
the steward of each organisation says yes, on its own server, through an account of its own.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping

from base import errors
from network_topology import model, questions, tables
from publication.following import asked as asked_of
from werkplaats.operations import progress
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.look import station_says
from werkplaats.operations.reach import remote

Documents = asked_of.Documents


@dataclasses.dataclass(frozen=True)
class Delivered:
    """What one station has of this network's questions, and how each stands there: name → document, name → state."""

    documents: Mapping[str, questions.Document]
    states: Mapping[str, str]
    figures: frozenset[str] = frozenset()
    """The digests of the tables that lie there beside them."""


def wanted(
    applicable: hand_over.Applicable,
    asked: Mapping[str, model.Question],
    organisation: str,
    called: Callable[[str], str] = str,
) -> tuple[Documents, dict[str, str]]:
    """What a station is to be told, by what its operator accepted; and the questions that wait, with the reason.

    `called`: what questions call an organisation, as in `hand_over.judged`.
    """
    view, network = applicable.views[organisation], applicable.compiled(organisation)
    return asked_of.wanted(view, network, asked, called(organisation))


def look(network: networks.Kept, remotes: remote.Remotes, organisations: Iterable[str]) -> dict[str, Delivered]:
    """Ask each station what it has; one that does not answer is left out."""
    answers = remotes.ask_all(organisations, "station", "questions", "--json")
    found = {}
    for organisation, answer in answers.items():
        if "questions" in (document := station_says.document_of(answer)):
            rows = [row for row in document["questions"] if row["network"] == network.name]
            found[organisation] = Delivered(
                {row["question"]: row["document"] for row in rows},
                {row["question"]: row["state"] for row in rows},
                frozenset(digest for row in rows for digest in row.get("tables", ())),
            )
    return found


def deliver(
    network: networks.Kept,
    remotes: remote.Remotes,
    applicable: hand_over.Applicable,
    ready: Iterable[str],
    say: progress.Say,
    called: Callable[[str], str] = str,
) -> tuple[dict[str, dict[str, list[str]]], dict[str, str]]:
    """Bring every station what is published.

    Returns name → state → organisations, of what stands now, and organisation → why, of those who could not be told.
    """
    published = applicable.publication.questions if applicable.publication else {}
    beside = applicable.publication.figures if applicable.publication else {}
    there = look(network, remotes, ready)
    late, left_out = [], {}
    for organisation, delivered in there.items():
        documents, waiting = wanted(applicable, published, organisation, called)
        for name, why in waiting.items():
            say(f"{name} waits: {why}")
        figures = asked_of.figures(documents, beside)
        if documents != delivered.documents or figures.keys() - delivered.figures:
            try:
                for what, text in asked_of.texts(documents, figures).items():
                    remotes.place(organisation, _place(network.name, what), text)
            except errors.WerkplaatsError as error:
                left_out[organisation] = str(error)
                say(f"{organisation}: left out: {error}")
            else:
                changes = differences(delivered.documents, documents, waiting)
                say(f"{organisation}: {'; '.join(changes or ['the tables that its questions name'])}")
                late.append(organisation)
    there |= look(network, remotes, late)
    return standing({o: delivered for o, delivered in there.items() if o not in left_out}), left_out


def _place(network: str, what: str) -> str:
    return f"/etc/werkplaats/networks.d/{network}/{what}.json"


def standing(there: Mapping[str, Delivered]) -> dict[str, dict[str, list[str]]]:
    """Name → state (allowed, waits, changed, ended) → the organisations where it stands so."""
    found: dict[str, dict[str, list[str]]] = {}
    for organisation, delivered in sorted(there.items()):
        for name, state in delivered.states.items():
            found.setdefault(name, {}).setdefault(state, []).append(organisation)
    return found


def differences(
    before: Mapping[str, questions.Document],
    after: Mapping[str, questions.Document],
    waiting: Mapping[str, str] = types.MappingProxyType({}),
) -> list[str]:
    """A sentence for each question that is new, withdrawn or another than before.

    `waiting`: name → what it waits for.
    """
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None:
            found.append(f"question {name} is new{_by_table(after[name])}, and waits for the steward")
        elif new is None and name in waiting:
            found.append(f"question {name} waits, and no session runs meanwhile: {waiting[name]}")
        elif new is None:
            found.append(f"question {name} is withdrawn: no session runs any more")
        elif old != new:
            fields = ", ".join(field for field in sorted({*old, *new}) if old.get(field) != new.get(field))
            found.append(
                f"question {name} is another one ({fields}){_by_table(after[name])}, and waits for the steward"
            )
    return found


def _by_table(document: questions.Document) -> str:
    """What a question says of the table that it names."""
    parameters = document.get("parameters", {})
    if tables.named_by(parameters) is None:
        return ""
    named = parameters[tables.PARAMETER]
    return f" by the table {named['table']} ({named['areas']} areas, {named['digest']})"


def planned(
    network: networks.Network | networks.Federation,
    remotes: remote.Remotes,
    applicable: hand_over.Applicable,
    called: Callable[[str], str] = str,
) -> list[str]:
    """What would be delivered where: of the questions as they are defined here, published or not.

    Who has no questions of its own is a member and gets those that are published. `called` is as in `wanted`.
    """
    published = applicable.publication.questions if applicable.publication else {}
    asked = network.questions or published
    lines = [
        f"question {name} is not published as it is defined here: werkplaats trust publish {network.name}"
        for name in sorted({*asked, *published})
        if asked.get(name) != published.get(name)
    ]
    for organisation, delivered in look(network, remotes, applicable.views).items():
        documents, waiting = wanted(applicable, asked, organisation, called)
        lines += [f"{organisation}: {line}" for line in differences(delivered.documents, documents, waiting)]
    return lines
