"""What the gateway loads, put together from what the role placed, minus the peers that were cut.

Pure but for reading files and asking openssl about revocation lists. `compiled/` (placed by the role) has `base.cfg`
and per network `certificate.pem ca.pem crl.pem statement.json inbound.cfg` and
`peers/<peer id>/{from.cfg,to.cfg,names.map,ranges,serial}`; a peer is cut by leaving its folder out, all but from where
it calls. A federation has `home` in place of a certificate: the network whose gateway and certificate serve it, to
which it adds CAs, lists and peers.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from on_server.gateway import callers, finding

PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----\n?", re.DOTALL)
SERIAL = re.compile(r"^ +Serial Number: ([0-9A-F]+)$", re.MULTILINE)
STATEMENT, HOME = "statement.json", "home"
ASK = "install nothing of this publication, and ask the coordinator"
Files = Mapping[str, bytes]


class GatewayError(Exception):
    """A sentence: what the gateway cannot load, and what to do."""


class Inputs(NamedTuple):
    """Everything that decides what the gateway loads."""

    compiled: Files  # relative path → content
    cuts: frozenset[str]  # peer ids
    key: bytes  # the gateway's private key, PEM
    finding: finding.Finding = finding.Finding()

    @property
    def digest(self) -> str:
        """Hex SHA-256 over all inputs, independent of the order in which they were read."""
        summary = {name: hashlib.sha256(content).hexdigest() for name, content in self.compiled.items()}
        key = hashlib.sha256(self.key).hexdigest()
        found = self.finding.of([content for name, content in self.compiled.items() if name.endswith("/to.cfg")])
        inputs = {"compiled": summary, "cuts": sorted(self.cuts), "key": key, "finding": found}
        text = json.dumps(inputs, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def networks(self) -> list[str]:
        """Names of the networks that this gateway serves."""
        return sorted({name.split("/")[1] for name in self.compiled if name.startswith("networks/")})

    def home(self, network: str) -> str:
        """The network of which gateway and certificate serve this one: itself, or that of a federation."""
        said = self.compiled.get(f"networks/{network}/{HOME}")
        return network if said is None else said.decode(errors="replace").strip()

    @property
    def homes(self) -> list[str]:
        """The networks that have a certificate of their own."""
        return [network for network in self.networks if self.home(network) == network]

    @property
    def federations(self) -> list[str]:
        """Those that have none."""
        return [network for network in self.networks if self.home(network) != network]

    def without(self, network: str) -> Inputs:
        """The same without one network."""
        kept = {name: content for name, content in self.compiled.items() if not name.startswith(f"networks/{network}/")}
        return self._replace(compiled=kept)

    def statements(self, network: str) -> list[str]:
        """The file with the statement of the gateway key, unless an earlier version placed what lies here."""
        return [STATEMENT] if f"networks/{network}/{STATEMENT}" in self.compiled else []


def read(compiled: Path, cut: Path, key: Path, root: Path = Path("/")) -> Inputs:
    """Read the inputs from the folders on the server, whose files lie below `root`."""
    files = {path.relative_to(compiled).as_posix(): path.read_bytes() for path in sorted(compiled.rglob("*"))
             if path.is_file() and not path.name.startswith(".")}  # fmt: skip
    if "base.cfg" not in files:
        raise GatewayError(f"{compiled} has no base.cfg; run the role `tls_mesh` on this server first")
    return Inputs(files, read_cuts(cut), key.read_bytes(), finding.read(root))


def read_cuts(cut: Path) -> frozenset[str]:
    """Return the peers that were cut on this server: the names of the files in cut.d."""
    return frozenset(path.name for path in cut.iterdir()) if cut.is_dir() else frozenset()


def assemble(inputs: Inputs) -> dict[str, bytes]:
    """Return the files of one generation: haproxy.cfg, its maps, the networks' PEM files, and the inputs themselves.

    The copy of the inputs lets a peer be cut even when what was placed later turns out broken.
    """
    met = _met(inputs)
    kept = {
        name: content
        for name, content in inputs.compiled.items()
        if (peer := _peer(name)) is None or (peer not in inputs.cuts and met[_of_peer(name)] == name)
    }
    sections = [inputs.finding.placed(content) for name, content in sorted(kept.items()) if name.endswith(".cfg")]
    names = [content for name, content in sorted(kept.items()) if name.endswith("/names.map")]
    files = {
        "haproxy.cfg": b"\n".join(sections),
        "peers.map": b"".join(names),
        "callers.map": _callers(inputs).encode(),
        "cuts": "".join(f"{peer}\n" for peer in sorted(inputs.cuts)).encode(),
        "digest": inputs.digest.encode(),
    }
    for network in inputs.networks:
        folder = f"networks/{network}"
        if network in inputs.homes:
            files[f"{folder}/station.pem"] = inputs.compiled[f"{folder}/certificate.pem"] + inputs.key
        whole = (f"{folder}/{name}" for name in ("ca.pem", "crl.pem", *inputs.statements(network)))
        files |= {name: inputs.compiled[name] for name in whole}
    for federation in inputs.federations:
        folder, home = f"networks/{federation}", inputs.home(federation)
        files[f"{folder}/{HOME}"] = f"{home}\n".encode()
        for name in ("ca.pem", "crl.pem"):  # what two of them have is trusted once
            files[f"networks/{home}/{name}"] = _joined(
                files[f"networks/{home}/{name}"], inputs.compiled[f"{folder}/{name}"]
            )
    return files | {f"compiled/{name}": content for name, content in inputs.compiled.items()}


def _callers(inputs: Inputs) -> str:
    """The parts of all that call, whichever network says from where, and of who is cut: its machines still can."""
    declared: dict[str, list[str]] = {}
    for name, content in inputs.compiled.items():
        if name.endswith("/ranges"):
            declared.setdefault(_peer(name) or name, []).extend(content.decode(errors="replace").split())
    call = {_peer(name) for name in inputs.compiled if name.endswith("/names.map")}
    try:
        return callers.table(declared, all_known=call <= declared.keys())
    except ValueError as error:
        raise GatewayError(f"from where a peer calls is no range ({error}); run `up`, which places it again") from error


def _met(inputs: Inputs) -> dict[str, str]:
    """File of a peer → where it is taken from: a network that has a certificate of its own before a federation.

    A federation adds what is missing: at home one may only call, and compute in the federation.
    """
    found: dict[str, str] = {}
    for network in (*inputs.homes, *inputs.federations):
        for name in inputs.compiled:
            if name.startswith(f"networks/{network}/") and _peer(name):
                found.setdefault(_of_peer(name), name)
    return found


def _of_peer(name: str) -> str:
    """A file of a peer by peer and kind, in whatever network: `<peer id>/to.cfg`."""
    return "/".join(name.split("/")[-2:])


def _joined(first: bytes, more: bytes) -> bytes:
    """PEM text with the blocks of another after it that it does not have yet."""
    there = {match.group(0) for match in PEM.finditer(first)}
    return first + b"".join(match.group(0) for match in PEM.finditer(more) if match.group(0) not in there)


def _peer(name: str) -> str | None:
    parts = name.split("/")
    return parts[3] if len(parts) == 5 and parts[0] == "networks" and parts[2] == "peers" else None


def outbound_peers(config: bytes) -> set[str]:
    """Return the peers that a configuration has a socket for."""
    return {name.decode() for name in re.findall(rb"^listen to\.(\S+)$", config, re.MULTILINE)}


def peers(config: bytes) -> set[str]:
    """Return the peers that a configuration lets in or calls."""
    return {name.decode() for name in re.findall(rb"^(?:listen to|backend from)\.(\S+)$", config, re.MULTILINE)}


def serials(compiled: Path) -> dict[str, set[str]]:
    """Return peer → serial of its certificate, in lower-case hexadecimal, of each that was placed with one."""
    found: dict[str, set[str]] = {}
    for path in compiled.glob("networks/*/peers/*/serial"):  # a peer may be met in two networks
        found.setdefault(path.parent.name, set()).update(path.read_text().split())
    return found


def certificate(pem: bytes) -> str:
    """Return the first certificate in a PEM text, as base64 of DER: its SHA-256 is HAProxy's `ssl_c_der,sha2(256)`."""
    for block in blocks(pem, b"CERTIFICATE"):
        return b"".join(block.split(b"-----")[2].split()).decode()
    raise GatewayError("certificate.pem holds no certificate; ask the coordinator for the publication again")


