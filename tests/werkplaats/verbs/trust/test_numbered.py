"""A release with a number: it waits for its holders as its file says it, and never becomes another one."""

from __future__ import annotations

from typing import Any

import pytest

from base import canonical, errors
from network_topology import released
from publication import publication
from tests.publication.published import release
from tests.werkplaats.verbs.trust.people import NETWORK, People, people

__all__ = ["people"]
VERSION = "1.1.0"
MORE = {"may_upgrade_from": ["1.0.0"], "analyses": ["hotspots/1"], "formats": {"state/runs.json": 3}}


def pin(people: People, document: dict[str, Any]) -> None:
    """Write the release's file, and have the definition name it."""
    folder = people.home / "releases"
    folder.mkdir(exist_ok=True)
    text = f'release: "{VERSION}"\nmay_upgrade_from: ["1.0.0"]\n'
    (folder / f"{VERSION}.yml").write_text(released.pinned(text, document))
    path = people.home / "networks" / NETWORK / "network.yml"
    path.write_text(path.read_text().replace("release: dev", f'release: "{VERSION}"'))


@pytest.mark.parametrize("here", [True, False])
def test_a_numbered_release_waits_for_two_holders_whether_or_not_its_image_is_here(people: People, here: bool) -> None:
    """It is pinned: who publishes need not build it, and what was built since is another release."""
    _, holders = people.published()
    if not here:
        people.with_image(None)
    pinned = {**release(VERSION, "1"), **MORE}
    pin(people, pinned)
    told = people.run("publish", NETWORK, expect=errors.REFUSED)
    assert "releases version 2 waits for the release holders: 0 of 2 signed" in told
    assert publication.read(people.place, NETWORK).release.release == "dev", "the coordinator alone ships nothing"
    waits = people.home / "inventories" / NETWORK / "publication" / "waiting" / "releases" / f"{VERSION}.json"
    assert waits.read_bytes() == canonical.pretty(pinned)
    people.sign("release", holders[0])
    assert "1 of 2 signed" in people.run("publish", NETWORK, expect=errors.REFUSED), "half-signed"
    people.sign("release", holders[1])
    people.run("publish", NETWORK)
    assert publication.read(people.place, NETWORK).release.may_upgrade_from == ("1.0.0",)


def test_a_number_that_was_signed_for_is_never_something_else(people: People) -> None:
    _, holders = people.published()
    pin(people, {**release(VERSION, "1"), **MORE})
    people.run("publish", NETWORK, expect=errors.REFUSED)
    people.sign("release", *holders[:2])
    people.run("publish", NETWORK)
    pin(people, {**release(VERSION, "2"), **MORE})
    told = people.run("publish", NETWORK, expect=errors.REFUSED)
    assert f"release {VERSION} of {NETWORK} is taken by other contents" in told
    assert "give it another version" in told
    assert publication.read(people.place, NETWORK).release.image_id == f"sha256:{'1' * 64}"
    assert "nothing waits" in people.run("release", "sign", NETWORK, "--key", holders[0], "--yes")


def test_the_release_that_stations_come_from_is_asked_of_its_holders_too(people: People) -> None:
    """One that they signed for before, and that was taken out since, could not be named any more."""
    _, holders = people.published()
    pin(people, {**release(VERSION, "1"), **MORE})
    earlier = released.pinned('release: "1.0.0"\n', release("1.0.0", "2"))
    (people.home / "releases" / "1.0.0.yml").write_text(earlier)
    path = people.home / "networks" / NETWORK / "network.yml"
    also = 'upgrading_from: "1.0.0"\nupgrading_until: 2099-12-31'
    path.write_text(path.read_text().replace(f'release: "{VERSION}"', f'release: "{VERSION}"\n{also}'))
    people.run("publish", NETWORK, expect=errors.REFUSED)
    people.sign("release", *holders[:2])
    people.run("publish", NETWORK)
    found = publication.read(people.place, NETWORK)
    assert found.earlier
    assert (found.release.release, found.earlier.release) == (VERSION, "1.0.0")
