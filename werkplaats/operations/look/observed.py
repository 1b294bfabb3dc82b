"""What the engine of a server has of its station."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from base import values
from stacks import parts
from werkplaats.operations.reach import remote, servers

_FORMAT = '{"id": {{json .Id}}, "name": {{json .Name}}, "state": {{json .State.Status}}, "image": {{json .Image}}}'
_INSPECT = ("docker", "inspect", "--format", _FORMAT, *(f"station-{part.name}" for part in parts.PARTS))


@dataclasses.dataclass(frozen=True)
class Observed:
    """The station containers that one server's engine has: name → {id, name, state, image}."""

    containers: Mapping[str, Mapping[str, str]]

    @property
    def image(self) -> str:
        """The image that both parts are made from; "" where there are not both, or they are of two images."""
        ids = [one["image"] for one in self.containers.values()]
        return ids[0] if len(ids) == len(parts.PARTS) and len({*ids}) == 1 else ""

    def as_wanted(self, image: str) -> bool:
        """Whether both parts run, from this image."""
        return all(
            (found := self.containers.get(f"station-{part.name}"))
            and found["state"] == "running"
            and found["image"] == image
            for part in parts.PARTS
        )


def observe(remotes: remote.Remotes, organisations: Iterable[str]) -> tuple[dict[str, Observed], dict[str, str]]:
    """Ask each server's engine what stations it has; returns that, and organisation → why, of who does not answer."""
    answers = remotes.ask_all(organisations, *_INSPECT)  # its exit code tells only that a name is missing
    found: dict[str, Observed] = {}
    lost: dict[str, str] = {}
    for organisation, answer in answers.items():
        if isinstance(answer, servers.UnreachableError):
            lost[organisation] = str(answer)
            continue
        try:
            rows = [_container(line) for line in answer.stdout.splitlines() if line.strip()]
        except ValueError as error:
            lost[organisation] = f"{organisation}: what its engine says of its containers cannot be read: {error}"
        else:
            found[organisation] = Observed({row["name"].removeprefix("/"): row for row in rows})
    return found, lost


def _container(line: str) -> dict[str, str]:
    match row := values.parsed(line):
        case {"id": str(), "name": str(), "state": str(), "image": str()}:
            return dict(row)
    raise ValueError("it is no container")
