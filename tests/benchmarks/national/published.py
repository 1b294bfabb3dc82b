"""The federation of the whole country and its regional networks, published as their coordinators do, with all keys.

Every organisation has keys of its own and a certificate of the CA of its region; the federation's CA certifies those.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from pathlib import Path
from unittest import mock

from base import canonical
from network_topology import check, context, load, names
from network_topology.federations import country
from network_topology.federations.model import Federation
from publication.federations import federated, joint, members
from publication.whole import Consent
from tests.harness import coordinator
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import federating
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.home import networks, places

LARGEST = 25
"""Networks, and organisations of each."""


class Kept(networks.Federation):
    """A federation of which one person plays all root holders."""

    made_here = True


@dataclasses.dataclass
class Published:
    """Folders of publications, and what lies on each server, by reference."""

    folder: Path
    definition: Federation
    keys: dict[str, coordinator.Keys]

    def place(self, network: str) -> Path:
        """Where the publication of a network lies."""
        return self.folder / "publications" / network

    def read(self, kept: Path | None = None) -> joint.Joint:
        """What a reader makes of the federation's publication and those of its members."""
        said = federated.read(self.place(country.NAME), country.NAME)
        return joint.join(said, members.read(said.definition, said.lineage, self.place, canonical.now(), kept))


def made(folder: Path, regions: int = LARGEST, organisations: int = LARGEST) -> Published:
    """Publish the country, or a smaller one."""
    shipped = context.shipped(datetime.date.today())
    known = sorted(shipped.regions.items())[:regions]
    country.write(country.files(dict(known), organisations=organisations), folder / "networks")
    found = check.network(country.NAME, folder / "networks", shipped).federation
    if found is None:
        raise AssertionError("this is no sound federation")
    definition = found.federation
    home = places.Home(folder / "networks", folder / "inventories", folder / "publications")
    (folder / "publications").mkdir()
    with mock.patch.dict(os.environ, {"XDG_STATE_HOME": str(folder / "state")}):
        own = {slug: coordinator.founded(folder, load.find(slug, home.networks)) for slug, _ in known}
        keys = {
            names.reference(slug, organisation): _approved(one, organisation)
            for slug, one in own.items()
            for organisation in one.definition.stations
        }
        roots = {slug: {"root": next(iter(one.roles.lineage()))} for slug, one in own.items()}
        named = {slug: one.model_copy(update=roots[slug]) for slug, one in definition.members.items()}
        definition = definition.model_copy(update={"members": named})
        kept = Kept(definition, {slug: one.definition for slug, one in own.items()}, (), home)
        root = federating.publish(kept, _quietly).root
        for slug, one in own.items():
            _consent(one, Consent(root=root, organisations=tuple(sorted(named[slug].organisations))))
            publishing.publish(folder / "publications" / slug, one.definition, RELEASES, one.authority)
        federating.publish(kept, _quietly)
    return Published(folder, definition, keys)


def _quietly(_: str) -> None:
    return


def _approved(own: coordinator.Coordinator, organisation: str) -> coordinator.Keys:
    keys = coordinator.make_keys()
    own.approve(organisation, keys)
    return keys


def _consent(own: coordinator.Coordinator, said: Consent) -> None:
    """A region's root holders say yes to the federation."""
    held = own.roles
    held.ask(dataclasses.replace(held.wanted(), federations={country.NAME: said}), canonical.now())
    held.settle()
