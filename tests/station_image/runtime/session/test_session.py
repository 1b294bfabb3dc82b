"""One session at one computing party: with a computer that says what it is told to, and parties that do."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.accepted import statement
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent.bundle import Bundle
from station_image.runtime.data import seal, shares
from station_image.runtime.session import alive, delivery, sealed, session
from station_image.runtime.session.session import Session
from station_image.runtime.wire.connection import LARGE, Connection
from tests.station_image.runtime.neighbours import (
    PRIVATE,
    FakeComputer,
    FakePeers,
    Own,
    agreed_bundle,
    away,
    data_plan,
    deliver,
    deposit,
    outcome,
    pair,
    plain_plan,
    refuses,
    run,
    until,
)
from tests.station_image.runtime.views import PARTIES, Small

TAG = "0" * 32 + ".edition"
Computer = Callable[[Connection], Awaitable[None]]


class FakeContributions:
    """This station's own contribution: brought at once, or refused."""

    def __init__(self, party: Party) -> None:
        self._party = party
        self.refusal = ""

    async def begin(self, network: Any, _: Bundle) -> None:
        if self.refusal:
            raise RefusedError(self.refusal)
        self._party.bring(network.self_id)


class Party:
    """One session at n.c, whom both others call, or at another party."""

    def __init__(self, folder: Path, name: str = "n.c") -> None:
        self.small = Small.make(folder)
        self.own = Own(self.small, name, folder / "station")
        self.peers = FakePeers()
        self.contributions = FakeContributions(self)
        self.agreed = plain_plan(self.small.networks("n.a").find("n"))
        self.from_computer: list[dict[str, Any]] = []
        self.sockets: list[socket.socket] = []
        self.session: Session
        self.result = seal.generate()
        self.peers.result_key = lambda peer: sealed.sign_result_key(
            self.small.keys[peer], self.session.plan, peer, self.result
        )

    def bring(self, *names: str) -> None:
        """Shares come from contributors."""
        for name in names:
            self.session.intake.deposit(name, TAG, shares.pack(range(self.agreed.length)))

    async def computing(self, connection: Connection) -> None:
        """A computer that does all that belongs to a session."""
        begin, _ = await connection.receive(LARGE, LARGE)
        self.from_computer.append(begin)
        await connection.send({"event": "connected"})
        while sorted({one["event"] for one in self.from_computer} - {"deposit"}) != ["begin", "intake", "peer"] or (
            sum(one["event"] == "peer" for one in self.from_computer) < len(PARTIES) - 1
        ):
            header, _ = await connection.receive(LARGE, LARGE, timeout=None)
            self.from_computer.append(header)
        common, rows = outcome(self.agreed)
        done = {"event": "done", **common, "sent": 0}
        await connection.send(done, shares.pack(rows[begin["number"]]))
        await asyncio.Event().wait()

    @property
    def tags(self) -> dict[str, str]:
        """Whose shares its computer was given."""
        return {one["contributor"]: one["tag"] for one in self.from_computer if one["event"] == "deposit"}

    def make(self) -> Session:
        """The session as the answer to its proposal makes it. Inside a running loop."""
        own = self.own
        parts = (own.key, own.register, own.opened, self.peers, self.contributions, own.folders.computer_socket)
        return Session(*parts, own.network, self.agreed)  # type: ignore[arg-type]

    async def until_over(self, computer: Computer | None = None, before: Callable[[], None] | None = None) -> Any:
        """Run the session; `before` it, somebody does something."""
        self.session = self.make()
        async with FakeComputer(self.own.folders.computer_socket, computer or self.computing):
            (before or self.all_there)()
            report = await self.session.run(agreed_bundle(self.small, self.agreed))
            self.session.close()
            await until(lambda: len(self.peers.kinds("receipt")) >= len(self.agreed.contributors) - 1)
        return report

    def all_there(self) -> None:
        """The channels of both lower parties, and the shares of everybody else."""
        for party in ("n.a", "n.b"):
            ours, theirs = socket.socketpair()
            self.sockets.append(ours)
            self.session.check_channel(party)
            self.session.take_channel(party, theirs)
        self.bring(*(name for name in self.agreed.contributors if name != self.own.name))

    async def events(self) -> list[dict[str, Any]]:
        """What the proposer was told."""
        near, far = pair()
        telling = asyncio.create_task(self.session.narrate(far))
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["event"] != "ended":
            heard.append((await near.receive(LARGE))[0])
        await telling
        return heard


