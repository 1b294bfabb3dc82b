"""Publishing: what the coordinator's records say, as the files that every member may read."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import canonical, errors
from network_topology import model, tables
from publication import publication, revocations, verified
from publication.repository import Whole
from werkplaats.operations.coordinator import approval, repository, revocation
from werkplaats.operations.coordinator.authority import Authority


def publish(
    folder: Path,
    definition: model.Definition,
    releases: Mapping[str, Mapping[str, Any]],
    authority: Authority,
    moment: datetime.datetime | None = None,
    asked: Mapping[str, model.Question] | None = None,
    figures: Mapping[str, tables.Table] | None = None,
) -> verified.Verified:
    """Publish what the records say, with a revocation list in force; where nothing changed, nothing is written.

    `releases` maps name to document, `asked` name to question, `figures` name to table. Raises PublicationError when
    the result is one that readers would refuse.
    """
    moment = moment or canonical.now()
    described = verified.document(definition)
    files = {
        "definition.json": canonical.dump(described),
        "ca.pem": authority.pem,
        "crl.pem": revocations.pem(revocation.current(authority, moment)),
        **{f"identities/{name}.json": canonical.pretty(one) for name, one in _approved(definition, authority).items()},
        **{f"releases/{name}.json": canonical.pretty(one) for name, one in releases.items()},
        **{f"questions/{name}.json": canonical.dump(verified.document(one)) for name, one in (asked or {}).items()},
        **{f"tables/{name}.json": canonical.dump(one.document) for name, one in (figures or {}).items()},
    }
    number = max((int(row["number"]) for row in authority.records.rows("publications")), default=0) + 1
    # Read before it is written: a publication that members would refuse must not take the place of a good one.
    made = verified.verify(Whole(folder, definition.network, number, canonical.stamp(moment), files), moment)
    try:
        existing = publication.read(folder, definition.network, least_number=number - 1, moment=moment)
    except errors.RefusedError:
        existing = None  # none yet, or one that was damaged or is not the newest: this one takes its place
    if existing and dataclasses.replace(existing, number=number, published=made.published) == made:
        return existing
    authority.records.append(
        "publications", number=number, published=made.published, definition=canonical.digest(described)
    )
    repository.write(folder, definition.network, number, files, authority.sign_publication, moment)
    return made


def _approved(definition: model.Definition, authority: Authority) -> dict[str, dict[str, Any]]:
    """The identities of the definition's organisations, without those whose certificate was revoked."""
    found: dict[str, dict[str, Any]] = {}
    revoked = revocation.revoked_serials(authority.records)
    for organisation in definition.stations:
        one = approval.find(authority.records, organisation)
        if one and f"{one.station_certificate.serial_number:x}" not in revoked:
            found[organisation] = one.model_dump()
    return found
