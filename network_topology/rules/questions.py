"""Rules on the agreed questions of a network: what its stewards may be asked to allow."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a question reads it)

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from network_topology import context, model, names, source, tables
from network_topology.rules import texts
from network_topology.rules.membership import LONGEST_TEXT
from network_topology.rules.rule import Finding, Rule, rule

FEWEST_CONTRIBUTORS, SMALLEST_CELL, USUAL_CELL, LARGEST_CELL = 3, 5, 10, 1000
RESERVED = "acceptance"
BY, REGION = "by", "region"
"""The parameter of analyses that can tell the outcome of each regional network beside the whole, and its value."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A question by its name, in the network that it belongs to."""

    name: str
    asked: model.Question
    definition: model.Definition
    places: source.Source
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)


def taking_part(asked: model.Question, computing: Iterable[str]) -> tuple[str, ...]:
    """Everybody who puts in data, computes or sees the outcome, in alphabetical order."""
    return tuple(sorted({*asked.contributes, *asked.results_to, *computing}))


@rule("name", why="it is named after its file, in lower-case letters, digits and dashes", remedy="rename the file")
def question_named(question: Question, _: context.Context) -> Iterator[Finding]:
    if not names.is_slug(question.name):
        yield Finding((), f"the question is called {source.short(question.name)!r}")


@rule("name", why="that is the computation which verifies a network and reads no data", remedy="rename the file")
def question_name_free(question: Question, _: context.Context) -> Iterator[Finding]:
    if question.name == RESERVED:
        yield Finding((), f"the question is called {RESERVED!r}")


@rule(
    "purpose",
    "fields",
    why=f"a data steward reads it as one line of 1 to {LONGEST_TEXT} characters",
    remedy="write one line without blanks around it",
)
def question_texts(question: Question, _: context.Context) -> Iterator[Finding]:
    lines: list[tuple[source.Keys, str, str]] = [(("purpose",), "the purpose", question.asked.purpose)]
    lines += [(("fields", name), f"field {name!r}", text) for name, text in question.asked.fields.items()]
    for at, what, text in lines:
        if text.isprintable() and not (1 <= len(text) <= LONGEST_TEXT and text == " ".join(text.split())):
            yield Finding(at, f"{what} is empty, too long, or has double blanks")


@rule(*model.Question.model_fields, why=texts.WHY, remedy=texts.REMEDY)
def visible_texts(question: Question, _: context.Context) -> Iterator[Finding]:
    yield from texts.unseen(question.asked.model_dump())


@rule("contributes", "results_to", why="a question names each organisation once", remedy="take one of them out")
def parties_distinct(question: Question, _: context.Context) -> Iterator[Finding]:
    for field in ("contributes", "results_to"):
        listed = getattr(question.asked, field)
        for number, slug in enumerate(listed):
            if slug in listed[:number]:
                yield Finding((field, number), f"{slug!r} stands twice in {field}")


@rule(
    "contributes",
    why="only an organisation that puts in data according to the network's definition can do so here",
    remedy="name organisations of the network that have a station and `contributes: true`",
)
def contributors_contribute(question: Question, _: context.Context) -> Iterator[Finding]:
    for number, slug in enumerate(question.asked.contributes):
        card = question.definition.stations.get(slug)
        if card is None or not card.contributes:
            yield Finding(("contributes", number), f"{source.short(slug)!r} is to contribute")


@rule(
    "results_to",
    why="results travel over the links that the network has, to its computing parties and contributors",
    remedy="name at least one organisation of the network that computes or contributes",
)
def results_arrive(question: Question, _: context.Context) -> Iterator[Finding]:
    linked = {slug for slug, card in question.definition.stations.items() if card.contributes}
    if not question.asked.results_to:
        yield Finding(("results_to",), "nobody may see the outcome")
    for number, slug in enumerate(question.asked.results_to):
        if slug not in linked | set(question.definition.computes):
            yield Finding(("results_to", number), f"{source.short(slug)!r} is to see the outcome")


@rule(
    "contributes",
    "results_to",
    why="who takes part in a question does so under an agreement that holds",
    remedy="sign it anew and write it on the organisation's card, or leave the organisation out",
    outside=True,
)
def agreements_hold(question: Question, known: context.Context) -> Iterator[Finding]:
    for slug in taking_part(question.asked, question.definition.computes):
        card = question.definition.stations.get(slug)
        agreement = card.agreement if card else None
        if agreement is None:
            continue
        at = ("contributes", question.asked.contributes.index(slug)) if slug in question.asked.contributes else ()
        if agreement.signed > known.today:
            yield Finding(at, f"the agreement of {slug!r} is signed on {agreement.signed}")
        elif agreement.until and agreement.until < known.today:
            yield Finding(at, f"the agreement of {slug!r} lapsed on {agreement.until}")


@rule(
    "contributes",
    "minimum_contributors",
    why="with fewer one of them takes its own figures off the total and sees those of another",
    remedy=f"write at least {FEWEST_CONTRIBUTORS}",
)
def contributors_suffice(question: Question, _: context.Context) -> Iterator[Finding]:
    fewest = FEWEST_CONTRIBUTORS if question.definition.personal_data else 2
    least = question.asked.minimum_contributors
    if least < fewest:
        yield Finding(("minimum_contributors",), f"{least} contributors are to suffice")


@rule(
    "contributes",
    "minimum_contributors",
    why="then it is never answered",
    remedy="name more contributors, or ask for fewer of them",
)
def contributors_reached(question: Question, _: context.Context) -> Iterator[Finding]:
    least, there = question.asked.minimum_contributors, len(set(question.asked.contributes))
    if least > there:
        yield Finding(("minimum_contributors",), f"{least} contributors are needed and {there} are named")


