from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from base import errors
from stacks import drive, labels
from stacks.components import sandbox_server
from werkplaats.operations.bring_up import servers
from werkplaats.operations.home import networks
from werkplaats.operations.reach import inventory


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subnets of the networks that this machine's engine has; none of them is ours."""
    subnets: list[str] = []
    monkeypatch.setattr(servers, "_taken_subnets", lambda _: subnets)
    return subnets


@pytest.fixture
def network(tmp_path: Path, taken: list[str]) -> Any:
    """A sandbox of which nothing exists yet, on a machine whose engine has no networks."""
    assert not taken
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
    made: list[ed25519.Ed25519PrivateKey] = []

    def slowly() -> ed25519.Ed25519PrivateKey:
        time.sleep(0.02)  # as long as the other needs to see that there is no key yet
        made.append(ed25519.Ed25519PrivateKey.from_private_bytes(bytes([len(made)]) * 32))
        return made[-1]

    monkeypatch.setattr(ed25519.Ed25519PrivateKey, "generate", slowly)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda _: servers._stack(network, cast("Any", None), servers.NO_IMAGE), range(2)))
    assert len(made) == len(list(network.vault.folder.rglob("*.pub")))


def test_what_its_operator_says_of_a_server_that_is_made_here_outlives_the_next_up(network: Any) -> None:
    said = network.inventory / "servers.yml"

    def up() -> None:
        servers._stack(network, cast("Any", None), servers.NO_IMAGE)

    up()
    said.write_text(said.read_text().replace("gelre:\n", "gelre:\n  updates_within: 3\n  managed: {time: false}\n"))
    up()
    [gelre] = [one for one in inventory.read(said) if one.organisation == "gelre"]
    assert (gelre.updates_within, gelre.managed) == (3, {"time": False})


class Stack:
    """Stands for Pulumi: another network's `up` is `ahead` times the first to make the subnet that this one chose."""

    ahead = 0

    def __init__(self, *, plan: Any, taken: list[str], **_: Any) -> None:
        self._subnet = plan(()).subnet
        self._taken = taken

    def require_known(self, *_: Any) -> None:
        """Nothing is there."""

    def recover(self, _: Any) -> None:
        """Nothing was left behind."""

    def up(self, _: Any, *, drifted: list[str]) -> drive.Outcome:
        assert drifted == []
        if Stack.ahead > 0:
            Stack.ahead -= 1
            self._taken.append(self._subnet)
        if self._subnet in self._taken:
            raise drive.DriveError("error: Pool overlaps with other one on this address space")
        return drive.Outcome((drive.Change("create", self._subnet, "Network"),))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, taken: list[str]) -> Any:
    answers: dict[str, Any] = {"_require_own": None, "remove_orphans": None, "_drifted": []}
    for name, answer in answers.items():
        monkeypatch.setattr(servers, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(drive, "Stack", functools.partial(Stack, taken=taken))
    monkeypatch.setattr(networks, "federations", lambda _: [])


@pytest.mark.usefixtures("engine")
def test_whom_another_network_is_ahead_of_takes_another_subnet(network: Any, taken: list[str]) -> None:
    Stack.ahead = 2
    said = list[str]()
    (made,) = servers.up(network, cast("Any", None), servers.NO_IMAGE, said.append).changes
    assert made.name not in taken
    assert len(taken) == len(said) == 2
    assert all("another" in line for line in said)


@pytest.mark.usefixtures("engine")
def test_what_fails_for_another_reason_is_not_tried_again(
    network: Any, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise drive.DriveError("error: no space left on device")

    monkeypatch.setattr(Stack, "up", fail)
    with pytest.raises(drive.DriveError, match="no space left"):
        servers.up(network, cast("Any", None), servers.NO_IMAGE, print)
    assert taken == []


@pytest.mark.usefixtures("engine")
def test_nothing_is_removed_where_the_state_of_servers_that_are_there_is_lost(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run took them for what a killed one had left, and made each anew with nothing on its disk."""

    def lost(_: Any, what: str, there: Any) -> None:
        raise drive.LostStateError(what, there())

    def remove(*_: Any) -> None:
        raise AssertionError("they were removed")

    monkeypatch.setattr(Stack, "require_known", lost)
    monkeypatch.setattr(servers, "_there", lambda _: ["proef.sandbox.ggd"])
    monkeypatch.setattr(servers, "remove_orphans", remove)
    with pytest.raises(drive.LostStateError, match=r"servers of proef\.sandbox is lost.*proef\.sandbox\.ggd already"):
        servers.up(network, cast("Any", None), servers.NO_IMAGE, print)


def test_disks_that_an_ended_run_left_without_their_servers_are_no_lost_state(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were in the way of `up` for ever: `destroy` knows of nothing either."""
    disk = SimpleNamespace(list=lambda **_: [SimpleNamespace(name="proef.sandbox.ggd.engine")])
    nothing = SimpleNamespace(list=lambda **_: [])
    engine = SimpleNamespace(containers=nothing, volumes=disk, networks=nothing)
    monkeypatch.setattr(servers, "_local_engine", lambda: contextlib.nullcontext(engine))
    assert servers._there(network) == []


@pytest.mark.parametrize("switch", [servers.switch_on, servers.switch_off, servers.freeze])
def test_a_server_that_another_vault_made_under_the_same_name_is_not_switched(
    network: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, switch: Any
) -> None:
    def never(**_: Any) -> None:
        raise AssertionError("it was switched")

    mounts = [{"Destination": sandbox_server.SEED_FOLDER, "Source": str(tmp_path.parent / "other" / "seeds" / "ggd")}]
    theirs = SimpleNamespace(
        labels={labels.ORGANISATION: "ggd"}, attrs={"Mounts": mounts}, status="running",
        start=never, stop=never, pause=never,
    )  # fmt: skip
    engine = SimpleNamespace(containers=SimpleNamespace(list=lambda **_: [theirs]))
    monkeypatch.setattr(servers, "_local_engine", lambda: contextlib.nullcontext(engine))
    with pytest.raises(errors.RefusedError, match="is there already, made from the vault"):
        switch(network, "ggd")
