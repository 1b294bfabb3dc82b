"""A station that a killed run left between two releases moves on from what its agent may have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from network_topology import model
from tests.publication.published import release
from werkplaats.operations.bring_up import stations as making
from werkplaats.operations.look import observed
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import keeping, stations


def of(version: str, number: int) -> model.Release:
    image = f"sha256:{64 * str(number)}"
    kept = {**release(version), "formats": {"register.db": number}, "image_id": image}
    return model.Release.model_validate(kept, strict=False)


OLD, NEW = of("1.0.0", 1), of("1.1.0", 2)


class Remotes:
    """One server, whose engine has these images."""

    def __init__(self, images: tuple[model.Release, ...]) -> None:
        self._images = {one.image_id for one in images}

    def ask(self, _: str, *command: str) -> remote.Done:
        return remote.Done(stdout=f"{command[-1]}\n") if command[-1] in self._images else remote.Done(exited=1)


def containers(**parts: model.Release) -> Mapping[str, Mapping[str, str]]:
    return {
        f"station-{part}": {"id": part, "name": part, "state": "running", "image": one.image_id}
        for part, one in parts.items()
    }


@pytest.mark.parametrize(
    ("there", "images", "wrote"),
    [
        (containers(agent=NEW, computer=NEW), (OLD, NEW), NEW),
        (containers(agent=NEW, computer=OLD), (OLD, NEW), NEW),
        (containers(agent=OLD, computer=NEW), (OLD, NEW), OLD),
        (containers(agent=NEW), (OLD, NEW), NEW),
        (containers(computer=OLD), (OLD, NEW), NEW),
        (containers(computer=OLD), (OLD,), None),
        ({}, (OLD, NEW), NEW),
    ],
    ids=["moved", "agent ahead", "computer ahead", "computer away", "agent away", "never had it", "both away"],
)
def test_files_go_back_from_what_the_agent_wrote_whatever_the_computer_is(
    there: Mapping[str, Mapping[str, str]],
    images: tuple[model.Release, ...],
    wrote: model.Release | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was judged by the image of both, so of two images by none: the older agent could not read what it found."""
    went: list[tuple[model.Release, model.Release | None]] = []
    monkeypatch.setattr(observed, "observe", lambda *_: ({"gelre": observed.Observed(there)}, {}))
    monkeypatch.setattr(keeping, "bring", lambda _, __, to, runs: went.append((to, runs)))
    monkeypatch.setattr(making, "up", lambda *_: (None, {}))
    remotes = cast("Any", Remotes(images))
    mover = stations.Stations(cast("Any", None), remotes, cast("Any", None), OLD, NEW, 0, lambda _: None)
    mover._replace(["gelre"])
    assert went == [(OLD, wrote)]
