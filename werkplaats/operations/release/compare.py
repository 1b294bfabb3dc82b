"""What differs between two releases, in the words of whoever has to decide about the second one."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import errors, values
from network_topology import model
from werkplaats.operations.release import find

NO_CVES = "no offline source of CVEs is kept here: nobody looked up which ones the changed packages have or repair"
_PURL = re.compile(r"pkg:(?P<kind>deb|pypi)/")


@dataclasses.dataclass(frozen=True)
class Changes:
    """Names that came, went, or have another value: (before, after)."""

    added: dict[str, Any]
    removed: dict[str, Any]
    changed: dict[str, tuple[Any, Any]]

    @classmethod
    def between(cls, one: Mapping[str, Any], other: Mapping[str, Any]) -> Changes:
        """From one mapping to the other."""
        return cls(
            {name: other[name] for name in sorted(other.keys() - one.keys())},
            {name: one[name] for name in sorted(one.keys() - other.keys())},
            {name: (one[name], other[name]) for name in sorted(one.keys() & other.keys()) if one[name] != other[name]},
        )


@dataclasses.dataclass(frozen=True)
class Difference:
    """Two releases, the first the one that there is. `packages` is None where a parts list is not here."""

    one: model.Release
    other: model.Release
    packages: Changes | None
    unknown: str = ""
    """Why packages are not known."""

    @property
    def analyses(self) -> Changes:
        """Name → version."""
        return Changes.between(*(dict(name.split("/") for name in each.analyses) for each in (self.one, self.other)))

    @property
    def formats(self) -> Changes:
        """File → version of its format."""
        return Changes.between(self.one.formats, self.other.formats)

    @property
    def common(self) -> list[int]:
        """The session protocols that both speak."""
        return sorted({*self.one.protocols} & {*self.other.protocols})

    def sections(self) -> list[tuple[str, list[str]]]:
        """Headings and lines for people."""
        return [
            ("upgrade", [self._upgrade()]),
            ("session protocols", self._protocols()),
            ("analyses", self._analyses() or ["the same"]),
            ("what stations keep", self._formats() or ["in the same formats"]),
            ("packages", self._packages()),
            ("security fixes", [*self.other.security_fixes] or ["none is named"]),
            ("CVEs", [NO_CVES]),
            ("breaking", self._breaking() or ["nothing is named"]),
            ("image", [self._image()]),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "from": self.one.release,
            "to": self.other.release,
            "may_upgrade": self.one.release in self.other.may_upgrade_from,
            "protocols": {"from": [*self.one.protocols], "to": [*self.other.protocols], "common": self.common},
            "analyses": dataclasses.asdict(self.analyses),
            "formats": dataclasses.asdict(self.formats),
            "packages": dataclasses.asdict(self.packages) if self.packages else None,
            "security_fixes": [*self.other.security_fixes],
            "cves": None,
            "breaking": [one.model_dump() for one in self.other.breaking],
            "image_id": {"from": self.one.image_id, "to": self.other.image_id},
        }

    def _upgrade(self) -> str:
        one, other = self.one.release, self.other.release
        if one in self.other.may_upgrade_from:
            return f"a station may go from {one} to {other}, and back"
        if other in self.one.may_upgrade_from:
            return f"this is the way back from {one}, which a station may take"
        known = ", ".join(self.other.may_upgrade_from) or "none"
        return f"no station may go from {one} to {other} at once; to {other} one may go from: {known}"

    def _protocols(self) -> list[str]:
        if self.one.protocols == self.other.protocols:
            return [f"both speak {_numbers(self.one.protocols)}"]
        line = f"{self.other.release} speaks {_numbers(self.other.protocols)}, {self.one.release} "
        line += _numbers(self.one.protocols)
        if not self.common:
            return [line, "none is common: stations of one cannot compute with stations of the other"]
        return [line, f"stations of both compute together by {max(self.common)}"]

    def _analyses(self) -> list[str]:
        if silent := self._silent("analyses"):
            return [silent]
        found = self.analyses
        lines = [f"{name}/{version} is new" for name, version in found.added.items()]
        lines += [
            f"{name}/{version} is gone: questions on it can be asked no more" for name, version in found.removed.items()
        ]
        return lines + [
            f"{name}/{there} instead of {name}/{here}: questions on {name}/{here} are to be agreed anew, and stations "
            "of both releases cannot compute it together"
            for name, (here, there) in found.changed.items()
        ]

    def _formats(self) -> list[str]:
        if silent := self._silent("formats"):
            return [silent]
        found = self.formats
        lines = [f"{name} is new, in format {version}" for name, version in found.added.items()]
        lines += [f"{name} is kept no more" for name in found.removed]
        for name, (here, there) in found.changed.items():
            way = "is written anew on the way, and again on the way back" if there > here else "goes back"
            lines.append(f"{name} {way}: format {there} instead of {here}")
        return lines

    def _silent(self, field: str) -> str:
        """What is said where one of them is of before releases said this."""
        silent = [each.release for each in (self.one, self.other) if not getattr(each, field)]
        return f"not known: {' and '.join(silent)} does not say it" if silent else ""

    def _packages(self) -> list[str]:
        if self.packages is None:
            return [self.unknown]
        lines = [f"{name} {there} instead of {here}" for name, (here, there) in self.packages.changed.items()]
        lines += [f"{name} {version} is new" for name, version in self.packages.added.items()]
        lines += [f"{name} {version} is gone" for name, version in self.packages.removed.items()]
        return lines or ["the same, in the same versions"]

    def _breaking(self) -> list[str]:
        return [f"This only affects you if {one.affects}: {one.do}" for one in self.other.breaking]

    def _image(self) -> str:
        if self.one.image_id == self.other.image_id:
            return f"the same, {self.one.image_id}"
        return f"{self.other.image_id} instead of {self.one.image_id}"


def compare(one: find.Found, other: find.Found) -> Difference:
    """From one release to the other. Raises RefusedError where a parts list is none."""
    if one.parts and other.parts:
        return Difference(one.release, other.release, Changes.between(_listed(one.parts), _listed(other.parts)))
    without = " and ".join(each.name for each in (one, other) if each.parts is None)
    return Difference(
        one.release, other.release, None, f"not known: the parts list of {without} is not on this machine"
    )


def _listed(place: Path) -> dict[str, str]:
    """Each package of a parts list: name → version. Our own runtime is none."""
    try:
        parts = values.mapping(place.read_bytes())["components"]
        return {str(one["name"]): str(one["version"]) for one in parts if _PURL.match(one["purl"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.RefusedError(
            f"{place} is no parts list: {error}", "remove its folder, and build the release again"
        ) from error


def _numbers(protocols: tuple[int, ...]) -> str:
    return json.dumps([*protocols])[1:-1]