def blocks(pem: bytes, kind: bytes) -> Iterator[bytes]:
    """Yield the PEM blocks of one kind."""
    return (match.group(0) for match in PEM.finditer(pem) if match.group(1) == kind)


class Crl(NamedTuple):
    """What decides which of two revocation lists of the same issuer is newer."""

    issuer: str  # name and key identifier of the CA
    number: int
    issued: str  # ISO 8601, sortable
    pem: bytes
    revoked: frozenset[str]  # serials, in lower-case hexadecimal

    @property
    def network(self) -> str:
        """The network of its CA, as the name of that says."""
        found = re.search(r"(?:^|,)OU=([^,]+)", self.issuer)
        return found.group(1) if found else ""


def read_crls(pem: bytes, authorities: bytes, network: str) -> list[Crl]:
    """Return the revocation lists in a PEM text, each verified against the CA certificates of its network.

    Raises GatewayError for a list that none of these signed, and for a block that is more than a list.
    """
    found = []
    for block in blocks(pem, b"X509 CRL"):
        said, written = _read_crl(block, authorities)
        if not said:
            raise GatewayError(f"a revocation list for {network} is not signed by a CA of that network; {ASK}")
        if written != block:
            raise GatewayError(f"crl.pem of {network} holds a block that is more than a revocation list; {ASK}")
        found.append(_parse_crl(said.decode(errors="replace"), block))
    if not found:
        raise GatewayError(f"crl.pem of {network} holds no revocation list; without one nobody is let in")
    return found


