"""A server whose operator works on that server itself: the same verbs, later from elsewhere, and there again."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.engine import install
from station_image.builder import images
from tests.harness import sandboxes

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
OWN = "thuiszorg"
USER = "beheer"
HOUSE = Path("/home") / USER
CHECKOUT, HOME, STATE = Path("/opt/suite"), HOUSE / "datawerkplaats", HOUSE / ".local" / "state"
NOTHING: dict[str, Any] = {"servers": [], "configured": {}, "stations": []}
DROP_IN = "/etc/ssh/sshd_config.d/0-werkplaats.conf"
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
OTHER, PASSWORD, PROMPT = "jan", "een-wachtwoord-van-jan", b"password for jan"
# At a terminal, as who logs in has one: sudo then gives root's programs another one, and Ctrl-C goes to all of a group.
# What is printed goes to files, since a terminal has one stream.
AT_A_TERMINAL = """
cd {checkout}; export WERKPLAATS_HOME={house}/datawerkplaats WERKPLAATS_PASSPHRASE_FILE={house}/passphrase
test -t 0 && .venv/bin/werkplaats {words} > {house}/out 2> {house}/err; echo $? > {house}/code
"""
SPOILT = f"""
docker rm --force station-agent station-computer && docker rmi $(docker image ls --quiet)
echo "# somebody was here" >> {DROP_IN}
"""
# Somebody else who operates: sudo wants a password of theirs. The suite is the one that is there.
SOMEBODY_ELSE = f"""
useradd --create-home --shell /bin/bash --groups sudo {OTHER} && echo {OTHER}:{PASSWORD} | chpasswd
chmod --recursive o+rX {CHECKOUT}
cd {HOUSE} && cp --recursive datawerkplaats .local .cache passphrase /home/{OTHER}
chown --recursive {OTHER}: /home/{OTHER}
"""


@dataclasses.dataclass(frozen=True)
class Server:
    """The server, and the network as its operator has it on another machine."""

    network: sandboxes.Sandbox

    def tell(self, line: str, *options: str, given: bytes = b"") -> bytes:
        """Run a line as the operator, which must end well; returns what it prints."""
        config = self.network.vault / "run" / "ssh_config"
        command = ["ssh", "-F", str(config), *options, OWN, line]
        done = subprocess.run(command, input=given, capture_output=True, timeout=900, check=False)
        assert done.returncode == 0, (line, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def bring(self, source: Path, to: Path, *names: str) -> None:
        """Have a folder there that is as one of here, or as these names in it."""
        packed = subprocess.run(["tar", "-C", source, "-cz", *(names or ".")], check=True, capture_output=True).stdout
        self.tell(f"mkdir -p -m 0700 {to} && tar -C {to} --no-same-owner -xz", given=packed)

    def fetch(self, source: Path, to: Path) -> None:
        """The other way; what is here already goes."""
        packed = self.tell(f"tar -C {source} -cz .")
        shutil.rmtree(to)
        to.mkdir(mode=0o700)
        subprocess.run(["tar", "-C", to, "--no-same-owner", "-xz"], input=packed, check=True)

    def run(self, *words: str, expect: tuple[int, ...] = (0,)) -> str:
        """Run the command there, at a terminal of its own; returns what it prints."""
        self.tell(AT_A_TERMINAL.format(checkout=CHECKOUT, house=HOUSE, words=shlex.join(words)), "-tt")
        return self._printed(HOUSE, expect)

    def run_by_another(self, *words: str) -> tuple[str, bytes]:
        """The same by somebody whose sudo wants a password; what it prints, and what was seen at the terminal."""
        house = Path("/home") / OTHER
        line = AT_A_TERMINAL.format(checkout=CHECKOUT, house=house, words=shlex.join(words))
        config = self.network.vault / "run" / "ssh_config"
        command = ["ssh", "-F", str(config), "-tt", OWN, shlex.join(("sudo", "-H", "-u", OTHER, "bash", "-c", line))]
        seen = b""
        pipe, none = subprocess.PIPE, subprocess.DEVNULL
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=none) as process:
            assert process.stdin
            assert process.stdout
            while data := os.read(process.stdout.fileno(), 65536):
                if PROMPT in data:
                    process.stdin.write(f"{PASSWORD}\n".encode())
                    process.stdin.flush()
                seen += data
        return self._printed(house, (0,)), seen

    def _printed(self, house: Path, expect: tuple[int, ...]) -> str:
        code, out, err = (self.tell(f"sudo cat {house}/{name}").decode() for name in ("code", "out", "err"))
        assert int(code) in expect, f"it ended with {code}:\n{out}\n{err}"
        return out

    def spoil(self) -> None:
        """Take the station and its image away, and edit a file of ours: each way of doing a thing there is taken."""
        self.tell("sudo sh", given=SPOILT.encode())

    def up(self) -> dict[str, Any]:
        """`up` there."""
        told: dict[str, Any] = json.loads(self.run("up", self.network.name, "--yes", "--json"))
        return told


def elsewhere(network: sandboxes.Sandbox) -> dict[str, Any]:
    """`up` from the other machine."""
    told: dict[str, Any] = json.loads(network.run("up", "--yes", "--json").stdout)
    return told


def mended(server: Server, told: dict[str, Any], drop_in: bytes) -> None:
    """What was spoilt is as it was."""
    assert told["verified"]
    assert [one["operation"] for one in told["changes"]["stations"]] == ["create", "create"]
    assert list(told["changes"]["configured"]) == [OWN]
    assert server.tell(f"sudo sha256sum {DROP_IN}") == drop_in


def wheels(folder: Path, python: str) -> None:
    """What the lock pins, for the Python of the server; from wherever pip has packages here."""
    platforms = [word for one in PLATFORMS for word in ("--platform", f"{one}_x86_64")]
    lock = str(sandboxes.ROOT / "requirements" / "werkplaats.lock")
    words = ["--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", "--python-version", python, *platforms]
    command = [sys.executable, "-m", "pip", "download", *words, "--dest", str(folder), "--requirement", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A network that is up and is no sandbox; one of its operators runs one server, and installed the suite on it."""
    folder = tmp_path_factory.mktemp("hier")
    maker = sandboxes.sandbox(folder, "hier")
    network = sandboxes.known_by_inventory(maker, "hier")
    try:
        assert sandboxes.up_step_by_step(network)["verified"]
        listed = network.home / "inventories" / network.name / "servers.yml"
        listed.write_text(yaml.safe_dump({OWN: yaml.safe_load(listed.read_text())[OWN]}))
        assert elsewhere(network)["changes"] == NOTHING
        made = Server(network)
        tracked = subprocess.run(["git", "ls-files"], cwd=sandboxes.ROOT, check=True, capture_output=True, text=True)
        made.tell(f"sudo install --directory --owner={USER} {CHECKOUT}")
        made.bring(sandboxes.ROOT, CHECKOUT, *tracked.stdout.splitlines())
        made.bring(images.BUILD, CHECKOUT / images.BUILD.relative_to(sandboxes.ROOT))
        engine = install.cache_folder() / install.key()
        made.bring(engine, HOUSE / ".cache" / "werkplaats" / "engine" / engine.name)
        python = made.tell("python3 -c 'import sys; print(*sys.version_info[:2], sep=\".\")'").decode().strip()
        wheels(folder / "wheels", python)
        made.bring(folder / "wheels", HOUSE / "wheels")
        pip = f"PIP_NO_INDEX=1 PIP_FIND_LINKS={HOUSE}/wheels"
        made.tell(f"cd {CHECKOUT} && {pip} sh scripts/make-venv .venv werkplaats && rm -r {HOUSE}/wheels")
        assert network.passphrase is not None
        made.tell(f"umask 077; cat > {HOUSE}/passphrase", given=network.passphrase.read_bytes())
        yield made
    finally:
        maker.run("destroy", "--yes", expect=None)


