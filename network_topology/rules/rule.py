"""What a rule is: a function that yields findings, with a reason and a remedy that fit all of them."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from network_topology import context, source
from network_topology.violation import Severity, Violation


@dataclasses.dataclass(frozen=True)
class Finding:
    """One breach: where it is, what is the case there, and a remedy where another fits better than the rule's."""

    at: source.Keys
    text: str
    remedy: str = ""
    severity: Severity | None = None


class Placed(Protocol):
    """What rules are about: a definition, or a question of one; it knows where its values stand."""

    @property
    def places(self) -> source.Source:
        """Where each of its values stands."""


Subject = TypeVar("Subject", bound=Placed, contravariant=True)
Find = Callable[[Subject, context.Context], Iterator[Finding]]


@dataclasses.dataclass(frozen=True)
class Rule(Generic[Subject]):
    """A line of the table.

    `why` goes on after the finding's text and a "but": together they are one sentence. `reads` are the fields that
    the rule needs: it is left out where one of them could not be read. A rule with `outside` needs regions, releases
    or the day; the others hold for a definition by itself.
    """

    name: str
    find: Find[Subject]
    reads: frozenset[str]
    why: str
    remedy: str
    severity: Severity
    outside: bool

    def violations(self, subject: Subject, known: context.Context) -> Iterator[Violation]:
        """Every breach of this rule, each with its place in the file."""
        for finding in self.find(subject, known):
            yield Violation(
                subject.places.path,
                *subject.places.at(finding.at),
                f"{finding.text}, but {self.why}",
                finding.remedy or self.remedy,
                finding.severity or self.severity,
                self.name,
            )


def rule(
    *reads: str, why: str, remedy: str, severity: Severity = "error", outside: bool = False
) -> Callable[[Find[Subject]], Rule[Subject]]:
    """Make a rule of a function; the function's name is the rule's."""

    def made(find: Find[Subject]) -> Rule[Subject]:
        return Rule(find.__name__, find, frozenset(reads), why, remedy, severity, outside)

    return made


def organisation(slug: str, text: str) -> str:
    """The text of a finding on one organisation."""
    return f"organisation {slug!r}: {text}"
