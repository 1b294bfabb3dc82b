"""The container engine: whose it is, what its owner has in it, and what of it no station can live with."""

from __future__ import annotations

from on_server import engine
from werkplaats.operations.offered.answer import EngineInfo, Facts
from werkplaats.operations.offered.findings import Faults, Part, Row, Severity, Wanted, listed

# Settings of daemon.json that are ours to say where the engine is nobody's; others are the owner's.
SETTINGS = {"bridge", "iptables", "ip6tables", "ip-forward", "live-restore", "log-driver"}
OTHERS = {"podman": "Podman", "containerd.io": "containerd", "kubelet": "Kubernetes", "k3s": "Kubernetes", "lxd": "LXD"}


def _well(facts: Facts, _: Wanted) -> str:
    if not facts.engine.daemon:
        return "none; Debian's docker.io is installed"
    version = facts.engine.info.version if isinstance(facts.engine.info, EngineInfo) else ""
    return f"{f'Docker {version}'.strip()}, {'runs' if facts.engine.active else 'does not run'}"


def _faults(facts: Facts, wanted: Wanted) -> list[tuple[str, str]]:
    return engine.faults(facts.engine.model_dump(), ours="engine" not in wanted.owners)


def _in_use(facts: Facts, _: Wanted) -> str:
    """What of the owner's is in the engine."""
    found, own = facts.engine.containers, facts.engine.networks
    told = [f"{row[0]} ({', '.join(row[1:3])})" for row in found if row]
    parts = [f"{len(found)} containers of yours: {listed(told)}"] * bool(found)
    parts += [f"networks {listed(own)}"] * bool(own)
    return "; ".join(parts)


def _settings(facts: Facts, _: Wanted) -> str:
    own = sorted(set(facts.engine.settings) - SETTINGS)
    told = [f"daemon.json ({', '.join(own)})"] * bool(own) + ["/etc/default/docker"] * bool(facts.engine.flags)
    return f"it has settings of yours: {' and '.join(told)}" if told else ""


def _others(facts: Facts, _: Wanted) -> str:
    found = [f"{text} ({name})" for name, text in OTHERS.items() if name in facts.packages]
    return f"also there: {listed(found)}" if found and "containerd.io" not in facts.packages else ""


PARTS = (
    Part(
        "engine",
        _well,
        (
            Faults(Severity.STOPS, _faults, "a station's two containers would not run in it, or not after a restart"),
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