@pytest.fixture
def party(tmp_path: Path) -> Party:
    return Party(tmp_path)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "RETRY", 0.001)


def test_a_session_ends_with_a_signed_report_and_its_result_at_the_result_party(party: Party) -> None:
    async def work() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return await party.until_over(), await party.events()

    report, events = run(work())
    assert (report["outcome"], report["undelivered"], report["party"]) == ("done", {}, "n.c")
    begin, *rest = party.from_computer
    assert (begin["number"], begin["digest"]) == (2, party.agreed.digest)
    assert sorted(header.get("number", "shares") for header in rest if header["event"] == "peer") == [0, 1]
    assert sorted(party.tags) == list(party.agreed.contributors)
    [asked, brought] = [row for row in party.peers.asked if row[1]["kind"] in {"result-key", "result"}]
    assert asked[2:] == ({"bundle": agreed_bundle(party.small, party.agreed).content}, b"")
    assert {asked[1]["plan"], brought[1]["plan"]} == {party.agreed.digest}
    common, rows = outcome(party.agreed)
    public = party.session.public_key
    opened, body = sealed.open_row(party.result, party.agreed, "n.c", "n.a", public, brought[3])
    assert (brought[0], brought[2], opened) == ("n.a", {}, common)
    assert len(body) == len(rows[2]) * shares.WIDTH
    kinds = [event["event"] for event in events]
    assert sorted(kinds[:-1]) == ["computing", "connected", *["intake"] * 4]
    statement.verify(party.own.key.public, statement.ENDED, report, events[-1]["signature"])
    assert events[-1]["report"] == report


def test_what_a_party_did_is_in_its_register_and_every_other_contributor_hears_the_end(party: Party) -> None:
    report = run(party.until_over())
    [entry] = party.own.entries("run")
    assert (entry["session"], entry["outcome"], entry["contributors"]) == (
        party.agreed.session,
        "done",
        report["contributors"],
    )
    assert set(entry["registers"]) == set(PARTIES)
    assert sorted(party.peers.kinds("receipt")) == ["n.a", "n.b", "n.d"]
    told = [content["report"] for _, request, content, _ in party.peers.asked if request["kind"] == "receipt"]
    assert told == [report] * 3


def test_what_a_contributor_told_of_its_register_is_entered_and_a_forged_one_is_none(party: Party) -> None:
    """By it one that only contributes finds that it was put back."""
    theirs = party.own.small.keys["n.d"]
    content = {"entries": 4, "digest": "d" * 64, "at": 1}
    head = {**content, "signature": theirs.sign(statement.REGISTER_HEAD, content)}

    async def work() -> None:
        session = party.make()
        for wrong in ({**head, "entries": 5}, {**head, "at": "1"}, None, {"entries": 4}):
            with pytest.raises(RefusedError):
                session.keep_head("n.d", wrong)
        assert session._heads == {}
        session.keep_head("n.d", {**head, "more": 1})
        session.keep_head("n.a", head)
        assert session._heads == {"n.d": {**head, "key": party.own.network.stations["n.d"].key_digest}}

    run(work())


def test_a_contributor_that_does_not_compute_is_told_to_start_and_computing_parties_are_not(party: Party) -> None:
    run(party.until_over())
    assert party.peers.kinds("start") == ["n.d"]


