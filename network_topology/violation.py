"""What can be wrong with a definition: a sentence with a place and a remedy."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from base import errors

Severity = Literal["error", "warning"]


@dataclasses.dataclass(frozen=True, order=True)
class Violation:
    """One thing that is wrong, or deserves attention, at one place of one file.

    `line` and `column` count from 1; line 0 means the file as a whole. `text` says what is the case and why that is
    wrong, `remedy` what to do. `rule` names the rule (or the step of loading) that found it.
    """

    path: Path
    line: int
    column: int
    text: str
    remedy: str
    severity: Severity = "error"
    rule: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else str(self.path)
        return f"{place} {self.severity}: {self.text}; {self.remedy}"


class DefinitionError(errors.FoundError):
    """A definition cannot be used; `violations` says everything that was found wrong, in the order of the file."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = sorted(violations)
        super().__init__("\n".join(str(violation) for violation in self.violations))

    def in_words(self, command: str) -> str:  # noqa: ARG002 - each violation says its own place
        """A line for each violation."""
        return self.what


class UnknownNetworkError(DefinitionError):
    """No network of this name is defined in this folder: nothing is wrong with a definition."""

    exit_code = errors.WRONG_USE


class KindError(DefinitionError):
    """A network of another kind than what is asked for can work on: nothing is wrong with its definition."""

    exit_code = errors.REFUSED
