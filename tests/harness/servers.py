"""Servers of tests' own, booted as the stack boots a sandbox's and reached over ssh only.

A whole network is a matter of `sandboxes`; this is for tests that need one server and no network around it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from stacks.components import sandbox_server
from stacks.servers import seeds
from stacks.servers.image import make

SECONDS = 90.0


def docker(*words: str) -> str:
    """The local engine, which is where a server's power switch is; raises AssertionError with what the engine said."""
    done = subprocess.run(["docker", *words], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def remove_network(name: str) -> None:
    """Remove a network of the engine whose containers are gone.

    An engine under load keeps the endpoint of a container for a while after it removed that, sometimes for good, and
    refuses until then: what is left is taken off, and the engine asked again, for 20 s.
    """
    end = time.monotonic() + 20
    while True:
        for left in json.loads(docker("network", "inspect", "--format", "{{json .Containers}}", name)).values():
            with contextlib.suppress(AssertionError):  # it went by itself meanwhile
                docker("network", "disconnect", "--force", name, left["Name"])
        try:
            docker("network", "rm", name)
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


@dataclass(frozen=True)
class Server:
    """A server and how its operator reaches it. Several may share a folder, and then a key."""

    container: str
    folder: Path
    address: str = ""
    """Where ssh finds it; "" asks the engine each time, since without a fixed one it may change at a reboot."""
    host_key: str = ""
    """The fingerprint, `SHA256:…`."""
    shared: bool = False
    """One connection for all commands, as operators have it; then whoever logs in uses the first one's key."""

    @property
    def key(self) -> Path:
        """The operator's."""
        return self.folder / "key"

    @property
    def options(self) -> list[str]:
        """Of ssh, but for the key."""
        kept = [f"UserKnownHostsFile={self.folder / 'known_hosts'}", "StrictHostKeyChecking=yes"]
        kept += ["IdentitiesOnly=yes", "BatchMode=yes"]
        if self.shared:
            kept += ["ControlMaster=auto", f"ControlPath={self.folder}/%C", "ControlPersist=30"]
        if not self.address:
            kept.append(f"HostKeyAlias={self.container}")
        return [word for option in kept for word in ("-o", option)]

    def ssh(self, *options: str) -> list[str]:
        """The words that begin a login as its operator; the key is one of the options."""
        told = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = self.address or docker("inspect", "--format", told, self.container)
        return ["ssh", *self.options, *options, f"beheer@{address}"]

    def ask(self, command: str, *options: str, given: str | Path = "") -> subprocess.CompletedProcess[str]:
        """Run a shell line as the operator, with a text or a file given to it."""
        words = [*self.ssh("-i", str(self.key), *options), command]
        run = functools.partial(subprocess.run, words, capture_output=True, text=True, check=False, timeout=600)
        if isinstance(given, str):
            return run(input=given)
        with given.open("rb") as file:
            return run(stdin=file)

    def tell(self, command: str, *, given: str | Path = "") -> str:
        """Run a shell line as the operator, which must not fail; returns what it printed."""
        done = self.ask(command, given=given)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def run(self, command: str, *, given: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell command as root."""
        done = self.ask(f"sudo sh -c '{command}'", given=given)
        assert not (check and done.returncode), f"{command}: {done.stdout}{done.stderr}"
        return done

    def put(self, path: str, content: str) -> None:
        """Write a file as root."""
        self.run(f"cat > {path}", given=content)

    def wait_for_login(self) -> None:
        """Wait until sshd lets the operator in; fails with what ssh said last."""
        end = time.monotonic() + SECONDS
        while (done := self.ask("true", "-o", "ConnectTimeout=3")).returncode:
            assert time.monotonic() < end, f"{self.container}: no login within {SECONDS:.0f} s: {done.stderr}"
            time.sleep(0.05)

    def wait(self) -> None:
        """Wait until systemd has booted it, whether or not a unit failed."""
        self.wait_for_login()
        end = time.monotonic() + SECONDS
        # `--wait` misses the end of a boot that comes between its first look and its waiting, and then waits for ever.
        command = "timeout 5 systemctl is-system-running --wait || systemctl is-system-running"
        while (state := self.ask(command).stdout.split()[-1:]) not in (["running"], ["degraded"]):
            assert time.monotonic() < end, f"{self.container} is {state} after {SECONDS:.0f} s"

    def remove(self) -> None:
        """Remove it with the volume of its engine."""
        docker("rm", "--force", "--volumes", self.container)


def boot(
    container: str,
    folder: Path,
    network: str,
    *,
    name: str = "",
    bare: bool = False,
    address: str = "",
    alias: str = "",
    restart: bool = False,
    shared: bool = False,
) -> Server:
    """Boot a server on a network of the engine. It gets its host key, and the operator's public one, before it boots.

    `bare` is as a hospital makes it available; else it has the packages that the sandbox's image has.
    Others find it as `alias`; `restart` makes the engine start it again after a reboot.
    """
    seed = folder / container
    host_key = seeds.seed(seed, seeds.key_pair(folder / "key"))
    public = " ".join((seed / "ssh_host_ed25519_key.pub").read_text().split()[:2])
    with (folder / "known_hosts").open("a") as known:
        known.write(f"{address or container} {public}\n")
    docker(
        *("run", "--detach", f"--name={container}", f"--hostname={name or container}", f"--network={network}"),
        *((f"--ip={address}",) if address else ()),
        *((f"--network-alias={alias}",) if alias else ()),
        *((f"--restart={sandbox_server.RESTART}",) if restart else ()),
        *_flags(seed),
        (make.ensure_bare if bare else make.ensure)(print),
    )
    return Server(container, folder, address, host_key, shared)


def _flags(seed: Path) -> list[str]:
    """What every server has, in the words of `docker run`."""
    return [
        f"--stop-signal={sandbox_server.STOP_SIGNAL}",
        f"--cgroupns={sandbox_server.cgroup_namespace()}",
        *(f"--env={one}" for one in sandbox_server.ENVIRONMENT),
        *(f"--cap-add={one}" for one in sandbox_server.CAPABILITIES_ADDED),
        *(f"--cap-drop={one}" for one in sandbox_server.CAPABILITIES_DROPPED),
        *(f"--security-opt={option}" for option in sandbox_server.SECURITY),
        *(f"--tmpfs={path}:{options}" for path, options in sandbox_server.TMPFS.items()),
        f"--volume={sandbox_server.ENGINE_FOLDER}",
        *(f"--volume={bind.source}:{bind.target}:{bind.mode}" for bind in sandbox_server.binds(seed)),
    ]
