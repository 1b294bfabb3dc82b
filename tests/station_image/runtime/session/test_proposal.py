"""How the proposer tells why a session failed, from what each party reports."""

from __future__ import annotations

import dataclasses

from station_image.runtime.consent import plan
from station_image.runtime.session import proposal


def report(root: str, reason: str, **more: object) -> dict[str, object]:
    return {"outcome": "failed", "root": root, "reason": reason, "contributors": [], "left_out": {}, **more}


def test_what_a_party_sent_is_quoted_before_what_came_of_it() -> None:
    """Who found the false message may report later than those that only saw the sender go away."""
    names = [field.name for field in dataclasses.fields(plan.Plan)]
    asked = plan.Plan(**(dict.fromkeys(names) | {"session": "0" * 32}))  # type: ignore[arg-type]
    account = proposal._account(
        asked,
        {
            "n.a": report("n.c", "it refused the channel: session: none with this id is running here"),
            "n.b": report("n.c", "it sent keys that do not belong to its number", violation=True),
            "n.c": report("n.a", "its connection was closed"),
        },
    )
    assert (account["root"], account["reason"]) == ("n.c", "it sent keys that do not belong to its number")
