"""A state that is made of what is there: the one that knew of it was lost, and none of it is to be made anew.

    a preview on nothing  →  what the program declares, with the defaults of the provider
    the engines           →  under which id they have each of these
    the two together      →  a state, of which the provider reads again what it can

An import by the engine itself would keep what the provider reads alone, which is a part: it would take the rest for a
change, and make the container anew for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pulumi import automation

PROVIDERS = "pulumi:providers:"
# What the provider does not read of a container, as it keeps it where nobody declared it: not to be in a state at all
# would be a change.
NOTHING: Mapping[str, Mapping[str, Any]] = {
    "docker:index/container:Container": {
        "__meta": '{"schema_version":"2"}',
        **dict.fromkeys(("attach", "logs", "rm", "stdinOpen", "tty", "wait", "readOnly"), False),
        **dict.fromkeys(("command", "entrypoints", "envs", "networkDatas"), ()),
        "memoryReservation": 0,
    },
}


def state(declared: Iterable[automation.StepEventStateMetadata], ids: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The resources of a state, in the order in which they were declared: of `ids` (name → id) what exists.

    What is declared and not there is not in it: the next run makes that.
    """
    providers: dict[str, str] = {}
    for one in declared:
        if one.type.startswith(PROVIDERS):
            providers[one.urn] = identity = str(uuid.uuid4())
            own = {key: value for key, value in (one.inputs or {}).items() if key != "__internal"}
            yield {**_form(one), "id": identity, "outputs": own}
        elif not one.custom:
            yield {**_form(one), "outputs": one.outputs}
        elif identifier := ids.get(name(one.urn)):
            provider = one.provider.rpartition("::")[0]
            known = {**NOTHING.get(one.type, {}), **_plain(one.inputs), "id": identifier}
            of = f"{provider}::{providers[provider]}"
            yield {**_form(one), "id": identifier, "provider": of, "outputs": known}


def name(urn: str) -> str:
    """The name of a resource, of its URN."""
    return urn.rpartition("::")[2]


def _form(one: automation.StepEventStateMetadata) -> dict[str, Any]:
    told = {"urn": one.urn, "type": one.type, "custom": bool(one.custom), "inputs": one.inputs}
    return told | ({"parent": one.parent} if one.parent else {})


def _plain(value: Any) -> Any:
    """Inputs as outputs: without the note of which of them are defaults."""
    match value:
        case dict():
            return {key: _plain(one) for key, one in value.items() if key != "__defaults"}
        case list():
            return [_plain(one) for one in value]
    return value
