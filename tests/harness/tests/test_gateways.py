"""The gateway of the tests' stations asks what the role's gateway asks."""

from __future__ import annotations

import re
from pathlib import Path

from tests.harness import gateways, pki

ASKED = re.compile(r"^    (?:tcp-request|tcp-response) content .*$|verify required.*$", re.MULTILINE)


def test_nothing_that_the_role_s_gateway_asks_is_left_out(tmp_path: Path) -> None:
    authority = pki.Authority(gateways.NETWORK)
    own = pki.Party(authority, "een", tmp_path)
    gateways.write(tmp_path, authority, own, [gateways.peer(authority, "twee", 4000, called=True)], 4001)
    written = ASKED.findall((tmp_path / "tls" / "haproxy.cfg").read_text())
    templates = [(gateways.ROLE / "templates" / name).read_text() for name in ("inbound.cfg.j2", "to.cfg.j2")]
    wanted = [line for text in templates for line in ASKED.findall(text)]
    values = {"dns": gateways.dns("twee"), "network": gateways.NETWORK, "issuers": authority.subject}
    values["subject"] = f"CN=station-twee,OU={gateways.NETWORK},O=Datawerkplaats,C=NL"
    assert len(wanted) > 5
    assert written == [re.sub(r"{{ (\w+) }}", lambda found: values[found[1]], line) for line in wanted]
