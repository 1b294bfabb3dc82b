"""A gateway key put in front of the own one, and a CA that readers do not see: HAProxy takes both, the server neither.

Both come from whoever holds the CA, or publishes: a text of blocks, of which each reader sees another part.
"""

from __future__ import annotations

import base64
import dataclasses
import socket
import ssl
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from on_server.gateway import files, generations, own, places
from on_server.gateway import loaded as loading
from tests.harness import gateways, pki
from tests.harness.stations import free_port, listens, wait_until

NAME = gateways.NETWORK
FOLDER = f"networks/{NAME}"


@dataclasses.dataclass
class Placed:
    """What lies on the server of een, by the role's own templates, and the port of its gateway."""

    root: Path
    authority: pki.Authority
    party: pki.Party
    port: int

    def inputs(self, **changed: str) -> files.Inputs:
        """With other texts in place of `certificate`, `ca` or `crl`."""
        texts = {"certificate": self.party.pem, "ca": self.authority.pem, "crl": self.authority.crl(), **changed}
        compiled = {f"{FOLDER}/{name}.pem": text.encode() for name, text in texts.items()}
        compiled[f"{FOLDER}/statement.json"] = b"{}"
        return files.Inputs(compiled, frozenset(), pki.key_pem(self.party.key))

    @contextmanager
    def running(self, **changed: str) -> Iterator[int]:
        """The gateway with these texts, as `assemble` puts them together: what happens without `own.require`."""
        root = Path(tempfile.mkdtemp(dir=self.root))
        gateways.write(root, self.authority, self.party, [], self.port)
        made = files.assemble(self.inputs(**changed))
        for name in (f"{FOLDER}/{one}.pem" for one in ("station", "ca", "crl")):
            (root / "tls" / name).write_bytes(made[name])
        with subprocess.Popen(gateways.command(root), stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: listens(self.port), "the gateway to listen")
                yield self.port
            finally:
                process.kill()


@pytest.fixture
def placed(tmp_path: Path) -> Placed:
    authority = pki.Authority(NAME)
    return Placed(tmp_path, authority, pki.Party(authority, "een", tmp_path), free_port())


def met(port: int, caller: pki.Party) -> bytes:
    """The public key that the gateway showed to a caller; raises OSError where it does not let the caller in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["mpc/1"])
    context.load_cert_chain(caller.file)
    with socket.create_connection(("127.0.0.1", port)) as line, context.wrap_socket(line) as session:
        session.settimeout(1)
        shown = session.getpeercert(binary_form=True)
        assert shown
        with suppress(TimeoutError):
            session.recv(1)  # TLS 1.3: a caller that is refused hears it when it reads
        key = x509.load_der_x509_certificate(shown).public_key()
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def spki(party: pki.Party) -> bytes:
    return party.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.fixture
def minted(placed: Placed) -> pki.Party:
    """A certificate of een's name for a key of the attacker, who holds the CA."""
    return pki.Party(placed.authority, "een", placed.root)


def in_front(minted: pki.Party) -> str:
    """The attacker's key and certificate, as one text of blocks."""
    return minted.file.read_text()


def test_a_key_in_front_of_the_own_one_becomes_the_gateway_s_where_nobody_looks(
    placed: Placed, minted: pki.Party
) -> None:
    """The attacker gains the gateway: whoever calls een speaks to a key that lies with the attacker too."""
    other = pki.Party(placed.authority, "twee", placed.root)
    with placed.running(certificate=in_front(minted)) as port:
        assert met(port, other) == spki(minted) != spki(placed.party)


@pytest.mark.parametrize("order", ["key last", "key first", "certificate only"])
def test_a_key_in_front_of_the_own_one_is_refused(placed: Placed, minted: pki.Party, order: str) -> None:
    key = pki.key_pem(minted.key).decode()
    text = {"key last": minted.pem + key, "key first": key + minted.pem, "certificate only": minted.pem}[order]
    said = "is not of the key in identity/" if order == "certificate only" else "has something beside blocks"
    with pytest.raises(files.GatewayError, match=said):
        own.require(placed.inputs(certificate=text))


