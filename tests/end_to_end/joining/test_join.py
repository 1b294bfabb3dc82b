"""A hospital's administrator joins a running network with its own bare server, by `werkplaats join`, mistakes and all.

The administrator has an empty folder, a server and the file that the coordinator handed over; types what is read out by
telephone, and answers at a terminal. docs/administrator.md has a shorter walk; the transcript of this one is written
beside the administrator's folder.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.joining import region
from tests.harness import sandboxes, servers
from tests.werkplaats.verbs.join import transcripts
from werkplaats.operations.home import vault

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
NAME, HOSPITAL = "meedoen", "ziekenhuis"
HOST = f"station.{HOSPITAL}.example"


@dataclasses.dataclass
class Administrator:
    """Of the hospital: a folder and a state of one's own, and what was typed and printed."""

    network: sandboxes.Sandbox
    server: servers.Server
    transcript: list[str] = dataclasses.field(default_factory=list)

    def join(self, file: Path, *words: str, typed: str = "", expect: int, shown: bool = True) -> str:
        """Type it, with these answers at the terminal; returns what was printed. `shown`: it is in the transcript."""
        command = ["join", str(file), "--organisation", HOSPITAL, *words]
        ours, theirs = pty.openpty()
        os.write(ours, typed.encode())
        try:
            done = subprocess.run(
                [sys.executable, "-m", "werkplaats", *command],
                cwd=sandboxes.ROOT,
                env=self.network.environment,
                stdin=theirs if typed else subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=1500,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        printed = transcripts.echoed(done.stdout, typed)
        if shown:
            self.transcript += transcripts.lines(" ".join(command), printed, done.stderr)
        return printed + done.stderr

    def interrupted(self, file: Path) -> str:
        """Type it, say yes to all, and press Ctrl-C while the server is being configured."""
        process = self.network.start("join", str(file), "--organisation", HOSPITAL, "--yes")
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if " configure " in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 5, "".join(seen) + err
        return err

    def readable(self) -> list[str]:
        """The transcript as another administrator would have it."""
        named = {
            str(self.network.home): "~/datawerkplaats",
            str(self.network.home.parent): "~",
            self.server.address: HOST,
            self.server.host_key: "SHA256:…",
            f" --key {self.server.key}": "",
            f", key: {self.server.key}": "",
        }
        return transcripts.readable(self.transcript, named)


@dataclasses.dataclass
class Coordinator:
    """The network on servers that its coordinator knows by an inventory, and the sandbox that has them."""

    maker: sandboxes.Sandbox
    network: sandboxes.Sandbox


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    folder = tmp_path / "coordinator"
    try:
        yield Coordinator(*region.known(folder, NAME, (HOSPITAL,), sandboxes.DEFINITION))
    finally:
        sandboxes.Sandbox(f"{NAME}.sandbox", folder / "home", folder / "state").run("destroy", "--yes", expect=None)


@pytest.fixture
def administrator(coordinator: Coordinator, tmp_path: Path) -> Iterator[Administrator]:
    """With a server as a hospital makes it available, and nothing else."""
    folder = tmp_path / "hospital"
    (folder / "datawerkplaats").mkdir(parents=True)
    (folder / "passphrase").write_text("een andere lange zin die niemand raadt\n")
    (folder / "passphrase").chmod(0o600)
    own = sandboxes.Sandbox(NAME, folder / "datawerkplaats", folder / "state", folder / "passphrase")
    with region.server(coordinator.maker, HOSPITAL, tmp_path, 200) as server:
        yield Administrator(own, server)


def test_an_administrator_joins_step_by_step_with_every_mistake_on_the_way(
    coordinator: Coordinator, administrator: Administrator, note: Callable[[str], None]
) -> None:
    mine, own, network = administrator, administrator.network, coordinator.network
    root = sandboxes.founded(network)
    first = region.handed_over(network, own.home.parent / f"{NAME}.tar")
    server = ("--host", mine.server.address, "--host-key", mine.server.host_key, "--key", str(mine.server.key))

    # Before anything: what the change advisory board wants to see.
    paper = mine.join(first, "--paper", *server, expect=0, shown=False)
    for part in (
        "`werkplaats up` would place:",
        "what your own firewall lets pass:",
        "who decides what:",
        "never leaves",
    ):
        assert part in paper
    assert [*own.home.iterdir()] == []

    # The wrong file, the wrong organisation, and a root that was heard wrongly: nothing is placed.
    letter = own.home.parent / "brief.pdf"
    letter.write_text("Geachte heer,")
    mine.join(letter, expect=3)
    assert "has no organisation 'apotheek'" in mine.join(first, "--organisation", "apotheek", expect=2, shown=False)
    assert "--root sha256:…" in mine.join(first, expect=3, shown=False)
    heard = "sha256:" + root[-64:][::-1]
    assert "have it read to you again" in mine.join(first, typed=f"{heard}\n", expect=3)
    assert [*own.home.iterdir()] == []

    # The root as it was read out; how the server is reached is not said yet; then with another machine's host key.
    assert "ssh-keygen -lf" in mine.join(first, typed=f"{root}\n", expect=3)
    inventory = own.home / "inventories" / NAME / "servers.yml"
    other = ("--host", mine.server.address, "--host-key", "SHA256:" + "A" * 43, "--key", str(mine.server.key))
    assert "host key" in mine.join(first, *other, expect=5, shown=False)
    sudoers = "/etc/sudoers.d/beheer"
    servers.docker("exec", mine.server.container, "mv", sudoers, "/root/beheer")
    assert "NOPASSWD" in mine.join(first, *server, expect=5)
    servers.docker("exec", mine.server.container, "mv", "/root/beheer", sudoers)
    assert not inventory.exists()

    # No at the first question, another `up` meanwhile, and Ctrl-C in the midst of it: the same command goes on.
    mine.join(first, *server, typed="y\nn\n", expect=3)
    assert inventory.exists()
    with vault.Vault(NAME, own.vault).lock("up"):
        assert "is locked by" in mine.join(first, "--yes", expect=3, shown=False)
    assert "run the same command again" in mine.interrupted(first)  # or what the play says of it: whoever is first
    asked = mine.join(first, typed="y\n", expect=3)
    assert len(re.findall(r"(?m)^  done ", mine.join(first, expect=3, shown=False))) == 5
    fingerprint = re.search(r"^ +(SHA256:\S+)$", asked, re.MULTILINE)
    assert fingerprint

    # Meanwhile at the coordinator's, and at those who are there already.
    request = own.home / "inventories" / NAME / "requests" / f"{HOSPITAL}.json"
    region.approved(network, HOSPITAL, request, fingerprint[1])
    network.run("trust publish")
    network.run("accept", "--yes", "--root", root)
    network.run("up", "--yes", expect=1)  # who computes with them is not there yet
    newer = region.handed_over(network, own.home.parent / f"{NAME}-2.tar")

    # The newer file, no and then yes to what is shown of it, and verified.
    mine.join(newer, typed="n\n", expect=3, shown=False)
    joined = mine.join(newer, typed="y\ny\n", expect=0)
    assert f"{NAME}: verified: " in joined
    again = mine.join(newer, expect=0)
    assert len(re.findall(r"(?m)^  done ", again)) == 9
    assert "is of an older publication than was read before" in mine.join(first, expect=3, shown=False)
    told = json.loads(own.run("verify", "--json").stdout)
    assert told["good"]

    lines = mine.readable()
    (own.home.parent / "transcript").write_text("\n".join(lines))
    note(f"an administrator joins: {len(lines)} lines, in {own.home.parent / 'transcript'}")