@rule(
    "minimum_cell",
    why="few people in a total are people that somebody recognises",
    remedy=f"write {USUAL_CELL}, or another number that the impact assessment gives; at least {SMALLEST_CELL}",
)
def cells_suffice(question: Question, _: context.Context) -> Iterator[Finding]:
    cell = question.asked.minimum_cell
    if question.definition.personal_data and cell < USUAL_CELL:
        text = f"totals of {cell} and more are to be opened"
        yield Finding(("minimum_cell",), text, severity="error" if cell < SMALLEST_CELL else "warning")
    elif cell < 1:
        yield Finding(("minimum_cell",), f"totals of {cell} are to be opened")


@rule(
    "minimum_cell",
    why=f"stations answer no question with a minimum above {LARGEST_CELL}",
    remedy="write a smaller number",
)
def cells_possible(question: Question, _: context.Context) -> Iterator[Finding]:
    if question.asked.minimum_cell > LARGEST_CELL:
        yield Finding(("minimum_cell",), f"the smallest total to be opened is {question.asked.minimum_cell}")


@rule(
    "dpia_annex",
    why="each question on personal data is assessed by itself (GDPR article 35)",
    remedy="add `dpia_annex:` with the day on which the annex was signed",
)
def annex_signed(question: Question, _: context.Context) -> Iterator[Finding]:
    if question.definition.personal_data and question.asked.dpia_annex is None:
        yield Finding((), "no annex to the impact assessment is given")


@rule(
    "dpia_annex",
    "dpia",
    why="an annex adds to an assessment that is there",
    remedy="write the day on which the annex was signed, after that of the assessment",
)
def annex_follows(question: Question, _: context.Context) -> Iterator[Finding]:
    annex, whole = question.asked.dpia_annex, question.definition.dpia
    if annex is not None and whole is not None and annex < whole:
        yield Finding(("dpia_annex",), f"the annex is signed on {annex}, the impact assessment on {whole}")


@rule(
    "dpia_annex",
    why="today is earlier, and what is not yet signed does not hold",
    remedy="write the day on which it was signed",
    outside=True,
)
def annex_date(question: Question, known: context.Context) -> Iterator[Finding]:
    annex = question.asked.dpia_annex
    if annex is not None and annex > known.today:
        yield Finding(("dpia_annex",), f"the annex to the impact assessment is signed on {annex}")


@rule(
    "term",
    why="that day is over, and no station answers any more",
    remedy="agree on a new term, or remove the file",
    outside=True,
)
def term_runs(question: Question, known: context.Context) -> Iterator[Finding]:
    if question.asked.term.until < known.today:
        yield Finding(("term", "until"), f"the question may be asked until {question.asked.term.until}")


@rule(
    "analysis",
    "parameters",
    "fields",
    why="the station image answers what it has a computation for, and reads no other columns than that computation",
    remedy="see docs/coordinators.md, A question, for what there is",
    outside=True,
)
def analysis_fits(question: Question, known: context.Context) -> Iterator[Finding]:
    if known.fields_of is None:
        return
    asked = question.asked
    try:
        parameters = tables.resolved(asked.parameters, question.figures)
    except tables.TableError:
        return  # that is told where the question is read
    try:
        wanted = known.fields_of(asked.analysis, parameters)
    except ValueError as error:
        named = str(error).partition(":")[0]
        at: source.Keys = ("parameters", named) if named in asked.parameters else ("analysis",)
        yield Finding(at, f"{source.short(asked.analysis)!r} cannot be asked like this ({error})")
        return
    if set(wanted) != set(asked.fields):
        text = f"the analysis reads {', '.join(wanted)}, the fields are {', '.join(asked.fields)}"
        yield Finding(("fields",), text, f"write exactly these fields: {', '.join(wanted)}")


@rule(
    "parameters",
    "contributes",
    "minimum_contributors",
    why="each of several regional networks is told where enough of its own organisations contribute",
    remedy="name more of its organisations, or leave `by` out",
)
def by_region_tells(question: Question, _: context.Context) -> Iterator[Finding]:
    asked, definition, at = question.asked, question.definition, ("parameters", BY)
    if asked.parameters.get(BY) != REGION:
        return
    if definition.kind == "regional":
        remedy = f"leave `{BY}` out: the whole is that region; a question of a federation can be asked by region"
        yield Finding(at, f"the outcome of one regional network is asked by {REGION}", remedy)
        return
    least = asked.minimum_contributors
    having = Counter(names.home(definition.network, slug)[0] for slug in set(asked.contributes))
    if len(having) == 1 or not told_by_region(having.values(), least):
        there = ", ".join(f"{count} of {slug}" for slug, count in sorted(having.items()))
        text = f"contributors are {there}, of which no region can be told with a minimum of {least}"
        yield Finding(at, text)
        return
    for slug in sorted(slug for slug, count in having.items() if count < least):
        text = f"{having[slug]} of {slug} contribute, so that it stays hidden, and as a rule one of the others with it"
        yield Finding(at, text, severity="warning")


def told_by_region(contributors: Iterable[int], minimum: int) -> int:
    """Of how many regions an outcome can be told, by how many contribute in each; a station sees to it itself.

    Those with too few are told together, with the smallest of the others until they are enough.
    """
    left, together = sorted(contributors), 0
    while left and (left[0] < minimum or 0 < together < minimum):
        together += left.pop(0)
    return len(left)


TABLE: tuple[Rule[Question], ...] = (
    question_named,
    question_name_free,
    question_texts,
    visible_texts,
    parties_distinct,
    contributors_contribute,
    results_arrive,
    agreements_hold,
    contributors_suffice,
    contributors_reached,
    cells_suffice,
    cells_possible,
    by_region_tells,
    annex_signed,
    annex_follows,
    annex_date,
    term_runs,
    analysis_fits,
)
