"""Somebody who copied the keys of a station, and calls the others as that station does."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

from tests.faults import incidents
from tests.faults.told.walk import Walk
from tests.harness import sandboxes

PORT = 8443
KEPT = "cat /etc/werkplaats/identity/key.pem /etc/werkplaats/gateway/loaded/networks/{}/station.pem"
FOLLOWER = "werkplaats-follow.service"
REMOVED = "rm /var/lib/werkplaats/state/statement.key"
"""What its administrator does first to have it come back, as the runbook has it."""


def others(walk: Walk) -> list[str]:
    """Everybody but whom it is about."""
    return [one for one in incidents.ORGANISATIONS if one != walk.target]


def copied(network: sandboxes.Sandbox, organisation: str, place: Path) -> Path:
    """The key and certificate of a gateway, as whoever is root on its server for a moment takes them along."""
    place.touch(mode=0o600)
    place.write_text(incidents.sh(network, organisation, KEPT.format(network.name)))
    return place


def refused(network: sandboxes.Sandbox, organisation: str, keys: Path) -> str:
    """Why a gateway does not let in who calls with these keys, from this machine; empty where it does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # whom it calls, a thief knows
    context.set_alpn_protocols(["mpc/1"])
    context.load_cert_chain(keys)
    address = network.on(organisation, "hostname", "-I").stdout.split()[0]
    try:
        with socket.create_connection((address, PORT), 10) as line, context.wrap_socket(line) as session:
            session.settimeout(3)
            with contextlib.suppress(TimeoutError):  # nobody speaks before who calls does
                return "" if session.recv(1) else "it was ended"  # TLS 1.3: who is refused hears it when it reads
            return ""
    except OSError as error:
        return str(error)


def why_no_session(network: sandboxes.Sandbox) -> str:
    """What is said of a session that cannot be."""
    done = network.run("session", "--json", expect=None)
    assert done.returncode, done.stdout
    return done.stdout + done.stderr


def copies(walk: Walk) -> None:
    """Take the keys along, and get in at all others with them."""
    keys = copied(walk.network, walk.target, walk.folder / "stolen.pem")
    assert {one: refused(walk.network, one, keys) for one in others(walk)} == dict.fromkeys(others(walk), "")


def is_out(walk: Walk) -> None:
    """Nobody lets in the thief, nor the station; and it is said why no session is, which needs that station."""
    stays_out(walk)
    assert walk.target in why_no_session(walk.network)
    incidents.sh(walk.network, walk.target, REMOVED)
    walk.network.on(walk.target, "systemctl", "start", FOLLOWER)  # its timer does, and it fails without that key


def stays_out(walk: Walk) -> None:
    """Each of the others refuses the copy, as a certificate that was revoked."""
    for one in others(walk):
        why = refused(walk.network, one, walk.folder / "stolen.pem")
        assert "revoked" in why.lower(), (one, why)
