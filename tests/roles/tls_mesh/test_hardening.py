"""What programs that judge hardening say of a server with a gateway; what stays is explained in docs/privacy.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.docs import documents
from tests.harness import compiled, servers
from tests.roles.conftest import Mesh

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]

MOST = 1.5
EACH = 'for one in $(ls /etc/systemd/system | grep -E "^(werkplaats|gateway|station)-.*[.]service$")'
TOOLS = "testssl.sh lynis ssh-audit"
INSTALL = f"apt-get -qq update && apt-get install -qq --yes --no-install-recommends {TOOLS} < /dev/null"
PAGE = documents.ROOT / "docs" / "privacy.md"


def unexplained(found: Iterable[tuple[str, str]], tool: str) -> list[str]:
    """What a program found, by name and in words, that the page does not tell of."""
    return sorted({f"{name}: {words}" for name, words in found if name not in explained(tool)})


def explained(tool: str) -> set[str]:
    """What the page says of a program's findings: the names in the first column of its table."""
    part = re.split(r"\n##+ ", PAGE.read_text().split(f"\n### {tool}\n", 1)[1])[0]
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.fixture(scope="module")
def judge(mesh: Mesh) -> servers.Server:
    """A server with the programs, in the versions of its distribution."""
    done = mesh.servers["twee"].run(INSTALL, check=False)
    if done.returncode:
        pytest.skip(f"the mirror of this server gives none of {TOOLS}: {done.stderr[-300:]}")
    return mesh.servers["twee"]


def test_the_gateway_is_exposed_to_what_it_needs(mesh: Mesh, note: Callable[[str], None]) -> None:
    said = mesh.servers["een"].run(f"{EACH}; do systemd-analyze security --no-pager $one | tail -1; done").stdout
    found = {name: float(figure) for name, figure in re.findall(r"level for (\S+): ([0-9.]+)", said)}
    note(f"exposure by systemd-analyze: {', '.join(f'{name} {figure}' for name, figure in sorted(found.items()))}")
    assert found["werkplaats-gateway.service"] <= MOST
    assert {name for name, figure in found.items() if figure > MOST} <= explained("systemd-analyze security")


def test_testssl_finds_nothing_at_the_mesh_port(mesh: Mesh, judge: servers.Server) -> None:
    judge.run("rm -f /var/tmp/tls.json")
    place = f"{mesh.servers['een'].address}:{compiled.PORT}"
    judge.run(f"testssl --quiet --color 0 --severity LOW --jsonfile /var/tmp/tls.json {place}", check=False)
    found = json.loads(judge.run("cat /var/tmp/tls.json").stdout)
    assert (left := unexplained(((one["id"], one["finding"]) for one in found), "testssl")) == [], "\n".join(left)


def test_what_lynis_deducts_is_explained(judge: servers.Server, note: Callable[[str], None]) -> None:
    judge.run("lynis audit system --quick --quiet --no-colors", check=False)
    report = judge.run("cat /var/log/lynis-report.dat").stdout
    found = re.findall(r"^(?:warning|suggestion)\[\]=([A-Z]+-[0-9]+)\|([^|]*)", report, re.MULTILINE)
    [index] = re.findall(r"^hardening_index=([0-9]+)", report, re.MULTILINE)
    note(f"lynis: hardening index {index}")
    assert found
    assert (left := unexplained(found, "lynis")) == [], "\n".join(left)


def test_what_ssh_audit_deducts_is_explained(mesh: Mesh, judge: servers.Server) -> None:
    done = judge.run(f"ssh-audit --json {mesh.servers['een'].address}", check=False)
    told: dict[str, Any] = json.loads(done.stdout)
    found = [
        (one["algorithm"], words)
        for kind in ("kex", "key", "enc", "mac")
        for one in told[kind]
        for severity in ("fail", "warn")
        for words in one.get("notes", {}).get(severity, [])
    ]
    assert found
    assert (left := unexplained(found, "ssh-audit")) == [], "\n".join(left)
