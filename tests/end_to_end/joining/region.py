"""What the coordinator does while others join with servers of their own, and those servers."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests.harness import sandboxes, servers


def gateway(organisation: str) -> str:
    """What the gateway of a server that joins is called: not what the sandbox calls the server that it made."""
    return f"gateway.{organisation}.example"


def known(folder: Path, name: str, joining: tuple[str, ...], definition: str) -> tuple[sandboxes.Sandbox, ...]:
    """A sandbox, and the network on its servers as the coordinator has it: those who join are not in its inventory."""
    for one in joining:
        definition = definition.replace(f"mesh.{one}.example", gateway(one))
    maker = sandboxes.sandbox(folder, name, definition)
    made = sandboxes.known_by_inventory(maker, name)
    inventory = made.home / "inventories" / name / "servers.yml"
    inventory.write_text(re.sub(rf"(?ms)^(?:{'|'.join(joining)}):.*?(?=^\S|\Z)", "", inventory.read_text()))
    return maker, made


@contextlib.contextmanager
def server(maker: sandboxes.Sandbox, organisation: str, folder: Path, last: int) -> Iterator[servers.Server]:
    """One as a hospital makes it available, with the last part of its address, beside the servers of a sandbox."""
    subnet = json.loads((maker.vault / "addresses.json").read_text())["subnet"]
    container = f"{maker.name}.{organisation}.own"
    address = subnet.replace("0/24", str(last))
    try:
        made = servers.boot(
            container, folder, maker.name, name=organisation, bare=True, address=address, alias=gateway(organisation)
        )
        made.wait_for_login()
        yield made
    finally:
        servers.docker("rm", "--force", "--volumes", container)


def handed_over(network: sandboxes.Sandbox, file: Path) -> Path:
    """The publication as the coordinator mails it."""
    with tarfile.open(file, "w") as archive:
        archive.add((network.home / "publications" / network.name).resolve(), arcname=".")
    return file


def approved(network: sandboxes.Sandbox, organisation: str, request: Path, fingerprint: str) -> None:
    """The coordinator gets the file that asks for a certificate, is read a fingerprint by telephone, and approves."""
    shutil.copyfile(request, network.home / "inventories" / network.name / "requests" / f"{organisation}.json")
    network.run("trust approve", organisation, "--fingerprint", fingerprint)
