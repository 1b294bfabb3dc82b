"""Stations as real processes on this machine: agent, computer and gateway, each under its own uid."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.gateway import Gateway, said
from station_image.runtime.accepted.statement import StatementKey
from tests.harness import gateways, pki

if TYPE_CHECKING:
    from tests.harness.region import Region

ROOT = Path(__file__).parents[2]
STATION = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from on_server.station_command import cli; sys.exit(cli.main())"
)
"""What the program `station` of a server starts, with the package of this checkout."""
PYTHON = os.environ.get("STATION_PYTHON", sys.executable)
AGENT_UID, COMPUTER_UID, GATEWAY_UID, GROUP = 5001, 5002, 5003, 5000


def _can_separate() -> bool:
    """Whether each part can run under its own uid here: as root, and where others may read the interpreter and us."""
    if os.getuid() != 0:
        return False
    look = ["setpriv", f"--reuid={AGENT_UID}", f"--regid={GROUP}", "--clear-groups", PYTHON]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import station_image.runtime.agent, mpyc"
    return subprocess.run([*look, "-c", code], cwd="/", capture_output=True, check=False).returncode == 0


SEPARATE = _can_separate()
"""Without it the tests still run, but the kernel does not keep agent, computer and gateway apart."""


class TooLateError(AssertionError):
    """What a test waited for did not come."""


def wait_until(ready: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """Poll until `ready()` gives something true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = ready()
        if value:
            return value
        time.sleep(0.02)
    raise TooLateError(f"waited {seconds} s for {what}")


