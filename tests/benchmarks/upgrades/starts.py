"""Start every station of a network anew, one after another: its image, both containers, its answer.

    python -m tests.benchmarks.upgrades.starts NETWORK      prints JSON: organisation → part → seconds

It is what a release cannot come to a station in less than, done by the same means, with nobody waiting for anybody.
"""

from __future__ import annotations

import json
import sys
import time

from stacks.engine import install
from station_image.builder import images
from werkplaats.operations.bring_up import stations
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed
from werkplaats.operations.reach import remote

LOAD_SECONDS = 600.0


def said(line: str) -> None:
    """Tell people; standard output is the answer."""
    print(line, file=sys.stderr)


def started(
    network: networks.Network, remotes: remote.Remotes, engine: install.Engine, organisation: str
) -> dict[str, float]:
    """Take a station and its image away, and make it again from the image that it ran; returns part → seconds."""
    seen, _ = observed.observe(remotes, [organisation])
    image = images.built(seen[organisation].image)
    assert image is not None
    _, kept = stations.destroy(network, remotes, engine, [organisation], said)
    assert not kept, kept
    remotes.ask(organisation, "docker", "image", "rm", "--force", image.image_id)
    times = [time.perf_counter()]
    load = ("docker", "image", "load", "--quiet")
    code, _, why = remotes.run(organisation, load, image.archive.read_bytes(), LOAD_SECONDS)
    assert not code, why
    times.append(time.perf_counter())
    _, lost = stations.up(network, remotes, engine, {organisation: image.image_id}, said)
    assert not lost, lost
    times.append(time.perf_counter())
    stations.wait(remotes, [organisation], said)
    times.append(time.perf_counter())
    parts = ("image", "containers", "answer")
    return {part: after - before for part, before, after in zip(parts, times, times[1:], strict=False)}


def main() -> None:
    """All of a network."""
    network = networks.find(sys.argv[1])
    engine = install.ensure(said)
    with network.vault.lock("benchmark"), network.remotes() as remotes:
        unreachable = remotes.begin()
        assert not unreachable, unreachable
        print(json.dumps({one: started(network, remotes, engine, one) for one in remotes.servers}))


if __name__ == "__main__":
    main()
