"""What was opened is remembered by every honest party that had a part in it, whomever a liar says goodbye to."""

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
