"""What servers said in an incident, and which incident that is: the cause, and none of its consequences."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest

from runbooks.framework import diagnosis, found, looking, seen
from runbooks.framework.incident import Fit
from tests.runbooks import views
from tests.runbooks.views import cut_off, network, server, unit, way

DEAD = "no answer within 60 s"
OFF = seen.Server(reached=False, why="cannot be reached: No route to host")
NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
FULL = {"/": seen.Disk(size=100 * 2**30, free=0), "/run": seen.Disk(size=64 * 2**20, free=60 * 2**20)}
RUNS = seen.Container(state="running", image="sha256:1")


def stopped(state: str = "exited") -> seen.Server:
    containers = {part: seen.Container(state=state) for part in ("agent", "computer")}
    return server(containers=containers, agent="silent", computer="silent", processes={})


ONE = {
    "station stopped": (network({"ggd": stopped()}, cut_off("ggd"), ["ggd"]), [("station-down", "ggd")]),
    "station removed": (
        network({"ggd": server(containers={}, agent="silent", computer="silent")}, cut_off("ggd"), ["ggd"]),
        [("station-down", "ggd")],
    ),
    "only the computer removed": (
        network({"ggd": server(containers={"agent": RUNS}, computer="silent")}),
        [("station-down", "ggd")],
    ),
    "agent stopped by a signal": (
        network(
            {"thuiszorg": server(agent="hangs", processes={"agent": ("S", "T"), "computer": ("S",)})},
            cut_off("thuiszorg", "no answer within 10 s"),
            ["thuiszorg"],
        ),
        [("agent-stuck", "thuiszorg")],
    ),
    "agent that runs and says nothing": (
        network({"ggd": server(agent="hangs")}, cut_off("ggd"), ["ggd"]),
        [("agent-stuck", "ggd")],
    ),
    "computer that runs and says nothing": (network({"ggd": server(computer="hangs")}), [("computer-stuck", "ggd")]),
    "computer stopped by a signal": (
        network({"ggd": server(computer="hangs", processes={"agent": ("S",), "computer": ("T",)})}),
        [("computer-stuck", "ggd")],
    ),
    "gateway stopped": (
        network(
            {"ziekenhuis": server(units=unit(looking.GATEWAY, active="inactive", sub="dead", result="success"))},
            cut_off("ziekenhuis"),
        ),
        [("gateway-down", "ziekenhuis")],
    ),
    "server off": (
        network({"ggd": OFF}, cut_off("ggd", DEAD), ["ggd"]),
        [("server-unreachable", "ggd")],
    ),
    "login refused, and its station goes on": (
        network({"ggd": seen.Server(reached=False, why="cannot be reached at a:22: Permission denied (publickey).")}),
        [("administrator-locked-out", "ggd")],
    ),
    "another host key, and nobody reaches its station": (
        network(
            {"ggd": seen.Server(reached=False, why="a:22 shows host key SHA256:x, the inventory says SHA256:y")},
            cut_off("ggd", DEAD),
            ["ggd"],
        ),
        [("administrator-locked-out", "ggd")],
    ),
    "server put back from a snapshot": (
        network({"ggd": server(register_problem="entry 12, which this station told others of, is not there any more")}),
        [("register-restored", "ggd")],
    ),
    "only the way from here to a server": (
        network({"ggd": OFF}, silent=["ggd"]),
        [("server-unreachable", "ggd")],
    ),
    "engine stopped, station goes on": (
        network({"ggd": server(engine=NO_ENGINE, containers={}, units=unit(looking.ENGINE, active="inactive"))}),
        [("engine-broken", "ggd")],
    ),
    "engine hangs": (
        network({"ggd": server(engine="no answer within 8 s", containers={})}),
        [("engine-broken", "ggd")],
    ),
    "engine broken, and its station with it": (
        network(
            {
                "ggd": server(
                    engine=NO_ENGINE,
                    containers={},
                    agent="silent",
                    computer="silent",
                    units=unit(looking.ENGINE, active="failed", sub="failed", result="exit-code", restarts=5),
                )
            },
            cut_off("ggd"),
            ["ggd"],
        ),
        [("engine-broken", "ggd")],
    ),
    "disk full, and what follows": (
        network({"ggd": server(disks=FULL, agent="hangs")}, cut_off("ggd"), ["ggd"]),
        [("disk-full", "ggd")],
    ),
    "no inode left": (
        network({"ggd": server(disks={"/": seen.Disk(size=100, free=60, inodes=1000, inodes_free=0)})}),
        [("disk-full", "ggd")],
    ),
    "timer of the follower off": (
        network({"ggd": server(units=unit(looking.FOLLOWER, active="inactive", sub="dead"))}),
        [("follower-stopped", "ggd")],
    ),
    "follower told to stop": (network({"ggd": server(stopped=True)}), [("follower-stopped", "ggd")]),
    "two do not reach each other": (
        network(broken=[("ggd", "ziekenhuis", DEAD), ("ziekenhuis", "ggd", DEAD)]),
        [("partition", "ggd → ziekenhuis")],
    ),
    "state of the stations gone": (
        network(here=seen.Here(publication=3, publication_days=25, stacks={"stations": "there is none"})),
        [("pulumi-state-lost", views.NETWORK)],
    ),
    "one direction": (network(broken=[("ziekenhuis", "ggd", DEAD)]), [("partition", "ziekenhuis → ggd")]),
    "certificate ended": (
        network({"ggd": server(certificate_days=-1)}, cut_off("ggd")),
        [("certificate-ending", "ggd")],
    ),
    "list ended": (network({"ggd": server(list_days=-2)}, cut_off("ggd")), [("list-expired", "ggd")]),
    "publication ended": (
        network(here=seen.Here(publication=3, publication_days=-2, coordinates=True)),
        [("publication-ended", views.NETWORK)],
    ),
    "clock minutes ahead": (
        network({"ziekenhuis": server(clock=900.0, synchronised=False)}, cut_off("ziekenhuis")),
        [("clock-off", "ziekenhuis")],
    ),
    "an image that nobody knows": (
        network(
            {"ggd": server(accepted=("sha256:2",))},
            here=seen.Here(publication=3, publication_days=25, images=("sha256:2",)),
        ),
        [("image-tampered", "ggd")],
    ),
    "name that leads elsewhere": (
        network(
            {
                "ggd": server(ways={"ziekenhuis": way("ziekenhuis", addresses=("203.0.113.9",), why="timed out")}),
                "thuiszorg": server(ways={"ziekenhuis": way("ziekenhuis")}),
            },
            broken=[("ggd", "ziekenhuis", DEAD)],
        ),
        [("wrong-dns", "ggd → ziekenhuis")],
    ),
    "another issuer": (
        network(
            {"ggd": server(ways={"ziekenhuis": way("ziekenhuis", issuer="CN=Inspection", ours=False)})},
            broken=[("ggd", "ziekenhuis", DEAD)],
        ),
        [("tls-inspection", "ggd → ziekenhuis")],
    ),
    "port closed to all": (
        network(
            {one: server(ways={"ggd": way("ggd", why="timed out", issuer="")}) for one in ("thuiszorg", "ziekenhuis")},
            broken=[("thuiszorg", "ggd", DEAD), ("ziekenhuis", "ggd", DEAD)],
        ),
        [("firewall-closed", "ggd")],
    ),
}


@pytest.mark.parametrize(("what", "expected"), ONE.values(), ids=ONE)
def test_the_cause_is_named_and_no_consequence(what: seen.Seen, expected: list[tuple[str, str]]) -> None:
    assert views.named(what) == expected


def test_at_nothing_wrong_nothing_is_named() -> None:
    assert views.named(network()) == []


def test_what_was_seen_is_read_again_as_it_was_written() -> None:
    for what, _ in ONE.values():
        assert seen.Seen.read(what.json_text()) == what


def test_a_server_that_was_never_set_up_has_no_incident() -> None:
    bare = {name: seen.Unit(active="not there") for name in looking.UNITS}
    assert views.named(network({"ggd": server(units=bare, containers={}, engine="not found")})) == []


def test_a_link_that_was_cut_on_purpose_is_no_partition() -> None:
    broken = [("ggd", "ziekenhuis", DEAD), ("ziekenhuis", "ggd", DEAD)]
    assert views.named(network({"ggd": server(cut=("toets.ziekenhuis",))}, broken)) == []


TIMED_OUT = seen.Way(addresses=("192.0.2.1",), why="timed out")
REFUSED = seen.Way(addresses=("192.0.2.1",), why="nobody listens there", refused=True)
ANSWERED = seen.Way(addresses=("192.0.2.1",), taken=True, issuer="CN=CA")
HALF = seen.Way(addresses=("192.0.2.1",), why="timed out", taken=True)
DOWN = unit(looking.GATEWAY, active="inactive", sub="dead", result="success")
CLAIMS = {
    "a full disk": {"disks": FULL},
    "an engine that is broken": {"engine": NO_ENGINE, "containers": {}},
    "an agent that hangs": {"agent": "hangs"},
    "a gateway that is down": {"units": DOWN},
}


def called(way: seen.Way, **claims: Any) -> list[tuple[str, str]]:
    """What is found where others cannot reach ggd, their servers call it like that, and it says this of itself."""
    others = {one: server(ways={"ggd": way}) for one in ("thuiszorg", "ziekenhuis")}
    broken = [(one, "ggd", DEAD) for one in others]
    return views.named(network({"ggd": server(**claims), **others}, broken))


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("way", [TIMED_OUT, REFUSED, ANSWERED, HALF], ids=["timed out", "refused", "answered", "half"])
def test_what_a_server_says_of_itself_hides_nothing_that_others_saw(way: seen.Way, claims: dict[str, Any]) -> None:
    """It lets us in and is called in vain: no full disk stops a call, and only a gateway that is down refuses it.

    Where the call is taken, what it says of itself does explain why its station does not answer.
    """
    found = called(way, **claims)
    assert len(found) > 1 or found[0][0] != "partition", "its own word is told too"
    between = [(name, subject) for name, subject in found if name in ("partition", "firewall-closed")]
    # Two calls in vain to a gateway that runs are a closed firewall, which is between them and no server's own word.
    closed = [("partition", f"{one} → ggd") for one in ("thuiszorg", "ziekenhuis")]
    closed = closed if "units" in claims else [("firewall-closed", "ggd")]
    explained = way.taken or (way.refused and "units" in claims)
    assert between == ([] if explained else closed)


def test_a_server_explains_by_what_it_says_of_itself_why_it_reaches_nobody() -> None:
    """Nobody else saw that."""
    what = network({"ggd": server(disks=FULL, ways={"ziekenhuis": TIMED_OUT})}, [("ggd", "ziekenhuis", DEAD)])
    assert views.named(what) == [("disk-full", "ggd")]


def test_what_several_saw_of_what_is_between_explains_it() -> None:
    """It is no server's own word."""
    what = network({"thuiszorg": server(ways={"ggd": TIMED_OUT})}, [("thuiszorg", "ggd", DEAD)])
    partition, full = found.find("partition"), found.find("disk-full")
    between = dataclasses.replace(full, group="network", fits=lambda _: iter([Fit("ggd", 90, ("seen by all",))]))
    assert [one.incident.name for one in diagnosis.diagnose(what, (partition, between))] == ["disk-full"]


