"""A Prometheus and an Alertmanager of this machine, as the docs have them, that watch servers of a test."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import yaml

from tests.harness.stations import free_port, wait_until

DOCS = Path(__file__).parents[3] / "docs/monitoring"
NEWER = "WerkplaatsNewer"
Received = list[tuple[str, dict[str, Any]]]


@contextlib.contextmanager
def served(text: str = "", received: Received | None = None) -> Iterator[str]:
    """Where a server tells this, and keeps what it is sent: under which path, and the document."""

    class Told(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if received is not None:
                received.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def prometheus(folder: Path, targets: list[str], alertmanager: str, slow: str) -> Iterator[str]:
    """Where it is: with the settings and rules of the docs, but that it looks each second and waits for no minutes.

    It waits where a rule's minutes are these, a pattern. It has a rule more, as where the page is older than the rules.
    """
    settings: dict[str, Any] = yaml.safe_load((DOCS / "scrape.yml").read_text())
    settings["global"] = {"evaluation_interval": "1s"}
    settings["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alertmanager]}]
    settings["scrape_configs"][0] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    settings["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    rules = (DOCS / "alerts.yml").read_text()
    quick = re.sub(rf"for: (?!{slow}$)\d+m$", "for: 0m", rules, flags=re.MULTILINE)
    (folder / "alerts.yml").write_text(f"{quick}      - {{alert: {NEWER}, expr: vector(1)}}\n")
    where = f"127.0.0.1:{free_port()}"
    words = {"config.file": "prometheus.yml", "storage.tsdb.path": "series", "web.listen-address": where,
             "web.console.templates": DOCS / "consoles", "web.console.libraries": "."}  # fmt: skip
    with _running(folder, where, "prometheus", words):
        yield where


@contextlib.contextmanager
def alertmanager(folder: Path, receiver: str) -> Iterator[str]:
    """Where it is: with the settings of the docs, but that a receiver of theirs is a path of this one, at once."""
    settings: dict[str, Any] = yaml.safe_load((DOCS / "alertmanager.yml").read_text())
    settings["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    settings["receivers"] = [
        {"name": one["name"], "webhook_configs": [{"url": f"http://{receiver}/{one['name']}"}]}
        for one in settings["receivers"]
    ]
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    where = f"127.0.0.1:{free_port()}"
    words = {"config.file": "alertmanager.yml", "storage.path": "told", "web.listen-address": where,
             "cluster.listen-address": ""}  # fmt: skip
    with _running(folder, where, "prometheus-alertmanager", words):
        yield where


@contextlib.contextmanager
def _running(folder: Path, where: str, program: str, words: Mapping[str, Any]) -> Iterator[None]:
    log = folder / f"{program}.log"
    with log.open("wb") as said:
        arguments = [f"--{name}={value}" for name, value in words.items()]
        running = subprocess.Popen(
            [program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            wait_until(lambda: get(f"{where}/-/ready"), f"{program}, of which {log} tells", 60)
            yield
        finally:
            running.terminate()
            running.wait(60)


def get(address: str) -> str:
    """What is there; "" where nobody answers."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}", timeout=30) as answer:
        return str(answer.read().decode())
    return ""


def post(address: str, document: Any) -> None:
    """Bring it there, as JSON."""
    given = json.dumps(document).encode()
    urllib.request.urlopen(
        urllib.request.Request(f"http://{address}", given, {"Content-Type": "application/json"}), timeout=30
    ).close()


class Alert(NamedTuple):
    """A line of a table of alerts."""

    station: str
    urgent: str
    what: str
    about: str
    lasting: str
    helps: str


class Page(NamedTuple):
    """What a page shows: of each station its cells by the heads of their columns, alerts, and what becomes one."""

    stations: Mapping[str, Mapping[str, str]]
    alerts: list[Alert]
    soon: list[Alert]


def read(text: str) -> Page:
    """A page; one that is not well formed fails."""
    tables = {one.get("id"): list(one.iter("tr")) for one in ElementTree.fromstring(text).iter("table")}  # noqa: S314
    rows = {name: [tuple(map(_words, row)) for row in found] for name, found in tables.items()}
    heads, *stations = rows["stations"]
    told = {row[0]: dict(zip(heads[1:], row[1:], strict=False)) for row in stations}
    alerts, soon = ([Alert(*row) for row in rows[name][1:] if row != ("none",)] for name in ("alerts", "soon"))
    return Page(told, alerts, soon)


def _words(cell: ElementTree.Element) -> str:
    return " ".join("".join(cell.itertext()).split())
