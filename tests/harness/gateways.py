"""Real gateways for tests: HAProxy with what the role `tls_mesh` renders, and certificates made for this run.

Of what a server has only the paths are others, since many stations share this machine; a gateway is not reloaded.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import re
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from network_topology import names
from on_server.gateway import files
from plugins.action import server_part
from plugins.filter import tls_mesh
from tests.harness import compiled, pki

NETWORK = "drie"
HERE = "127.0.0.1"
ROLE = Path(__file__).parents[2] / "roles" / "tls_mesh"
# What the HAProxy of Debian 12 and its OpenSSL do not have yet, and servers with Debian 13 do: a limit for the
# handshake, and the exchange of keys. Who is let through is decided by neither.
SINCE_3_0 = re.compile(r"^    (timeout client-hs|ssl-default-server-curves) .*\n", re.MULTILINE)
CLASSICAL = "X25519"
CONNECTIONS = 1000  # many gateways share the files that a process may open here


def dns(organisation: str) -> str:
    """The DNS name in a station's certificate."""
    return names.dns(NETWORK, organisation)


def peer(authority: pki.Authority, organisation: str, port: int, *, called: bool) -> dict[str, Any]:
    """Another station as a compiled network tells of it: it may call, and is called at `port` if at all."""
    issuers = [authority.subject]
    return compiled.peer(NETWORK, organisation, issuers, address=HERE, port=port, outbound=called)


def write(root: Path, authority: pki.Authority, own: pki.Party, peers: list[dict[str, Any]], port: int | None) -> None:
    """All files of a gateway, in the folder `tls` of a station: `haproxy.cfg` and what it names.

    `root` stands for the server's `/run/werkplaats`; `port` is where the gateway is called, None if it is not.
    """
    network = compiled.network(authority, own.organisation, peers, certificate=own.pem, port=port)
    place(root, names.station_id(NETWORK, own.organisation), [network], pki.key_pem(own.key))


def place(root: Path, station: str, networks: list[Mapping[str, Any]], key: bytes, most: int = CONNECTIONS) -> None:
    """The same of a station in these networks, as host variables tell of them; `most` connections at a time."""
    here = [{**one, "peers": [{"egress": [f"{HERE}/32"], **peer} for peer in one["peers"]]} for one in networks]
    placed = {
        file["path"].removeprefix(f"{tls_mesh.COMPILED}/"): base64.b64decode(file["content"])
        for file in server_part.render(ROLE, _task(station, here, most))
        if file["path"].startswith(f"{tls_mesh.COMPILED}/")
    }
    made = files.assemble(files.Inputs(placed, frozenset(), key))
    (root / "tls" / "run").mkdir(parents=True)
    (root / "tls" / "run").chmod(0o777)  # the gateway makes its sockets there, under a uid of its own
    for name, content in {**made, "haproxy.cfg": _here(made["haproxy.cfg"], root)}.items():
        path = root / "tls" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@contextlib.contextmanager
def answering(place: Path) -> Iterator[None]:
    """An agent that answers everybody who is let in."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    place.chmod(0o777)
    listener.listen()

    def answer(line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            line.sendall(b"here")
            # All of it: what is closed with something unread is reset, and "here" may be lost with it.
            while line.recv(64):
                pass

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        listener.close()


def command(root: Path) -> list[str]:
    """What starts the gateway of a station.

    From its own folder: HAProxy 2.6 forgets where names are relative to when it comes to the certificates of servers.
    """
    return ["haproxy", "-db", "-C", str(root / "tls"), "-f", "haproxy.cfg"]


def _here(config: bytes, root: Path) -> bytes:
    """A server's configuration, for a station on this machine."""
    text = config.decode() if _version() >= (3, 0) else SINCE_3_0.sub("", config.decode())
    text = text.replace("/run/werkplaats-gateway/", f"{root}/tls/run/").replace("/run/werkplaats/", f"{root}/")
    return text.encode()


def _task(station: str, networks: Sequence[Mapping[str, Any]], most: int) -> dict[str, Any]:
    """The arguments of the role's task, with its defaults."""
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    variables = {
        **tls_mesh.gateway_limits(list(networks), most),
        "id": station,
        "groups": defaults["tls_mesh_groups"] if _version() >= (3, 0) else CLASSICAL,
        "maxconn": most,
        "files": 4 * most,
        "old_worker_hours": defaults["tls_mesh_old_worker_hours"],
        "capabilities": "",
    }
    return {"variables": variables, **tls_mesh.gateway_files(list(networks), HERE)}


@functools.cache
def _version() -> tuple[int, int]:
    said = subprocess.run(["haproxy", "-v"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", said)
    assert found, said
    return int(found[1]), int(found[2])
