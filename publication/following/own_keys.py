"""The public parts of the keys on a server, as they came from there, and whether a publication speaks of these."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization

from base import errors, values
from network_topology import names
from publication import identity, verified
from publication.following import requests

REQUEST = "/etc/werkplaats/identity/request.pem"
STATEMENT_KEY = "/etc/werkplaats/identity/statement.pub"
FILES = (REQUEST, STATEMENT_KEY, requests.STATEMENT)
_BEGINS, _KEY_BEGINS, _KEY_ENDS = "-----BEGIN", "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----\n"


def split(text: str) -> tuple[str, str]:
    """What a server says of a document and then of FILES, in two: its document, and the rest."""
    document, begins, keys = ("\n" + text).partition("\n" + _BEGINS)
    return document.removeprefix("\n"), begins.removeprefix("\n") + keys


def asked(network: str, organisation: str, text: str) -> identity.Request:
    """The request that the contents of FILES are; raises RequestError when they are none."""
    pem, begins, rest = text.partition(_KEY_BEGINS)
    key, ends, signed = rest.partition(_KEY_ENDS)
    return requests.request(network, organisation, pem, _raw(begins + key + ends), _statement(organisation, signed))


def require(published: verified.Verified, organisation: str, text: str) -> None:
    """Raise AcceptanceError where the published identity of an organisation is not of the keys on its own server.

    A server that has no keys yet has nothing to compare. Raises RequestError where what it has is no request.
    """
    one = published.identities.get(organisation)
    if one is None or not text:
        return
    network, here = names.home(published.network, organisation)
    own = asked(network, here, text)
    # Its statement key signed the published one too: the server renewed its gateway key, and has the one before still.
    renews = one.statement_key == own.statement_key and _renews(text) <= one.statement.serial < own.statement.serial
    if own.fingerprint != one.fingerprint and not renews:
        raise errors.AcceptanceError(
            f"WARNING: the identity of {organisation} in publication {published.number} is {one.fingerprint}, and the "
            f"keys on its own server are {own.fingerprint}: either the server got new keys, or whoever holds the CA "
            "gave its name to others",
            "install nothing of it and ring the coordinator up; where the keys are new, have them approved: "
            f"werkplaats trust request {network} --only {here}",
        )


def _renews(text: str) -> int:
    """The number of the gateway key that the server keeps until the new one has a certificate; above all, of none."""
    said = values.parsed(text.partition(_KEY_ENDS)[2])
    number = said.get("renews") if isinstance(said, dict) else None
    return number if isinstance(number, int) else identity.HIGHEST


def _statement(organisation: str, text: str) -> identity.Statement:
    try:
        said = values.parsed(text)
        return identity.Statement(serial=said["serial"], signature=said["signature"])
    except (ValueError, TypeError, KeyError) as error:  # pydantic's ValidationError is a ValueError
        raise errors.RequestError(
            f"the statement of the gateway key on the server of {organisation} cannot be read",
            f"make it anew there: remove {requests.STATEMENT} and run the role station_identity",
        ) from error


def _raw(pem: str) -> str:
    """The base64 of the raw bytes of a public statement key; "" of what is none, which the request then refuses."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        again = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        return ""
    return base64.b64encode(raw).decode() if again == pem.encode() else ""
