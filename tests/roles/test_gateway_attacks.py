"""Attacks on a running gateway, each refused with its defence and seen to work without it.

Both are run against copies of the gateway that the role made, on a port of their own: one as it is, one with the
defence taken out of the configuration. An attack that fails both ways would prove nothing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.harness import pki
from tests.roles import callers, copies
from tests.roles.conftest import MACHINE, NETWORK, Mesh
from tests.roles.copies import Change, Copy, as_it_is

pytestmark = [pytest.mark.servers, pytest.mark.slow]

MEMBER = f"{NETWORK}.twee"
FOREIGN = pki.Authority("ander.sandbox")
# The end of the line that binds the port, where most defences are.
REST = r"(?= ssl-min-ver TLSv1.3 alpn mpc/1 no-tls-tickets$)"


def called(mesh: Mesh, party: pki.Party | None, alpn: str | None = "mpc/1") -> str:
    """Call the copy; returns the peer that the agent took the caller for, "" when it was turned away."""
    server = mesh.servers["een"]
    return callers.greeting(server.address, copies.PORT, party.file if party else None, alpn).split("|")[0]


def seen(mesh: Mesh) -> str:
    """What reached the agent."""
    return mesh.servers["een"].run("cat /var/tmp/seen").stdout.strip()


@dataclass(frozen=True)
class Attack:
    """`run` returns whom the agent took the attacker for; `undefended` takes the defence out."""

    name: str
    run: Callable[[Mesh], str]
    undefended: Callable[[Mesh], Change]
    setting: Callable[[Mesh], Change] = lambda _mesh: as_it_is  # what both copies have
    members_suffer: bool = False


def without(pattern: str, instead: str = "") -> Callable[[Mesh], Change]:
    return lambda _mesh: lambda copy: copy.without(pattern, instead)


def by_common_name(copy: Copy) -> Copy:
    """Identity as many configurations have it: the common name alone."""
    rows = (row.split() for row in copy.peers.splitlines())
    names = "".join(f"{name.split('|CN=')[1].split(',')[0]} {peer}\n" for name, peer in rows)
    return replace(copy.without(r"set-var-fmt\(sess.name\) .*$", "set-var(sess.name) ssl_c_s_dn(CN)"), peers=names)


def without_certificates(copy: Copy) -> Copy:
    return copy.without("verify required" + REST, "verify optional").without(
        r"map_str\(peers.map\)", f"map_str(peers.map,{MEMBER})"
    )


def without_tls(copy: Copy) -> Copy:
    plain = copy.without(rf":{copies.PORT} ssl .*$", f":{copies.PORT}").without(r"^    tcp-request content .*$")
    return plain.without(r"use_backend from.*$", f"default_backend from.{MEMBER}")


def trusting_another_region(_mesh: Mesh) -> Change:
    """Both copies trust a second CA too, as in a federation."""
    return lambda copy: replace(copy, ca=copy.ca + FOREIGN.pem, crl=copy.crl + FOREIGN.crl(number=1))


def unconstrained(mesh: Mesh) -> Change:
    """The same CA, name and key, without name constraints."""
    authority = pki.Authority(NETWORK, constrained=False, key=mesh.authority.key)
    return lambda copy: replace(copy, ca=authority.pem)


def expired_list(mesh: Mesh) -> Change:
    crl = mesh.authority.crl(number=mesh.authority.number, issued=pki.now() - 100 * pki.DAY)
    return lambda copy: replace(copy, crl=crl)


def revoking(mesh: Mesh, party: pki.Party) -> str:
    """A list that revokes one party; the authority of the other tests knows nothing of it."""
    revoked, mesh.authority.revoked = mesh.authority.revoked, [party.certificate.serial_number]
    crl = mesh.authority.crl(number=mesh.authority.number)
    mesh.authority.revoked = revoked
    return crl


class Revoked:
    """One revoked party for the attack and its setting."""

    party: pki.Party

    def setting(self, mesh: Mesh) -> Change:
        self.party = mesh.party("twee")
        crl = revoking(mesh, self.party)
        return lambda copy: replace(copy, crl=crl)

    def run(self, mesh: Mesh) -> str:
        return called(mesh, self.party)


REVOKED = Revoked()


def garbage(mesh: Mesh) -> str:
    """Bytes that are no TLS, and the beginning of one."""
    address = (mesh.servers["een"].address, copies.PORT)
    for sent in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 4096, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + b"\xff" * 300):
        with socket.create_connection(address, callers.SECONDS) as plain, contextlib.suppress(ConnectionError):
            plain.sendall(sent)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(4096):
                pass
    return seen(mesh)


ATTACKS = (
    Attack(
        "a stranger whose CA bears our CA's name",
        lambda mesh: called(mesh, pki.Party(pki.Authority(NETWORK), "twee", mesh.folder)),
        without("verify required" + REST, "verify required ca-ignore-err all crt-ignore-err all"),
    ),
    Attack("no certificate", lambda mesh: called(mesh, None), lambda _mesh: without_certificates),
    Attack(
        "another protocol",
        lambda mesh: called(mesh, mesh.party("twee"), "http/1.1"),
        without(r"^.*reject unless \{ ssl_fc_alpn .*$"),
    ),
    Attack(
        "no protocol",
        lambda mesh: called(mesh, mesh.party("twee"), None),
        without(r"^.*reject unless \{ ssl_fc_alpn .*$"),
    ),
    Attack(
        "a member that is no peer of this station",
        lambda mesh: called(mesh, mesh.party("vreemd")),
        without(r"map_str\(peers.map\)", f"map_str(peers.map,{MEMBER})"),
    ),
    Attack(
        "a member of another region with a peer's common name",
        lambda mesh: called(mesh, pki.Party(FOREIGN, "twee", mesh.folder)),
        lambda _mesh: by_common_name,
        trusting_another_region,
    ),
    Attack(
        "a revoked member",
        REVOKED.run,
        without(r"crl-file \S+ (?=verify required ssl-min-ver TLSv1.3 alpn mpc/1 no-tls-tickets$)"),
        REVOKED.setting,
    ),
    Attack(
        "a revocation list that has expired",
        lambda mesh: called(mesh, mesh.party("twee")),
        without("verify required" + REST, "verify required crt-ignore-err 12 ca-ignore-err 12"),  # CRL_HAS_EXPIRED
        expired_list,
        members_suffer=True,
    ),
    Attack(
        "an address in the certificate",
        lambda mesh: called(mesh, mesh.party("twee", address=MACHINE)),
        unconstrained,
    ),
    Attack("garbage", garbage, lambda _mesh: without_tls),
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_an_attack_is_refused_and_works_only_with_its_defence_off(mesh: Mesh, attack: Attack) -> None:
    setting = attack.setting(mesh)
    with copies.running(mesh, setting):
        assert attack.run(mesh) == ""
        assert seen(mesh) == "", "the agent was reached"
        assert called(mesh, mesh.party("twee")) == ("" if attack.members_suffer else MEMBER)
    with copies.running(mesh, lambda copy: attack.undefended(mesh)(setting(copy))):
        assert attack.run(mesh) != "", "the attack does not work without the defence either: it proves nothing"


COMMIT = f"""
import socket
def ask(text):
    with socket.socket(socket.AF_UNIX) as control:
        control.connect("{copies.CONTROL}")
        control.sendall(text.encode())
        print(control.recv(9999).decode())
