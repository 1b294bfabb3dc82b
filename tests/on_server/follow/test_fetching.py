"""The place that a definition names: a web server of anybody's, at which the follower looks after all that is here."""

from __future__ import annotations

import contextlib
import functools
import http.server
import itertools
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from base import errors
from on_server.follow import telling
from publication.following import fetch, web
from tests.on_server.follow.served import NETWORK, Served
from tests.publication import publications

URL = "https://publicatie.ggd.example/proeftuin/"
NEWEST = "/proeftuin/metadata/timestamp.json"


class Folder(http.server.SimpleHTTPRequestHandler):
    """A web server as there are many: files of a folder, over connections that stay."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def __init__(self, asked: list[str], *given: Any, **how: Any) -> None:
        self.asked = asked
        super().__init__(*given, **how)

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/proeftuin"))

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(handler: Any, secure: ssl.SSLContext | None = None) -> Iterator[str]:
    """A web server on this machine, over TLS where `secure` says what it shows; its address."""
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if secure:
        made.socket = secure.wrap_socket(made.socket, server_side=True)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' if secure else ''}://127.0.0.1:{made.server_port}/proeftuin"
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


@pytest.fixture
def placed(server: Served) -> Iterator[tuple[Served, list[str]]]:
    """A server of which the operator accepted a place, which has what is published; and what was asked there."""
    definition = server.coordinator.definition.model_copy(update={"publication_url": URL})
    server.coordinator.definition = definition
    server.publish(questions={})
    server.up()
    asked: list[str] = []
    with serving(functools.partial(Folder, asked, directory=str(server.folder))) as url:
        server.site = url
        yield server, asked


def test_what_is_published_at_the_place_is_fetched_and_applied(placed: tuple[Served, list[str]]) -> None:
    server, asked = placed
    assert server.run(), server.told
    assert asked == [NEWEST], "nothing is new, and no more than that is asked"
    server.publish()
    assert server.run(), server.told
    assert list(json.loads((server.paths.networks / NETWORK / "questions.json").read_text())) == ["griep"]
    assert server.told["applied"]["from"] == str(server.paths.fetched(NETWORK))
    assert any(line.endswith(f", from {URL}") for line in telling.lines(server.told)), telling.lines(server.told)
    fetched = [path for path in asked if "/targets/" in path]
    assert len(fetched) == 1, f"what lies here already is not fetched: {fetched}"
    asked.clear()
    before = server.state()
    assert server.run()
    assert (asked, server.state()) == ([NEWEST], before)


def test_a_place_of_which_nothing_was_accepted_is_asked_for_nothing(server: Served) -> None:
    assert server.run()
    assert server.fetched == 0


def test_a_place_that_is_down_is_told_with_its_reason_and_the_mesh_goes_on(placed: tuple[Served, list[str]]) -> None:
    server, _ = placed
    up, server.site = server.site, "http://127.0.0.1:9/proeftuin"
    server.publish()
    server.inbox(peer="ziekenhuis")
    assert server.run(), server.told
    assert server.told["applied"]["from"].endswith("/ziekenhuis")
    (said,) = (line for line in telling.lines(server.told) if "not fetched" in line)
    assert said.startswith(f"not fetched from {URL} since 20")
    assert "Connection refused" in said
    assert server.told["problem"] == ""
    since = server.told["url"]["since"]
    told = server.paths.told.stat().st_mtime_ns
    assert server.run()
    assert server.paths.told.stat().st_mtime_ns == told, "what is known is not written again"
    assert server.told["url"]["since"] == since
    server.site = up
    assert server.run()
    assert server.told["url"] == {"url": URL, "why": ""}


def test_what_is_here_already_does_not_wait_for_a_web_server(placed: tuple[Served, list[str]]) -> None:
    """Gains: who holds a place open for a minute keeps a revocation that the mesh brought from being in force."""
    server, _ = placed
    server.publish()
    server.inbox(peer="ziekenhuis")
    seen = []

    def hung(question: bytes) -> bytes:
        seen.append(server.told["applied"]["from"])
        return server.fetch(question)

    assert server.run(fetch=hung)
    assert seen
    assert seen[0].endswith("/ziekenhuis")


class Hostile(http.server.BaseHTTPRequestHandler):
    """A web server that wants something else."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass


class Endless(Hostile):
    """Gains: a server without memory or disk."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


class Claims(Hostile):
    """Gains: the same, by a number."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(2**40))
        self.end_headers()


class Slow(Hostile):
    """Gains: a follower that waits for ever, a byte at a time within each limit of a socket."""

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)