def test_a_contributor_that_refuses_is_not_waited_for_and_the_proposer_hears_why(party: Party) -> None:
    party.peers.told = refuses("n.d", why="allowance: the steward here does not allow griep")
    party.agreed = dataclasses.replace(party.agreed, intake=3600)

    def all_but_one() -> None:
        party.agreed = dataclasses.replace(party.agreed, contributors=["n.a", "n.b", "n.c"])
        party.all_there()
        party.agreed = party.session.plan

    async def work() -> list[dict[str, Any]]:
        await party.until_over(before=all_but_one)
        return await party.events()

    events = run(work())
    why = "refused: allowance: the steward here does not allow griep"
    assert {"event": "contributor", "station": "n.d", "reason": why} in events
    assert party.tags.keys() == {"n.a", "n.b", "n.c"}


def test_a_contributor_that_is_away_may_still_come_back(party: Party) -> None:
    """It polls again during the intake, and is told then."""
    party.peers.told = away("n.d")

    def all_but_one() -> None:
        party.agreed = dataclasses.replace(party.agreed, contributors=["n.a", "n.b", "n.c"])
        party.all_there()
        party.agreed = party.session.plan
        back.append(asyncio.create_task(comes_back()))

    back: list[asyncio.Task[None]] = []

    async def comes_back() -> None:
        await until(lambda: party.peers.kinds("start"))
        assert party.session.waits_for("n.d")
        party.peers.told = refuses()
        await party.session.tell_contributor("n.d")
        party.bring("n.d")

    run(party.until_over(before=all_but_one))
    assert party.peers.kinds("start") == ["n.d", "n.d"]
    assert party.tags.keys() == {"n.a", "n.b", "n.c", "n.d"}


def test_a_computing_party_that_does_not_contribute_says_so_to_the_others(party: Party) -> None:
    party.contributions.refusal = "data: its files cannot be used"
    run(party.until_over())
    assert sorted(party.peers.kinds("decline")) == ["n.a", "n.b"]
    assert [content for _, request, content, _ in party.peers.asked if request["kind"] == "decline"] == [
        {"reason": "data: its files cannot be used"}
    ] * 2
    assert "n.c" not in party.tags


def test_what_is_opened_counts_before_a_share_of_it_leaves(party: Party) -> None:
    deliver(party.small, {})
    party.agreed = data_plan(party.small.networks("n.a").find("n"))
    earlier: list[Any] = []

    def told(_: str, request: Any) -> dict[str, Any]:
        if request["kind"] == "result":
            earlier.extend(one.contributors for one in party.own.opened.earlier(party.agreed))
        return {"ok": True}

    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        while (await connection.receive(LARGE, 64 * LARGE))[0]["event"] != "intake":
            pass
        await connection.send({"event": "done", "contributors": ["n.a", "n.d"], "left_out": {}, "public": []})
        await asyncio.Event().wait()

    party.peers.told = told
    report = run(party.until_over(computer))
    assert report["outcome"] == "done", report
    assert earlier == [{"n.a": "edition", "n.d": "edition"}]


@pytest.mark.parametrize("ends", ["dies", "leaves", "is cut"])
def test_what_may_be_opened_counts_before_this_party_helps_to_open_it_however_its_session_ends(
    party: Party, ends: str
) -> None:
    """Its computer says to others that it is done only after the answer: one of them then has all for a result."""
    deliver(party.small, {})
    party.agreed = data_plan(party.small.networks("n.a").find("n"))
    known: list[Any] = []

    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        while (await connection.receive(LARGE, 64 * LARGE))[0]["event"] != "intake":
            pass
        assert party.own.opened.earlier(party.agreed) == []
        await connection.send({"event": "opening", "contributors": ["n.a", "n.d"], "left_out": {"n.b": "", "n.c": ""}})
        assert (await connection.receive(LARGE))[0] == {"event": "remembered"}
        known.extend(one.contributors for one in party.own.opened.earlier(party.agreed))
        known.extend(entry["contributors"] for entry in party.own.entries("opening"))
        if ends == "leaves":
            await connection.send({"event": "failed", "root": 1, "reason": "its connection was closed"})
        if ends == "is cut":
            party.session.part("n.b")
            await _read_on(connection)

    report = run(party.until_over(computer))
    assert known == [{"n.a": "edition", "n.d": "edition"}, ["n.a", "n.d"]]
    assert (report["outcome"], report["counts"]) == ("failed", True)
    assert (report["contributors"], report["left_out"]) == (["n.a", "n.d"], {"n.b": "", "n.c": ""})
    [entry] = party.own.entries("run")
    assert (entry["outcome"], entry["counts"], entry["contributors"]) == ("failed", True, ["n.a", "n.d"])


