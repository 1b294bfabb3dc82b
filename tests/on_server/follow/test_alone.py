"""What the coordinator alone can do to an organisation that operates itself: tried on its server, each thing by itself.

The rows of the table of that name in docs/powers.md are what is seen here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from network_topology import model
from publication import profile
from tests.docs import documents
from tests.harness.coordinator import Coordinator, make_keys
from tests.on_server.follow.served import NETWORK, Made, Served
from tests.on_server.follow.test_attacks import maker
from tests.publication import publications
from tests.publication.published import QUESTION, without
from werkplaats.operations.coordinator import approval, revocation

POWERS = documents.ROOT / "docs" / "powers.md"
OWN, MEMBER, ANOTHER = "ziekenhuis", "huisartsen", "thuiszorg"
HEADING = "The coordinator alone"


def definition(server: Served, **changes: object) -> model.Definition:
    return server.coordinator.definition.model_copy(update=changes)


def asks(server: Served) -> None:
    server.publish(questions={"griep": QUESTION})


def adds(server: Served) -> None:
    other = server.coordinator.definition.organisations[MEMBER].model_copy(update={"name": "Apotheek Proeftuin"})
    added = definition(server, organisations={**server.coordinator.definition.organisations, "apotheek": other})
    server.coordinator.definition = added
    server.coordinator.approve("apotheek")
    server.publish(added, questions={})


def removes(server: Served) -> None:
    server.publish(without(server.coordinator.definition, MEMBER), questions={})


def revokes(server: Served) -> None:
    revocation.withdraw(server.coordinator.authority, MEMBER, "keyCompromise")
    server.publish(questions={})


def revokes_it(server: Served) -> None:
    revocation.withdraw(server.coordinator.authority, OWN, "keyCompromise")
    server.publish(questions={})


def removes_it(server: Served) -> None:
    rest = dict(without(server.coordinator.definition, OWN).organisations)
    gateway = server.coordinator.definition.organisations[OWN].gateway
    rest[MEMBER] = rest[MEMBER].model_copy(update={"gateway": gateway, "operator": "itself", "egress": ()})
    server.publish(definition(server, organisations=rest, computing=("ggd", ANOTHER, MEMBER)), questions={})


def certifies_again(server: Served) -> None:
    own = server.coordinator.authority
    before = approval.find(own.records, OWN)
    assert before is not None
    key: Any = before.station_certificate.public_key()
    pem = profile.as_pem(own.issue(OWN, key)).decode()
    own.records.write("identities", OWN, before.model_copy(update={"certificate_chain_pem": pem}).model_dump())
    server.publish(questions={})


def puts_another_key(server: Served) -> None:
    revocation.withdraw(server.coordinator.authority, MEMBER, "superseded")
    server.coordinator.approve(MEMBER, make_keys())
    server.publish(questions={})


def puts_another_key_of_its_own(server: Served) -> None:
    revocation.withdraw(server.coordinator.authority, OWN, "superseded")
    server.coordinator.approve(OWN, make_keys())
    server.publish(questions={})


def moves(server: Served) -> None:
    organisations = dict(server.coordinator.definition.organisations)
    gateway = organisations[ANOTHER].gateway
    assert gateway is not None
    there = gateway.model_copy(update={"port": 9443})
    organisations[ANOTHER] = organisations[ANOTHER].model_copy(update={"gateway": there})
    server.publish(definition(server, organisations=organisations), questions={})


def says_no_personal_data(server: Served) -> None:
    now = server.coordinator.definition
    server.publish(definition(server, personal_data=not now.personal_data), questions={})


def renames(server: Served) -> None:
    server.publish(definition(server, title="Another title"), questions={})


def ships(server: Served) -> None:
    server.publish()
    online = server.coordinator.roles.online()
    made = maker(server).resigned(publications.gathered(server.folder), "releases", lambda _: None, [online])
    server.inbox(made)


ATTEMPTS: dict[str, Callable[[Served], None]] = {
    "ask a new question": asks,
    "add a member": adds,
    "remove a member": removes,
    "revoke a member": revokes,
    "put another key in the place of a member's": puts_another_key,
    "give a member another port": moves,
    "say that data are not personal": says_no_personal_data,
    "give the network another title": renames,
    "certify its keys again": certifies_again,
    "put another key in the place of its own": puts_another_key_of_its_own,
    "revoke it": revokes_it,
    "remove it": removes_it,
    "ship a release": ships,
}
# Below the root of its server: what nobody but the organisation itself may change.
_OWN: dict[str, str] = {
    "keys": r"var/lib/werkplaats/state/.*|etc/werkplaats/identity/.*",
    "data": r"var/lib/werkplaats/(data|allowances)/.*",
    "login": r"etc/(ssh|sudoers\.d|pam\.d)/.*|etc/(passwd|shadow|group)|home/.*",
}
_PLACED = (
    "/var/lib/werkplaats/state/statement.key",
    "/etc/werkplaats/identity/gateway.key",
    f"/var/lib/werkplaats/data/in/{NETWORK}/griep/cases.csv",
    "/var/lib/werkplaats/data/out/0123/result.json",
    f"/var/lib/werkplaats/allowances/{NETWORK}~griep.json",
    "/etc/ssh/sshd_config.d/60-werkplaats.conf",
    "/etc/sudoers.d/werkplaats",
    "/etc/passwd",
    "/home/beheer/.ssh/authorized_keys",
)


_PLAIN = {
    f"etc/werkplaats/networks.d/{NETWORK}/questions.json": "is delivered, and waits for its steward",
    f"etc/werkplaats/gateway/compiled/networks/{NETWORK}/certificate.pem": "applies: its certificate, of the same key",
}


_PASSING = re.compile(r"SHA256:[A-Za-z0-9+/]+|(?<=publication \d) of [0-9T:-]+Z|/\S+/metadata/")
"""What is another in each run."""


@pytest.fixture
def server(made_servers: Made, coordinator: Coordinator, tmp_path: Path) -> Served:
    """Of an organisation that operates itself, and is not the coordinator's."""
    return made_servers.server(tmp_path, coordinator, OWN)


