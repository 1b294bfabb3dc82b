"""The whole walk, its coordinator included, at a server that is only pretended: what it keeps are files.

What is placed on a server and what runs there is not looked at here. All else is as it is: publication, root,
inventory, request, approval and acceptance.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from base import errors
from publication.following import own_keys, requests
from stacks import parts
from tests.docs import documents
from tests.harness import coordinator as coordinators
from tests.werkplaats.operations.join.conftest import ORGANISATION, Published, packed, tree
from tests.werkplaats.verbs.join import transcripts
from tests.werkplaats.verbs.join.conftest import Typed
from werkplaats import cli
from werkplaats.operations.bring_up import up
from werkplaats.operations.coordinator import approval
from werkplaats.operations.home import networks, places
from werkplaats.operations.join import beforehand
from werkplaats.operations.look import verify
from werkplaats.operations.offered import examine
from werkplaats.operations.reach import remote
from werkplaats.verbs import up as up_verb

HOST = ("--host", "198.51.100.9", "--host-key", "SHA256:" + "A" * 43)
GUIDE, LONGEST = documents.ROOT / "docs" / "administrator.md", 120
ACCEPTED = places.accepted("proeftuin")


class Server:
    """The files of a server, its station, and what was done to it."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.containers = ""
        self.runs: list[str] = []
        self.servers = {ORGANISATION: None}
        self.unreached = ""
        self.left_out: dict[str, str] = {}
        self.good = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def probe(self, **_: object) -> dict[str, str]:
        return dict(self.left_out)

    def ask(self, _: str, *command: str) -> remote.Done:
        if command[0] == "docker":
            return remote.Done(self.containers)
        missing = [path for path in command[1:] if path not in self.files]
        said = "".join(f"cat: {path}: No such file or directory\n" for path in missing)
        return remote.Done("".join(self.files.get(path, "") for path in command[1:]), said, int(bool(missing)))

    def ask_all(self, organisations: Iterable[str], *command: str) -> dict[str, remote.Done]:
        return {one: self.ask(one, *command) for one in organisations}

    def replace(self, _: str, path: str, before: str | None, text: str, lock: str) -> None:
        assert (self.files.get(path), lock) == (before, places.PLACING)
        self.files[path] = text

    def prepare(self) -> None:
        """What the first `up` does."""
        text = coordinators.make_keys().as_read(ORGANISATION)
        pem, begins, rest = text.partition("-----BEGIN PUBLIC KEY-----")
        key, ends, statement = rest.partition("-----END PUBLIC KEY-----\n")
        self.files |= {own_keys.REQUEST: pem, own_keys.STATEMENT_KEY: begins + key + ends}
        self.files[requests.STATEMENT] = statement

    def run(self) -> None:
        """What the second one does."""
        image = json.loads(self.files[ACCEPTED])["release"]["image_id"]
        rows = [{"id": "1", "name": f"/station-{one.name}", "state": "running", "image": image} for one in parts.PARTS]
        self.containers = "\n".join(map(json.dumps, rows))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    verdict = verify.Report((verify.Verdict("check", ORGANISATION, "the station", ""),), {}, {})

    def bring(_: object, options: up.Options, __: object) -> up.Outcome:
        assert options.only == (ORGANISATION,)
        made.runs.append("prepared" if own_keys.REQUEST not in made.files else "up")
        made.prepare() if made.runs[-1] == "prepared" else made.run()
        return up.Outcome(report=verified() if made.runs[-1] == "up" else None)

    def examined(*_: object) -> tuple[Any, dict[str, str]]:
        return {ORGANISATION: SimpleNamespace(of=lambda _: [], verdict="a station can be placed here")}, {}

    def verified(*_: object, **__: object) -> verify.Report:
        wrong = verify.Verdict("link", ORGANISATION, "ggd", "does not answer")
        return verdict if made.good else verify.Report((wrong,), {}, {})

    monkeypatch.setattr(networks.Network, "remotes", lambda *_: made)
    monkeypatch.setattr(beforehand, "reached", lambda *_: made.unreached)
    monkeypatch.setattr(examine, "examine", examined)
    monkeypatch.setattr(up_verb, "bring", bring)
    monkeypatch.setattr(up, "verify_network", verified)
    return made


