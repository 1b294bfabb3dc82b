"""Releases of the station image: described under a version, built, compared, rebuilt by who trusts nobody, signed.

build    build the image of VERSION, as its file under releases/ describes it; --pin writes what was built into that
         file, once and for ever: a definition may name the release from then on
show     what a release is, and whether its image is on this machine
diff     what differs from release A to release B: who may upgrade, protocols, analyses, formats, packages, what breaks
verify   build it again, apart, from pinned packages, and compare every byte with what is pinned, published or given;
         exit code 1 and the parts that differ where it is another one
key      make a release holder's key, or name one on a token; its public half goes to the coordinator
sign     look at the release that waits for the release holders of a network, and sign it with one key

A release is named by its version, by `dev` for the one of this checkout, or by the path of a release.json, as it lies
beside an image, waits for holders or is published. No server is asked or changed by any of them. To build a source runs
code of it, to ask it for its protocols, analyses and formats.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from base import errors
from station_image.builder import images
from werkplaats.operations.home import places
from werkplaats.operations.release import build, compare, find, rebuild
from werkplaats.verbs import common, named
from werkplaats.verbs.trust import signing


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action and what it needs."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    builds = actions.add_parser("build", help="build the image of a release")
    builds.add_argument("release", metavar="VERSION", help="as in 1.0.0, or dev")
    builds.add_argument("--pin", action="store_true", help="write what was built into the release's file")
    shows = actions.add_parser("show", help="say what a release is")
    differs = actions.add_parser("diff", help="say what differs between two releases")
    verifies = actions.add_parser("verify", help="build it again and compare every byte")
    for action in (shows, verifies):
        action.add_argument("release", metavar="VERSION|FILE", help="a version, dev, or the path of a release.json")
    differs.add_argument("one", metavar="A", help="the release that there is: a version, dev, or a release.json")
    differs.add_argument("other", metavar="B", help="the one that may come, likewise")
    for action in (shows, differs, verifies):
        common.json_argument(action)
    for action in (builds, verifies):
        action.add_argument(
            "--source",
            type=Path,
            default=images.SOURCE,
            metavar="FOLDER",
            help="the checkout with station_image/ that it is built from (default: this one)",
        )
    signing.arguments(actions, signing.RELEASE)


def run(given: argparse.Namespace) -> int:
    """Do one of them."""
    if given.action in signing.ACTIONS[signing.RELEASE]:
        network = named.find(given)
        with network.vault.lock(f"release {given.action}"):
            return signing.run(given, network)
    home = places.home(given.home)
    match given.action:
        case "build":
            return _build(given, home)
        case "show":
            return _show(given, home)
        case "diff":
            return _diff(given, home)
    return _verify(given, home)


def _build(given: argparse.Namespace, home: places.Home) -> int:
    image = build.build(given.release, home, _say, source=given.source.absolute(), build=images.BUILD)
    if given.pin and (written := build.pin(image, home)):
        print(f"{written} says now what release {given.release} is; commit it: it never changes")
    print(f"release {given.release} is image {image.image_id}")
    print(f"it is in {image.folder}")
    return errors.DONE


def _show(given: argparse.Namespace, home: places.Home) -> int:
    found = find.find(given.release, home, images.BUILD)
    if given.json:
        common.print_json(found.document)
        return errors.DONE
    release = found.release
    rows = {
        "described in": [str(found.where)],
        "image": [release.image_id],
        "from source": [release.source or "not said"],
        "session protocols": [", ".join(map(str, release.protocols))],
        "analyses": [", ".join(release.analyses) or "not said"],
        "what stations keep": [f"{name}, format {one}" for name, one in release.formats.items()] or ["not said"],
        "may be upgraded from": [", ".join(release.may_upgrade_from) or "no other release"],
        "security fixes": [*release.security_fixes] or ["none is named"],
        "breaking": [f"This only affects you if {one.affects}: {one.do}" for one in release.breaking] or ["nothing"],
    }
    print(f"release {found.name}")
    _print(rows.items())
    print(_where(found))
    return errors.DONE


def _where(found: find.Found) -> str:
    if found.image is None:
        return f"its image is not on this machine: werkplaats release build {found.name}"
    return found.image.altered(found.document) or f"its image is in {found.image.folder}"


def _diff(given: argparse.Namespace, home: places.Home) -> int:
    difference = compare.compare(*(find.find(name, home, images.BUILD) for name in (given.one, given.other)))
    if given.json:
        common.print_json(difference.as_dict())
        return errors.DONE
    print(f"from release {difference.one.release} to release {difference.other.release}")
    _print(difference.sections())
    return errors.DONE


def _verify(given: argparse.Namespace, home: places.Home) -> int:
    found = find.find(given.release, home, images.BUILD)
    wrong = rebuild.rebuild(found, home, _say, source=given.source.absolute())
    if given.json:
        common.print_json({"release": found.name, "image_id": found.release.image_id, "differs": wrong})
    elif wrong:
        print(f"release {found.name}: {found.where} is not what {given.source} is built to:")
        for one in wrong:
            print(f"  {one}")
        print("sign and accept nothing of it; where this is the checkout of another release, name its own: --source")
    else:
        print(f"release {found.name}: {found.where} is, byte for byte, what {given.source} is built to")
        print(f"image {found.release.image_id}")
    return errors.FOUND if wrong else errors.DONE


def _print(sections: Iterable[tuple[str, list[str]]]) -> None:
    for heading, lines in sections:
        print(f"{heading}:")
        for line in lines:
            print(f"  {line}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
