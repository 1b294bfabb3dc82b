"""How much memory a process may use, as the control groups around it say."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks import parts
from station_image.runtime.base import memory

MB = 1024 * 1024


@pytest.mark.parametrize(
    ("files", "own", "found"),
    [
        ({"memory.max": 256 * MB}, "0::/\n", 256 * MB),
        ({"memory/memory.limit_in_bytes": 128 * MB}, "4:memory:/\n0::/\n", 128 * MB),
        ({"a/memory.max": 300 * MB, "a/b/memory.max": "max"}, "0::/a/b\n", 300 * MB),
        ({"memory/a/memory.limit_in_bytes": 64 * MB}, "5:cpu,memory:/a/b\n", 64 * MB),
        ({"memory.max": "max"}, "0::/\n", memory.USUAL),
        ({"memory/memory.limit_in_bytes": 9223372036854771712}, "4:memory:/\n", memory.USUAL),
        ({}, "", memory.USUAL),
    ],
    ids=["v2", "v1", "v2 around", "v1 around", "v2 without", "v1 without", "none"],
)
def test_the_least_limit_around_a_process_is_its_own(
    tmp_path: Path, files: dict[str, object], own: str, found: int
) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    (tmp_path / "own").write_text(own)
    assert memory.limit(tmp_path, tmp_path / "own") == found


def test_what_is_usual_is_what_an_agents_container_is_given() -> None:
    [agent] = [part for part in parts.PARTS if part.name == "agent"]
    assert agent.memory * MB == memory.USUAL
