"""Situations of the container engine: settings, flags and containers of the owner's, and engines of other makers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.guests.situations import EVERYBODY_S, Situation

FLAGS = "/etc/default/docker"
OVERRIDE = "/etc/systemd/system/docker.service.d/override.conf"
START = "systemctl enable --quiet --now docker.service 2>/dev/null\n"

# A web server of the owner's with a published port, out of the server's own programs: no image need be brought.
WEB = """
mkdir -p /srv/web && echo welkom > /srv/web/index.html
tar --directory /srv/web --create --files-from /dev/null | docker import --message owner - owner/web:1 >/dev/null
docker run --detach --restart always --name owner-web --publish 8080:8080 --volume /usr:/usr:ro \\
    --volume /usr/bin:/bin:ro --volume /usr/lib:/lib:ro --volume /usr/lib64:/lib64:ro --volume /srv/web:/srv/web:ro \\
    owner/web:1 /usr/bin/python3 -m http.server --directory /srv/web 8080 >/dev/null
"""
_FETCH = "import socket, urllib.request as u; print(u.urlopen(f'http://{socket.gethostname()}:8080', timeout=3).read())"
SERVED = f'timeout 30 sh -c "until python3 -c \\"{_FETCH}\\" 2>/dev/null; do sleep 0.2; done"'
SETTINGS = f"find /etc/docker {FLAGS} {OVERRIDE} -type f ! -name key.json -exec sha256sum {{}} + 2>/dev/null | sort"
ENGINE = (
    "docker info --format '{{.Driver}} {{.LoggingDriver}} {{.LiveRestoreEnabled}} {{.SecurityOptions}} "
    "{{.Swarm.LocalNodeState}} {{.DockerRootDir}}'; docker network ls --format '{{.Name}} {{.Driver}}' | sort; "
    "docker image inspect --format '{{.Id}}' owner/web:1"
)
OWNERS: Mapping[str, str] = {"settings": SETTINGS, "engine": ENGINE, "web": SERVED}
# An engine that was restarted took the containers with it, or their network, for a moment at least.
RUNNING: Mapping[str, str] = {
    "engine's process": "systemctl show --property=MainPID docker",
    "web's process": "docker inspect --format '{{.State.StartedAt}}' owner-web",
}


DOCKER_CE, PODMAN = (Path(__file__).with_name(name).read_text() for name in ("docker-ce.sh", "podman-docker.sh"))


def _file(path: str, text: str) -> str:
    return f"mkdir -p $(dirname {path})\ncat > {path} <<'END'\n{text}\nEND\n"


def _settings(**settings: Any) -> str:
    return _file("/etc/docker/daemon.json", json.dumps(settings, indent=2))


def _busy(name: str, tells: str, spoil: str) -> Situation:
    """An engine that its owner set up in some way, and that runs a container of the owner's."""
    return Situation(name, tells, spoil + START + WEB, owners=OWNERS, running=RUNNING)


def _refused(name: str, tells: str, spoil: str, said: str) -> Situation:
    """An engine that cannot carry a station."""
    return Situation(name, tells, spoil, owners={"settings": SETTINGS}, refused=said)


SITUATIONS = (
    _busy("own-containers", "the owner runs a container with a published port", ""),
    _busy(
        "log-opts",
        "daemon.json limits the logs, as every guide to Docker says",
        _settings(**{"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}}),
    ),
    _busy(
        "hardened",
        "daemon.json is that of the CIS benchmark, with a bridge of the owner's range",
        _settings(
            **{
                "bip": "10.200.0.1/24",
                "fixed-cidr": "10.200.0.128/25",
                "icc": False,
                "no-new-privileges": True,
                "live-restore": True,
                "userland-proxy": False,
                "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 4096, "Soft": 1024}},
            }
        ),
    ),
    _busy(
        "flags",
        "the owner's settings are flags in /etc/default/docker",
        _file(FLAGS, 'DOCKER_OPTS="--bip 10.201.0.1/24 --log-opt max-size=10m"'),
    ),
    _busy(
        "other-hosts",
        "a drop-in takes -H from the unit, and daemon.json says where the engine listens",
        _settings(hosts=["unix:///run/docker.sock", "tcp://127.0.0.1:2375"])
        + _file(OVERRIDE, "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd")
        + "systemctl daemon-reload\n",
    ),
    Situation(
        "swarm",
        "the owner's engine is in a swarm, which no engine with live-restore can be",
        START + "docker swarm init --advertise-addr 127.0.0.1 >/dev/null\n" + WEB,
        owners=OWNERS,
        running=RUNNING,
    ),
    _busy("docker-ce", "the engine is docker-ce, which excludes Debian's", DOCKER_CE),
    Situation(
        "unused",
        "Debian's engine lies there, and nobody uses it",
        "echo 'table inet owner { chain input { type filter hook input priority 0; tcp dport 9999 drop; }; }' "
        "> /etc/nftables.conf && systemctl enable --quiet --now nftables\n",
        owners={"rules": "nft list table inet owner"},
    ),
    Situation(
        "podman-docker",
        "docker is Podman under another name, and excludes Docker",
        PODMAN,
        owners={"program": "docker"},
        refused="podman-docker cannot stay beside: nothing is removed here",
        bare=True,
    ),
    Situation(
        "snap",
        "Docker is a snap, which Debian's packages would stand beside",
        "mkdir -p /snap/bin && ln -s /usr/bin/true /snap/bin/docker",
        refused="its Docker is a snap",
        bare=True,
    ),
    _refused(
        "user-numbers",
        "containers have other user numbers, as CIS asks",
        _settings(**{"userns-remap": "default"}) + START,
        "userns-remap.*; take that setting out, or offer a server of its own",
    ),
    _refused(
        "images-in-containerd",
        "images are in containerd's store, as in a new docker-ce 29",
        _settings(features={"containerd-snapshotter": True}) + START,
        "containerd-snapshotter",
    ),
    _refused(
        "elsewhere",
        "the engine listens at another socket",
        _file(OVERRIDE, "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H unix:///run/owner.sock")
        + "systemctl daemon-reload\nsystemctl disable --quiet --now docker.socket\n"
        + START
        + "rm /run/docker.sock\n",
        "does not answer at /run/docker.sock",
    ),
    Situation(
        "not-at-boot",
        "the owner starts the engine by hand",
        "systemctl start docker.service\n" + WEB,
        # Of the services that come back after a reboot: the engine is none here.
        owners={"settings": SETTINGS, "services": EVERYBODY_S["services"] + " | grep -v -e docker -e containerd"},
        refused="not started at boot",
    ),
    _refused(
        "no-json",
        "daemon.json has a comma too many",
        _file("/etc/docker/daemon.json", '{"debug": true,}'),
        "cannot be read",
    ),
)
