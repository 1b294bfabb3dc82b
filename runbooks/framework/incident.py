"""What an incident is: a module says when it fits what was seen, and which steps mend it.

A module of a group has
    TITLE       a few words
    ABOUT       "organisation", "link" or "network": what its subjects are; "member" is an organisation of which
                another operator may run the server
    EXPLAINS    names of incidents that follow from it at the same subject, and so are not named beside it
    INTERRUPTS  what its mitigation interrupts, in words; "" where nothing
    LOSES       what its mitigation loses for good, in words; "" where nothing
    ASKS        name → words of a program that every server is to be asked besides (optional)
    fits(seen) → Fit, ...             pure: from what was seen alone; without it people say so, and nothing that is seen
    steps(case) → Sequence[Step]      what mends it, in order
and beside it the prose under the same name, in English and in Dutch (`prose.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args

from runbooks.framework import seen
from runbooks.framework.seen import Seen
from runbooks.framework.steps import Case, Step

LONGEST = 600
"""Characters of a line of evidence."""
About = Literal["organisation", "link", "network", "member"]


@dataclasses.dataclass(frozen=True)
class Fit:
    """That an incident fits what was seen: of whom, how well (1 to 100), and by what, in words."""

    subject: str
    score: int
    evidence: tuple[str, ...]
    ahead: bool = False
    """Whether it is only about to happen: then nothing follows from it yet."""
    witnessed: frozenset[str] = frozenset()
    """Of a link: ends that let us in, and that others cannot call: what those say of themselves does not explain it."""

    def __post_init__(self) -> None:
        if not (1 <= self.score <= 100 and self.evidence):
            raise ValueError(f"{self}: a fit has a score from 1 to 100, and says by what")
        object.__setattr__(self, "evidence", tuple(seen.text(one, LONGEST) for one in self.evidence))  # others wrote it


@dataclasses.dataclass(frozen=True)
class Incident:
    """One incident, as its module says it."""

    name: str
    group: str
    folder: Path
    title: str
    about: About
    explains: tuple[str, ...]
    interrupts: str
    loses: str
    asks: Mapping[str, Sequence[str]]
    fits: Callable[[Seen], Iterator[Fit]]
    steps: Callable[[Case], Sequence[Step]]

    @property
    def destructive(self) -> bool:
        """Whether its mitigation loses anything for good."""
        return bool(self.loses)

    @property
    def costs(self) -> str:
        """What its mitigation interrupts and loses, in one sentence."""
        return f"interrupts {self.interrupts or 'nothing'}; loses {self.loses or 'nothing'}"

    def prose(self, language: str = "en") -> str:
        """What people read: English, or Dutch as "nl"."""
        return self.prose_file(language).read_text()

    def prose_file(self, language: str = "en") -> Path:
        """Where that lies."""
        ending = ".md" if language == "en" else f".{language}.md"
        return self.folder / f"{self.name.replace('-', '_')}{ending}"


def _nobody_sees(_: Seen) -> Iterator[Fit]:
    """Of an incident that only people know: what is seen of it is seen of milder things too."""
    return iter(())


def of(module: ModuleType) -> Incident:
    """The incident of a module. Raises ValueError where it lacks something."""
    where = module.__name__
    try:
        found = Incident(
            name=where.rpartition(".")[2].replace("_", "-"),
            group=where.split(".")[-2],
            folder=Path(str(module.__file__)).parent,
            title=module.TITLE,
            about=module.ABOUT,
            explains=tuple(module.EXPLAINS),
            interrupts=module.INTERRUPTS,
            loses=module.LOSES,
            asks=getattr(module, "ASKS", {}),
            fits=getattr(module, "fits", _nobody_sees),
            steps=module.steps,
        )
    except AttributeError as error:
        raise ValueError(f"{where} is no incident: {error}") from error
    if found.about not in get_args(About):
        raise ValueError(f"{where}: ABOUT is {found.about!r}, and may be {', '.join(get_args(About))}")
    return found
