"""The engine's settings, which may be its owner's too."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter import container_engine
from tests.plugins.filter.facts import facts


def test_the_engine_keeps_its_owner_s_settings_and_takes_ours() -> None:
    owner = {"data-root": "/data", "bridge": "docker0"}
    assert container_engine.merged_settings(owner, {"bridge": "none"}) == {"data-root": "/data", "bridge": "none"}
    with pytest.raises(AnsibleFilterError, match=r"daemon.json cannot be read \(why\); correct it"):
        container_engine.merged_settings({"unreadable": "why"}, {})


def test_login_is_given_the_engine_only_where_it_has_it_not() -> None:
    assert container_engine.engine_commands(facts(login="root")) == []
    assert container_engine.engine_commands(facts(login="beheer")) != []
    assert container_engine.engine_commands(facts(login="ZORG\\jan s"))[-1] == [
        "gpasswd",
        "--add",
        "ZORG\\jan s",
        "docker",
    ]
    groups = {"docker": {"members": ["beheer"]}}
    assert container_engine.engine_commands(facts(login="beheer", groups=groups)) == []