@pytest.mark.parametrize("lost", ["state", "register"])
def test_a_party_that_cannot_remember_helps_nobody_to_a_result(party: Party, lost: str) -> None:
    deliver(party.small, {})
    party.agreed = data_plan(party.small.networks("n.a").find("n"))
    heard: list[Any] = []

    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        while (await connection.receive(LARGE, 64 * LARGE))[0]["event"] != "intake":
            pass
        (party.own.root / lost).rename(party.own.root / "elsewhere")
        await connection.send({"event": "opening", "contributors": ["n.a", "n.d"], "left_out": {}})
        with contextlib.suppress(ConnectionError):
            heard.append(await connection.receive(LARGE))

    report = run(party.until_over(computer))
    assert (report["outcome"], report["root"], report["counts"]) == ("failed", "n.c", False)
    assert heard == []


@pytest.mark.parametrize("kind", ["result-key", "result"])
def test_a_result_party_that_is_away_for_a_moment_has_the_shares_of_the_result(party: Party, kind: str) -> None:
    """A gateway that took over new settings at that second cost the session its result."""
    moments = iter([True, True])
    party.peers.told = lambda peer, request: (
        away("n.a")(peer, request) if request["kind"] == kind and next(moments, False) else {"ok": True}
    )
    report = run(party.until_over())
    assert (report["outcome"], report["undelivered"]) == ("done", {})
    assert len(party.peers.kinds(kind)) == 3


def test_shares_of_which_only_the_answer_was_lost_are_delivered(party: Party) -> None:
    party.peers.told = lambda peer, request: away("n.a")(peer, request) if request["kind"] == "result" else {"ok": True}
    signed = party.peers.result_key
    party.peers.result_key = lambda peer: {"here": True} if party.peers.kinds("result") else signed(peer)
    report = run(party.until_over())
    assert (report["outcome"], report["undelivered"]) == ("done", {})
    assert len(party.peers.kinds("result")) == 1


@pytest.mark.parametrize("kind", ["result-key", "result"])
def test_a_result_party_that_cannot_be_reached_is_named_with_the_reason(
    party: Party, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "DELIVERED_WITHIN", 0.5)
    party.peers.told = lambda peer, request: away("n.a")(peer, request) if request["kind"] == kind else {"ok": True}
    report = run(party.until_over())
    assert (report["outcome"], report["undelivered"]) == ("done", {"n.a": "does not answer"})


@pytest.mark.parametrize(
    ("signer", "public", "why"),
    [
        ("n.b", bytes(range(32)), "key: not what n.a signed"),
        ("n.a", bytes(31), "key: n.a gave none"),
        ("n.a", bytes(32), "a public key that is none"),
    ],
)
def test_no_row_leaves_for_what_is_no_key_of_the_result_party(
    party: Party, signer: str, public: bytes, why: str
) -> None:
    def told(station: str) -> dict[str, str]:
        key = base64.b64encode(public).decode()
        content = sealed._result_key(party.agreed, station, key)
        return {"key": key, "signature": party.small.keys[signer].sign(statement.RESULT_KEY, content)}

    party.peers.result_key = told
    report = run(party.until_over())
    assert report["outcome"] == "done"
    assert why in report["undelivered"]["n.a"]
    assert party.peers.kinds("result") == []


# Deposits


