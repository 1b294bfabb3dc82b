"""A container of a station that is made anew from an image of nobody's: what tampering leaves to be seen."""

from __future__ import annotations

from collections.abc import Callable

from runbooks.station import image_tampered
from tests.harness import sandboxes

KEPT = image_tampered.NAME
# Run on the server: the same container, with everything that it sees, from an image with a label more.
PROGRAM = """
import http.client, json, socket

class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect("/run/docker.sock")

def ask(method, path, body=None):
    line = Engine("localhost")
    line.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    answer = line.getresponse()
    said = answer.read()
    assert answer.status < 400, (method, path, answer.status, said)
    return json.loads(said) if said else {}

one = ask("GET", "/containers/station-computer/json")
labels = {**(one["Config"].get("Labels") or {}), "other": "1"}
image = ask("POST", "/commit?container=station-computer&repo=other", {**one["Config"], "Labels": labels})["Id"]
ask("DELETE", "/containers/station-computer?force=true")
made = ask("POST", "/containers/create?name=station-computer",
           {**one["Config"], "Image": image, "HostConfig": one["HostConfig"]})
ask("POST", f"/containers/{made['Id']}/start")
"""


def runs(organisation: str) -> Callable[[sandboxes.Sandbox], None]:
    """Have the computer of a station run from it."""

    def act(network: sandboxes.Sandbox) -> None:
        done = network.on(organisation, "python3", "-c", PROGRAM)
        assert done.returncode == 0, done

    return act


def gone(organisation: str) -> Callable[[sandboxes.Sandbox], None]:
    """Remove it, and what a runbook kept of it."""

    def act(network: sandboxes.Sandbox) -> None:
        shown = "docker image ls --quiet --filter label=other"
        line = f"{shown} | sort --unique | xargs --no-run-if-empty docker image rm --force"
        network.on(organisation, "sh", "-c", line)

    return act
