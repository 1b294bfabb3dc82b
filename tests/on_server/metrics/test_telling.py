from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from on_server.metrics import alerts, telling
from on_server.metrics.table import Sample
from tests.harness import pki

STATION, HOUR = "gerda.gelre", 3600
FULL, WELL = (Sample("disk_used_ratio", ("/var",), 0.99),), (Sample("disk_used_ratio", ("/var",), 0.5),)
LASTS = 60 * next(one.minutes for one in alerts.ALERTS if one.name == "DiskFull")


class Told:
    """A receiver that takes what it is told, or does not."""

    def __init__(self, memory: Path) -> None:
        self.memory, self.takes = memory, True
        self.messages: list[telling.Message] = []

    def at(self, now: float, samples: tuple[Sample, ...]) -> list[str]:
        before = len(self.messages)
        try:
            telling.tell(self.memory, samples, STATION, now, self._send)
        except telling.TellError:
            assert not self.takes
        return [one["state"] for one in self.messages[before:]]

    def _send(self, message: telling.Message) -> None:
        if not self.takes:
            raise telling.TellError("it does not")
        self.messages.append(message)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "told.json")


def test_what_lasts_is_told_once_when_it_begins_and_once_when_it_ends(told: Told) -> None:
    assert told.at(0, FULL) == []
    assert told.at(LASTS - 1, FULL) == []
    assert told.at(10_000, FULL) == ["begins"]
    assert told.at(10_060, FULL) == told.at(90_000, FULL) == []
    assert told.at(90_060, WELL) == ["ends"]
    assert told.at(90_120, WELL) == []
    assert told.messages[0] == {
        "text": f"{STATION}: a disk is nearly full",
        "station": STATION,
        "alert": "DiskFull",
        "state": "begins",
        "since": 0,
        "place": "/var",
        "runbook": "disk-full",
    }


def test_the_same_thing_is_told_to_begin_once_an_hour_at_most(told: Told) -> None:
    moments = [10_000.0 + 60 * minute for minute in range(180)]
    found = [state for number, now in enumerate(moments) for state in told.at(now, FULL if number // 8 % 2 else WELL)]
    assert found.count("begins") == found.count("ends") == 3


def test_what_was_not_taken_is_told_again_and_what_was_is_not(told: Told) -> None:
    told.at(0, FULL)
    told.takes = False
    assert told.at(10_000, FULL) == []
    told.takes = True
    assert told.at(10_060, FULL) == ["begins"]
    told.takes = False
    assert told.at(10_120, WELL) == []
    told.takes = True
    assert told.at(10_180, WELL) == ["ends"]
    assert told.memory.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"DiskFull /": 3}', '{"DiskFull /": {"since": 1}}', '{"Other": {}}'])
def test_a_memory_that_cannot_be_read_is_none(told: Told, kept: str) -> None:
    told.memory.write_text(kept)
    told.at(0, FULL)
    assert told.at(10_000, FULL) == ["begins"]


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what is sent to /take, and sends whoever asks for /elsewhere to it."""

    got: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.startswith("/elsewhere"):
            self.got.append(json.loads(body or b"{}"))
        self.send_response(303 if self.path.startswith("/elsewhere") else 200)
        self.send_header("Location", "/take")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Addresses of a receiver over https, of a CA that this process trusts."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=localhost")
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + pki.DAY)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    own = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    (tmp_path / "ca.pem").write_bytes(own.public_bytes(pki.PEM))
    (tmp_path / "server.pem").write_bytes(own.public_bytes(pki.PEM) + pki.key_pem(key))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    Receiver.got = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda path: f"https://localhost:{server.server_port}{path}"
        server.shutdown()


def test_a_receiver_over_https_gets_the_message(receiver: Callable[[str], str]) -> None:
    telling.webhook(receiver("/take?key=secret"))({"text": "n.a: a disk is nearly full"})
    assert Receiver.got == [{"text": "n.a: a disk is nearly full"}]


def test_nobody_is_told_elsewhere_nor_without_a_certificate_that_is_trusted(
    receiver: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in (receiver("/elsewhere?key=secret"), receiver("/take?key=secret").replace("https", "http")):
        with pytest.raises(telling.TellError) as refused:
            telling.webhook(address)({"text": "n.a"})
        assert "secret" not in str(refused.value)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(telling.TellError):
        telling.webhook(receiver("/take?key=secret"))({"text": "n.a"})
    assert Receiver.got == []
