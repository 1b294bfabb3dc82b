from __future__ import annotations

import concurrent.futures
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from werkplaats.operations import servers


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sandbox of which nothing exists yet, on a machine whose engine has no networks."""
    monkeypatch.setattr(servers, "_taken_subnets", lambda _: [])
    return SimpleNamespace(
        name="proef.sandbox",
        vault=SimpleNamespace(folder=tmp_path),
        inventory=tmp_path / "inventory",
        given=(),
        compiled=SimpleNamespace(stations={"ggd": None, "gelre": None}),
    )


def test_a_plan_and_an_up_that_begin_together_make_every_key_once(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def slowly() -> ed25519.Ed25519PrivateKey:
        time.sleep(0.02)  # as long as the other needs to see that there is no key yet
        made.append(ed25519.Ed25519PrivateKey.from_private_bytes(bytes([len(made)]) * 32))
        return made[-1]

    monkeypatch.setattr(ed25519.Ed25519PrivateKey, "generate", slowly)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda _: servers._stack(network, cast("Any", None), servers.NO_IMAGE), range(2)))
    assert len(made) == len(list(network.vault.folder.rglob("*.pub")))