def both(first: seen.Seen, second: seen.Seen) -> seen.Seen | None:
    """Both at once, of servers and links that only one of them changes; None where both change the same."""
    well = network()
    servers = {}
    for one in views.ORGANISATIONS:
        changed = [what.servers[one] for what in (first, second) if what.servers[one] != well.servers[one]]
        if len(changed) > 1:
            return None
        servers[one] = changed[0] if changed else well.servers[one]
    told = [{one.name: one for one in what.links} for what in (first, second)]
    links = [
        next((links[one.name] for links in told if not links[one.name].ok), one)
        for one in well.links
        if all(one.name in links for links in told)
    ]
    here = next((what.here for what in (first, second) if what.here != well.here), well.here)
    return well.model_copy(update={"servers": servers, "links": tuple(links), "here": here})


def moved(what: seen.Seen, names: dict[str, str]) -> seen.Seen:
    """The same of other organisations."""
    servers = {names[one]: server for one, server in what.servers.items()}
    links = [one.model_copy(update={"source": names[one.source], "target": names[one.target]}) for one in what.links]
    return what.model_copy(update={"servers": servers, "links": tuple(sorted(links, key=lambda one: one.name))})


TURNED = dict(zip(views.ORGANISATIONS, (*views.ORGANISATIONS[1:], views.ORGANISATIONS[0]), strict=True))