class Changing(Hostile):
    """Another newest word at each look."""

    count = itertools.count()

    def do_GET(self) -> None:
        body = str(next(self.count)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Elsewhere(Hostile):
    """Gains: servers of others ask whom the web server names, on their own machine for one."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:2375/containers/json")
        self.send_header("Content-Length", "0")
        self.end_headers()


class Broken(Hostile):
    def do_GET(self) -> None:
        self.send_response(503, "Zo terug\x1b[2J")
        self.send_header("Content-Length", "0")
        self.end_headers()


class Empty(Hostile):
    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Silent(Hostile):
    def do_GET(self) -> None:
        self.close_connection = True


class Headers(Hostile):
    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n")


REFUSED = {
    Endless: "is larger than 4194304 bytes",
    Claims: "is larger than 4194304 bytes",
    Slow: "gave nothing whole for 1 s",
    Elsewhere: "it answers 302 Found to http://127.0.0.1:2375/containers/json",
    Broken: "it answers 503 Zo terug\N{REPLACEMENT CHARACTER}[2J",
    Empty: "no publication is there",
    Silent: "cannot be read: Remote end closed connection without response",
    Headers: "cannot be read: got more than 100 headers",
}


@pytest.mark.parametrize("handler", REFUSED, ids=lambda one: one.__name__)
def test_whoever_answers_is_refused_within_bounds_and_named(handler: Any, tmp_path: Path) -> None:
    seconds = 1.0 if handler is Slow else 30.0
    with serving(handler) as url:
        answer = fetch.fetched(NETWORK, url, tmp_path, seconds, near=True)
    assert REFUSED[handler] in str(answer["why"])
    assert answer["files"] is None


def test_once_its_time_is_over_a_place_is_not_read_once_more_whatever_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: a place that is slow and changes is read for ever, and the server's other networks are fetched no more."""
    reads = []

    def read(*_: object) -> None:
        reads.append(time.monotonic())
        assert len(reads) == 1
        time.sleep(30)

    monkeypatch.setattr(fetch, "_read", read)
    with serving(Changing) as url:
        answer = fetch.fetched(NETWORK, url, tmp_path, 0.5, near=True)
    assert "gave nothing whole" in str(answer["why"])


def test_a_name_that_leads_to_this_machine_is_not_followed(tmp_path: Path) -> None:
    """Gains: whoever owns a name in DNS has servers ask what listens on themselves alone."""
    with serving(Empty) as url:
        answer = fetch.fetched(NETWORK, url.replace("127.0.0.1", "localhost"), tmp_path, 1.0)
    assert "its name leads to this machine" in str(answer["why"])


def test_a_place_has_no_more_than_a_publication_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Empty) as url:
        site = web.Site(url, near=True)
        monkeypatch.setattr(site, "_files", 2)
        assert [site("a"), site("b")] == [None, None]
        with pytest.raises(errors.PublicationError, match="has more than"):
            site("c")
        site.close()


def test_an_old_a_broken_and_a_foreign_publication_are_refused_and_named(placed: tuple[Served, list[str]]) -> None:
    """The attacks of who relays, by who holds the place: see test_attacks for what each gains."""
    server, _ = placed
    older = publications.gathered(server.folder)
    server.publish(server.coordinator.definition.model_copy(update={"title": "Anders"}), questions={})
    assert server.run(), server.told
    before = server.state()
    server.publish(server.coordinator.definition.model_copy(update={"title": "Weer anders"}))
    newest = publications.gathered(server.folder)
    asked = publications.named(newest, "griep.json")
    frozen = publications.expired(newest, server.coordinator.roles.online())
    cases = {
        "is of an older publication than was read before": older,
        "timestamp was good until": frozen,
        "its digest differs": {**newest, asked: newest[asked] + b" "},
        "griep.json is missing": {name: one for name, one in newest.items() if name != asked},
    }
    for number, (why, made) in enumerate(cases.items()):
        folder = publications.put(server.paths.root / f"place-{number}", made)
        with serving(functools.partial(Folder, [], directory=str(folder))) as url:
            server.site = url
            assert server.run()
        assert why in server.told["url"]["why"], why
        assert server.state() == before


def lying(server: Served, answer: Any) -> bool:
    """A run in which the part that fetches was taken over."""
    return server.run(fetch=lambda _: json.dumps({"networks": {NETWORK: answer}}).encode())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"why": "", "files": {"metadata/../../evil.json": "{}"}}, "its publication has a file"),
        ({"why": "", "files": {"metadata/timestamp.json": 7}}, "is too large"),
        ({"why": "", "files": ["metadata/timestamp.json"]}, "what was fetched is not kept"),
        ([], "nothing is answered about it"),
        (None, "nothing is answered about it"),
    ],
)
def test_a_part_that_fetches_and_was_taken_over_puts_nothing_elsewhere(
    placed: tuple[Served, list[str]], answer: Any, why: str
) -> None:
    """Gains: whoever holds the place writes files of root."""
    server, _ = placed
    before = server.state()
    assert lying(server, answer)
    assert why in server.told["url"]["why"]
    assert server.state() == before
    assert not list(server.paths.root.rglob("evil.json"))


def test_a_definition_without_a_place_leaves_nothing_of_one(placed: tuple[Served, list[str]]) -> None:
    server, _ = placed
    server.publish()
    assert server.run()
    assert server.paths.fetched(NETWORK).is_dir()
    server.coordinator.definition = server.coordinator.definition.model_copy(update={"publication_url": None})
    server.publish()
    server.up()
    assert server.run()
    assert not server.paths.fetched(NETWORK).exists()
    assert "url" not in server.told


def test_another_place_waits_for_the_operator(placed: tuple[Served, list[str]]) -> None:
    """Gains: the coordinator alone has the servers of others call an address of its choice."""
    server, _ = placed
    other = server.coordinator.definition.model_copy(update={"publication_url": "https://elders.example/"})
    server.publish(other)
    assert server.run()
    assert any(
        "where stations fetch the publication is https://elders.example/" in line for line in server.told["waits"]
    )
    assert server.told["url"]["url"] == URL


def test_a_part_that_cannot_be_asked_is_told_and_ends_no_run(placed: tuple[Served, list[str]]) -> None:
    """The run of the root part ended, and with it what other networks of the server had to be told."""
    server, _ = placed
    server.publish()
    server.inbox()

    def gone(_: bytes) -> bytes:
        raise FileNotFoundError("systemctl")

    assert not server.run(ask=gone, fetch=gone)
    assert server.told["problem"] == "the part that parses: systemctl"
    assert server.told["url"]["why"] == "the part that fetches: systemctl"
