"""What ends something is brought to every server that is reached, as `up` would place it, and who is not is named."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from network_topology.compiling import compile as compiler
from plugins.filter import tls_mesh
from publication import acceptance, publication, reading, revocations
from tests.publication.published import RELEASES
from werkplaats.operations.bring_up import enforce, hand_over
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.coordinator import revocation
from werkplaats.operations.reach import remote, servers


class Servers:
    """Servers that accepted a publication; what is placed on them by `sh` is kept, and they reload."""

    def __init__(self, accepted: str, organisations: tuple[str, ...]) -> None:
        self.servers = dict.fromkeys(organisations)
        self.accepted = dict.fromkeys(organisations, accepted)
        self.placed: dict[str, dict[str, str]] = {one: {} for one in organisations}
        self.reloaded: list[str] = []
        self.away: dict[str, str] = {}
        self.gone_later: set[str] = set()
        self.refuses: set[str] = set()

    def begin(self) -> dict[str, str]:
        return self.away

    def ask(self, organisation: str, *command: str, given: str = "") -> remote.Done:
        assert (command[0], given) == ("cat", "")
        return remote.Done(self.accepted[organisation])

    def run(self, organisation: str, command: Sequence[str], given: bytes) -> tuple[int, bytes, bytes]:
        if organisation in self.gone_later:
            raise servers.UnreachableError(f"{organisation}: it went away")
        contents = io.BytesIO(given)
        for path, length in zip(command[4::2], command[5::2], strict=True):
            self.placed[organisation][path] = contents.read(int(length)).decode()
        assert contents.read() == b""
        self.reloaded.append(organisation)
        refused = organisation in self.refuses
        return int(refused), b"HAProxy refuses the configuration\n" if refused else b"loaded\n", b""

    def replace(self, organisation: str, _: str, __: str | None, text: str, ___: str) -> None:
        self.accepted[organisation] = text


@pytest.fixture
def network(coordinator: Any, approve: Callable[..., Any], tmp_path: Path) -> Any:
    for organisation in coordinator.definition.stations:
        approve(organisation)
    own = SimpleNamespace(seen_from=(), people={}, managed={}, follower_every=None, backup=None, monitoring=None)
    return SimpleNamespace(
        name="proeftuin",
        publication=tmp_path / "publication",
        trusted=tmp_path / "kept",
        compiled=compiler.compile_network(coordinator.definition),
        server=lambda _: own,
    )


def revoked(coordinator: Any, network: Any) -> Servers:
    """Servers of three organisations, of which all accepted what was published before thuiszorg was revoked."""

    def publish() -> Any:
        return publishing.publish(network.publication, coordinator.definition, RELEASES, coordinator.authority)

    made = Servers(json.dumps(acceptance.accept(publish()).document()), ("ggd", "ziekenhuis", "thuiszorg"))
    revocation.withdraw(coordinator.authority, "thuiszorg", "keyCompromise")
    publish()
    return made


def test_the_list_and_the_view_without_the_key_are_in_force_where_the_server_is_reached(
    coordinator: Any, network: Any
) -> None:
    made = revoked(coordinator, network)
    outcome = enforce.enforce(network, cast("Any", made))
    assert sorted(outcome.in_force) == sorted(made.reloaded) == ["ggd", "ziekenhuis"]
    assert list(outcome.out) == ["thuiszorg"]
    assert (outcome.left_out, outcome.others) == ({}, ["huisartsen"])
    assert made.placed["thuiszorg"] == {}
    published = publication.read(network.publication, "proeftuin")
    for organisation in outcome.in_force:
        crl, view = made.placed[organisation].values()
        assert crl == revocations.pem(published.revocations).decode()
        assert json.loads(view)["cut"] == {"proeftuin.thuiszorg": {"organisation": "thuiszorg"}}
        kept = acceptance.load(json.loads(made.accepted[organisation]))
        assert kept
        assert "thuiszorg" not in kept.statement_keys


def test_who_is_not_reached_or_does_not_take_it_is_named_and_stops_nobody_else(coordinator: Any, network: Any) -> None:
    made = revoked(coordinator, network)
    made.away = {"ggd": "cannot be reached at 192.0.2.1"}
    outcome = enforce.enforce(network, cast("Any", made))
    assert (outcome.in_force, outcome.left_out) == (["ziekenhuis"], made.away)
    made.away, made.gone_later, made.refuses = {}, {"ggd"}, {"ziekenhuis"}
    outcome = enforce.enforce(network, cast("Any", made))
    assert outcome.in_force == []
    assert outcome.left_out["ggd"] == "ggd: it went away"
    assert "its gateway did not take it: HAProxy refuses" in outcome.left_out["ziekenhuis"]


def test_it_is_placed_as_the_role_places_it(coordinator: Any, network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every `up` after it would change every server."""
    entries: list[dict[str, Any]] = []
    real = enforce.files

    def files(name: str, entry: dict[str, Any]) -> dict[str, str]:
        entries.append(entry)
        return real(name, entry)

    monkeypatch.setattr(enforce, "files", files)
    enforce.enforce(network, cast("Any", revoked(coordinator, network)))
    assert len(entries) == 2
    for entry in entries:
        by_role = {one["path"]: one["content"] for one in tls_mesh.gateway_files([entry])["written"]}
        found = real("proeftuin", entry)
        assert len(found) == 2
        assert {path: by_role[path] for path in found} == found


