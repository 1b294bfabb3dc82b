"""A region takes part in a federation by the word of its own root holders, and leaves by it: nobody else is asked."""

from __future__ import annotations

import pytest
from tuf.api.metadata import Metadata

from base import errors
from publication import publication
from publication.whole import Consent
from tests.werkplaats.verbs.trust.people import NETWORK, People, people

__all__ = ["people"]

ROOT, OTHER = (f"sha256:{digit * 64}" for digit in "12")
WITH = ("ggd", "ziekenhuis")


def consents(people: People) -> dict[str, Consent]:
    return dict(publication.read(people.place, NETWORK).federations)


def federate(people: People, *words: str, expect: int = errors.DONE) -> str:
    return people.run("root", "federate", NETWORK, *words, expect=expect)


def test_a_region_takes_part_once_its_root_holders_signed_and_leaves_likewise(people: People) -> None:
    root, _ = people.published()
    only = [word for one in WITH for word in ("--only", one)]
    told = federate(people, "nederland", "--root", ROOT, *only)
    assert f"takes part in nederland, whose root is {ROOT}, with ggd, ziekenhuis" in told
    assert "targets version 2 waits for the root holders: 0 of 2 signed" in told
    people.run("publish", NETWORK)
    assert consents(people) == {}, "it waits, and all else goes on"
    assert "takes part in nederland" in people.sign("root", *root[:2])
    people.run("publish", NETWORK)
    assert consents(people) == {"nederland": Consent(root=ROOT, organisations=WITH)}

    federate(people, "oost", "--root", OTHER)
    people.sign("root", *root[1:])
    people.run("publish", NETWORK)
    everybody = ("ggd", "huisartsen", "thuiszorg", "ziekenhuis")
    assert consents(people)["oost"] == Consent(root=OTHER, organisations=everybody)

    told = people.run("root", "leave", NETWORK, "nederland")
    assert "takes part in nederland no more" in told
    people.sign("root", *root[:2])
    people.run("publish", NETWORK)
    assert consents(people).keys() == {"oost"}


def test_what_changes_for_another_reason_leaves_it_as_it_is(people: People) -> None:
    root, _ = people.published()
    federate(people, "nederland", "--root", ROOT)
    people.sign("root", *root[:2])
    fresh = [people.key("root", name) for name in "xyz"]
    people.run("root", "change", NETWORK, *(word for key in fresh for word in ("--root", f"{key}.pub")))
    people.sign("root", *root[:2], *fresh[:2])
    people.run("publish", NETWORK)
    assert publication.read(people.place, NETWORK).root_version == 2
    assert consents(people).keys() == {"nederland"}


def test_what_waited_in_a_backup_takes_no_consent_back(people: People) -> None:
    """What was published since counts: a later ceremony would begin from what waited then, and leave."""
    root, _ = people.published()
    folder = people.home / "inventories" / NETWORK / "publication"
    people.run("root", "federate", NETWORK, "elders", "--root", OTHER)
    before = (folder / "waiting" / "targets.json").read_bytes()
    people.run("root", "leave", NETWORK, "elders")
    federate(people, "nederland", "--root", ROOT)
    people.sign("root", *root[:2])
    people.run("publish", NETWORK)
    (folder / "waiting" / "targets.json").write_bytes(before)
    assert "elders" not in people.run("root", "show", NETWORK)
    people.run("publish", NETWORK)
    assert consents(people).keys() == {"nederland"}
    (folder / "waiting" / "targets.json").write_bytes(before)
    told = federate(people, "oost", "--root", OTHER)
    assert "elders" not in told
    assert "takes part in nederland" in told
    people.sign("root", *root[:2])
    people.run("publish", NETWORK)
    assert consents(people).keys() == {"nederland", "oost"}


def test_who_signs_reads_that_there_is_none_whatever_lies_beside_it(people: People) -> None:
    """Who writes there takes it out of what is in force too: the holder's yes would be for leaving, unseen."""
    root, _ = people.published()
    folder = people.home / "inventories" / NETWORK / "publication"
    without = (folder / "targets.json").read_bytes()
    federate(people, "nederland", "--root", ROOT)
    people.sign("root", *root[:2])
    people.run("publish", NETWORK)
    told = people.run("root", "leave", NETWORK, "nederland")
    assert "takes part in no federation\ntakes part in nederland no more" in told
    (folder / "targets.json").write_bytes(without)
    assert "takes part in no federation\n" in people.run("root", "show", NETWORK)
    odd = Metadata.from_bytes(without)
    odd.signed.unrecognized_fields["x-federations"] = ["nederland"]
    (folder / "targets.json").write_bytes(odd.to_bytes())
    told = people.run("root", "show", NETWORK, expect=errors.REFUSED)
    assert "targets.json says something else than is shown of it: of federations" in told


def test_a_sandbox_keeps_it_too(people: People) -> None:
    name = f"{NETWORK}.sandbox"
    people.run("publish", name)
    people.run("root", "federate", name, "nederland", "--root", ROOT)
    for _ in range(2):
        people.run("publish", name)
    place = people.folder / "coordinator" / "werkplaats" / name / "publication"
    assert publication.read(place, name).federations.keys() == {"nederland"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nederland", "--root", "sha256:1"), "'sha256:1' is no fingerprint of a root"),
        (("nederland", "--root", ROOT.upper()), "is no fingerprint of a root"),
        (("Nederland", "--root", ROOT), "'Nederland' is no name of a federation"),
        ((NETWORK, "--root", ROOT), "'proeftuin' is no name of a federation"),
        (("nederland", "--root", ROOT, "--only", "elders"), "proeftuin has no organisation 'elders'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(
    people: People, words: tuple[str, ...], said: str
) -> None:
    people.published()
    assert said in federate(people, *words, expect=errors.WRONG_USE)
    assert "waits" not in people.run("root", "show", NETWORK)


def test_who_leaves_names_a_federation_that_there_is(people: People) -> None:
    people.published()
    told = people.run("root", "leave", NETWORK, "nederland", expect=errors.WRONG_USE)
    assert "proeftuin does not take part in nederland; it takes part in: none" in told
