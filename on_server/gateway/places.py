"""Where the gateway's things lie on a server, and how they are written: whole, and by one program at a time."""

from __future__ import annotations

import contextlib
import grp
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from on_server import disk
from on_server.gateway import files, own

USER = "werkplaats-gateway"


class Paths(NamedTuple):
    """Where things lie on a server; tests have a root of their own."""

    root: Path = Path("/")

    @property
    def gateway(self) -> Path:
        """The gateway's folder."""
        return self.root / "etc/werkplaats/gateway"

    @property
    def loaded(self) -> Path:
        """Link to the generation that HAProxy reads."""
        return self.gateway / "loaded"

    @property
    def cut(self) -> Path:
        """Folder of the cuts."""
        return self.root / "etc/werkplaats/cut.d"

    @property
    def networks(self) -> Path:
        """Folder that the agent reads."""
        return self.root / "etc/werkplaats/networks.d"

    @property
    def run(self) -> Path:
        """Folder of stamp, lock and last message; root's alone, gone at a reboot."""
        return self.root / "run/werkplaats"

    @property
    def key(self) -> Path:
        """The gateway's private key."""
        return self.root / "etc/werkplaats/identity/key.pem"

    @property
    def key_before(self) -> Path:
        """The key before a renewal, there until a certificate of the new one is loaded."""
        return self.key.with_name("key-before.pem")

    def inputs(self) -> files.Inputs:
        """Read what decides what the gateway loads: with the key before, as long as the certificate is of that one."""
        given = files.read(self.gateway / "compiled", self.cut, self.key, self.root)
        if self.key_before.exists() and not own.fits(given):
            older = given._replace(key=self.key_before.read_bytes())
            return older if own.fits(older) else given
        return given

    @property
    def serials(self) -> Path:
        """Which certificates peers had since the gateway started: what runs may have begun with any of them."""
        return self.run / "gateway.serials"

    def stamp(self) -> str:
        """Return the digest of what the running gateway loaded."""
        with contextlib.suppress(FileNotFoundError):
            return (self.run / "gateway.stamp").read_text()
        return ""


def put(path: Path, content: bytes, mode: int = 0o644, group: str = "root") -> None:
    """Write a file whole or not at all, in a folder that is made where it is missing."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    disk.write(path, content, mode, grp.getgrnam(group).gr_gid)


@contextlib.contextmanager
def lock(paths: Paths) -> Iterator[None]:
    """One reload at a time; released by death."""
    with disk.locked(paths.run / "gateway.lock"):
        yield
