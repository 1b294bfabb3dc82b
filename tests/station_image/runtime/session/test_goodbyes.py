"""A liar that stays silent: to one of two, or altogether."""

from __future__ import annotations

import pytest

from tests.station_image.runtime.agreed import Agreed
from tests.station_image.runtime.test_question_attacks import whole_of_the_areas

pytestmark = pytest.mark.slow


def test_a_party_that_hears_no_goodbye_remembers_what_another_opened(agreed: Agreed) -> None:
    """A liar says goodbye to ggd only, so ggd gives its share away, and with the liar's own that is a result.

    The gain: gelre, whose session failed, knows of no result. Once ggd and the liar are out of the network nobody does
    who computed it, and gelre gives its data to the total from which the opened areas can be taken.
    """
    agreed["sensire"].restart("computer", sabotage="says_goodbye_to_one")
    answer = agreed.ask()
    assert {name: row["outcome"] for name, row in answer["reports"].items()} == {
        agreed["ggd"].id: "done",
        agreed["gelre"].id: "failed",
        agreed["sensire"].id: "done",
    }
    agreed.region.heal()
    whole_of_the_areas(agreed)
    proposal = agreed.propose()
    assert proposal.answer()["exit"] == 4
    said = {event["station"]: event["reason"] for event in proposal.events if event.get("event") == "contributor"}
    assert "can be subtracted" in said[agreed["gelre"].id]
    entries = [one for one in agreed.tell("gelre", "register", last=50)["entries"] if one["kind"] == "run"]
    [entry] = [one for one in entries if one["session"] == answer["session"]]
    assert (entry["outcome"], entry["counts"], len(entry["contributors"])) == ("failed", True, 5)


def test_a_silent_party_ends_a_session_long_before_its_deadline_and_has_nobody_named(agreed: Agreed) -> None:
    """The gain, without that limit: an hour in which nobody is answered about the same areas, as often as it likes."""
    agreed["sensire"].restart("computer", sabotage="keeps_silent")
    for member in ("ggd", "gelre"):
        agreed[member].restart("computer", sabotage="impatient")
    answer = agreed.ask()
    assert (answer["exit"], answer["root"]) == (4, "")
    assert "it lives, and did not send what was waited for" in answer["reason"]
    assert answer["milliseconds"] < 60_000, "the deadline is 3600 s"
    agreed.region.heal()
    assert agreed.ask()["exit"] == 0
