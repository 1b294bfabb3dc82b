"""What the publication of a federation says: who its members are, and what its CA signed for theirs.

A federation refers to regional networks and never copies them: their stations, keys and lists are in their own
publications, each read under its own root. Here is no more than what makes another region's CA one that can be
followed: its cross-certificate, of the same name and key, constrained to that region's names as its own certificate is.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509

from base import errors
from network_topology import model, tables
from network_topology.federations import rules
from network_topology.federations.model import Federation
from publication import parts, profile, publication, trust, verified
from publication.whole import ASK, Holders, RootHolders, Whole

Crossed = Mapping[str, tuple[x509.Certificate, ...]]
"""Member → what a federation's CA signed for its CA; two while one of the member's takes the place of the other."""


@dataclasses.dataclass(frozen=True)
class Federated:
    """The publication of a federation that was read and found right. What it says of its members, they say too or not.

    `lineage` and `ends` are as in `verified.Verified`.
    """

    network: str
    number: int
    published: str
    definition: Federation
    trusted: tuple[trust.Trust, ...]
    crossed: Crossed
    holders: RootHolders
    root_version: int = 1
    lineage: frozenset[str] = frozenset()
    ends: Mapping[str, datetime.datetime] = dataclasses.field(default_factory=dict)
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)
    """Whom these name is seen with the definitions of its members, and held to the rules then."""
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)

    @property
    def root(self) -> str:
        """The fingerprint of its root: what people read to each other."""
        return self.holders.fingerprint(self.network)


def read(folder: Path, federation: str, moment: datetime.datetime | None = None) -> Federated:
    """What the publication of a federation in a folder says, at the moment (now).

    It is as its own root says, and no more is known of that root here. Raises PublicationError (ExpiredError,
    RevocationError) with the file that is not right.
    """
    return publication.read_as(verify, folder, federation, moment=moment).verified


def verify(whole: Whole, moment: datetime.datetime) -> Federated:
    """What it says, each part held to its rules, cross-certificates to the CA. Raises PublicationError."""
    if isinstance(whole.holders, Holders):
        raise errors.PublicationError(
            f"{whole.place} is the publication of a regional network, not a federation's", ASK
        )
    definition = verified.defined(whole, Federation, rules.require_alone)
    parts.require_holders(whole, definition)
    trusted = parts.trusted(whole, moment, profile.FEDERATION)
    return Federated(
        whole.network,
        whole.number,
        whole.published,
        definition,
        trusted,
        _crossed(whole, definition, trusted),
        whole.holders,
        whole.root_version,
        whole.lineage,
        whole.ends,
        verified.asked(whole, lambda *_: None),
        verified.figures(whole),
    )


def _crossed(whole: Whole, definition: Federation, trusted: Sequence[trust.Trust]) -> Crossed:
    found: dict[str, tuple[x509.Certificate, ...]] = {}
    owners: dict[str, str] = {}
    for member, name in parts.named(whole, "members"):
        place = whole.place / name
        if member not in definition.members:
            raise errors.PublicationError(f"{place} is of {member}, which is no member of {whole.network}", ASK)
        try:
            found[member] = tuple(profile.certificates(parts.content(whole, name), trust.MOST))
        except ValueError as error:
            raise errors.PublicationError(f"{place} is no certificate of a CA: {error}", ASK) from error
        for one in found[member]:
            if fault := _fault(one, member, trusted):
                raise errors.PublicationError(f"{place} {fault}", ASK)
            key = profile.key_of(one)
            if owners.setdefault(key, member) != member:
                raise errors.PublicationError(f"{place} has the key of the CA of {owners[key]}", ASK)
    return found


def _fault(one: x509.Certificate, member: str, trusted: Sequence[trust.Trust]) -> str:
    """What is wrong with a cross-certificate, as the end of a sentence; "" when nothing is. Dates are not looked at."""
    by = next((each for each in trusted if each.authority.subject == one.issuer), None)
    if by is None:
        return f"is signed by {one.issuer.rfc4514_string()}, which is none of its CAs"
    if by.revocations.get_revoked_certificate_by_serial_number(one.serial_number):
        return "was revoked"
    return profile.cross_fault(one, by.authority, member)
