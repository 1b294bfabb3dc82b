"""The archive as it really is: made of all that it has, carried to a server that reaches nothing, installed there."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from publication import publication
from station_image.builder import images
from tests.harness import servers
from tests.scripts.test_suite import clone, file
from tests.werkplaats.verbs.trust.people import NETWORK, People, people
from werkplaats import VERSION
from werkplaats.operations.package import install

__all__ = ["clone", "file", "people"]
pytestmark = [pytest.mark.slow, pytest.mark.soak]
LARGEST = 400_000_000
PLACE = "werkplaats-package"
# In the environment on the server: what it would otherwise fetch or build lies where it looks.
LOOK = """
import subprocess
from stacks.engine import install
from station_image.builder import images
engine = install.installed(install.cache_folder() / install.key())
print(subprocess.run([engine.pulumi, "plugin", "ls"], env=engine.environment(), capture_output=True, text=True).stdout)
print(images.current().image_id, images.current().altered() or "unchanged")
"""


class Brought:
    """What is carried to the server, and the root that its administrator was read."""

    def __init__(self, people: People, suite: Path) -> None:
        self.image = images.ensure(print)
        people.with_image(self.image.release)
        _, holders = people.published()
        self.root = publication.read(people.place, NETWORK).root
        folder = people.folder / "out"
        self.told = people.run("package", "make", NETWORK, "--to", str(folder), "--suite", str(suite))
        self.archive = folder / f"{NETWORK}-1.tar"
        for holder in holders[:2]:
            people.run("package", "sign", str(self.archive), "--key", holder, "--yes")
        people.run("package", "check", str(self.archive), "--root", self.root)


@pytest.fixture
def brought(people: People, file: Path) -> Brought:
    return Brought(people, file)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[servers.Server]:
    """As a hospital makes it available, on a network of the engine that leads nowhere else."""
    servers.docker("network", "create", "--internal", PLACE)
    made = servers.boot(PLACE, tmp_path, PLACE, bare=True)
    try:
        made.wait()
        made.run("ip route del default")
        yield made
    finally:
        made.remove()
        servers.remove_network(PLACE)


@pytest.mark.servers
def test_a_bare_server_that_reaches_nothing_has_all_of_it_from_one_archive(
    brought: Brought, bare: servers.Server, note: Callable[[str], None]
) -> None:
    size = brought.archive.stat().st_size
    note(f"the archive of {NETWORK} has {size / 1e6:.0f} MB in {len(install.Archive(brought.archive).files)} files")
    assert size <= LARGEST
    assert bare.tell("ip route show default") == ""
    assert bare.ask("dpkg-query --show haproxy python3-venv").returncode == 1
    for path in (brought.archive.with_name("install.py"), brought.archive, _signatures(brought.archive)):
        bare.tell(f"cat > {shlex.quote(path.name)}", given=path)
    command = f"python3 -I install.py {brought.archive.name} --network {NETWORK} --root "
    refused = bare.ask(f"{command} sha256:{'0' * 64}")
    assert (refused.returncode, bare.ask("ls werkplaats").returncode) == (3, 2), refused
    told = bare.tell(command + brought.root)
    note(f"on a bare server: {told.splitlines()[-1]}")
    werkplaats = "werkplaats/bin/werkplaats"
    assert bare.tell(f"{werkplaats} --version") == f"werkplaats {VERSION}"
    assert "gerda: no errors" in bare.tell(f"{werkplaats} check gerda")
    assert f"{NETWORK}: no errors" in bare.tell(f"{werkplaats} --home datawerkplaats check {NETWORK}")
    doctor = bare.ask(f"PATH=$PATH:/usr/sbin {werkplaats} doctor --json")
    (programs,) = (one for one in json.loads(doctor.stdout) if one["name"] == "programs")
    assert programs["seen"] == "missing: mmdebstrap", "which makes sandboxes, and no station needs"
    looked = bare.tell(f"werkplaats/bin/python -c {shlex.quote(LOOK)}")
    assert "docker" in looked
    assert f"{brought.image.image_id} unchanged" in looked
    installed = bare.tell("dpkg-query --show --showformat='${Package} ${Status}\\n' haproxy docker.io age python3-tuf")
    assert installed.count("ok installed") == 4
    assert bare.ask("systemctl is-active haproxy docker").stdout.split() == ["inactive", "inactive"]
    assert bare.ask("ls /usr/sbin/policy-rc.d").returncode == 2
    record = json.loads(bare.tell(f"cat .local/share/werkplaats/packages/{NETWORK}.json"))
    assert (record["number"], record["done"]) == (1, True)
    again = bare.tell(command + brought.root)
    assert "installing" not in again
    assert "is left as it is: publication 1" in again


def _signatures(archive: Path) -> Path:
    return archive.with_name(archive.name + install.SIGNATURES)
