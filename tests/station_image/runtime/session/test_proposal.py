"""How the proposer tells why a session failed, from what each party reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

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


def account_of(**reports: Mapping[str, object]) -> tuple[str, str]:
    """On whom it failed and why, of parties n.a, n.b and so on."""
    names = [field.name for field in dataclasses.fields(plan.Plan)]
    asked = plan.Plan(**(dict.fromkeys(names) | {"session": "0" * 32}))  # type: ignore[arg-type]
    found = proposal._account(asked, {f"n.{name}": dict(one) for name, one in reports.items()})
    return str(found["root"]), str(found["reason"])


GONE = "its connection was closed"


def test_nobody_is_named_by_no_more_parties_than_can_lie() -> None:
    """n.c lies: it left both others, and told each that it does because of the other one.

    The gain: an honest organisation is the one that everybody is told to look at.
    """
    told = report("", f"n.c left and says of n.b: {GONE}", told_by="n.c")
    told_too = report("", f"n.c left and says of n.a: {GONE}", told_by="n.c")
    assert account_of(a=told, b=told_too, c=report("n.a", GONE)) == ("", f"n.c says of n.a: {GONE}")


def test_of_two_that_blame_each_other_neither_is_named_and_it_is_told_who_says_it() -> None:
    told = report("", f"n.b left and says of n.c: {GONE}", told_by="n.b")
    found = account_of(a=told, b=report("n.c", GONE), c=report("n.b", "it left: its connection broke"))
    assert found == ("", f"n.b says of n.c: {GONE}; n.c says of n.b: it left: its connection broke")


def test_two_liars_of_five_have_nobody_named_and_three_who_saw_it_do() -> None:
    silent = {name: report("", "n.d left: no", told_by="n.d") for name in "ab"}
    assert account_of(**silent, c=report("n.e", GONE), d=report("n.e", GONE), e=report("", GONE))[0] == ""
    saw = {name: report("n.e", GONE) for name in "abc"}
    assert account_of(**saw, d=report("n.a", GONE), e=report("n.a", GONE)) == ("n.e", GONE)


def test_who_names_itself_or_was_silent_towards_the_proposer_is_named() -> None:
    others = {name: report("", "n.c left: why", told_by="n.c") for name in "ab"}
    assert account_of(**others, c=report("n.c", "its computer ended or is stuck"))[0] == "n.c"
    assert account_of(**others, c={**report("n.c", "gone"), "outcome": "silent"}) == ("n.c", "gone")
    assert account_of(**others, c=report("n.c", "gone", told_by="n.a")) == ("n.c", "gone")
    assert account_of(**others, c={**report("n.c", "gone"), "outcome": "done"})[0] == ""


def test_what_one_party_alone_says_is_no_fact() -> None:
    """A reason without a name may name somebody in its text."""
    done = {"outcome": "done", "root": "", "reason": "", "contributors": [], "left_out": {}}
    assert account_of(a=done, b=done, c=report("", "n.a lied", violation=True)) == ("", "n.c says: n.a lied")
    heard = report("", "n.b left: 2 contributors, at least 3 must be", told_by="n.b")
    few = "2 contributors, at least 3 must be"
    assert account_of(a=heard, b=report("", few), c=report("", "n.a lied")) == ("", few)
