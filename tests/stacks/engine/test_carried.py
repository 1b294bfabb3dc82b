"""The engine as one file: the same bytes whatever ran with it, and whole where it arrives."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stacks.engine import carried, install

FILES = {
    "bin/pulumi": "#!/bin/sh\n",
    "home/plugins/resource-docker-v5.2.0/pulumi-resource-docker": "a plugin",
    "home/plugins/resource-docker-v5.2.0.lock": "",
    "home/logs/one.log": "of a run",
    "home/workspaces/one.json": "{}",
    "engine.json": json.dumps({"source": "build"}),
}


@pytest.fixture
def engine(tmp_path: Path) -> install.Engine:
    root = tmp_path / "engine"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        (root / name).chmod(0o700 if "pulumi" in Path(name).name else 0o600)
    return install.Engine(root, "build")


def test_it_arrives_whole_and_without_what_its_runs_left(engine: install.Engine, tmp_path: Path) -> None:
    packed = tmp_path / carried.name()
    carried.pack(engine, packed)
    first = packed.read_bytes()
    for path in engine.root.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    carried.pack(engine, packed)
    assert packed.read_bytes() == first, "whoever packs it, whenever"
    half = tmp_path / "cache" / install.key() / "bin"
    half.mkdir(parents=True)
    root = carried.bring(packed, tmp_path / "cache")
    assert install.installed(root) == install.Engine(root, "build")
    found = {str(path.relative_to(root)): path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()}
    assert found == {
        "bin/pulumi": 0o755,
        "home/plugins/resource-docker-v5.2.0/pulumi-resource-docker": 0o755,
        "engine.json": 0o644,
    }
    (root / "home" / "logs").mkdir()
    assert carried.bring(packed, tmp_path / "cache") == root
    assert (root / "home" / "logs").is_dir(), "one that is there is left"


def test_another_engine_than_this_suite_uses_is_refused(engine: install.Engine, tmp_path: Path) -> None:
    packed = tmp_path / f"3.1.0{carried.SUFFIX}"
    carried.pack(engine, packed)
    with pytest.raises(install.EngineError, match="is another engine than"):
        carried.bring(packed, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
