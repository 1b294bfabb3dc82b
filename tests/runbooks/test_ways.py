"""A link that fails: by DNS, by TLS inspection, by a firewall, or by what cannot be told from here."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from runbooks.framework import diagnosis, found, looking, seen
from runbooks.network import partition
from tests.runbooks import views
from tests.runbooks.views import ADDRESSES, network, server, unit, way

LATE = {"why": "timed out", "issuer": ""}
REFUSED = {"why": "nobody listens there", "refused": True, "issuer": ""}
PROXY = {"issuer": "CN=Inspection,O=Firewall Proeftuin", "ours": False}
DEAD = "no answer within 10 s"
GGD_TO = [("ggd", "thuiszorg", DEAD), ("ggd", "ziekenhuis", DEAD)]
TO_GGD = [("thuiszorg", "ggd", DEAD), ("ziekenhuis", "ggd", DEAD)]
BROKEN = [("ggd", "ziekenhuis", DEAD)]
LINK = "ggd → ziekenhuis"


def three(broken: list[tuple[str, str, str]], also: dict[str, Any] | None = None, **calls: Any) -> seen.Seen:
    """A network in which servers call each other; `calls` says, of `source_target`, what is otherwise."""
    servers = {}
    for one in views.ORGANISATIONS:
        found = {peer: way(peer, **calls.get(f"{one}_{peer}", {})) for peer in views.ORGANISATIONS if peer != one}
        servers[one] = server(ways=found, **((also or {}).get(one, {})))
    return network(servers, broken)


ROWS = {
    "all well": (three([]), []),
    "an address that another server does not have": (
        three(BROKEN, ggd_ziekenhuis={"addresses": ("203.0.113.9",), **LATE}),
        [("wrong-dns", LINK, 95)],
    ),
    "a wrong address at which somebody shows another certificate is no inspection": (
        three(BROKEN, ggd_ziekenhuis={"addresses": ("203.0.113.9",), **PROXY}),
        [("wrong-dns", LINK, 95)],
    ),
    "another address than the definition's, for everybody": (
        three(
            [*BROKEN, ("thuiszorg", "ziekenhuis", DEAD)],
            **{
                f"{one}_ziekenhuis": {"addresses": ("203.0.113.9",), "defined": (ADDRESSES["ziekenhuis"],), **LATE}
                for one in ("ggd", "thuiszorg")
            },
        ),
        [("wrong-dns", LINK, 95), ("wrong-dns", "thuiszorg → ziekenhuis", 95)],
    ),
    "two addresses, and behind neither anybody answers": (
        three(
            [*BROKEN, ("thuiszorg", "ziekenhuis", DEAD)],
            ggd_ziekenhuis=LATE,
            thuiszorg_ziekenhuis={"addresses": ("203.0.113.9",), **LATE},
        ),
        [("firewall-closed", "ziekenhuis", 95)],
    ),
    "a name that is not found": (
        three(BROKEN, ggd_ziekenhuis={"addresses": (), "why": "mesh is not found: -2", "issuer": ""}),
        [("wrong-dns", LINK, 95)],
    ),
    "an address that is right again, and a gateway that did not look since": (
        three(BROKEN, {"ggd": {"loaded": "it is not"}}),
        [("wrong-dns", LINK, 90)],
    ),
    "two addresses on purpose, and all works": (three([], ggd_ziekenhuis={"addresses": ("203.0.113.9",)}), []),
    "another issuer at the right address": (
        three(BROKEN, ggd_ziekenhuis=PROXY),
        [("tls-inspection", LINK, 95)],
    ),
    "another issuer, and a connection of before works on": (
        three([], ggd_ziekenhuis=PROXY),
        [("tls-inspection", LINK, 60)],
    ),
    "a CA of the network that is trusted no more is not in between": (
        three(BROKEN, ggd_ziekenhuis={"ours": False}),
        [("partition", LINK, 80)],
    ),
    "closed to all, in": (
        three(TO_GGD, thuiszorg_ggd=LATE, ziekenhuis_ggd=LATE),
        [("firewall-closed", "ggd", 95)],
    ),
    "refused to all, in": (
        three(
            TO_GGD,
            **{
                f"{one}_ggd": {**LATE, "why": "nobody listens there", "refused": True}
                for one in ("thuiszorg", "ziekenhuis")
            },
        ),
        [("firewall-closed", "ggd", 95)],
    ),
    "closed to all, out": (
        three(GGD_TO, ggd_thuiszorg=LATE, ggd_ziekenhuis=LATE),
        [("firewall-closed", "ggd", 95)],
    ),
    "closed both ways, and ssh comes in": (
        three([*GGD_TO, *TO_GGD], ggd_thuiszorg=LATE, ggd_ziekenhuis=LATE, thuiszorg_ggd=LATE, ziekenhuis_ggd=LATE),
        [("firewall-closed", "ggd", 70)],
    ),
    "one call alone is a partition": (three(BROKEN, ggd_ziekenhuis=LATE), [("partition", LINK, 80)]),
    "a line that carries, and loses": (three([], ggd_ziekenhuis={"again": 3}), [("partition", LINK, 60)]),
    "one that loses both ways is one": (
        three([], ggd_ziekenhuis={"again": 3, **LATE}, ziekenhuis_ggd={"again": 4, "seconds": 1.2}),
        [("partition", LINK, 60)],
    ),
    "one that loses, and of which the way back fails": (
        three([("ziekenhuis", "ggd", DEAD)], ggd_ziekenhuis={"again": 3}),
        [("partition", LINK, 80)],
    ),
    "what was lost in two calls of five is chance": (three([], ggd_ziekenhuis={"again": 2}), []),
    "a line that takes long, where others of both do not": (
        three([], ggd_ziekenhuis={"seconds": 1.5}, thuiszorg_ziekenhuis={"seconds": 0.3}),
        [("partition", LINK, 60)],
    ),
    "a server that takes long for all that call it": (
        three([], ggd_ziekenhuis={"seconds": 3.0}, thuiszorg_ziekenhuis={"seconds": 2.8}),
        [],
    ),
    "one that takes long for all that it calls": (
        three([], ggd_ziekenhuis={"seconds": 3.0}, ggd_thuiszorg={"seconds": 2.8}),
        [],
    ),
    "a line of a tenth of a second is as good as one of a hundredth": (
        three([], ggd_ziekenhuis={"seconds": 0.9}, ggd_thuiszorg={"seconds": 0.01}),
        [],
    ),
    "an inspector that loses too, behind which a connection of before works on": (
        three([], ggd_ziekenhuis={**PROXY, "again": 3}),
        [("tls-inspection", LINK, 60)],
    ),
    "a gateway that does not run closes nothing": (
        three(
            TO_GGD,
            {"ggd": {"units": unit(looking.GATEWAY, active="inactive")}},
            thuiszorg_ggd=REFUSED,
            ziekenhuis_ggd=REFUSED,
        ),
        [("gateway-down", "ggd", 95)],
    ),
    "an agent that hangs behind an open port": (
        three([*GGD_TO, *TO_GGD], {"ggd": {"agent": "hangs"}}),
        [("agent-stuck", "ggd", 90)],
    ),
}


@pytest.mark.parametrize(("what", "expected"), ROWS.values(), ids=ROWS)
def test_each_way_to_fail_has_its_own_name(what: seen.Seen, expected: list[tuple[str, str, int]]) -> None:
    assert views.scored(what) == expected


def evidence(what: seen.Seen) -> str:
    (only,) = diagnosis.diagnose(what, found.every())
    return "\n".join(only.fit.evidence)


def test_the_evidence_tells_on_whose_side_it_is() -> None:
    wrong, _ = ROWS["an address that another server does not have"]
    assert "on the server of ggd mesh.ziekenhuis.example is 203.0.113.9" in evidence(wrong)
    assert "on the server of thuiszorg it is 192.0.2.3, and the gateway answers there" in evidence(wrong)
    inspected, _ = ROWS["another issuer at the right address"]
    assert "CN=Inspection,O=Firewall Proeftuin" in evidence(inspected)
    assert "it is on the side of ggd" in evidence(inspected)
    both = three([*BROKEN, ("thuiszorg", "ziekenhuis", DEAD)], ggd_ziekenhuis=PROXY, thuiszorg_ziekenhuis=PROXY)
    assert all(
        "on the side of ziekenhuis" in "".join(one.fit.evidence) for one in diagnosis.diagnose(both, found.every())
    )


def test_a_rule_of_the_server_that_names_the_port_is_shown_and_no_other() -> None:
    said = seen.Said(code=0, said="tcp dport 8443 counter drop\ntcp dport 25 drop\nudp dport { 53, 18443 } reject\n")
    what = three(TO_GGD, {"ggd": {"also": {"stops": said}}}, thuiszorg_ggd=LATE, ziekenhuis_ggd=LATE)
    assert "a rule on the server itself: tcp dport 8443 counter drop" in evidence(what)
    assert "dport 25" not in evidence(what)
    assert "18443" not in evidence(what)


def test_a_line_that_loses_is_mended_once_it_loses_no_more() -> None:
    """That it carries is not enough: a session over it takes long, or ends."""
    assert partition.well(three([]), "ggd", "ziekenhuis")
    assert not partition.well(three([], ggd_ziekenhuis={"again": 3}), "ggd", "ziekenhuis")
    assert not partition.well(three(BROKEN), "ggd", "ziekenhuis")
    assert "in 3 of 5 calls from ggd to ziekenhuis" in evidence(three([], ggd_ziekenhuis={"again": 3}))
    slow = three([], ggd_ziekenhuis={"seconds": 1.5}, thuiszorg_ziekenhuis={"seconds": 0.3})
    assert "takes 1.5 s, most others of these two 0.3 s at most" in evidence(slow)


def test_of_lines_that_carry_well_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each all others were: of eighty servers a diagnosis took minutes."""

    def compared(_: seen.Seen) -> None:
        pytest.fail("all servers are gone through for a line that is well")

    monkeypatch.setattr(seen.Seen, "reached", compared)
    assert list(partition.fits(three([]))) == []


def test_no_server_hides_a_slow_line_between_two_others_by_saying_that_it_is_slow_there_too() -> None:
    every = ("ggd", "ziekenhuis", "thuiszorg", "huisartsen")
    said = {("ggd", "ziekenhuis"): 3.0, ("thuiszorg", "ziekenhuis"): 3000.0, ("thuiszorg", "ggd"): 3000.0}
    servers = {
        one: server(ways={peer: way("ggd", seconds=said.get((one, peer), 0.1)) for peer in every if peer != one})
        for one in every
    }
    links = tuple(seen.Link(source=a, target=b, ok=True, why="") for a, b in itertools.permutations(every, 2))
    what = seen.Seen(network=views.NETWORK, at="", servers=servers, links=links)
    assert LINK in {one.subject for one in partition.fits(what)}
