"""What a sandbox server is given before it boots: its address, its host key, and who may log in."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from base import errors, files, values

Subnet: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
POOL = ipaddress.ip_network("198.18.0.0/15")  # RFC 2544: for tests between machines, never routed
FIRST_HOST = 10


class SeedError(errors.UnmetError):
    """No address is left for a sandbox."""


def addresses(record: Path, organisations: Iterable[str], taken: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Subnet (CIDR, /24) of a network and the address of every organisation, kept in `record` once given.

    `taken` are subnets that the engine gave to others; a known address never changes when organisations come or go.
    """
    kept = _kept(record)
    if kept is None or not _is_free(kept[0], taken):
        kept = _free_subnet(taken), {}
    subnet, known = kept
    free = (str(host) for number, host in enumerate(subnet.hosts(), 1) if number >= FIRST_HOST)
    for organisation in organisations:
        if organisation not in known:
            known[organisation] = next(address for address in free if address not in known.values())
    text = json.dumps({"subnet": str(subnet), "addresses": known}, indent=2)
    if not record.exists() or record.read_text() != text:
        files.write_atomically(record, text.encode(), mode=0o600)
    return str(subnet), known


def holds(record: Path, taken: Sequence[str]) -> bool:
    """Whether a subnet is kept in `record` that nobody else has got since."""
    kept = _kept(record)
    return kept is not None and _is_free(kept[0], taken)


def _kept(record: Path) -> tuple[Subnet, dict[str, str]] | None:
    """Subnet and addresses in `record`, None where there is none; raises SeedError for what is no record."""
    try:
        kept = values.mapping(record.read_bytes())
        subnet = ipaddress.ip_network(str(kept["subnet"]))
        return subnet, {name: _of(subnet, address) for name, address in kept["addresses"].items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise SeedError(
            f"{record}: it cannot be read which addresses the servers have ({error!r}); put it back from a "
            "backup, or remove it: the servers are then made anew, with other addresses"
        ) from error


def _of(subnet: Subnet, address: object) -> str:
    found = ipaddress.ip_address(str(address))
    if found not in subnet:
        raise ValueError(f"{found} is not in {subnet}")
    return str(found)


def _free_subnet(taken: Sequence[str]) -> Subnet:
    for subnet in POOL.subnets(new_prefix=24):
        if _is_free(subnet, taken):
            return subnet
    raise SeedError(f"every /24 of {POOL} is used by an engine network; remove a sandbox with `werkplaats destroy`")


def _is_free(subnet: Subnet, taken: Sequence[str]) -> bool:
    used = (ipaddress.ip_network(cidr) for cidr in taken)
    return not any(subnet.version == other.version and subnet.overlaps(other) for other in used)


def key_pair(path: Path) -> str:
    """Make an Ed25519 key pair at `path` (0600) and `path`.pub where there is none; returns the public line."""
    public = path.with_name(path.name + ".pub")
    if not (path.exists() and public.exists()):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = ed25519.Ed25519PrivateKey.generate()
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            )
        )
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        public.write_bytes(line + b"\n")
    return public.read_text().strip()


def seed(folder: Path, operator_line: str) -> str:
    """Fill one server's seed folder (host key, authorised key); returns the host key's fingerprint (`SHA256:…`)."""
    line = key_pair(folder / "ssh_host_ed25519_key")
    (folder / "authorized_keys").write_text(operator_line + "\n")
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
