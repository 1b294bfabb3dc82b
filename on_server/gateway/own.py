"""What the gateway is given of certificates, before it may load it: PEM without anything beside, of the own key.

HAProxy and OpenSSL take the first private key in a file and trust what a block `TRUSTED CERTIFICATE` holds, and most
readers pass over both. So a text is taken only when it is what would be written of what OpenSSL reads in it.
"""

from __future__ import annotations

import base64
import binascii
import subprocess
from collections.abc import Iterable
from pathlib import Path

from on_server.gateway import files

CERTIFICATE, LIST = "CERTIFICATE", "X509 CRL"
_WHAT = {"certificate.pem": CERTIFICATE, "ca.pem": CERTIFICATE, "crl.pem": LIST}


def require(inputs: files.Inputs, loaded: Path | None = None) -> None:
    """Raise GatewayError unless all certificates and lists are nothing else, and the own is of the own key.

    What is in `loaded`, the generation that is loaded, was held to this before that: OpenSSL need not read it again.
    """
    for network in inputs.homes:
        folder = f"networks/{network}"
        _require_texts(inputs, network, _WHAT, loaded)
        certificate = inputs.compiled[f"{folder}/certificate.pem"]
        if certificate + inputs.key == _in(loaded, f"{folder}/station.pem"):
            continue
        if not _of_key(_blocks(certificate, CERTIFICATE, f"certificate.pem of {network}")[0], inputs.key):
            raise files.GatewayError(
                f"the certificate for {network} is not of the key in identity/ of this server; where its keys are new "
                f"have them approved (`werkplaats trust request`), else {files.ASK}"
            )


def sound(inputs: files.Inputs, loaded: Path) -> tuple[files.Inputs, list[str]]:
    """The inputs with each federation as it may be loaded, and a sentence for each that may not be.

    What one of them gives out ends at it: of one that is not right the loaded files stay, or it is left out.
    """
    refused = []
    for federation in inputs.federations:
        try:
            _require_home(inputs, federation)
            _require_texts(inputs, federation, ("ca.pem", "crl.pem"), loaded)
        except (files.GatewayError, KeyError) as problem:
            folder = loaded / "compiled/networks" / federation
            before = {
                f"networks/{federation}/{path.relative_to(folder).as_posix()}": path.read_bytes()
                for path in folder.rglob("*")
                if path.is_file()
            }
            inputs = inputs.without(federation)
            loaded_so = inputs._replace(compiled={**inputs.compiled, **before})
            stays = "it is left out"
            if loaded_so.home(federation) in inputs.homes:
                inputs, stays = loaded_so, "what was loaded of it stays"
            refused.append(f"{federation}: {problem}; {stays}")
    return inputs, refused


def _require_home(inputs: files.Inputs, federation: str) -> None:
    if inputs.home(federation) not in inputs.homes:
        raise files.GatewayError("it goes by the gateway of a network that this server is not in; run `werkplaats up`")


def _require_texts(inputs: files.Inputs, network: str, names: Iterable[str], loaded: Path | None) -> None:
    folder = f"networks/{network}"
    for name in names:
        text = inputs.compiled[f"{folder}/{name}"]
        if text == _in(loaded, f"compiled/{folder}/{name}"):
            continue
        _blocks(text, _WHAT[name], f"{name} of {network}")
        if _WHAT[name] == LIST:
            files.read_crls(text, inputs.compiled[f"{folder}/ca.pem"], network)


def _in(loaded: Path | None, name: str) -> bytes | None:
    path = loaded / name if loaded else None
    return path.read_bytes() if path and path.exists() else None


def fits(inputs: files.Inputs) -> bool:
    """Whether the certificates are of the key."""
    texts = {network: inputs.compiled[f"networks/{network}/certificate.pem"] for network in inputs.homes}
    try:
        return all(
            _of_key(_blocks(pem, CERTIFICATE, f"certificate.pem of {network}")[0], inputs.key)
            for network, pem in texts.items()
        )
    except files.GatewayError:
        return False  # whoever loads it says why


def _of_key(certificate: bytes, key: bytes) -> bool:
    shown = _openssl("x509", "-inform", "DER", "-noout", "-pubkey", given=certificate)
    return shown == _openssl("pkey", "-pubout", given=key)


def _blocks(pem: bytes, kind: str, place: str) -> list[bytes]:
    """The DER of each block of a PEM text that has blocks of one kind and nothing else, at least one."""
    begin, end = f"-----BEGIN {kind}-----\n".encode(), f"-----END {kind}-----\n".encode()
    bodies = [part.removeprefix(begin).replace(b"\n", b"") for part in pem.split(end)[:-1]]
    try:
        found = [base64.b64decode(body, validate=True) for body in bodies]
    except binascii.Error:
        found = []
    if not found or b"".join(begin + _lines(der) + end for der in found) != pem:
        raise files.GatewayError(f"{place} has something beside blocks {kind}, or none at all; {files.ASK}")
    for der in found if kind == CERTIFICATE else ():  # what a list holds is seen where it is read
        if _openssl("x509", "-inform", "DER", "-outform", "DER", given=der) != der:
            raise files.GatewayError(f"{place} holds a block that is more than a {kind}; {files.ASK}")
    return found


def _lines(der: bytes) -> bytes:
    """Base64 in lines of 64, as PEM has it (RFC 7468, 2)."""
    text = base64.b64encode(der)
    return b"".join(text[start : start + 64] + b"\n" for start in range(0, len(text), 64))


def _openssl(*words: str, given: bytes) -> bytes:
    answer = subprocess.run(["openssl", *words], input=given, capture_output=True, check=False)
    if answer.returncode:
        why = answer.stderr.decode(errors="replace").strip()
        raise files.GatewayError(f"`openssl {words[0]}` cannot read what the gateway was given: {why}; {files.ASK}")
    return answer.stdout
