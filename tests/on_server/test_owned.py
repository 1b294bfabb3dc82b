"""What is asked of the parts of a server that its owner sets."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from on_server import owned
from plugins.filter import server_facts
from tests.harness import starters

GIB = 1024**3


def test_a_clock_is_kept_by_a_service_or_by_the_host_of_a_container() -> None:
    for unit in owned.CLOCKS:
        assert owned.clock(["ssh.service", unit], container=False) == []
    assert owned.clock([], container=True) == []
    [(seen, remedy)] = owned.clock(["ssh.service"], container=False)
    assert seen == "nothing keeps its clock"
    assert "start its chrony" in remedy


@pytest.mark.parametrize(
    "settings",
    ["", "[Journal]\n#Storage=none\n#SystemMaxUse=\n", "[Journal]\nStorage=persistent\nSystemMaxUse=1G\n",
     "Storage=none\nSystemMaxUse=900G\n# a drop-in\nStorage=auto\nSystemMaxUse=\n"],
)  # fmt: skip
def test_a_journal_that_keeps_something_and_leaves_room_is_in_order(settings: str) -> None:
    assert owned.journal(settings, 50 * GIB) == []


def test_a_journal_that_keeps_nothing_or_may_fill_its_disk_is_not() -> None:
    [(seen, _)] = owned.journal("[Journal]\nStorage = none\n", 50 * GIB)
    assert "keeps nothing" in seen
    [(seen, remedy)] = owned.journal("SystemMaxUse=1G\n# a later one counts\nSystemMaxUse=30G\n", 50 * GIB)
    assert seen == "its journal may take 30720 of the 51200 MiB of its disk"
    assert "the journal is the owner's here" in remedy


def test_every_part_that_can_be_the_owner_s_is_asked_about_somewhere() -> None:
    told = {"sshd": "people-access", "updates": "server-packages"}  # by other programs of the server
    assert set(owned.PARTS) | told.keys() == set(server_facts.PARTS)


@pytest.mark.parametrize("part", owned.PARTS)
def test_the_command_answers_on_any_machine(part: str) -> None:
    words = [sys.executable, "-ISB", "-c", starters.starter("owners-parts"), part]
    done = subprocess.run(words, input='{"8443": ["192.0.2.7/32"]}', capture_output=True, text=True, check=True)
    assert all("; " in sentence for sentence in json.loads(done.stdout))
