"""The daemons of a server take the files of any definition that passes the rules: their own parsers say so."""

from __future__ import annotations

import base64
import fnmatch
import io
import tarfile
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings

from tests.harness import servers
from tests.network_topology import hostile
from tests.roles import rendered
from tests.roles.conftest import Mesh
from tests.roles.test_rendered import PEOPLE, passed

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
COUNT = 40
# What reads a file on a server, and judges it without doing anything, by path. One name a file, relative to its folder.
READ_BY = {
    "/etc/werkplaats/baseline/firewall.nft": "nft --check --file {}",
    "/etc/werkplaats/baseline/sshd.conf": "sshd -t -f {}",
    "/etc/docker/daemon.json": "dockerd --validate --config-file={}",
    "/etc/sysusers.d/*.conf": "systemd-sysusers --dry-run {}",
    "/etc/tmpfiles.d/*.conf": "systemd-tmpfiles --create --dry-run {}",
    "/etc/systemd/system/*.service": "systemd-analyze verify {}",
    "/etc/systemd/system/*.path": "systemd-analyze verify {}",
    "loaded/haproxy.cfg": "haproxy -c -f {}",
}


@pytest.fixture(scope="module")
def found() -> list[rendered.Files]:
    """Files of servers, of odd and of spoilt definitions that pass the rules."""
    made: list[rendered.Files] = []

    def look(tree: object) -> None:
        definition = passed(tree) if len(made) < COUNT else None  # type: ignore[arg-type]
        if definition:
            slug = sorted(definition.stations)[len(made) % len(definition.stations)]
            made.append(rendered.server_files(rendered.stations(definition, PEOPLE, slug)[slug]))

    for strategy in (hostile.sound(), hostile.spoilt()):
        several = settings(max_examples=COUNT, database=None, deadline=None, derandomize=True)
        several(given(strategy)(look))()
    return made


def refused(server: servers.Server, files: Iterable[rendered.Files]) -> list[str]:
    """What the daemons on a server say of files that they do not take; equal ones are looked at once."""
    lines, seen, tree = ["cd $(mktemp -d)"], set[tuple[str, str]](), io.BytesIO()
    with tarfile.open(fileobj=tree, mode="w:gz") as archive:
        for number, one in enumerate(files):
            for path, text in one.items():
                entry = tarfile.TarInfo(f"{number}/{path.lstrip('/')}")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
            for known, command in READ_BY.items():
                for path in fnmatch.filter(one, known):
                    if (path, one[path]) not in seen:
                        seen.add((path, one[path]))
                        # What HAProxy's configuration names lies beside it.
                        folder, _, name = path.lstrip("/").rpartition("/")
                        judged = f"(cd {number}/{folder} && {command.format(f'./{name}')})"
                        lines.append(f"{judged} > said 2>&1 || {{ echo '{number}: {path}'; cat said; }}")
    lines.insert(1, f"base64 -d <<END | tar xz\n{base64.b64encode(tree.getvalue()).decode()}\nEND")
    done = server.ask("sudo bash -s", given="\n".join([*lines, "rm -r $PWD", ""]))
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


def test_the_daemons_take_what_passes_the_rules(
    mesh: Mesh, found: list[rendered.Files], note: Callable[[str], None]
) -> None:
    note(f"the daemons of a server read the files of {len(found)} odd definitions that pass the rules")
    assert len(found) == COUNT
    assert {known for known in READ_BY if not any(fnmatch.filter(one, known) for one in found)} == set()
    assert refused(mesh.servers["een"], found) == []


@pytest.mark.parametrize("known", [known for known in READ_BY if "*" not in known])
def test_each_of_them_says_what_it_does_not_take(mesh: Mesh, found: list[rendered.Files], known: str) -> None:
    said = refused(mesh.servers["een"], [{**found[0], known: found[0][known] + "\n} nonsense {\n"}])
    assert said
    assert said[0] == f"0: {known}"
