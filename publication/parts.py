"""What every publication has, of a regional network or of a federation: its files, CAs and holders, held to rules."""

from __future__ import annotations

import datetime
import re
from typing import Any

from cryptography import x509

from base import canonical, errors, values
from network_topology import model
from publication import profile, revocations, trust
from publication.whole import ASK, FETCH, Whole


def named(whole: Whole, kind: str) -> list[tuple[str, str]]:
    """The files `<kind>/<name>.json` (or .pem), as pairs of name and file."""
    found = ((re.fullmatch(rf"{kind}/([^/]+)\.(?:json|pem)", file), file) for file in whole.files)
    return [(name[1], file) for name, file in found if name]


def content(whole: Whole, name: str) -> bytes:
    """A file that every publication has."""
    if name not in whole.files:
        raise errors.PublicationError(f"{whole.place / name} is missing", FETCH)
    return whole.files[name]


def text(whole: Whole, name: str) -> bytes:
    """The text of a document that can be written again: pydantic takes 1e400 where a model says `Any`."""
    found = content(whole, name)
    try:
        values.mapping(found)
    except ValueError as error:
        raise errors.PublicationError(f"{whole.place / name} is not JSON: {error}", FETCH) from error
    return found


def document(whole: Whole, name: str) -> dict[str, Any]:
    """A document in the one form that is published: of another, two readers could understand two things."""
    found = values.mapping(text(whole, name))
    if canonical.pretty(found) != whole.files[name]:
        raise errors.PublicationError(f"{whole.place / name} is not in the form that is published", FETCH)
    return found


def trusted(whole: Whole, moment: datetime.datetime, tier: profile.Tier = profile.REGION) -> tuple[trust.Trust, ...]:
    """Each CA with its list, which lie in the same order."""
    try:
        authorities = profile.certificates(content(whole, "ca.pem"), trust.MOST)
    except ValueError as error:
        raise errors.PublicationError(f"{whole.place / 'ca.pem'} is not one certificate: {error}", FETCH) from error
    for one in authorities:
        _require_authority(whole, one, tier)
    if len({one.subject for one in authorities}) < len(authorities):
        raise errors.PublicationError(f"{whole.place / 'ca.pem'} has two CAs of one name", ASK)
    lists = revocations.load_all(content(whole, "crl.pem"))
    if len(lists) != len(authorities):
        raise errors.PublicationError(
            f"{whole.place / 'crl.pem'} has {len(lists)} lists, and ca.pem {len(authorities)} CAs", FETCH
        )
    for listed, one in zip(lists, authorities, strict=True):
        revocations.verify(listed, one, moment)
    return tuple(trust.Trust(whole.network, *both) for both in zip(authorities, lists, strict=True))


def _require_authority(whole: Whole, found: x509.Certificate, tier: profile.Tier) -> None:
    if fault := profile.authority_fault(found, whole.network, tier):
        raise errors.PublicationError(f"{whole.place / 'ca.pem'} {fault}", ASK)
    key = profile.key_of(found)
    if key not in whole.authorities:
        raise errors.PublicationError(
            f"{whole.place / 'ca.pem'} has key {key}, which the root holders did not sign for",
            f"{ASK}; where the CA is new, root holders sign for it: werkplaats trust root sign {whole.network}",
        )


def require_holders(whole: Whole, definition: model.Network) -> None:
    """Raise PublicationError where fewer people sign than the definition says that must."""
    for role, wanted in definition.signatures:
        found = getattr(whole.holders, role, None)
        if found is not None and found.threshold < wanted:
            raise errors.PublicationError(
                f"{whole.place}: {found.threshold} of the {role.removesuffix('s')} holders must sign by its metadata, "
                f"and {wanted} by the definition",
                ASK,
            )
