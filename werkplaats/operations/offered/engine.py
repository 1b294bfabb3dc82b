"""The container engine: whose it is, what its owner has in it, and what of it no station can live with."""

from __future__ import annotations

from werkplaats.operations.offered import texts
from werkplaats.operations.offered.answer import Facts
from werkplaats.operations.offered.findings import Part, Row, Severity, Wanted, listed

UNIT = "docker.service"
OURS = "station-"  # how the names of our own containers begin
BUILT_IN = {"bridge", "host", "none"}
# Settings of daemon.json that are ours to say where the engine is nobody's; others are the owner's.
SETTINGS = {"bridge", "iptables", "ip6tables", "ip-forward", "live-restore", "log-driver"}
OTHERS = {"podman": "Podman", "containerd.io": "containerd", "kubelet": "Kubernetes", "k3s": "Kubernetes", "lxd": "LXD"}


def containers(facts: Facts) -> list[list[str]]:
    """Of the owner: name, state, image, ports."""
    rows = (line.split("\t") for line in facts.said("containers").splitlines())
    return [row for row in rows if len(row) == 4 and not row[0].startswith(OURS)]


def networks(facts: Facts) -> list[str]:
    """Of the owner, by name."""
    rows = (line.split("\t") for line in facts.said("networks").splitlines())
    return [row[0] for row in rows if len(row) == 2 and row[0] not in BUILT_IN]


def _well(facts: Facts, _: Wanted) -> str:
    if "dockerd" not in facts.answer.programs:
        return "none; Debian's docker.io is installed"
    version = texts.json_object(facts.said("engine_info"))
    seen = f"Docker {(version or {}).get('ServerVersion', '')}".strip()
    return f"{seen}, {'runs' if facts.active(UNIT) else 'does not run'}"


def _no_json(facts: Facts, _: Wanted) -> str:
    return "/etc/docker/daemon.json cannot be read: it is not JSON" if facts.engine_settings is None else ""


def _snap(facts: Facts, _: Wanted) -> str:
    return "its Docker is a snap" if facts.marked("/snap/bin/docker") else ""


def _silent(facts: Facts, _: Wanted) -> str:
    silent = facts.active(UNIT) and not facts.engine.get("ServerVersion")
    return "its engine runs and does not answer at /run/docker.sock" if silent else ""


def _other_numbers(facts: Facts, _: Wanted) -> str:
    options = texts.strings(facts.engine.get("SecurityOptions"))
    remapped = (facts.engine_settings or {}).get("userns-remap") or any("userns" in one for one in options)
    return "its engine gives containers other user numbers (userns-remap)" if remapped else ""


def _rootless(facts: Facts, _: Wanted) -> str:
    options = texts.strings(facts.engine.get("SecurityOptions"))
    return "its engine runs without root (rootless)" if any("rootless" in one for one in options) else ""


def _other_store(facts: Facts, _: Wanted) -> str:
    status = facts.engine.get("DriverStatus")
    pairs = [one for one in status if isinstance(one, list)] if isinstance(status, list) else []
    stored = any(pair[:1] == ["driver-type"] and "snapshotter" in str(pair[1:]) for pair in pairs)
    return "its engine keeps images in containerd's store" if stored else ""


def _by_hand(facts: Facts, wanted: Wanted) -> str:
    """An engine that runs may only have been asked something, at its socket: then nobody misses it after a boot."""
    disabled = facts.active(UNIT) and facts.units.get(UNIT, {}).get("UnitFileState") == "disabled"
    return "its engine runs, and is not started at boot" if disabled and _in_use(facts, wanted) else ""


def _in_use(facts: Facts, _: Wanted) -> str:
    """What of the owner's is in the engine."""
    found, own = containers(facts), networks(facts)
    told = [f"{row[0]} ({row[1]}, {row[2]})" for row in found]
    parts = [f"{len(found)} containers of yours: {listed(told)}"] * bool(found)
    parts += [f"networks {listed(own)}"] * bool(own)
    return "; ".join(parts)


def _settings(facts: Facts, _: Wanted) -> str:
    flags = texts.lines(facts.file("/etc/default/docker"))
    own = sorted(set(facts.engine_settings or {}) - SETTINGS)
    told = [f"daemon.json ({', '.join(own)})"] * bool(own) + ["/etc/default/docker"] * bool(flags)
    return f"it has settings of yours: {' and '.join(told)}" if told else ""


def _others(facts: Facts, _: Wanted) -> str:
    found = [f"{text} ({name})" for name, text in OTHERS.items() if name in facts.packages]
    return f"also there: {listed(found)}" if found and "containerd.io" not in facts.packages else ""


PARTS = (
    Part(
        "engine",
        _well,
        (
            Row(Severity.STOPS, _no_json, "the engine would not start with it, nor could it be added to", "correct it"),
            Row(
                Severity.STOPS,
                _snap,
                "it sees no folder of a station, and Debian's would stand beside it",
                "replace it by docker.io or docker-ce, or offer another server",
            ),
            Row(
                Severity.STOPS,
                _silent,
                "a station's containers are made through /run/docker.sock",
                "have it listen there (`hosts`, or -H fd://); see `journalctl -u docker`",
            ),
            Row(
                Severity.STOPS,
                _other_numbers,
                "a station reads its folders by their owners' numbers",
                "take that setting out, or offer a server of its own",
            ),
            Row(
                Severity.STOPS, _rootless, "it cannot use a station's folders", "use docker.io, or offer another server"
            ),
            Row(
                Severity.STOPS,
                _other_store,
                "it names an image by another digest than the one that was reviewed",
                'set `"features": {"containerd-snapshotter": false}` in /etc/docker/daemon.json (images there must be '
                "fetched anew), or offer a server of its own",
            ),
            Row(Severity.STOPS, _by_hand, "after a restart there would be no station", "`systemctl enable docker`"),
            Row(
                Severity.TELLS,
                _in_use,
                "the engine is yours: two containers without any network come beside, and none of yours is touched",
                "",
            ),
            Row(Severity.TELLS, _settings, "the engine is yours, and they stay as they are", ""),
            Row(Severity.TELLS, _others, "a station does not use it, and leaves it alone", ""),
        ),
    ),
)
