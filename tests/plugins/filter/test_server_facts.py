"""What of a role's packages a server lacks."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter import server_facts as facts_filter
from tests.plugins.filter.facts import facts


def test_only_what_a_server_lacks_is_installed() -> None:
    there = facts(packages={"haproxy": "3.0"})
    assert facts_filter.lacking(there, ["haproxy"]) == {}
    assert facts_filter.lacking(there, []) == {}
    assert facts_filter.lacking(there, ["haproxy", "openssl"]) == {"names": ["openssl"], "released": []}


def test_what_an_earlier_version_held_back_is_released_and_what_the_owner_holds_is_not() -> None:
    ours = ["runc", "haproxy"]
    both = facts(packages={"haproxy": "3.0"}, held=["nano", *ours])
    assert facts_filter.lacking(both, ["haproxy"], ours) == {"names": [], "released": ours}
    one = facts(packages={"haproxy": "3.0"}, held=["haproxy"])
    assert facts_filter.lacking(one, ["haproxy"], ours) == {}


def test_every_part_of_a_server_is_ours_unless_its_owner_keeps_it() -> None:
    assert facts_filter.managed_parts({"sshd": False}) == dict.fromkeys(facts_filter.PARTS, True) | {"sshd": False}
    with pytest.raises(AnsibleFilterError, match="ssh is none of"):
        facts_filter.managed_parts({"ssh": False})
