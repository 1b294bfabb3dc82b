"""What stations say of themselves in JSON, by `station … --json`: of the shape that is read here, or nothing."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from base import values
from werkplaats.operations.reach import remote, servers

SILENT = "the agent does not answer"


class _Link(pydantic.BaseModel):
    peer: str
    ok: bool
    why: str
    definition: str | None = None
    accepted: dict[str, str] = {}


class _Last(pydantic.BaseModel):
    ended: Annotated[float, pydantic.Field(ge=0, lt=253_402_300_800)]  # what a date can say: up to the year 9999
    outcome: str
    root: str | None = None


class _Peer(pydantic.BaseModel):
    seconds_ago: Annotated[int, pydantic.Field(ge=-(2**32), le=2**32)] | None = None  # what a span of time can say


class _Network(pydantic.BaseModel):
    problem: str = ""
    peers: dict[str, _Peer] = {}
    last_session: _Last | None = None


class _Register(pydantic.BaseModel):
    problem: str = ""
    mended: int = 0


def _day(text: str) -> str:
    return str(datetime.date.fromisoformat(text))


class _Question(pydantic.BaseModel):
    network: str
    question: str
    state: str
    document: dict[str, Any]
    until: Annotated[str, pydantic.AfterValidator(_day)] | None = None


class _Told(pydantic.BaseModel):
    """Of what the `station` command prints, all that is read here."""

    problem: str = ""
    computer: bool = False
    sound: bool = False
    kept: Annotated[_Register, pydantic.Field(alias="register")] = _Register()
    links: list[_Link] = []
    heard: dict[str, dict[str, str]] = {}
    networks: dict[str, _Network] = {}
    questions: list[_Question] = []
    contributors: list[str] = []
    left_out: dict[str, str] = {}


def document_of(answer: remote.Answer) -> dict[str, Any]:
    """The JSON document that the `station` command of a server printed; empty when it printed none, or another."""
    if isinstance(answer, servers.UnreachableError) or not answer.stdout.startswith("{"):
        return {}
    try:
        found: dict[str, Any] = values.parsed(answer.stdout)
        _Told.model_validate(found, strict=True)
    except ValueError:
        return {}
    return found


def status_of(answer: remote.Answer) -> dict[str, Any]:
    """What `station status` told; empty where the agent does not answer, of which the command tells a document too."""
    found = document_of(answer)
    return found if "networks" in found else {}


def problem_of(document: Mapping[str, Any], name: str) -> str:
    """What a station's own status says is wrong with network `name`; empty when nothing is, or it says nothing."""
    return str(document.get("problem") or document.get("networks", {}).get(name, {}).get("problem", ""))
