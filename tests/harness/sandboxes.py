"""Sandboxes of tests: each with a name, home and state of its own, driven by the command as its users drive it.

They touch neither a demo nor another network that runs on this machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from network_topology import names
from stacks import drive
from tests.harness.stations import wait_until

BACK_SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]
PROEFTUIN = ROOT / "network_topology" / "networks" / "proeftuin"
DEFINITION = (PROEFTUIN / "network.yml").read_text()
QUESTION = "griep-hotspots"
MEMBER = """
  apotheek:
    name: Apotheek Proeftuin
    domain: general_practice
    operator: itself
    egress: [198.18.0.0/15]
    agreement: {kind: gvo, signed: 2026-02-10}
"""
"""One more member for the end of DEFINITION, which has no gateway."""
HOLDERS = {"root": "trust root", "release": "release"}
"""What holders of keys begin their commands with."""


@dataclasses.dataclass
class Sandbox:
    """A network on servers of its own, driven by the command as its users drive it."""

    name: str
    home: Path
    state: Path
    passphrase: Path | None = None
    """Of the vault, where nobody makes one: that of a network that is no sandbox."""

    @property
    def definition(self) -> Path:
        """The file that an author edits."""
        return self.home / "networks" / names.defined(self.name) / "network.yml"

    @property
    def vault(self) -> Path:
        """The operator's vault of this network."""
        return self.state / "werkplaats" / self.name

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command about it."""
        given = {"WERKPLAATS_PASSPHRASE_FILE": str(self.passphrase)} if self.passphrase else {}
        return os.environ | {"XDG_STATE_HOME": str(self.state), "WERKPLAATS_HOME": str(self.home)} | given

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one command and do not wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "werkplaats", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, verb: str, *arguments: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run one verb ("trust request" too) on this network; fails the test at another exit code than expected."""
        process = self.start(*verb.split(), self.name, *arguments)
        try:
            out, err = process.communicate(timeout=900)
        except BaseException:
            # In a session of its own no interrupt reaches it, and it would hold the lock that `destroy` wants.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if expect is not None and process.returncode != expect:
            pytest.fail(f"werkplaats {verb} {self.name} ended with {process.returncode}:\n{out}\n{err}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def without(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command with a defence off: `code` takes it away, then runs `sys.argv[1:]`."""
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        """`up` with all steps; returns its JSON document."""
        done = self.run("up", "--yes", "--all-steps", "--json", *arguments, expect=expect)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def on(self, organisation: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program on a server, over ssh as an administrator would."""
        config = self.vault / "run" / "ssh_config"
        return subprocess.run(
            ["ssh", "-F", str(config), organisation, shlex.join(["sudo", *command])],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def connections(self, organisation: str, address: str) -> set[tuple[str, ...]]:
        """Both ends of each that is established between the gateway of an organisation and an address."""
        shown = self.on(organisation, "ss", "-HOtnp", "state", "established", "dst", address).stdout
        return {tuple(line.split()[2:4]) for line in shown.splitlines() if "haproxy" in line}

    def wait_for_links(self, organisations: Iterable[str], address: str) -> None:
        """Until each has a connection with an address: whoever calls begins anew now and then."""
        for one in organisations:
            wait_until(functools.partial(self.connections, one, address), f"a connection of {one} with {address}", 60)

    def standing(self, organisations: Iterable[str], address: str) -> list[tuple[str, ...]]:
        """Those that are there a second later too: who is refused calls again and again, and ends in the handshake."""
        before = {one: self.connections(one, address) for one in organisations}
        time.sleep(1)
        return [ends for one in before for ends in before[one] & self.connections(one, address)]

    def person(
        self, account: str, organisation: str, *words: str, expect: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Say `station WORDS` as an organisation's steward or scientist, over ssh as they do."""
        done = self._login("ssh", account, organisation, shlex.join(("station", *words)))
        if expect is not None and done.returncode != expect:
            pytest.fail(f"{account} of {organisation}: {shlex.join(words)} ended with {done.returncode}: {done}")
        return done

    def bring(self, organisation: str, name: str, content: bytes, question: str = QUESTION, network: str = "") -> None:
        """Put a file in the folder of a question, over sftp as a scientist does; other files there are removed."""
        local = self.home / name
        local.write_bytes(content)
        self.take_away(organisation, question, network)
        folder = f"{network or self.name}/{question}"
        done = self._login("sftp", "scientist", organisation, said=f"put {local} {folder}/{name}\n")
        assert done.returncode == 0, done

    def take_away(self, organisation: str, question: str = QUESTION, network: str = "") -> None:
        """Leave the folder of a question empty, over sftp as a scientist does."""
        done = self._login("sftp", "scientist", organisation, said=f"-rm {network or self.name}/{question}/*\n")
        assert done.returncode == 0, done

    def _login(
        self, program: str, account: str, organisation: str, *words: str, said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        config, key = self.vault / "run" / "ssh_config", self.vault / "people" / organisation / account
        # An own connection: one that is shared is from before a change of keys or groups.
        options = ["-F", str(config), "-o", f"User={account}", "-o", "ControlPath=none", "-o", f"IdentityFile={key}"]
        batch = ["-b", "-"] if program == "sftp" else []
        return subprocess.run(
            [program, *options, *batch, f"{organisation}.people", *words],
            input=said,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def works_again(self) -> None:
        """Wait until a session with everybody works, without anybody touching anything; else the test fails."""
        deadline = time.monotonic() + BACK_SECONDS
        while (done := self.run("session", "--json", expect=None)).returncode:
            if time.monotonic() > deadline:
                pytest.fail(f"no session works {BACK_SECONDS} s afterwards: {done.stdout}{done.stderr}")

    def container(self, organisation: str) -> str:
        """The name of the server's container on this machine."""
        return f"{self.name}.{organisation}"


def sandbox(folder: Path, name: str, definition: str = DEFINITION) -> Sandbox:
    """A network of its own home and state; nothing of it exists yet."""
    found = Sandbox(names.twin(name), folder / "home", folder / "state")
    found.definition.parent.mkdir(parents=True)
    found.definition.write_text(definition.replace("network: proeftuin", f"network: {name}"))
    shutil.copytree(PROEFTUIN / "questions", found.definition.parent / "questions")
    return found


def known_by_inventory(maker: Sandbox, name: str) -> Sandbox:
    """A network that is no sandbox, on servers that a sandbox makes, and destroys: it knows them by its inventory only.

    They are there, and nothing of it is on them yet.
    """
    own = re.sub(r"mesh\.(\w+)\.example", rf"\1.{maker.name}.{names.DNS_ROOT}", maker.definition.read_text())
    maker.definition.write_text(re.sub(r"192\.0\.2\.\d+/32", "198.18.0.0/15", own))
    process = maker.start("up", maker.name, "--yes")
    assert process.stderr is not None
    for line in process.stderr:  # the servers are there when the first of them is configured
        if " configure " in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    inventory = maker.home / "inventories" / name / "servers.yml"
    inventory.parent.mkdir(parents=True)
    shutil.copyfile(maker.vault / "inventory" / "servers.yml", inventory)
    folder = maker.home.parent
    passphrase = folder / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("een lange zin die niemand raadt\n")
    return dataclasses.replace(maker, name=name, state=folder / "other-state", passphrase=passphrase)


def make(target: str, network: Sandbox, *settings: str) -> list[str]:
    """The lines that a target of the Makefile prints, in the environment of a network.

    The virtual environment is the one that runs this test (`-o`: make leaves its stamp as it is).
    """
    command = ["make", "-o", ".venv/.werkplaats", target, f"BIN={Path(sys.executable).parent}", *settings]
    done = subprocess.run(
        command, cwd=ROOT, env=network.environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return (done.stdout + done.stderr).splitlines()


def found_root(network: Sandbox) -> None:
    """Have two root holders and two release holders make keys and sign, where nobody did."""
    if list((network.home / "inventories" / network.name / "publication").glob("*.root.json")):
        return
    keys = {kind: [str(network.state / f"{kind}-{one}") for one in "ab"] for kind in ("root", "release")}
    for kind, files in keys.items():
        for file in files:
            network.run(f"{HOLDERS[kind]} key", file)
    named = [word for kind, files in keys.items() for file in files for word in (f"--{kind}", f"{file}.pub")]
    network.run("trust root found", *named)
    network.run("trust publish", expect=3)  # asks release holders for the image
    for kind, files in keys.items():
        for file in files:
            network.run(f"{HOLDERS[kind]} sign", "--key", file, "--yes")


def founded(network: Sandbox) -> str:
    """Have all servers prepared and certified, and all of it published; returns the root, as holders read it out."""
    network.run("up", "--yes", expect=3)
    for line in network.run("trust request").stdout.splitlines():
        if found := re.fullmatch(r"(\S+): (SHA256:\S+)", line):
            network.run("trust approve", found[1], "--fingerprint", found[2])
    found_root(network)
    published = network.run("trust publish").stdout
    root = re.search("its root is (sha256:[0-9a-f]{64})", published)
    assert root, published
    return root[1]


def up_step_by_step(network: Sandbox) -> dict[str, Any]:
    """`up` of a network that is not a sandbox, where nobody takes all steps at once; and what `accept` said."""
    accepted = network.run("accept", "--yes", "--root", founded(network)).stdout
    told: dict[str, Any] = json.loads(network.run("up", "--yes", "--json").stdout)
    return told | {"accepted": accepted}


def of_run(mark: Path) -> dict[int, str]:
    """Process id → command, of every process that a run started: `mark` is the vault of its network."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is not ours to see
            if f"{drive.RUN_MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found