def test_on_the_server_itself_nothing_changes_and_what_somebody_changed_is_mended_and_elsewhere_it_is_the_same(
    server: Server, note: Callable[[str], None]
) -> None:
    network = server.network
    containers = "sudo docker inspect --format '{{.Id}} {{.State.StartedAt}}' station-agent station-computer"
    ids, groups = server.tell(containers), server.tell("id")
    assert b"docker" not in groups, "the login joins no group"
    before = server.tell(f"sudo sha256sum {DROP_IN}")

    server.bring(network.home, HOME)
    server.bring(network.vault, STATE / "werkplaats" / network.name)
    listed = HOME / "inventories" / network.name / "servers.yml"
    server.tell(f"rm {listed}")
    found = json.loads(server.run("doctor", network.name, "--here", OWN, "--yes", "--json", expect=(0, 1)))
    assert (list(found["servers"]), found["left_out"]) == ([OWN], {})
    assert server.tell(f"cat {listed}").decode() == f"{OWN}: {{here: true, user: {USER}}}\n"
    # What is said of the server stays as it is, whatever the way to it.
    entry = yaml.safe_load((network.home / "inventories" / network.name / "servers.yml").read_text())[OWN]
    here = {"here": True, **{name: entry[name] for name in ("user", "people")}}
    server.tell(f"cat > {listed}", given=yaml.safe_dump({OWN: here}).encode())
    told = server.up()
    assert (told["verified"], told["changes"]) == (True, NOTHING)
    note(f"on the server itself `up` without a change took {told['seconds']:.1f} s")
    assert server.tell(containers) == ids

    server.spoil()
    mended(server, server.up(), before)
    assert server.up()["changes"] == NOTHING
    assert server.run("verify", network.name)
    ids = server.tell(containers)

    state = STATE / "werkplaats" / network.name
    server.fetch(state, network.vault)
    told = elsewhere(network)
    assert (told["verified"], told["changes"]) == (True, NOTHING)
    server.bring(network.vault, state)
    told = server.up()
    assert (told["verified"], told["changes"]) == (True, NOTHING)
    assert server.tell(containers) == ids


def test_whoever_operates_there_gives_sudo_a_password_once_and_makes_the_same_of_the_server(server: Server) -> None:
    """The last of these: the copy that this operator has of the state is not brought back. It says beheer's place."""
    before = server.tell(f"sudo sha256sum {DROP_IN}")
    server.tell("sudo sh", given=SOMEBODY_ELSE.encode())
    server.spoil()
    out, seen = server.run_by_another("up", server.network.name, "--yes", "--json")
    mended(server, json.loads(out), before)
    assert seen.count(PROMPT) == 1, seen
    assert server.tell(f"id {OTHER}").count(b"docker") == 0
