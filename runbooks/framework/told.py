"""The form of what `look.py` prints: whoever is root on a server, and its agent, can have it print anything.

What is not in the form is refused as a whole, so that one who lies is told of, and nobody else's diagnosis ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic

from on_server.incident import look
from runbooks.framework import seen

LATEST = 253_402_300_800
"""Seconds that a clock can say: up to the year 9999."""
Seconds = Annotated[float, pydantic.Field(ge=0, lt=LATEST, allow_inf_nan=False)]
MOST = 1000
"""Of a list. Who keeps a name in DNS gives it as many addresses as it likes, and whoever calls it is not to blame."""


def _some(several: list[str]) -> list[str]:
    return several[:MOST]


Some = Annotated[list[str], pydantic.AfterValidator(_some)]


def _asked(said: seen.Said) -> seen.Said:
    if len(said.said) > look.MOST:
        raise ValueError("it says more than is asked for")
    return said


def _ours(place: str) -> str:
    if place not in look.PLACES:
        raise ValueError("it is none of the places that are asked about")
    return place


class _Form(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)


class Answer(_Form):
    """What an agent said to a verb."""

    answers: seen.Answers
    document: dict[str, Any]


class Called(_Form):
    """A call to another gateway; `shown` is the certificate in base64, `again` in how many calls packets were lost."""

    addresses: Some
    why: str
    shown: str
    refused: bool
    taken: bool = False
    seconds: Annotated[float, pydantic.Field(ge=0, lt=3600, allow_inf_nan=False)] = 0.0
    again: Annotated[int, pydantic.Field(ge=0, le=look.CALLS)] = 0


class Told(_Form):
    """All of it."""

    moment: Seconds
    up: Seconds
    agent: Answer
    links: Answer
    computer: seen.Answers
    processes: dict[Literal["agent", "computer"], Some]
    disks: dict[Annotated[str, pydantic.AfterValidator(_ours)], seen.Disk]
    programs: dict[str, Annotated[seen.Said, pydantic.AfterValidator(_asked)]]
    ways: dict[str, Called]


def read(found: Mapping[str, Any]) -> Told:
    """What a server told. Raises ValueError, in words that are ours."""
    try:
        return Told.model_validate(found)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = " ".join(seen.text(one, 40) for one in first["loc"])
        raise ValueError(f"what it tells is not in the form: {where}: {first['msg']}") from error