class Station:
    """One organisation's station."""

    package: Path = ROOT
    release: str = "dev"
    """Where the code lies that its processes run, and the release that this is."""

    def __init__(self, region: Region, organisation: str, inbound: bool, folder: str = "") -> None:
        self.region = region
        self.organisation = organisation
        self.id = f"{gateways.NETWORK}.{organisation}"
        self.inbound = inbound
        self.port = free_port() if inbound else 0
        self.root = region.folder / (folder or organisation)
        self.tls = self.root / "tls"
        self.certificate = pki.Party(region.authority, organisation, region.folder)
        self.key = Ed25519PrivateKey.generate()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.sabotaged: set[str] = set()
        """Where its software lies, and what release that says it is."""
        self.make_folders()
        self.write_key(self.key)

    def make_folders(self) -> None:
        """The folders that its server has, each of whom it is on one."""
        for name in (
            "peers",
            "agent",
            "control",
            "compute",
            "networks.d",
            "state",
            "register",
            "relayed",
            "allowances",
            "data/in",
            "data/out",
        ):
            made = self.root / name
            made.mkdir(parents=True)
            if SEPARATE:
                os.chown(made, GATEWAY_UID if name == "peers" else AGENT_UID, GROUP)
            made.chmod(0o770)

    @property
    def public(self) -> str:
        """The statement key as networks pin it."""
        return base64.b64encode(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

    @property
    def gateway(self) -> dict[str, Any]:
        """What this station says of its gateway in every network, signed for its home network, of which its id is."""
        home, _, organisation = self.id.rpartition(".")
        shown = self.certificate.certificate
        spki = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        signature = StatementKey(self.key).sign(statement.GATEWAY_KEY, said(home, organisation, spki, 1))
        return Gateway(shown.public_bytes(Encoding.DER), 1, signature).document

    def write_key(self, key: Ed25519PrivateKey) -> None:
        """Put a statement key where the agent reads it."""
        path = self.root / "state" / "statement.key"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        self.give_to_agent(path)

    @staticmethod
    def give_to_agent(path: Path) -> None:
        """Have a file that a test wrote belong to the agent."""
        if SEPARATE:
            os.chown(path, AGENT_UID, GROUP)

    # processes

    def start(self, *parts: str, sabotage: str = "") -> None:
        """Start "gateway", "computer" and "agent", or those named; `sabotage` is a function of sabotage.py."""
        for part in parts or ("computer", "agent", "gateway"):
            if part == "gateway":
                command, uid = gateways.command(self.root), GATEWAY_UID
            else:
                command = [PYTHON, "-m", f"station_image.runtime.{part}"]
                if sabotage:
                    command = [PYTHON, "-m", "tests.harness.sabotage", sabotage, part]
                uid = COMPUTER_UID if part == "computer" else AGENT_UID
            self.processes[part] = self._spawn(part, command, uid)
            (self.sabotaged.add if sabotage else self.sabotaged.discard)(part)

    def restart(self, *parts: str, sabotage: str = "") -> None:
        """Kill and start, and wait until it is there."""
        self.kill(*parts)
        self.start(*parts, sabotage=sabotage)
        self.region.wait_for(self)

    def _spawn(self, part: str, command: Sequence[str], uid: int) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(self.package), str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "STATION_RELEASE": self.release,
            "STATION_ROOT": str(self.root),
            "STATION_AGENT_UID": str(AGENT_UID if SEPARATE else os.getuid()),
            "PYTHONPYCACHEPREFIX": str(self.region.folder / "pycache"),
        }
        if SEPARATE:
            command = ["setpriv", f"--reuid={uid}", f"--regid={GROUP}", "--clear-groups", *command]
        log = (self.root / f"{part}.log").open("ab")
        with log:
            return subprocess.Popen(
                command,
                cwd="/",
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def children(self, part: str = "computer") -> list[int]:
        """Process ids of the sessions in the computer."""
        pid = self.processes[part].pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal(self, number: int, *parts: str) -> None:
        """Send a signal to the whole of each part, its children included."""
        for part in parts or tuple(self.processes):
            process = self.processes[part]
            if process.poll() is None:
                os.killpg(process.pid, number)

    def kill(self, *parts: str) -> None:
        """kill -9, and wait for it."""
        self.signal(signal.SIGKILL, *parts)
        for part in parts or tuple(self.processes):
            self.processes[part].wait(10)

    def log(self, part: str) -> str:
        """What a part wrote."""
        path = self.root / f"{part}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # what people do on the server

    def ask(self, *arguments: str, seconds: float = 60.0) -> dict[str, Any]:
        """`station … --json`: its answer, with the exit code under "exit"."""
        return self.begin(*arguments).answer(seconds)

    def propose(self, network: str = "drie", rounds: int = 3, **request: Any) -> Proposal:
        """Propose a session over the control socket, and follow it."""
        request = {"network": network, "parameters": {"rounds": rounds}, **request}
        return Proposal(self.root / "control" / "agent.sock", {"verb": "session", **request})

    def begin(self, *arguments: str) -> Running:
        """Start `station … --json`."""
        return Running(
            [sys.executable, "-c", STATION, *arguments, "--json", "--socket", f"{self.root}/control/agent.sock"]
        )

    def status(self, network: str = "drie") -> dict[str, Any]:
        """The part of `station status` about one network; empty while the agent does not answer."""
        answer: dict[str, Any] = self.control("status").get("networks", {}).get(network, {})
        return answer

    def control(self, verb: str) -> dict[str, Any]:
        """The agent's last line on its control socket, without a process for it; empty while it does not answer."""
        try:
            return Proposal(self.root / "control" / "agent.sock", {"verb": verb}).answer()
        except OSError:
            return {}


class Running:
    """A `station` command that runs."""

    def __init__(self, command: Sequence[str]) -> None:
        self.started = time.monotonic()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def answer(self, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for its end."""
        out, err = self._process.communicate(timeout=seconds)
        assert out, err
        answer: dict[str, Any] = json.loads(out)
        assert answer["exit"] == self._process.returncode
        answer["seconds"] = time.monotonic() - self.started
        return answer


class Proposal:
    """A session that was proposed."""

    def __init__(self, path: Path, request: Mapping[str, Any], silence: float = 60.0) -> None:
        """`silence`: seconds in which something is told, at least."""
        self.events: list[dict[str, Any]] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(silence)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rwb")
        self._lines.write(json.dumps(request).encode() + b"\n")
        self._lines.flush()

    def until(self, *kinds: str) -> list[dict[str, Any]]:
        """Follow until an event of one of these kinds, "done" for the end; returns all so far."""
        while not self.events or not ({self.events[-1].get("event"), "done" in self.events[-1] and "done"} & {*kinds}):
            self.next()
        return self.events

    def until_computing(self, parties: int) -> None:
        """Follow until so many computing parties compute."""
        while sum(event.get("event") == "computing" for event in self.events) < parties:
            assert not self.next().get("done"), self.events[-1]

    def answer(self) -> dict[str, Any]:
        """Follow until the end."""
        while not self.next().get("done"):
            pass
        self._lines.close()
        self._socket.close()
        return self.events[-1]

    def next(self) -> dict[str, Any]:
        """Follow one event further."""
        line = self._lines.readline()
        assert line, "the proposer's agent went away"
        self.events.append(json.loads(line))
        return self.events[-1]


def replace(path: Path, content: object) -> None:
    """Replace a file atomically, as the roles do."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(path)


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(path: Path) -> bool:
    """Whether somebody listens on a unix socket; one that was killed leaves its file behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def listens(port: int) -> bool:
    """Whether somebody listens on a local port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
