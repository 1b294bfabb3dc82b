"""To the servers of one operator, each by its own way: this machine is one of them, and others are logged in to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from werkplaats.operations.reach.connections import Connections
from werkplaats.operations.reach.here import Here
from werkplaats.operations.reach.servers import KnownHosts, Server, UnreachableError
from werkplaats.operations.reach.shell import Shell


class Ways:
    """See `Connections`, whose words these are."""

    def __init__(self, servers: Iterable[Server], config: Path, known: KnownHosts) -> None:
        every = list(servers)
        self._here = {server.organisation: Here(server, known) for server in every if server.here}
        self._connections = Connections([server for server in every if not server.here], config, known)

    def probe(self, patience: float, keep: Callable[[str, Shell], None] | None = None) -> dict[str, str]:
        """Log in to every server, or be root here; returns the reason for each that cannot be reached."""
        found = {}
        for organisation, here in self._here.items():
            try:
                shell = here.shell()
            except (OSError, EOFError, UnreachableError) as error:
                found[organisation] = str(error)
            else:
                keep(organisation, shell) if keep else shell.close()
        return found | self._connections.probe(patience, keep)

    def open_for_engine(self, organisations: Iterable[str]) -> None:
        """Have a way for whoever uses the engine, where only who sits at the terminal can make one."""
        known = list(organisations)
        self._connections.open_for_engine(one for one in known if one not in self._here)
        for organisation in filter(self._here.__contains__, known):
            self._here[organisation].open_for_engine()

    def shell(self, organisation: str) -> Shell:
        """A process of root on a server. Raises OSError, EOFError or UnreachableError where there is none."""
        here = self._here.get(organisation)
        return here.shell() if here else self._connections.shell(organisation)

    def close(self) -> None:
        """Ask nobody any more."""
        for here in self._here.values():
            here.close()
        self._connections.close()

    def end(self) -> None:
        """End everything that is under way."""
        for here in self._here.values():
            here.end()
        self._connections.end()