def pairs() -> list[tuple[str, str, seen.Seen, set[tuple[str, str]]]]:
    """Two at once, the second of them at the next organisation, where both can be seen."""
    made = []
    for (one, (first, mine)), (other, (second, _)) in itertools.product(ONE.items(), repeat=2):
        turned = moved(second, TURNED)
        together = both(first, turned)
        if together:
            made.append((one, other, together, {*mine, *views.named(turned)}))
    return made


def test_of_two_at_once_both_are_named() -> None:
    """A link of which one end is dead tells nothing of what is between them: a partition there cannot be seen."""
    made, wrong = pairs(), []
    for one, other, together, expected in made:
        causes = {(name, subject) for name, subject in views.named(together)}
        hiding = [subject for name, subject in causes if "partition" in found.find(name).explains]
        hidden = {
            (n, s) for n, s in expected if n == "partition" and any(seen.ends(one) <= seen.ends(s) for one in hiding)
        }
        if causes != expected - hidden:
            wrong.append((one, other, causes, expected))
    assert len(made) > 150
    assert len(wrong) <= len(made) * 5 // 100, wrong


def test_where_no_server_lets_us_in_it_is_said_that_our_own_key_may_be_why() -> None:
    denied = seen.Server(reached=False, why="Permission denied (publickey).")
    causes = diagnosis.diagnose(
        network(dict.fromkeys(views.ORGANISATIONS, denied), (), views.ORGANISATIONS), found.every()
    )
    assert {one.incident.name for one in causes} == {"administrator-locked-out"}
    assert all("this machine's own key" in one.fit.evidence[-1] for one in causes)


def test_no_incident_explains_itself_by_others_in_a_circle() -> None:
    explains = {one.name: set(one.explains) for one in found.every()}
    assert {name for names in explains.values() for name in names} <= {*explains}

    def under(name: str, above: tuple[str, ...] = ()) -> None:
        assert name not in above, (*above, name)
        for each in explains[name]:
            under(each, (*above, name))

    for name in explains:
        under(name)


def test_evidence_is_in_words_and_names_what_was_seen() -> None:
    what, _ = ONE["engine broken, and its station with it"]
    (only,) = diagnosis.diagnose(what, found.every())
    assert any("Is the docker daemon running?" in line for line in only.fit.evidence)
    assert any("started it 5 times" in line for line in only.fit.evidence)
    assert only.consequences
