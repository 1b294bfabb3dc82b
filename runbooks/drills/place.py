"""The servers of a sandbox, as causes need them."""

from __future__ import annotations

import dataclasses

from base import errors
from runbooks.drills import causes
from runbooks.framework import seen
from werkplaats.operations.bring_up import servers
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote

SECONDS = 180.0
# A line whose drill was killed goes on by itself: what undoes it waits for its end, by the lock of any folder there.
ALONE = ("flock", "--close", "/usr/local/sbin")
SWITCHES = {"on": servers.switch_on, "off": servers.switch_off, "freeze": servers.freeze}


@dataclasses.dataclass(frozen=True)
class Servers:
    """Those that this machine made; see `causes.Place`."""

    network: networks.Network
    remotes: remote.Remotes

    def shell(self, organisation: str, line: str) -> None:
        """Run a line of root's shell. Raises RefusedError, HalfWayError, UnreachableError."""
        if not servers.makes(self.network, organisation):
            raise errors.RefusedError(
                f"the server of {organisation} is none that this machine makes: nothing is caused or undone there",
                "ask who operates it",
            )
        done = self.remotes.ask(organisation, *ALONE, "sh", "-c", line, seconds=SECONDS)
        if done.exited:
            said = seen.text(done.stderr or done.stdout)
            raise errors.HalfWayError(f"{organisation}: `{seen.text(line)}` ended with {done.exited}: {said}")

    def switch(self, organisation: str, word: causes.Word) -> None:
        """Use the switch of a server. Raises HalfWayError."""
        if not SWITCHES[word](self.network, organisation):
            raise errors.HalfWayError(
                f"this machine's engine has no server of {organisation} any more",
                f"werkplaats up {self.network.name} makes it anew; then the same command again",
            )

    def address(self, organisation: str) -> str:
        """Where a server is reached."""
        return self.network.server(organisation).host

    def port(self, organisation: str) -> int:
        """That of its gateway."""
        gateway = self.network.compiled.stations[organisation].gateway
        if gateway is None:
            raise errors.UsageError(f"{organisation} has no gateway that others call")
        return gateway.port


def own(network: networks.Network) -> list[str]:
    """The organisations of a sandbox of which the server was made here; others' are never broken."""
    return [one.organisation for one in network.servers if servers.makes(network, one.organisation)]
