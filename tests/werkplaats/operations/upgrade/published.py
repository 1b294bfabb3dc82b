"""A network on release 1.0.0 that publishes a later one: what a yes beforehand is held against."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from pathlib import Path
from typing import Any

from network_topology import load, model
from publication import acceptance, verified
from publication.following import applied
from tests.harness import coordinator as coordinators
from tests.publication.published import release
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.reach import windows

SIGNERS = tuple(f"sha256:{digit * 64}" for digit in "abc")
"""Three release holders."""
OPEN, SHUT = (datetime.datetime(2026, 12, 1, hour, 30, tzinfo=datetime.UTC) for hour in (1, 4))
"""On a Tuesday, at half past two and half past five in Amsterdam."""


def of(name: str, image: str, **update: object) -> model.Release:
    found = model.Release.model_validate({**release(name, image), "protocols": (2,), "analyses": ("hotspots/1",)})
    return found.model_copy(update=update)


OLD = of("1.0.0", "1")
PATCH = of("1.0.1", "2", may_upgrade_from=("1.0.0",), security_fixes=("CVE-2026-0001: a peer could keep it waiting",))


def rule(**update: object) -> windows.Rule:
    """Patch releases by the first two of the holders, on Tuesdays."""
    said = {"releases": "patch", "signed_by": SIGNERS[:2], "days": ["tuesday"], "between": "02:00-04:00"}
    return windows.Rule.model_validate({**said, "zone": "Europe/Amsterdam", **update})


@dataclasses.dataclass(frozen=True)
class Region:
    """The network `proeftuin`, of which every server accepted the publication of release 1.0.0."""

    published: verified.Verified
    keys: dict[str, coordinators.Keys]
    coordinator: coordinators.Coordinator
    folder: Path
    """Of the publication."""

    @classmethod
    def founded(cls, folder: Path) -> Region:
        """One with keys and a CA of its own."""
        made = coordinators.founded(folder, load.find("proeftuin", coordinators.NETWORKS))
        definition = made.definition.model_copy(update={"release": "1.0.0"})
        keys = {one: coordinators.make_keys() for one in definition.stations}
        for one in keys:
            made.approve(one, keys[one])
        releases = {"1.0.0": verified.document(OLD)}
        published = publishing.publish(folder / "publication", definition, releases, made.authority)
        return cls(published, keys, made, folder / "publication")

    def copied(self, folder: Path) -> Region:
        """The same in a folder of its own, to be changed there."""
        shutil.copytree(self.folder.parent, folder, symlinks=True, dirs_exist_ok=True)
        own = coordinators.founded(folder, self.coordinator.definition)
        return dataclasses.replace(self, keys=dict(self.keys), coordinator=own, folder=folder / "publication")

    @property
    def accepted(self) -> acceptance.Accepted:
        """What lies on every server."""
        return acceptance.accept(self.published)

    def moving(
        self, to: model.Release = PATCH, earlier: model.Release | None = OLD, **definition: Any
    ) -> verified.Verified:
        """The next publication, while stations move from one release to another, signed by the first two holders."""
        meanwhile = {"upgrading_from": earlier.release, "upgrading_until": datetime.date(2027, 2, 1)} if earlier else {}
        changed = {"release": to.release, **meanwhile, **definition}
        return dataclasses.replace(
            self.published,
            number=self.published.number + 1,
            definition=self.published.definition.model_copy(update=changed),
            releases={one.release: one for one in (to, earlier) if one},
            released_by=frozenset(SIGNERS[:2]),
        )

    def publish(self, to: model.Release = PATCH, **definition: Any) -> verified.Verified:
        """Have it published, signed by both of its release holders."""
        moving = self.moving(to, **definition)
        releases = {name: verified.document(one) for name, one in moving.releases.items()}
        return publishing.publish(self.folder, moving.definition, releases, self.coordinator.authority)

    def judged(
        self, published: verified.Verified, organisation: str = "ggd", accepted: acceptance.Accepted | None = None
    ) -> applied.Applied:
        """What a publication makes of a server."""
        text = applied.text(accepted or self.accepted)
        return applied.judge(published, organisation, text, self.keys[organisation].as_read(organisation))
