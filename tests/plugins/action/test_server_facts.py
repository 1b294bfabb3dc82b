"""Facts of a server, as a server may answer them."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.action import server_facts
from tests.plugins import actions


@pytest.mark.parametrize("facts", [5, [], {}, {"server": []}, {"server": {"clock": "noon"}}, {"server": {}}])
def test_what_is_no_fact_of_a_server_is_a_sentence(facts: Any) -> None:
    answer = {"changed": False, "ansible_facts": facts}
    result = actions.run(server_facts, actions.Asked(server_facts=answer), people={})
    assert result == {"failed": True, "msg": "it answers no facts of a server; is its Python Debian's own?"}


def test_why_a_server_cannot_answer_is_told_as_it_says() -> None:
    answer = {"failed": True, "msg": "no space left on device"}
    assert actions.run(server_facts, actions.Asked(server_facts=answer), people={}) == answer
