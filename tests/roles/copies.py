"""Copies of the gateway that the role made, beside the real one: as it is, or with a defence taken out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.roles.conftest import NETWORK, Mesh

PORT = 9443
HOME = "/var/tmp/copy"
FOLDER = f"{HOME}/networks/{NETWORK}"
CONTROL = f"{HOME}/run/control.sock"


@dataclass(frozen=True)
class Copy:
    """Texts of a gateway that runs beside the real one; a defence is taken out by changing them."""

    config: str
    peers: str
    ca: str
    crl: str

    def without(self, pattern: str, instead: str = "") -> Copy:
        """Take a defence out of the configuration; a pattern that is not there is an error of the test."""
        changed, times = re.subn(pattern, instead, self.config, flags=re.MULTILINE)
        assert times, f"the configuration has no {pattern}"
        return replace(self, config=changed)


Change = Callable[[Copy], Copy]


def as_it_is(copy: Copy) -> Copy:
    return copy


@contextlib.contextmanager
def running(mesh: Mesh, change: Change) -> Iterator[None]:
    """Run a copy of the gateway of `een` on its own port and sockets."""
    server = mesh.servers["een"]
    server.run(
        f"rm -rf {HOME}; cp -aL /etc/werkplaats/gateway/loaded {HOME}; install -d -o werkplaats-gateway {HOME}/run"
    )
    config = server.run(f"cat {HOME}/haproxy.cfg").stdout
    config = config.replace("bind :8443 ", f"bind :{PORT} ").replace("/run/werkplaats/peers", f"{HOME}/run")
    config = config.replace("/run/werkplaats-gateway/metrics.sock", f"{HOME}/run/metrics.sock")
    config = config.replace("global\n", f"global\n    stats socket {CONTROL} mode 600 level admin\n", 1)
    peers = server.run(f"cat {HOME}/peers.map").stdout
    copy = change(Copy(config, peers, mesh.authority.pem, server.run(f"cat {FOLDER}/crl.pem").stdout))
    server.put(f"{HOME}/haproxy.cfg", copy.config)
    server.put(f"{HOME}/peers.map", copy.peers)
    server.put(f"{FOLDER}/ca.pem", copy.ca)
    server.put(f"{FOLDER}/crl.pem", copy.crl)
    server.run(
        f"truncate -s 0 /var/tmp/seen; haproxy -c -q -f {HOME}/haproxy.cfg && systemd-run --quiet --unit=copy "
        f"--property=Type=notify --uid=werkplaats-gateway --gid=werkplaats-gateway haproxy -Ws -f {HOME}/haproxy.cfg"
    )
    try:
        yield
    finally:
        server.run("systemctl stop copy; systemctl reset-failed copy 2>/dev/null", check=False)
