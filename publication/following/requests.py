"""The request of an organisation, from the files of its server: its keys, and that each belongs to the other."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from base import errors
from publication import identity, profile

LARGEST_REQUEST = 16 * 1024
STATEMENT = "/etc/werkplaats/identity/statement.json"


def request(
    network: str, organisation: str, request_pem: str, statement_key: str, statement: identity.Statement
) -> identity.Request:
    """Make the request of an organisation from the files of its server; raises RequestError when it is no good one."""
    key = requested_key(request_pem, f"the request of {organisation}")
    statement_key = identity.checked_statement_key(statement_key, f"the request of {organisation}")
    made = identity.Request(
        network=network,
        organisation=organisation,
        statement_key=statement_key,
        statement=statement,
        fingerprint=identity.fingerprint(network, organisation, key, statement_key),
        request_pem=request_pem,
    )
    require_signed(made, key, f"the request of {organisation}")
    return made


def requested_key(pem: str, place: str) -> ec.EllipticCurvePublicKey:
    """The public key of a request: all that is ever taken from it. Its names and extensions are not even looked at."""
    remedy = "make key and request anew on the server, with the role station_identity"
    if len(pem) > LARGEST_REQUEST:
        raise errors.RequestError(f"{place} is larger than {LARGEST_REQUEST} bytes", remedy)
    try:
        asked = x509.load_pem_x509_csr(pem.encode())
        key = profile.p256(asked.public_key())
        valid = asked.is_signature_valid
        alone = asked.public_bytes(serialization.Encoding.PEM) == pem.encode()
    except Exception as error:  # a parser of hostile bytes: whatever it stops for, the request is no good
        raise errors.RequestError(f"{place} cannot be taken: {error}", remedy) from error
    if not valid:
        raise errors.RequestError(f"{place} is not signed with the key that it asks for", remedy)
    if not alone:
        raise errors.RequestError(f"{place} has something beside the request, or around it", remedy)
    return key


def require_signed(asked: identity.Request, key: ec.EllipticCurvePublicKey, place: str) -> None:
    """Raise RequestError unless the statement key of a request signed the gateway key of it."""
    if not identity.signed(asked.network, asked.organisation, key, asked):
        raise errors.RequestError(
            f"{place} has a gateway key that its statement key did not sign",
            "make the request anew on the server, with the role station_identity",
        )
