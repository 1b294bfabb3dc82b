"""What differs between two releases, in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from base import errors
from network_topology import model
from tests.publication.published import release
from werkplaats.operations.release import compare, find

ONE: dict[str, Any] = {
    **release("1.0.0"),
    "analyses": ["descriptive/1", "hotspots/1", "old/1"],
    "formats": {"register/register.jsonl": 1, "state/gone.json": 1, "state/runs.json": 3},
}
OTHER: dict[str, Any] = {
    **release("1.1.0", "1"),
    "protocols": [2, 3],
    "analyses": ["descriptive/1", "hotspots/2", "survival/1"],
    "formats": {"register/register.jsonl": 1, "state/new.json": 1, "state/runs.json": 4},
    "may_upgrade_from": ["1.0.0"],
    "security_fixes": ["CVE-2026-0001: a peer could stop a session"],
    "breaking": [{"affects": "you read state/runs.json", "do": "read format 4"}],
}
PARTS = {"zlib1g": "1:1.3-1", "libssl3t64": "3.5.1-1", "libold": "1"}


def parts(path: Path, packages: dict[str, str]) -> Path:
    own = {"name": "station-runtime", "version": "x", "purl": "pkg:generic/station-runtime@x"}
    listed = [{"name": name, "version": one, "purl": f"pkg:deb/debian/{name}@{one}"} for name, one in packages.items()]
    path.write_text(json.dumps({"components": [*listed, own]}))
    return path


def found(document: dict[str, Any], listed: Path | None = None) -> find.Found:
    read = model.Release.model_validate_json(json.dumps(document))
    return find.Found(read, Path("release.json"), parts=listed)


def told(difference: compare.Difference) -> str:
    return "\n".join(f"{heading}: {line}" for heading, lines in difference.sections() for line in lines)


def test_every_difference_is_said_in_words(tmp_path: Path) -> None:
    newer = PARTS | {"libssl3t64": "3.5.4-1", "libnew": "2"}
    del newer["libold"]
    one, other = parts(tmp_path / "one", PARTS), parts(tmp_path / "other", newer)
    assert (
        told(compare.compare(found(ONE, one), found(OTHER, other)))
        == f"""\
upgrade: a station may go from 1.0.0 to 1.1.0, and back
session protocols: 1.1.0 speaks 2, 3, 1.0.0 2
session protocols: stations of both compute together by 2
analyses: survival/1 is new
analyses: old/1 is gone: questions on it can be asked no more
analyses: hotspots/2 instead of hotspots/1: questions on hotspots/1 are to be agreed anew, and stations of \
both releases cannot compute it together
what stations keep: state/new.json is new, in format 1
what stations keep: state/gone.json is kept no more
what stations keep: state/runs.json is written anew on the way, and again on the way back: format 4 instead of 3
packages: libssl3t64 3.5.4-1 instead of 3.5.1-1
packages: libnew 2 is new
packages: libold 1 is gone
security fixes: CVE-2026-0001: a peer could stop a session
CVEs: no offline source of CVEs is kept here: nobody looked up which ones the changed packages have or repair
breaking: This only affects you if you read state/runs.json: read format 4
image: sha256:{"1" * 64} instead of sha256:{"0" * 64}"""
    )


def test_the_same_for_programs(tmp_path: Path) -> None:
    one, other = (parts(tmp_path / name, {"zlib1g": version}) for name, version in (("one", "1"), ("other", "2")))
    document = compare.compare(found(ONE, one), found(OTHER, other)).as_dict()
    assert json.loads(json.dumps(document)) == {
        "from": "1.0.0",
        "to": "1.1.0",
        "may_upgrade": True,
        "protocols": {"from": [2], "to": [2, 3], "common": [2]},
        "analyses": {"added": {"survival": "1"}, "removed": {"old": "1"}, "changed": {"hotspots": ["1", "2"]}},
        "formats": {
            "added": {"state/new.json": 1},
            "removed": {"state/gone.json": 1},
            "changed": {"state/runs.json": [3, 4]},
        },
        "packages": {"added": {}, "removed": {}, "changed": {"zlib1g": ["1", "2"]}},
        "security_fixes": OTHER["security_fixes"],
        "cves": None,
        "breaking": OTHER["breaking"],
        "image_id": {"from": ONE["image_id"], "to": OTHER["image_id"]},
    }


def test_the_way_back_is_said_to_be_one() -> None:
    lines = told(compare.compare(found(OTHER), found(ONE)))
    assert "upgrade: this is the way back from 1.1.0, which a station may take" in lines
    assert "state/runs.json goes back: format 3 instead of 4" in lines


def test_what_cannot_meet_and_what_may_not_be_jumped_is_said() -> None:
    far = {**OTHER, "release": "2.0.0", "protocols": [3], "may_upgrade_from": ["1.1.0"]}
    lines = told(compare.compare(found(ONE), found(far)))
    assert "no station may go from 1.0.0 to 2.0.0 at once; to 2.0.0 one may go from: 1.1.0" in lines
    assert "none is common: stations of one cannot compute with stations of the other" in lines


def test_what_a_release_of_before_does_not_say_is_not_known() -> None:
    lines = told(compare.compare(found(release("0.9.0")), found(OTHER)))
    assert "what stations keep: not known: 0.9.0 does not say it" in lines
    assert "packages: not known: the parts list of 0.9.0 and 1.1.0 is not on this machine" in lines
    assert "is new" not in lines, "nobody knows which analyses it had"


def test_one_release_differs_from_itself_in_nothing(tmp_path: Path) -> None:
    one = found(ONE, parts(tmp_path / "one", PARTS))
    lines = told(compare.compare(one, one))
    for line in ("both speak 2", "analyses: the same", "in the same formats", "the same, in the same versions"):
        assert line in lines


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"components": [1]}', '{"components": [{"purl": "pkg:deb/x"}]}'])
def test_a_parts_list_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sbom.cdx.json"
    path.write_text(content)
    with pytest.raises(errors.RefusedError, match=r"is no parts list: .*build the release again"):
        compare.compare(found(ONE, path), found(OTHER, path))