name = "networks/{NETWORK}/crl.pem"
ask(f"set ssl crl-file {{name}} <<\\n" + open("/var/tmp/new.pem").read() + "\\n")
ask(f"commit ssl crl-file {{name}}\\n")
"""


def resume(mesh: Mesh) -> str:
    """Open a session, be revoked in the running worker, come back with the session."""
    server, party = mesh.servers["een"], mesh.party("twee")
    client = callers.context(party.file)
    with callers.call(server.address, copies.PORT, client) as first:
        first.sendall(b"hello")
        assert callers.line(first)
        session = first.session
    server.put("/var/tmp/new.pem", revoking(mesh, party))
    server.put("/var/tmp/commit.py", COMMIT)
    assert "Success" in server.run("python3 /var/tmp/commit.py").stdout
    assert called(mesh, party) == "", "the new list is not in force"
    try:
        with callers.call(server.address, copies.PORT, client, session) as again:
            again.sendall(b"hello")
            return callers.line(again) if again.session_reused else ""
    except (ssl.SSLError, ConnectionError):
        return ""


def test_a_revoked_member_cannot_come_back_on_an_earlier_tls_session(mesh: Mesh) -> None:
    with copies.running(mesh, as_it_is):
        assert resume(mesh) == ""
    with copies.running(mesh, lambda copy: copy.without(" no-tls-tickets").without(r"^.*tune.ssl.cachesize 0$")):
        assert resume(mesh).startswith(MEMBER), "no resumption without the defence: the test proves nothing"