def test_shares_are_taken_sealed_and_signed_only(party: Party) -> None:
    agreed, body = party.agreed, shares.pack(range(party.agreed.length))

    async def work() -> None:
        made = party.make()
        content, shut = deposit(party.small, agreed, "n.d", "n.c", made.public_key, TAG, body)
        stranger, _ = deposit(party.small, agreed, "n.a", "n.c", made.public_key, TAG, body)
        for signature, sent in ((content["signature"], body), (stranger["signature"], shut), (None, shut)):
            with pytest.raises(RefusedError, match=r"not what n\.d signed"):
                made.deposit("n.d", TAG, signature, sent)
        with pytest.raises(RefusedError, match=r"n\.z is not one of them"):
            made.deposit("n.z", TAG, content["signature"], shut)
        assert made.intake.editions == {}
        made.deposit("n.d", TAG, content["signature"], shut)
        assert made.intake.editions == {"n.d": "edition"}
        assert await made.intake.next() == ("n.d", TAG, body)

    run(work())


# Channels


def test_a_party_with_a_higher_number_is_called_and_its_connection_handed_over(tmp_path: Path) -> None:
    first = Party(tmp_path, "n.a")
    tries: list[str] = []

    async def takes(line: Connection) -> None:
        tries.append("n.b")
        if len(tries) < 3:
            return  # it is not ready yet, and hangs up
        await line.send({"ok": True})
        await line.receive(timeout=None)

    async def takes_at_once(line: Connection) -> None:
        await line.send({"ok": True})
        await line.receive(timeout=None)

    first.peers.lines = {"n.b": takes, "n.c": takes_at_once}
    report = run(first.until_over(before=lambda: first.bring("n.b", "n.c", "n.d")))
    assert report["outcome"] == "done", report
    assert len(tries) == 3
    wanted = {"kind": "channel", "session": first.agreed.session, "plan": first.agreed.digest}
    assert {peer for peer, request in first.peers.opened if request == wanted} == {"n.b", "n.c"}


def test_each_channel_is_handed_over_with_keys_that_its_other_end_has_the_other_way_round(party: Party) -> None:
    run(party.until_over())
    for one in party.from_computer:
        if one["event"] == "peer":
            peer = PARTIES[one["number"]]
            keys = sealed.channel_keys(PRIVATE[peer], party.agreed, peer, "n.c", party.session.public_key)
            assert [bytes.fromhex(one["receive"]), bytes.fromhex(one["send"])] == [*keys]


def test_a_party_whose_key_is_none_is_named(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bundle, "key", lambda _, name: bytes(32) if name == "n.b" else seal.public(PRIVATE[name]))
    report = run(party.until_over(leaves))
    assert (report["outcome"], report["root"]) == ("failed", "n.b")
    assert report["reason"].startswith("it gave a public key that is none")


async def leaves(connection: Connection) -> None:
    """A computer that says why it leaves when it is told to."""
    await connection.receive(LARGE, LARGE)
    while True:
        header, _ = await connection.receive(LARGE, LARGE, timeout=None)
        if header["event"] == "leave":
            await connection.send({"event": "failed", "root": header["root"], "reason": header["reason"]})


def test_a_party_that_refuses_the_channel_is_named(tmp_path: Path) -> None:
    first = Party(tmp_path, "n.a")

    async def refuse(line: Connection) -> None:
        await line.send({"refused": "session: none with this id is running here"})
        await line.receive(timeout=None)

    async def take(line: Connection) -> None:
        await line.send({"ok": True})
        await line.receive(timeout=None)

    first.peers.lines = {"n.b": refuse, "n.c": take}
    report = run(first.until_over(leaves, before=lambda: None))
    why = "it refused the channel: session: none with this id is running here"
    assert (report["outcome"], report["root"], report["reason"]) == ("failed", "n.b", why)
    assert report["violation"] is False


