"""What of a role's packages a server lacks."""

from __future__ import annotations

from plugins.filter import server_facts as facts_filter
from tests.plugins.filter.facts import facts


def test_only_what_a_server_lacks_is_installed_and_held() -> None:
    there = facts(packages={"haproxy": "3.0"}, held=["haproxy"])
    assert facts_filter.lacking(there, ["haproxy"], ["haproxy"]) == {}
    assert facts_filter.lacking(there, []) == {}
    assert facts_filter.lacking(there, ["haproxy", "openssl"], ["haproxy"]) == {"names": ["openssl"], "held": []}
    assert facts_filter.lacking(there, ["haproxy"], ["runc", "haproxy"]) == {"names": [], "held": ["runc"]}
    assert facts_filter.lacking(there, ["openssl"]) == {"names": ["openssl"], "held": []}