def test_what_is_loaded_is_not_read_again_and_all_else_is(
    placed: Placed, minted: pki.Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, loaded = placed.inputs(), placed.root / "loaded"
    own.require(inputs)
    for name, content in files.assemble(inputs).items():
        (loaded / name).parent.mkdir(parents=True, exist_ok=True)
        (loaded / name).write_bytes(content)
    for changed in ({"certificate": in_front(minted)}, {"ca": placed.authority.pem + trusted(placed.authority)}):
        with pytest.raises(files.GatewayError, match="has something beside blocks"):
            own.require(placed.inputs(**changed), loaded)
    for certificate, key in ((minted.pem, placed.party), (placed.party.pem, minted)):
        other = placed.inputs(certificate=certificate)._replace(key=pki.key_pem(key.key))
        with pytest.raises(files.GatewayError, match="is not of the key in identity/"):
            own.require(other, loaded)
    monkeypatch.setattr(own, "_openssl", lambda *_, **__: pytest.fail("it was read again"))
    own.require(inputs, loaded)


def trusted(authority: pki.Authority) -> str:
    """The certificate of a CA as OpenSSL writes one that it trusts for anything."""
    return subprocess.run(
        ["openssl", "x509", "-trustout", "-addtrust", "anyExtendedKeyUsage"],
        input=authority.pem,
        capture_output=True,
        check=True,
        text=True,
    ).stdout


@pytest.fixture
def hidden() -> pki.Authority:
    """A CA of the attacker, of the same name."""
    return pki.Authority(NAME)


def test_a_second_ca_in_a_block_that_readers_do_not_see_lets_a_stranger_in_where_nobody_looks(
    placed: Placed, hidden: pki.Authority
) -> None:
    """The attacker gains every peer's name at this gateway, without the network's CA."""
    stranger = pki.Party(hidden, "twee", placed.root)
    ca, crl = placed.authority.pem + trusted(hidden), placed.authority.crl() + hidden.crl()
    assert x509.load_pem_x509_certificates(ca.encode()) == [placed.authority.certificate], "a reader sees one CA"
    with placed.running(ca=ca, crl=crl) as port:
        assert met(port, stranger) == spki(placed.party)
    with placed.running() as port, pytest.raises(OSError, match=r"unknown ca|decrypt error|certificate"):
        met(port, stranger)


def block(kind: str, der: bytes) -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def test_what_is_more_than_certificates_and_lists_is_refused_by_the_server(
    placed: Placed, hidden: pki.Authority
) -> None:
    ca, crl = placed.authority.pem, placed.authority.crl()
    der = placed.authority.certificate.public_bytes(serialization.Encoding.DER)
    aux = b"".join(trusted(placed.authority).encode().splitlines()[1:-1])
    cases = {
        "ca": [
            ca + trusted(hidden),
            trusted(hidden) + ca,
            "text\n" + ca,
            ca + "\n",
            ca.replace("\n", "\r\n"),
            block("X509 CERTIFICATE", der),
            block("CERTIFICATE", der + b"\0"),
            block("CERTIFICATE", base64.b64decode(aux)),
            ca.replace("-----END", trusted(hidden) + "-----END"),
            "",
        ],
        "crl": [
            crl + trusted(hidden),
            crl + ca,
            "text\n" + crl,
            crl.replace("-----END", trusted(hidden) + "-----END"),
            block("X509 CRL", base64.b64decode("".join(crl.splitlines()[1:-1])) + b"\0"),
            hidden.crl(),
        ],
        "certificate": [placed.party.pem + trusted(hidden), "subject=een\n" + placed.party.pem, ""],
    }
    for name, texts in cases.items():
        for text in texts:
            with pytest.raises(files.GatewayError, match="ask the coordinator"):
                own.require(placed.inputs(**{name: text}))


def test_what_the_network_gives_is_taken(placed: Placed) -> None:
    after = pki.Authority(NAME, 2)
    own.require(placed.inputs())
    own.require(placed.inputs(ca=placed.authority.pem + after.pem, crl=placed.authority.crl() + after.crl()))
    own.require(placed.inputs(certificate=placed.party.pem + placed.authority.pem))


def loaded(placed: Placed, key: ec.EllipticCurvePrivateKey, without: str = "") -> places.Paths:
    """A server that has loaded what is placed but one file, holds this gateway key, and has drie.twee cut since."""
    paths = places.Paths(placed.root / "server")
    given = placed.inputs()
    compiled = {name: content for name, content in given.compiled.items() if name != f"{FOLDER}/{without}"}
    made = files.assemble(given._replace(compiled={**compiled, "base.cfg": b""}))
    for name, content in {**made, "cuts": b""}.items():
        path = paths.gateway / "generations" / "1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    paths.loaded.symlink_to("generations/1")
    for path, content in (
        (paths.root / "etc/werkplaats/identity/key.pem", pki.key_pem(key)),
        (paths.cut / "drie.twee", b""),
    ):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return paths


def test_a_peer_can_be_cut_while_a_new_gateway_key_waits_for_its_certificate(placed: Placed, minted: pki.Party) -> None:
    """With the new key the old certificate is no gateway: the brake must go on with what is loaded."""
    kept = generations.with_cuts_only(loaded(placed, minted.key))
    assert kept
    assert kept.cuts == {"drie.twee"}
    assert kept.key == pki.key_pem(placed.party.key)
    own.require(kept)


def test_lists_are_taken_while_a_renewed_gateway_key_waits_for_its_certificate(
    placed: Placed, minted: pki.Party
) -> None:
    """Until then nothing that was placed could be loaded: not even the list by which somebody was revoked."""
    paths = loaded(placed, minted.key)
    for name, content in {**placed.inputs().compiled, "base.cfg": b""}.items():
        path = paths.gateway / "compiled" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with pytest.raises(files.GatewayError, match="is not of the key in identity/ of this server"):
        own.require(paths.inputs())
    paths.key_before.write_bytes(pki.key_pem(placed.party.key))
    own.require(paths.inputs())
    assert paths.inputs().key == pki.key_pem(placed.party.key)
    paths.run.mkdir(parents=True)
    loading.stamp(paths, paths.loaded.resolve())
    assert paths.key_before.exists()

    paths.key.write_bytes(pki.key_pem(placed.party.key))  # as if the certificate were now of the new key
    paths.key_before.write_bytes(pki.key_pem(minted.key))
    assert paths.inputs().key == pki.key_pem(placed.party.key)
    loading.stamp(paths, paths.loaded.resolve())
    assert not paths.key_before.exists()


def test_a_peer_can_be_cut_in_what_an_earlier_version_loaded(placed: Placed) -> None:
    """Until the role places files anew they are those of before: no statement of the gateway key among them."""
    kept = generations.with_cuts_only(loaded(placed, placed.party.key, without=files.STATEMENT))
    assert kept
    made = files.assemble(kept)
    assert made["cuts"] == b"drie.twee\n"
    assert f"{FOLDER}/{files.STATEMENT}" not in made
    assert f"{FOLDER}/{files.STATEMENT}" in files.assemble(placed.inputs())


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "[1]", "[" * 100_000], ids=lambda text: text[:16])
def test_a_statement_or_a_note_of_serials_that_is_none_is_no_traceback(tmp_path: Path, text: str) -> None:
    """A statement is published: another form ended `gateway-reload` after the reload, without a stamp."""
    (path := tmp_path / files.STATEMENT).write_text(text)
    with pytest.raises(files.GatewayError, match=r"statement\.json is .*; run `werkplaats up` again"):
        loading._statement(path)
    paths = places.Paths(tmp_path)
    paths.serials.parent.mkdir(parents=True)
    paths.serials.write_text(text)
    assert loading.serials(paths) == {}