def test_a_party_whose_channel_does_not_come_is_named(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CHANNEL_WITHIN", 0.01)

    def one_only() -> None:
        party.session.take_channel("n.a", socket.socketpair()[0])

    report = run(party.until_over(leaves, before=one_only))
    assert (report["root"], report["reason"]) == ("n.b", "no channel with it came about")


@pytest.mark.parametrize(
    ("ended_on", "root", "told_by", "reason"),
    [
        ("n.b", "n.b", "", "it ended the session: its computer does not run"),
        ("n.a", "", "n.b", "n.b left and says of n.a: it ended the session: its computer does not run"),
        ("", "", "n.b", "n.b left: it ended the session: its computer does not run"),
    ],
)
def test_a_party_that_ended_before_the_channels_came_about_ends_it_here_too(
    party: Party, monkeypatch: pytest.MonkeyPatch, ended_on: str, root: str, told_by: str, reason: str
) -> None:
    monkeypatch.setattr(alive, "EVERY", 0.01)
    monkeypatch.setattr(alive, "HEARSAY", 0.01)
    party.peers.answering = {"n.b"}
    said = {"running": False, "known": True, "root": ended_on, "reason": "its computer does not run"}
    party.peers.told = lambda _, request: said if request["kind"] == "alive" else {"ok": True}
    report = run(party.until_over(leaves, before=lambda: None), seconds=5)
    assert (report["outcome"], report["root"], report["told_by"]) == ("failed", root, told_by)
    assert report["reason"] == reason


def test_only_a_party_with_a_lower_number_opens_a_channel_and_once(party: Party) -> None:
    async def work() -> None:
        await party.until_over()
        for peer in ("n.c", "n.d", "n.z"):
            with pytest.raises(RefusedError, match=f"{peer} is no computing party that opens a channel"):
                party.session.check_channel(peer)
        with pytest.raises(RefusedError, match=r"channel: n\.a opened one before"):
            party.session.check_channel("n.a")

    run(work())


def test_a_channel_that_nobody_needed_is_closed(party: Party) -> None:
    """It came before the session that never began, or after that was over."""
    ours, theirs = socket.socketpair()
    late, late_theirs = socket.socketpair()

    async def work() -> None:
        made = party.make()
        made.take_channel("n.a", theirs)
        made.close()
        made.take_channel("n.b", late_theirs)

    run(work())
    assert theirs.fileno() == late_theirs.fileno() == -1
    with ours, late:
        assert ours.recv(1) == late.recv(1) == b""


# How it fails


def test_a_computer_that_is_replaced_with_its_agent_may_start_a_moment_later(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "RETRY", 0.01)

    async def work() -> dict[str, Any]:
        party.session = party.make()
        party.session._starting = lambda: 1.0
        party.all_there()
        running = asyncio.create_task(party.session.run(agreed_bundle(party.small, party.agreed)))
        await asyncio.sleep(0.05)
        async with FakeComputer(party.own.folders.computer_socket, party.computing):
            return await running

    assert run(work())["outcome"] == "done"


def test_without_its_computer_a_party_names_itself(party: Party) -> None:
    async def work() -> dict[str, Any]:
        return await party.make().run(agreed_bundle(party.small, party.agreed))

    report = run(work())
    assert (report["outcome"], report["root"], report["reason"]) == ("failed", "n.c", "its computer does not run")


async def ends(connection: Connection) -> None:
    await connection.receive(LARGE, LARGE)


async def violated(connection: Connection) -> None:
    await connection.receive(LARGE, LARGE)
    reason = "it sent keys that do not belong to its number"
    await connection.send({"event": "failed", "root": 1, "reason": reason, "violation": True})


async def nobody(connection: Connection) -> None:
    await connection.receive(LARGE, LARGE)
    await connection.send({"event": "failed", "root": None, "reason": "4 contributors, at least 5 must be"})


async def nonsense(connection: Connection) -> None:
    await connection.receive(LARGE, LARGE)
    await connection.send({"event": "failed", "root": 12345, "reason": ""})


@pytest.mark.parametrize(
    ("computer", "root", "reason", "violation"),
    [
        (ends, "n.c", "its computer ended or is stuck", False),
        (violated, "n.b", "it sent keys that do not belong to its number", True),
        (nobody, "", "4 contributors, at least 5 must be", False),
        (nonsense, "n.c", "its agent failed (IndexError)", False),
    ],
)
def test_whatever_fails_the_report_names_on_whom_and_why(
    party: Party, computer: Computer, root: str, reason: str, violation: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return await party.until_over(computer), await party.events()

    report, events = run(work())
    assert (report["outcome"], report["root"], report["reason"]) == ("failed", root, reason)
    assert report["violation"] is violation
    assert events[-1]["report"] == report
    assert party.own.entries("run")[0]["outcome"] == "failed"
    assert party.peers.kinds("result") == []
    assert "12345" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("told_by", "about", "reason"),
    [
        (1, 0, "n.b left and says of n.a: its connection was closed"),
        (1, None, "n.b left: its connection was closed"),
        (None, 0, "n.a: its connection was closed"),
    ],
)
def test_what_another_says_of_a_third_names_nobody(
    party: Party, told_by: int | None, about: int | None, reason: str
) -> None:
    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        told = {"root": None, "told_by": told_by, "about": about, "reason": "its connection was closed"}
        await connection.send({"event": "failed", **told})

    report = run(party.until_over(computer))
    assert (report["outcome"], report["root"], report["reason"]) == ("failed", "", reason)
    assert report["told_by"] == ("" if told_by is None else "n.b")


@pytest.mark.parametrize(("gone", "number"), [("n.b", 1), ("n.d", None)])
def test_a_session_with_somebody_who_left_ends_and_its_computer_tells_the_others(
    party: Party, gone: str, number: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise one that was cut computes on for as long as the session may last."""
    left: list[dict[str, Any]] = []

    async def computing(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        party.session.part(gone)
        party.session.part("n.a")
        while not left or left[-1]["event"] != "leave":
            left.append((await connection.receive(LARGE, LARGE, timeout=None))[0])
        told = {"event": "failed", "root": left[-1]["root"], "reason": left[-1]["reason"]}
        await connection.send(told)

    report = run(party.until_over(computing))
    why = f"{gone} left n, or is cut"
    assert (report["outcome"], report["root"], report["reason"]) == ("failed", gone, why)
    assert (left[-1]["root"], left[-1]["reason"]) == (number, why)
    assert "task-failed" not in capsys.readouterr().out


def test_a_computer_that_does_not_let_go_of_who_left_is_ended(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "FAREWELL", 0.01)

    async def computing(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        party.session.part("n.b")
        await _read_on(connection)

    assert run(party.until_over(computing))["root"] == "n.b"


async def _read_on(connection: Connection) -> None:
    while True:
        await connection.receive(LARGE, LARGE, timeout=None)


def test_who_left_before_all_had_accepted_is_not_computed_with(party: Party) -> None:
    report = run(party.until_over(before=lambda: party.session.part("n.b")))
    assert (report["root"], report["reason"]) == ("n.b", "n.b left n, or is cut")
    assert party.from_computer == []
    assert party.peers.kinds("start") == []


def test_a_session_that_takes_too_long_is_given_up(party: Party) -> None:
    async def never(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        while True:
            await connection.send({"event": "beat"})
            await asyncio.sleep(0.01)

    def no_time() -> None:
        party.session.plan = dataclasses.replace(party.agreed, deadline=0)

    report = run(party.until_over(never, before=no_time))
    assert (report["root"], report["reason"]) == ("", "the session took longer than its deadline")


def test_a_proposer_that_waits_is_told_that_it_goes_on(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "KEEP_WARM", 0.001)

    async def work() -> None:
        await party.until_over()
        party.session._events = asyncio.Queue()
        near, far = pair()
        telling = asyncio.create_task(party.session.narrate(far))
        assert [(await near.receive())[0] for _ in range(2)] == [{"event": "busy"}] * 2
        telling.cancel()

    run(work())


def test_before_all_computing_parties_accepted_nobody_is_told_to_start(party: Party) -> None:
    async def work() -> None:
        made = party.make()
        assert not made.waits_for("n.d")
        with pytest.raises(RefusedError, match="not all computing parties accepted it yet"):
            await made.tell_contributor("n.d")

    run(work())
    assert party.peers.asked == []