def bring(folder: Path, contents: Mapping[Path, str], reloads: str = "exit 0") -> subprocess.CompletedProcess[str]:
    """As on a server, where `systemctl` is this and the gateway's last message is there."""
    (systemctl := folder / "bin/systemctl").parent.mkdir(exist_ok=True)
    systemctl.write_text(f"#!/bin/sh\necho $* >> {folder}/started\n{reloads}\n")
    systemctl.chmod(0o755)
    words = [word for path, content in contents.items() for word in (str(path), str(len(content.encode())))]
    line = enforce._BRING.replace("/run/werkplaats/gateway.message", str(folder / "message"))
    (folder / "message").write_text("what the gateway says\n")
    return subprocess.run(
        ["sh", "-c", line, "bring", *words],
        input="".join(contents.values()),
        text=True,
        capture_output=True,
        check=False,
        env={"PATH": f"{folder}/bin:/usr/bin:/bin"},
    )


def test_files_are_replaced_whole_with_their_mode_and_the_gateway_loads_them(tmp_path: Path) -> None:
    (there := tmp_path / "there").mkdir()
    crl, view = there / "crl.pem", there / "network.json"
    for path, mode in ((crl, 0o640), (view, 0o604)):
        path.write_text("old")
        path.chmod(mode)
    before = [(path.stat().st_mode, path.stat().st_uid) for path in (crl, view)]
    done = bring(tmp_path, {crl: "één\nlist\n", view: "v" * 300_000})
    assert (done.returncode, done.stdout, done.stderr) == (0, "what the gateway says\n", "")
    assert (crl.read_text(), view.read_text()) == ("één\nlist\n", "v" * 300_000)
    assert [(path.stat().st_mode, path.stat().st_uid) for path in (crl, view)] == before
    assert {*there.iterdir()} == {crl, view}
    assert (tmp_path / "started").read_text() == "start gateway-reload.service\n"


def test_where_there_was_no_file_none_is_made_and_nothing_is_loaded(tmp_path: Path) -> None:
    (there := tmp_path / "there").mkdir()
    (crl := there / "crl.pem").write_text("old")
    (folder := there / "network.json").mkdir()
    (folder / "something").touch()
    for view, said in ((there / "none.json", "is not there yet"), (folder, "cannot be placed")):
        done = bring(tmp_path, {crl: "new", view: "view"})
        assert (done.returncode, done.stdout) == (enforce._NOT_PLACED, f"{view} {said}\n")
        assert {*there.iterdir()} == {crl, folder}
    assert not (tmp_path / "started").exists()


def test_what_did_not_come_whole_takes_the_place_of_nothing(tmp_path: Path) -> None:
    (crl := tmp_path / "crl.pem").write_text("old")
    (view := tmp_path / "network.json").write_text("old")
    line = ["sh", "-c", enforce._BRING, "bring", str(crl), "4", str(view), "9"]
    done = subprocess.run(line, input="listview", text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (enforce._NOT_PLACED, f"{view} cannot be placed\n")
    assert (crl.read_text(), view.read_text()) == ("list", "old")
    assert {*tmp_path.iterdir()} == {crl, view}


def test_a_gateway_that_does_not_take_it_says_why(tmp_path: Path) -> None:
    (crl := tmp_path / "crl.pem").write_text("old")
    done = bring(tmp_path, {crl: "new"}, "exit 7")
    assert (done.returncode, done.stdout) == (7, "what the gateway says\n")


def test_what_was_published_while_a_run_placed_what_it_had_read_is_in_force_at_its_end(
    coordinator: Any, network: Any
) -> None:
    """Gains: a run that hung over a revocation places the list and the peers of before once it goes on."""
    there = revoked(coordinator, network)
    root = publication.read(network.publication, network.name).root
    remotes = cast("Any", there)
    judged = hand_over.applicable(network, remotes, ["ggd", "ziekenhuis"], root=root)
    assert enforce.overtaken(network, remotes, judged.taken, ["ggd", "ziekenhuis"]) == {}
    assert there.reloaded == [], "nothing was published since"
    revocation.withdraw(coordinator.authority, "huisartsen", "keyCompromise")
    publishing.publish(network.publication, coordinator.definition, RELEASES, coordinator.authority)
    there.refuses = {"ziekenhuis"}
    left_out = enforce.overtaken(network, remotes, judged.taken, ["ggd", "ziekenhuis"])
    assert left_out.keys() == {"ziekenhuis"}
    view = next(text for path, text in there.placed["ggd"].items() if path.endswith("network.json"))
    assert "proeftuin.huisartsen" in json.loads(view)["cut"]
    network.publication.unlink()
    (network.publication / "metadata").mkdir(parents=True)
    (network.publication / reading.NEWEST).write_text("{}")
    again = enforce.overtaken(network, remotes, judged.taken, ["ggd"])
    assert again.keys() == {"ggd"}
    assert reading.NEWEST in again["ggd"], "what lies there now is none"