def everything(server: Served) -> dict[str, bytes]:
    top = server.paths.root
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


def row(server: Served, name: str) -> list[str]:
    """Try one thing on a server that is up; what it changed of keys, data and login, and what else came of it."""
    server.place(dict.fromkeys(_PLACED, "of the organisation\n"))
    before = everything(server)
    pinned, ca = server.accepted()["statement_keys"], server.accepted()["authority"]
    ATTEMPTS[name](server)
    if name != "ship a release":
        server.inbox()
    server.run()
    after = everything(server)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    cells = []
    for pattern in _OWN.values():
        hit = sorted(path for path in changed if re.fullmatch(pattern, path))
        cells.append(", ".join(hit) or "nothing")
    now = server.accepted()
    assert now["authority"] == ca
    assert all(pinned[one] == key for one, key in now["statement_keys"].items()), "no other key is pinned"
    shown_by = "test_alone.py::test_nothing_of_keys_data_or_login_is_another_whatever_the_coordinator_alone_does"
    return [name, *cells, came(server, changed), f"`tests/on_server/follow/{shown_by}`"]


def came(server: Served, changed: set[str]) -> str:
    """What the server tells of it, in one sentence."""
    told = server.told
    said = [f"refused: {why}" for why in (told.get("refused"), *told["sources"].values()) if why]
    said += [f"applies: {change}" for change in told["applied"].get("applies") or ()]
    said += [f"waits for its operator: {change}" for change in told.get("waits") or ()]
    said += [what for path, what in _PLAIN.items() if path in changed]
    return _PASSING.sub("…", re.split(r"; |\. ", said[0])[0])


@pytest.mark.parametrize("name", ATTEMPTS)
def test_nothing_of_keys_data_or_login_is_another_whatever_the_coordinator_alone_does(
    server: Served, name: str
) -> None:
    seen = row(server, name)
    assert seen[1:4] == ["nothing"] * 3
    assert seen in documents.table(POWERS, HEADING), f"the row of {POWERS.name} that was seen: | {' | '.join(seen)} |"


def test_the_table_has_no_row_that_was_not_seen() -> None:
    assert [one[0] for one in documents.table(POWERS, HEADING)] == [*ATTEMPTS]
    section = POWERS.read_text().split(f"## {HEADING}\n", 1)[1].split("\n## ", 1)[0]
    assert {line[:1] for line in section[section.index("|") :].splitlines()} == {"|"}