def placed_crls(crl: Path) -> list[Crl]:
    """Return those that lie in the file of a network, beside its CA certificates; none where there is no such file."""
    ca = crl.with_name("ca.pem")
    authorities = ca.read_bytes() if ca.exists() else b""
    return read_crls(crl.read_bytes(), authorities, crl.parent.name) if crl.exists() else []


@functools.cache
def _read_crl(block: bytes, authorities: bytes) -> tuple[bytes, bytes]:
    """What openssl says of one, and how it writes it, empty where none of the authorities signed it.

    In one, and once: a reload asks of the same again.
    """
    command = ["openssl", "crl", "-issuer", "-nameopt", "RFC2253", "-crlnumber", "-lastupdate"]
    command += ["-dateopt", "iso_8601", "-text", "-verify", "-CAfile"]
    handle = os.memfd_create("ca.pem")
    with os.fdopen(handle, "wb") as stream:
        stream.write(authorities)
        stream.flush()
        command.append(f"/dev/fd/{handle}")
        answer = subprocess.run(command, input=block, capture_output=True, check=False, pass_fds=[handle])
    signed = answer.returncode == 0 and b"verify OK" in answer.stderr
    said, begin, written = answer.stdout.rpartition(b"-----BEGIN X509 CRL-----")
    return (said, begin + written) if signed else (b"", b"")


def _parse_crl(said: str, block: bytes) -> Crl:
    def value(pattern: str) -> str:
        match = re.search(pattern, said, re.MULTILINE)
        return match.group(1).strip() if match else ""

    key = value(r"Authority Key Identifier: *\n *(?:keyid:)?(.+)$")
    number = value(r"^crlNumber=(?:0x)?([0-9A-Fa-f]+)$")
    if not number:
        raise GatewayError("a revocation list has no crlNumber, so nothing could tell an old one from a new one")
    listed = frozenset(f"{int(serial, 16):x}" for serial in SERIAL.findall(said))
    return Crl(f"{value(r'^issuer=(.+)$')} {key}", int(number, 16), value(r"^lastUpdate=(.+)$"), block, listed)


def newest_crls(new: Iterable[Crl], loaded: Iterable[Crl]) -> tuple[bytes, list[str]]:
    """Return the lists to load and a sentence for each list that is older than the loaded one of the same issuer."""
    before = {crl.issuer: crl for crl in loaded}
    taken, refused = [], []
    for crl in new:
        old = before.get(crl.issuer)
        if old is None or (crl.number >= old.number and crl.issued >= old.issued):
            taken.append(crl)
            continue
        taken.append(old)
        refused.append(
            f"revocation list {crl.number} ({crl.issued}) of {crl.issuer.split(' ')[0]} is older than the loaded one, "
            f"{old.number} ({old.issued}): refused, the loaded one stays; publish the newest list again"
        )
    return b"".join(crl.pem for crl in taken), refused
