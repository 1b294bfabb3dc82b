"""Servers that answer at a peer's address without being the peer: the gateway lets nothing of theirs through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from network_topology import names
from tests.harness import pki
from tests.roles import callers, copies
from tests.roles.conftest import MACHINE, NETWORK, Mesh

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CALL = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(8)
connection.connect(sys.argv[1])
connection.sendall(b"hello")
try:
    print(connection.recv(100).decode())
except ConnectionError:
    pass
"""


def peer_says(mesh: Mesh, peer: str) -> str:
    """Call a peer through its socket in the copy, as the agent does; returns what came back."""
    mesh.servers["een"].put("/var/tmp/call.py", CALL)
    path = f"{copies.HOME}/run/{mesh.peer_id(peer)}.sock"
    return mesh.servers["een"].run(f"python3 /var/tmp/call.py {path}").stdout.strip()


@dataclass(frozen=True)
class Impostor:
    """A server at the address of `drie`: its certificate, and the defence that finds it out."""

    name: str
    certificate: Callable[[Mesh], Any]
    defence: str
    instead: str = ""
    alpn: str | None = "mpc/1"


def host_as_common_name(mesh: Mesh) -> pki.Party:
    """Another member; HAProxy's own check of the host name is content with the common name."""
    host = names.dns(NETWORK, "drie")
    return mesh.party("vier", subject=names.subject(NETWORK, "vier").replace("station-vier", host))


IMPOSTORS = (
    Impostor(
        "a stranger",
        lambda mesh: pki.Party(pki.Authority(NETWORK), "drie", mesh.folder),
        r"verify required(?=.* sni)",
        "verify none",
    ),
    Impostor(
        "another member whose common name is the peer's host name",
        host_as_common_name,
        r"^.*reject unless { ssl_s_i_dn.*station-drie.*$",
    ),
    Impostor(
        "the peer with another protocol",
        lambda mesh: mesh.party("drie"),
        r"^.*reject unless { ssl_bc_alpn .*$",
        alpn=None,
    ),
)


@pytest.mark.parametrize("impostor", IMPOSTORS, ids=lambda case: case.name.replace(" ", "-"))
def test_a_server_that_is_not_the_peer_gets_no_answer_through(mesh: Mesh, impostor: Impostor) -> None:
    with callers.impostor(MACHINE, impostor.certificate(mesh).file, impostor.alpn) as port:

        def there(copy: copies.Copy) -> copies.Copy:
            return copy.without(r"server gateway drie\.roletest:8443", f"server gateway {MACHINE}:{port}")

        with copies.running(mesh, there):
            assert peer_says(mesh, "drie") == ""
        with copies.running(mesh, lambda copy: there(copy).without(impostor.defence, impostor.instead)):
            assert peer_says(mesh, "drie") == "impostor", "not even without the defence: this proves nothing"
