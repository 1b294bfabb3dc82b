"""Where a gateway finds its peers: in /etc/hosts first, and by the name servers that this server has now."""

from __future__ import annotations

from pathlib import Path

import pytest

from on_server.gateway import files, finding
from plugins.action import server_part

ROLE = Path(__file__).parents[3] / "roles" / "tls_mesh"


def section(address: str) -> bytes:
    """What the role places for a peer."""
    values = {"id": "n.een", "network": "n", "address": address, "port": 8443, "dns": "een.n", "subject": "CN=x"}
    jinja = server_part.environment(ROLE / "templates")
    return jinja.get_template("to.cfg.j2").render(values | {"issuers": "CN=ca"}).encode()


def read(root: Path, hosts: str = "", resolver: str = "") -> finding.Finding:
    (root / "etc").mkdir(exist_ok=True)
    (root / finding.HOSTS).write_text(hosts)
    (root / finding.RESOLVER).write_text(resolver)
    return finding.read(root)


HOSTS = """127.0.0.1 localhost
192.0.2.7\tmesh.een.example een # the colleague
2001:db8::7 mesh.zes.example
192.0.2.9 MESH.Twee.example
fe80::1%eth0 mesh.drie.example
no address at all
"""


def test_whom_hosts_knows_is_called_there_and_others_by_name(tmp_path: Path) -> None:
    found = read(tmp_path, HOSTS)
    assert b"server gateway 192.0.2.7:8443 ssl" in found.placed(section("mesh.een.example"))
    assert b"server gateway 192.0.2.9:8443 ssl" in found.placed(section("mesh.twee.example"))
    assert b"server gateway [2001:db8::7]:8443 ssl" in found.placed(section("mesh.zes.example"))
    for address in ("mesh.een.example", "mesh.zes.example"):
        placed = found.placed(section(address))
        assert b"resolvers" not in placed
        assert placed.count(b"\n") == section(address).count(b"\n")
        assert b"verifyhost een.n" in placed, "an address changes nothing of who it must be"
    for address in ("mesh.vier.example", "mesh.drie.example", "192.0.2.1"):
        assert found.placed(section(address)) == section(address)


RESOLVER = """search example
nameserver 192.0.2.53
nameserver\t2001:db8::53 # of the neighbours
nameserver 192.0.2.53
nameserver fe80::1%eth0
nameserver resolver.example
nameserver
"""


def test_name_servers_are_told_to_haproxy_and_a_link_to_nothing_is_read_as_none(tmp_path: Path) -> None:
    """HAProxy would read the file by itself, and refuse everything, a cut too, for as long as the file is not there."""
    base = (ROLE / "templates/etc/werkplaats/gateway/compiled/base.cfg.j2").read_bytes()
    asked = b"resolvers server\n    parse-resolv-conf\n"
    assert base.count(asked) == 1
    told = read(tmp_path, resolver=RESOLVER).placed(base)
    assert told == base.replace(
        asked, b"resolvers server\n    nameserver 0 192.0.2.53:53\n    nameserver 1 [2001:db8::53]:53\n"
    )
    (tmp_path / finding.RESOLVER).unlink()
    (tmp_path / finding.RESOLVER).symlink_to("../run/systemd/resolve/stub-resolv.conf")
    assert finding.read(tmp_path).placed(base) == base.replace(asked, b"resolvers server\n")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"192.0.2.7\n", b"\n\n#\n"])
def test_a_file_that_says_nothing_or_is_no_text_names_nobody(tmp_path: Path, content: bytes) -> None:
    assert finding.read(tmp_path) == finding.Finding()
    read(tmp_path)
    (tmp_path / finding.HOSTS).write_bytes(content)
    (tmp_path / finding.RESOLVER).write_bytes(content)
    assert finding.read(tmp_path) == finding.Finding()


def inputs(found: finding.Finding) -> files.Inputs:
    compiled = {"base.cfg": b"global\n", "networks/n/peers/n.een/to.cfg": section("mesh.een.example")}
    return files.Inputs(compiled, frozenset(), b"key", found)


def test_other_name_servers_and_another_address_of_a_peer_are_something_to_load(tmp_path: Path) -> None:
    """Else a gateway that started before its network, or whose name server changed, has dead links for good."""
    none = inputs(read(tmp_path)).digest
    one = inputs(read(tmp_path, resolver="search example\nnameserver 192.0.2.53\noptions x\n")).digest
    other = inputs(read(tmp_path, resolver="nameserver 192.0.2.54\n")).digest
    known = inputs(read(tmp_path, HOSTS)).digest
    assert len({none, one, other, known}) == 4
    again = read(tmp_path, "192.0.2.99 somebody.example\n", "search other\nnameserver 192.0.2.53\n")
    assert inputs(again).digest == one, "who is no peer, and other settings, are nothing to reload for"
    assert inputs(again)._replace(cuts=frozenset({"n.een"})).digest != one
