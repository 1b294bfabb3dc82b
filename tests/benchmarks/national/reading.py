"""What a reader of a federation takes, in a process of its own: `python -m tests.benchmarks.national.reading FOLDER`.

Its publication and those of its members, each with what was read before, as every `up` reads them; then what one server
gets of it, and what its gateway needs before it serves that. The floor is the reading of the same bytes.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from base import canonical
from network_topology import names
from network_topology.compiling import compile as compiler
from network_topology.federations import country
from on_server.gateway import files
from publication import acceptance, publication
from publication.federations import federated, joint, members
from publication.following import entry
from tests.benchmarks.national.published import Published
from tests.harness import gateways, pki

MB = 1e6


def run(made: Published) -> dict[str, Any]:
    """What a process of its own tells."""
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "tests.benchmarks.national.reading", str(made.folder)]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def once(folder: Path) -> dict[str, Any]:
    """One run in this process."""
    place, kept, before = functools.partial(_place, folder), folder / "kept", _peak()
    _read(place, kept)  # from now on this reader knows the roots
    content, floor = _timed(lambda: [path.read_bytes() for path in place("").rglob("*") if path.is_file()])
    size = sum(map(len, content))
    del content
    said, own = _timed(lambda: federated.read(place(country.NAME), country.NAME))
    met, theirs = _timed(lambda: members.read(said.definition, said.lineage, place, canonical.now(), kept))
    whole, joining = _timed(lambda: joint.join(said, met))
    told: dict[str, Any] = {"grown": (_peak() - before) / MB, "floor": floor, "bytes": size / MB}
    told["phases"] = {"the federation's": own, "its members'": theirs, "joining": joining}
    return told | {"seconds": own + theirs + joining} | _one_server(place, whole)


def _read(place: Any, kept: Path) -> joint.Joint:
    said = federated.read(place(country.NAME), country.NAME)
    for slug in said.definition.members:
        publication.read(place(slug), slug, kept / f"{slug}.json", root=said.definition.members[slug].root)
    return joint.join(said, members.read(said.definition, said.lineage, place, canonical.now(), kept))


def _one_server(place: Any, whole: joint.Joint) -> dict[str, Any]:
    """What the first computing party gets, and how its gateway takes it."""
    reference = whole.definition.computing[0]
    home, organisation = names.home(whole.network, reference)
    said = publication.read(place(home), home)
    network = compiler.compile_network(said.definition)
    began = time.perf_counter()
    view = acceptance.accept(whole)
    compiled = compiler.compile_network(whole.definition)
    federation = entry.of_federation(compiled, reference, view, whole)
    made = time.perf_counter() - began
    own = entry.made(network, organisation, acceptance.accept(said), said)
    lists, verifying = _timed(
        lambda: files.read_crls(federation["crl_pem"].encode(), federation["ca_pem"].encode(), whole.network)
    )
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        # The key of its certificate stayed elsewhere; HAProxy looks whether the two are a pair.
        pair = pki.Party(pki.Authority(home), organisation, root)
        own["certificate_pem"], key = pair.pem, pki.key_pem(pair.key)
        station = names.station_id(home, organisation)
        _, together = _timed(lambda: gateways.place(root, station, [own, federation], key))
        _, checking = _timed(lambda: subprocess.run([*gateways.command(root), "-c"], check=True, capture_output=True))
    load = {f"{len(lists)} lists": verifying, "put together": together, "checked": checking}
    return {"made": made, "loaded": sum(load.values()), "load": load}


def _place(folder: Path, network: str) -> Path:
    return folder / "publications" / network


def _timed(work: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def _peak() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    print(json.dumps(once(Path(sys.argv[1]))))
