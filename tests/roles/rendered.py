"""The files of a station's server, from a definition by the way that `up` goes: compiled, put into Ansible's inventory
as text, read from it by Ansible, and rendered by the arguments of each role's own task.
"""

from __future__ import annotations

import base64
import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from network_topology import model
from network_topology.compiling import compile as compiler
from on_server.gateway import files
from plugins.action import server_part
from plugins.filter import tls_mesh
from publication import acceptance, identity, trust, verified
from publication.following import entry
from tests.harness import pki
from tests.plugins.filter import facts
from tests.publication.published import HOLDERS
from werkplaats.operations.bring_up import ansible_inventory, hostvars
from werkplaats.operations.reach import remote, servers

ROOT = Path(__file__).resolve().parents[2]
ROLES = tuple(sorted(path.parents[1] for path in (ROOT / "roles").glob("*/tasks/main.yml")))
KEY = ec.generate_private_key(ec.SECP256R1())  # of every station here: what a file holds does not depend on whose
DIGEST = f"sha256:{64 * '0'}"
STATEMENT_KEY = base64.b64encode(bytes(32)).decode()
Files = dict[str, str]


def stations(definition: model.Definition, people: Mapping[str, Any], only: str = "") -> dict[str, dict[str, Any]]:
    """Organisation → host variables, of a network in which everybody was approved; raises DefinitionError."""
    compiled = compiler.compile_network(definition)
    authority = pki.Authority(definition.network)
    identities = {slug: _identity(authority, slug) for slug in compiled.stations}
    revoked: Any = x509.load_pem_x509_crl(authority.crl().encode())
    release = model.Release(release="dev", protocols=(1,), image_id=DIGEST, manifest_digest=DIGEST, archive=DIGEST)
    trusted = trust.Trust(definition.network, authority.certificate, revoked)
    published = verified.Verified(
        definition.network, 1, "", definition, (trusted,), identities, {"dev": release}, HOLDERS
    )
    keys = dict.fromkeys(compiled.stations, STATEMENT_KEY)
    view = acceptance.Accepted(
        network=definition.network,
        publication=1,
        root=1,
        holders=HOLDERS,
        definition=definition,
        statement_keys=keys,
        authority=trusted.key,
        release=release,
    )
    own = servers.Server("", "", "", people=people)
    return {
        slug: hostvars._server(
            station, [entry.made(compiled, slug, view, published)], {"id": DIGEST, "archive": ""}, own
        )
        for slug, station in compiled.stations.items()
        if only in ("", slug)
    }


def _identity(authority: pki.Authority, organisation: str) -> identity.Identity:
    pem = authority.station(organisation, KEY.public_key()).public_bytes(pki.PEM).decode()
    statement = identity.Statement(serial=1, signature=f"{86 * 'A'}==")
    return identity.Identity.model_construct(
        network=authority.network,
        organisation=organisation,
        fingerprint="",
        certificate_chain_pem=pem,
        approved="",
        statement=statement,
        statement_key=STATEMENT_KEY,
    )


def server_files(station: Mapping[str, Any], login: str = "beheer") -> Files:
    """Path → text of what the roles place on one server, and `haproxy.cfg` and `peers.map` as the gateway loads them.

    Raises AnsibleError where a filter refuses.
    """
    found: Files = {}
    variables = _arrived(station) | {"ansible_facts": {"server": _facts(login)}}
    for role in ROLES:
        for task in _yaml(role / "tasks/main.yml"):
            if "server_part" in task:
                found |= _part(role, task["server_part"], task.get("vars", {}) | variables)
    placed = {
        path.removeprefix(f"{tls_mesh.COMPILED}/"): text.encode()
        for path, text in found.items()
        if path.startswith(f"{tls_mesh.COMPILED}/")
    }
    made = files.assemble(files.Inputs(placed, frozenset(), pki.key_pem(KEY)))
    return found | {f"loaded/{name}": text.decode() for name, text in made.items() if not name.startswith("compiled/")}


def _part(role: Path, words: Mapping[str, Any], variables: Mapping[str, Any]) -> Files:
    _plugins()
    known = {**_yaml(role / "defaults/main.yml"), **variables, "role_path": str(role)}
    args = Templar(DataLoader(), variables=known).template(words)
    assert not args.get("refuse"), args["refuse"]
    return {one["path"]: base64.b64decode(one["content"]).decode() for one in server_part.render(role, args)}


def _arrived(station: Mapping[str, Any]) -> dict[str, Any]:
    """A station's variables as Ansible reads them from the text of the inventory."""
    with tempfile.TemporaryDirectory() as folder:
        reach = [servers.Server(station["organisation"], "station.example", "SHA256:x")]
        remotes = remote.Remotes(reach, Path(folder), Path(folder) / "ssh_config")
        text = ansible_inventory.text(remotes, {station["organisation"]: station})
        whole = DataLoader().load(text)
    host: dict[str, Any] = whole["all"]["hosts"][station["organisation"]]
    return {"station": host["station"]}


def _facts(login: str) -> dict[str, Any]:
    return {
        "release": {"id": "debian", "version_id": "13"},
        "clock_difference": 0.0,
        "container": True,
        "packages": {},
        "units": {},
        "accounts": {"missing": [], "closed": []},
        "faults": [],
        "table": False,
        "held": [],
        "engine": facts.NO_ENGINE,
        "login": login,
    }


@functools.cache
def _yaml(path: Path) -> Any:
    """A file of a role, whose templates Ansible may run."""
    yaml.safe_load(path.read_text())
    return DataLoader().load_from_file(str(path), trusted_as_template=True)


@functools.cache
def _plugins() -> None:
    from ansible.plugins.loader import filter_loader

    init_plugin_loader()
    filter_loader.add_directory(str(ROOT / "plugins/filter"))
