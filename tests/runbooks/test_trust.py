"""Certificates, lists, publications and images that are late or strange; and incidents that only people name."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import errors
from runbooks.framework import common, found, prose, running, seen
from runbooks.framework.steps import Case
from tests.runbooks import views
from tests.runbooks.test_diagnoses import DEAD, FULL, ONE
from tests.runbooks.views import cut_off, network, server
from werkplaats import cli
from werkplaats.operations.reach import remote
from werkplaats.verbs.incident import runs

OURS, STRANGE = "sha256:1", "sha256:9"
OF_ONE = (
    "consent-regretted",
    "organisation-leaves-in-anger",
    "result-withheld",
    "server-lost",
    "server-taken-over",
    "session-stuck",
    "stolen-station-key",
)
OF_ALL = ("ca-compromised", "coordinator-lost", "federation-root-compromised", "input-outlier", "release-to-withdraw")
BY_NAME = dict.fromkeys(OF_ONE, "ggd") | dict.fromkeys(OF_ALL, views.NETWORK)

WAITS = "this station went back in its register; the stewards of a have not agreed yet (`station went-back` there)"
OWED = "toets.ggd went back in its register; the steward looks with `station went-back`"
NO_ROOM = "cannot be written (No space left on device); mend that, and start the station anew"


def here(**told: Any) -> seen.Here:
    """What lies here where all is well, but for what is told."""
    well: dict[str, Any] = {
        "publication": 3,
        "publication_days": 25,
        "stacks": {"stations": ""},
        "certificates": dict.fromkeys(views.ORGANISATIONS, 170),
        "list_days": 85,
        "images": (OURS,),
    }
    return seen.Here(**{**well, **told})


ROWS = {
    "certificate about to end": (
        network({"ggd": server(certificate_days=20)}),
        [("certificate-ending", "ggd", 60)],
    ),
    "a certificate of short life that has its share left": (
        network({"ggd": server(certificate_days=20, certificate_life=90)}),
        [],
    ),
    "an ended certificate of who was withdrawn is no lapse": (
        network({"ggd": server(certificate_days=-3)}, here=here(out={"ggd": "its certificate is withdrawn"})),
        [],
    ),
    "one about to end explains no link that fails": (
        network({"ggd": server(certificate_days=20)}, cut_off("ggd", DEAD)),
        [
            ("partition", "ggd → thuiszorg", 80),
            ("partition", "ggd → ziekenhuis", 80),
            ("certificate-ending", "ggd", 60),
        ],
    ),
    "list about to end": (network({"ggd": server(list_days=30)}), [("list-expired", "ggd", 60)]),
    "an ended list, behind which the gateway has not loaded what lies on disk": (
        network(
            {
                "ggd": server(list_days=-1, loaded="it is not", ways={"ziekenhuis": views.way("ziekenhuis")}),
            },
            cut_off("ggd"),
        ),
        [("list-expired", "ggd", 98)],
    ),
    "all lists ended": (
        network(
            {one: server(list_days=-1) for one in views.ORGANISATIONS},
            [*cut_off("ggd"), ("thuiszorg", "ziekenhuis", DEAD)],
        ),
        [("list-expired", one, 98) for one in views.ORGANISATIONS],
    ),
    "publication ended, where the coordinator is at work": (
        network(here=here(publication_days=-1, coordinates=True)),
        [("publication-ended", views.NETWORK, 90)],
    ),
    "publication about to end": (
        network(here=here(publication_days=1, coordinates=True)),
        [("publication-ended", views.NETWORK, 60)],
    ),
    "an old copy of another operator's": (
        network(here=here(publication_days=-1)),
        [("publication-ended", views.NETWORK, 50)],
    ),
    "a copy that ends tomorrow is fetched in time": (network(here=here(publication_days=1)), []),
    "one that went back is named, and not those that wait for their own stewards to agree": (
        network(
            {
                "ggd": server(register_problem=WAITS),
                "ziekenhuis": server(register_problem=OWED),
            }
        ),
        [("register-restored", "ggd", 95)],
    ),
    "the steward here is asked about the station of another operator": (
        network({"ziekenhuis": server(register_problem=OWED)}),
        [("register-restored", "ziekenhuis", 80)],
    ),
    "a register that somebody edited": (
        network({"ggd": server(register_problem="entry 3 is not as it was written")}),
        [("register-restored", "ggd", 95)],
    ),
    "one that a full disk keeps from being written": (
        network({"ggd": server(register_problem=f"the register {NO_ROOM}", disks=FULL)}),
        [("disk-full", "ggd", 97)],
    ),
    "one that cannot be written still, though there is room again": (
        network({"ggd": server(register_problem=f"the register {NO_ROOM}")}),
        [("register-restored", "ggd", 95)],
    ),
    "clock off by a minute": (network({"ggd": server(clock=90.0)}), [("clock-off", "ggd", 60)]),
    "all clocks off alike": (
        network({one: server(clock=4000.0) for one in views.ORGANISATIONS}),
        [("clock-off", one, 60) for one in views.ORGANISATIONS],
    ),
    "an image that was accepted, and is not brought yet": (
        network({"ggd": server(accepted=("sha256:2",))}, here=here(images=(OURS, "sha256:2"))),
        [],
    ),
    "an image of which nothing is known here": (
        network({"ggd": server(accepted=("sha256:2",))}, here=here(images=())),
        [],
    ),
}


@pytest.mark.parametrize(("what", "expected"), ROWS.values(), ids=ROWS)
def test_what_is_late_or_strange_is_named_as_what_it_is(what: seen.Seen, expected: list[tuple[str, str, int]]) -> None:
    assert views.scored(what) == expected


@pytest.mark.parametrize("days", [170, -1, None])
def test_it_is_said_where_renewing_is_stuck(days: int | None) -> None:
    certificates = {} if days is None else {"ggd": days}
    what = network({"ggd": server(certificate_days=-1)}, here=here(certificates=certificates))
    (evidence,) = (fit.evidence for fit in found.find("certificate-ending").fits(what))
    wanted = {170: "did not come to its server", -1: "is the coordinator's", None: "is not known here"}[days]
    assert any(wanted in line for line in evidence), evidence


def test_what_only_people_know_is_named_by_nothing_that_is_seen() -> None:
    for what, _ in (*ONE.values(), *(row[:2] for row in ROWS.values())):
        assert not {name for name, _ in views.named(what)} & {*BY_NAME}


class Nothing:
    """Stands for a network of which a hand-over needs no more than the name."""

    name = views.NETWORK


@pytest.mark.parametrize(("name", "subject"), BY_NAME.items())
def test_a_hand_over_changes_nothing_itself_and_the_commands_that_it_shows_exist(name: str, subject: str) -> None:
    def look() -> seen.Seen:
        return network(here=here(coordinates=True))

    case = Case(cast(Any, Nothing()), cast(Any, None), subject, print, look, cast(Any, None))
    steps = found.find(name).steps(case)
    assert not any(step.rollback or step.whole for step in steps), "it signs nothing, and calls no `up`"
    assert all(step.decides for step in steps if step.run)
    shown = [command for step in steps for command in prose.commands(f"{step.by_hand} {step.decides}")]
    assert shown
    parser = cli.parser()
    for command in shown:
        if command.startswith("werkplaats "):
            parser.parse_args(command.split()[1:])


def test_a_member_is_named_though_another_operates_its_server_and_a_server_of_another_is_not() -> None:
    one = SimpleNamespace(name="toets", servers=(), compiled=SimpleNamespace(stations=dict.fromkeys(("ggd",))))
    assert runs._subject(cast(Any, one), found.find("stolen-station-key"), "ggd") == "ggd"
    with pytest.raises(errors.UsageError, match="another operator's"):
        runs._subject(cast(Any, one), found.find("certificate-ending"), "ggd")


def test_a_persons_word_is_asked_for_and_no_step_is_passed_over_without_it() -> None:
    step = common.asked("sure", "be sure", "Are you?")
    case = cast(Case, None)
    assert not step.done(case)
    assert step.run
    step.run(case)
    assert step.done(case)
    assert not common.asked("sure", "be sure", "Are you?").done(case), "a run that begins anew asks anew"


@pytest.mark.parametrize(
    ("said", "done"),
    [('{"sessions": 0}', True), ('{"sessions": 2}', False), ("", None), ("[]", None), ('{"sessions": []}', None)],
)
def test_an_agent_begins_anew_only_while_a_session_goes_on_and_it_says_so(said: str, done: bool | None) -> None:
    remotes = SimpleNamespace(ask=lambda *_, **__: remote.Done(said))
    case = Case(cast(Any, Nothing()), cast(Any, remotes), "ggd", print, lambda: network(), cast(Any, None))
    [restart] = running.planned(case, found.find("session-stuck").steps(case)[1:2])
    assert restart.done is done
    assert "asks first: Every session of this station ends by it" in restart.line()


def test_a_new_ca_is_accepted_once_every_gateway_shows_what_it_signed() -> None:
    """As long as nobody accepted it all links work as before."""

    def accepted(ours: bool, **changed: Any) -> bool:
        ways = {"ziekenhuis": views.way("ziekenhuis", ours=ours)}
        what = network({"ggd": server(ways=ways)}, here=here(coordinates=True), **changed)
        case = Case(cast(Any, Nothing()), cast(Any, None), views.NETWORK, print, lambda: what, cast(Any, None))
        [step] = [one for one in found.find("ca-compromised").steps(case) if one.key == "accepted"]
        return bool(step.done(case))

    assert accepted(ours=True)
    assert not accepted(ours=False)
    assert not accepted(ours=True, broken=cut_off("ggd"))


def test_who_is_out_and_has_no_link_any_more_is_done_with() -> None:
    def out(what: seen.Seen) -> bool:
        case = Case(cast(Any, Nothing()), cast(Any, None), "ggd", print, lambda: what, cast(Any, None))
        return found.find("stolen-station-key").steps(case)[-1].done(case)

    withdrawn = here(out={"ggd": "its certificate is withdrawn"})
    assert out(network(broken=cut_off("ggd"), here=withdrawn))
    assert not out(network(here=withdrawn)), "published, and in force nowhere"
    assert not out(network(broken=cut_off("ggd"), here=here())), "links that fail are no revocation"


# Who took over the server of ggd has it say what it likes of its links. `heard`: by the agents of others.
LETS_IN = [("thuiszorg", "ggd", "no answer"), ("ziekenhuis", "ggd", "no answer")]
OWN_WORD = {
    "it says that all is well": (LETS_IN, {}, (), True),
    "it says that nothing works": (cut_off("ggd")[:2], {}, (), False),
    "it says nothing": ([], {}, ("ggd",), False),
    "nobody calls it and it was heard of": ([], {"thuiszorg": server(peers={"ggd": 3})}, views.ORGANISATIONS, False),
    "nobody calls it and that was long ago": ([], {"thuiszorg": server(peers={"ggd": 90})}, views.ORGANISATIONS, True),
    "of one nothing else is seen": (LETS_IN, {"thuiszorg": server(reached=False)}, (), False),
}


@pytest.mark.parametrize("name", ["server-taken-over", "stolen-station-key", "organisation-leaves-in-anger"])
@pytest.mark.parametrize(("broken", "servers", "silent", "expected"), OWN_WORD.values(), ids=OWN_WORD)
def test_that_it_is_out_is_believed_of_others_and_of_itself_where_nobody_else_is_seen(
    name: str,
    broken: list[tuple[str, str, str]],
    servers: dict[str, seen.Server],
    silent: tuple[str, ...],
    expected: bool,
) -> None:
    what = network(servers, broken, silent, here(out={"ggd": "its certificate is withdrawn"}))
    case = Case(cast(Any, Nothing()), cast(Any, None), "ggd", print, lambda: what, cast(Any, None))
    (step,) = [one for one in found.find(name).steps(case) if one.key == "out"]
    assert step.done(case) is expected


def test_no_runbook_of_a_lapse_tells_people_to_revoke() -> None:
    for name in ("certificate-ending", "list-expired", "publication-ended", "clock-off", "wrong-dns", "tls-inspection"):
        for language in prose.HEADINGS:
            text = found.find(name).prose(language)
            assert not re.search(r"werkplaats (trust (revoke|roll|root)|destroy)", text), name
