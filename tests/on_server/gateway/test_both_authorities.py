"""Two gateways of which each trusts one CA, another, or both: HAProxy lets in what the steps of a roll want let in."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from network_topology import names
from on_server.gateway import files, own
from tests.harness import compiled, gateways, pki
from tests.harness.stations import free_port, listens, wait_until

NAME = gateways.NETWORK
OLD, NEW = 1, 2


@dataclasses.dataclass(frozen=True)
class Trusting:
    """What a gateway trusts: the certificates of CAs one after the other, and their lists."""

    authorities: tuple[pki.Authority, ...]
    network: str = NAME

    @property
    def pem(self) -> str:
        return "".join(one.pem for one in self.authorities)

    def crl(self) -> str:
        return "".join(one.crl() for one in self.authorities)


@dataclasses.dataclass(frozen=True)
class State:
    """Whom a gateway trusts, by generation, and of which CA it shows a certificate."""

    trusts: tuple[int, ...]
    shows: int


STATES = {
    "before": State((OLD,), OLD),
    "begun": State((OLD, NEW), OLD),
    "switched": State((OLD, NEW), NEW),
    "dropped": State((NEW,), NEW),
}
TALK = [("before", "begun"), ("begun", "begun"), ("begun", "switched"), ("switched", "switched"),
        ("switched", "dropped"), ("dropped", "dropped")]  # fmt: skip
APART = [("before", "switched"), ("before", "dropped"), ("begun", "dropped")]


@dataclasses.dataclass
class Pair:
    """The two CAs of a network, and a folder."""

    folder: Path
    authorities: dict[int, pki.Authority]

    @contextlib.contextmanager
    def running(self, caller: str, called: str, revoked: bool = False) -> Iterator[Path]:
        """Gateways of een, which calls, and of twee; gives the socket by which een's agent calls twee."""
        folder, port = self.folder / f"{caller}-{called}", free_port()
        parties = {}
        for organisation, state in (("een", caller), ("twee", called)):
            (folder / organisation / "agent").mkdir(parents=True)
            (folder / organisation / "peers").mkdir()
            parties[organisation] = pki.Party(self.authorities[STATES[state].shows], organisation, folder)
        if revoked:
            for one in self.authorities.values():
                one.revoked.append(parties["een"].certificate.serial_number)
        self._write(folder / "een", parties["een"], STATES[caller], "twee", port, None)
        self._write(folder / "twee", parties["twee"], STATES[called], "een", 0, port)
        with contextlib.ExitStack() as stack:
            stack.enter_context(gateways.answering(folder / "twee" / "agent" / "mesh.sock"))
            for organisation in ("twee", "een"):
                command = gateways.command(folder / organisation)
                process = stack.enter_context(
                    subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                )
                stack.callback(process.kill)
            socket_of_peer = folder / "een" / "peers" / f"{names.station_id(NAME, 'twee')}.sock"
            wait_until(lambda: listens(port) and socket_of_peer.exists(), "both gateways to listen")
            yield socket_of_peer

    def _write(self, root: Path, party: pki.Party, state: State, other: str, port: int, own_port: int | None) -> None:
        trusting = Trusting(tuple(self.authorities[one] for one in state.trusts))
        issuers = [one.subject for one in trusting.authorities]
        peer = compiled.peer(
            NAME, other, issuers, address=gateways.HERE, port=port or 1, outbound=bool(port), inbound=not port
        )
        gateways.write(root, cast("Any", trusting), party, [peer], own_port)


def reached(place: Path) -> bool:
    """Whether who calls over this socket hears the agent on the other side."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(str(place))
        with contextlib.suppress(OSError):
            line.sendall(b"hello")
            return line.recv(4) == b"here"
    return False


@pytest.fixture
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory() as folder:  # a short name: sun_path ends at 107 bytes (unix(7))
        yield Pair(Path(folder), {one: pki.Authority(NAME, one) for one in (OLD, NEW)})


@pytest.mark.parametrize(("one", "other"), [*TALK, *APART])
def test_gateways_of_two_steps_talk_in_both_directions_and_of_three_in_none(pair: Pair, one: str, other: str) -> None:
    for caller, called in {(one, other), (other, one)}:
        with pair.running(caller, called) as place:
            assert reached(place) == ((one, other) in TALK), (caller, called)


@pytest.mark.parametrize(
    ("caller", "called"), [("begun", "before"), ("begun", "switched"), ("switched", "begun"), ("dropped", "switched")]
)
def test_who_is_revoked_is_refused_by_the_list_of_either_ca(pair: Pair, caller: str, called: str) -> None:
    with pair.running(caller, called, revoked=True) as place:
        assert not reached(place)


def test_every_pair_of_steps_is_judged() -> None:
    judged = {frozenset(one) for one in (*TALK, *APART)}
    wanted = {frozenset(one) for one in itertools.product(STATES, STATES)} - {frozenset({"before"})}
    assert judged == wanted


def test_lists_of_both_are_read_each_of_its_own_ca_and_one_of_a_ca_that_is_not_there_is_refused(pair: Pair) -> None:
    trusting = Trusting(tuple(pair.authorities.values()))
    lists = trusting.crl().encode()
    assert len({one.issuer for one in files.read_crls(lists, trusting.pem.encode(), NAME)}) == 2
    party = pki.Party(pair.authorities[NEW], "een", pair.folder)
    placed = {"certificate.pem": party.pem, "ca.pem": trusting.pem, "crl.pem": lists.decode(), "statement.json": "{}"}
    given = {f"networks/{NAME}/{name}": text.encode() for name, text in placed.items()}
    own.require(files.Inputs(given, frozenset(), pki.key_pem(party.key)))
    with pytest.raises(files.GatewayError, match="is not signed by a CA of that network"):
        files.read_crls(lists, pair.authorities[NEW].pem.encode(), NAME)


def test_an_older_list_of_one_ca_is_refused_beside_a_newer_one_of_the_other(pair: Pair) -> None:
    trusting = Trusting(tuple(pair.authorities.values()))
    before, after = trusting.crl().encode(), trusting.crl().encode()
    old, new = (list(files.blocks(one, b"X509 CRL")) for one in (before, after))
    mixed = old[0] + new[1]
    taken, refused = files.newest_crls(*(files.read_crls(one, trusting.pem.encode(), NAME) for one in (mixed, after)))
    assert taken == after
    assert len(refused) == 1