class Administrator:
    """Types the command, and keeps what was printed."""

    def __init__(self, home: places.Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self._monkeypatch, self._capsys = home.networks.parent, monkeypatch, capsys
        self.walk: list[str] = []

    def join(self, file: Path, *words: str, typed: str = "", shown: bool = True) -> tuple[int, str]:
        command = ["join", str(file), "--organisation", ORGANISATION, *words]
        with self._monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Typed(typed) if typed else io.StringIO())
            patch.setenv(places.HOME_VARIABLE, str(self.home))
            code = cli.main(command)
        captured = self._capsys.readouterr()
        printed = transcripts.echoed(captured.out, typed)
        if shown:
            self.walk += transcripts.lines(" ".join(command), printed, captured.err)
        return code, printed + captured.err


def test_one_command_again_and_again_from_a_file_to_a_verified_station_as_the_guide_shows(
    published: Published,
    home: places.Home,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = Administrator(home, monkeypatch, capsys)
    first, letter = packed(published.folder, tmp_path / "proeftuin.tar"), tmp_path / "brief.pdf"
    letter.write_text("Geachte heer,")
    root = published.publish().root

    assert mine.join(letter)[0] == errors.REFUSED
    assert mine.join(first, typed=f"sha256:{root[-64:][::-1]}\n")[0] == errors.REFUSED
    assert tree(home) == {}
    code, said = mine.join(first, typed=f"{root}\n")
    assert code == errors.REFUSED
    assert "say how it is reached" in said
    server.unreached = f"huisartsen: sudo: a password is required; {remote.SUDO}"
    assert mine.join(first, *HOST)[0] == errors.HALF_WAY
    server.unreached = ""
    assert not (home.inventories / "proeftuin" / "servers.yml").exists()
    assert mine.join(first, *HOST, typed="y\nn\n", shown=False)[0] == errors.REFUSED
    assert server.runs == []
    code, said = mine.join(first, typed="y\n")
    assert code == errors.REFUSED
    fingerprint = re.search(r"^ +(SHA256:\S+)$", said, re.MULTILINE)
    assert fingerprint
    code, again = mine.join(first, shown=False)
    assert (code, re.findall(r"(?m)^  (\w+) ", again)[:6]) == (errors.REFUSED, ["done"] * 5 + ["now"])
    assert fingerprint[1] in again
    handed = home.inventories / "proeftuin" / "requests" / f"{ORGANISATION}.json"
    handed.unlink()
    assert mine.join(first, shown=False)[0] == errors.REFUSED
    assert server.runs == ["prepared"]

    # The file is what the coordinator gets, and the fingerprint what is read out.
    records = published.coordinator.records
    records.write("requests", ORGANISATION, json.loads(handed.read_text()))
    approval.approve(published.definition, ORGANISATION, fingerprint[1], published.coordinator.authority)
    published.publish()
    newer = packed(published.folder, tmp_path / "proeftuin-2.tar")

    code, said = mine.join(newer, shown=False)
    assert code == errors.REFUSED
    assert "there is no terminal to ask on, so nothing was changed" in said
    assert ACCEPTED not in server.files
    code, said = mine.join(newer, typed="y\ny\n")
    assert code == errors.DONE, said
    assert server.runs == ["prepared", "up"]
    code, said = mine.join(newer, shown=False)
    assert code == errors.DONE
    assert re.findall(r"(?m)^  (\w+) ", said) == ["done"] * 9 + ["now"]

    server.good = False  # `up` is what may mend it, and it asks first
    assert mine.join(newer, shown=False)[0] == errors.REFUSED
    code, said = mine.join(newer, typed="y\n", shown=False)
    assert (code, said.count("NOT link huisartsen: ggd: does not answer")) == (errors.FOUND, 1)
    server.left_out = {ORGANISATION: "no route to host"}
    code, said = mine.join(newer, shown=False)
    assert code == errors.HALF_WAY
    assert "cannot be looked at: no route to host" in said
    assert server.runs == ["prepared", "up", "up"]

    host = f"station.{ORGANISATION}.example"
    shown = transcripts.readable(
        mine.walk, {str(home.networks.parent): "~/datawerkplaats", str(tmp_path): "~", HOST[1]: host}
    )
    (block,) = [one for one in documents.blocks(GUIDE) if one.language == "text"]
    (tmp_path / "transcript").write_text(text := "\n".join(shown).strip() + "\n")
    assert text.splitlines() == [*block.lines], f"where this is as it should be, the guide shows {tmp_path}/transcript"
    assert len(block.lines) <= LONGEST
