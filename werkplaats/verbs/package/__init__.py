"""One archive from which an administrator installs suite and station on a server that reaches no other machine.

make    gather suite, packages, engine, station image, Debian packages and publication of a network into an archive,
        with a manifest and a parts list, and the small installer beside it
sign    look at all of an archive, and sign its manifest with one release holder's key; as many as sign a release must
show    what an archive is, what is in it, and which release holders signed
check   do all that the installer does before it changes anything, and read the publication as stations do; its image
        is to be that of the release that the publication names

The same inputs make the same bytes: who trusts nobody makes it again and compares. No server is asked or changed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from base import errors
from publication import publication
from werkplaats.operations.home import keyfiles
from werkplaats.operations.package import install, place, signatures
from werkplaats.operations.package import make as making
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action and what it needs."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    makes = actions.add_parser("make", help="make the archive of a network")
    common.network_argument(makes)
    makes.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="where archive and installer are to lie"
    )
    makes.add_argument("--pieces", type=_megabytes, metavar="MB", help="in pieces of at most so many MB each")
    makes.add_argument("--suite", type=Path, metavar="FILE", help="the suite as one file (default: of this checkout)")
    makes.add_argument("--wheels", type=Path, metavar="FOLDER", help="take Python packages from here, and ask no index")
    makes.add_argument("--number", type=_number, metavar="N", help="its number, to make again what another made")
    signs = actions.add_parser("sign", help="look at an archive, and sign it")
    signs.add_argument("--key", required=True, type=Path, metavar="KEY", help="the holder's key, of `release key`")
    shows = actions.add_parser("show", help="what an archive is, and who signed it")
    checks = actions.add_parser("check", help="check all of an archive, as the installer does")
    checks.add_argument(
        "--root",
        required=True,
        type=install.heard,
        metavar="sha256:…",
        help="the root, as one of its holders reads it out",
    )
    for one in (signs, shows, checks):
        one.add_argument("file", type=Path, metavar="FILE", help="the archive, or one of its pieces")
    common.yes_argument(signs)
    common.json_argument(shows)


def _megabytes(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError("give 1 to 100000 (MB)")
    return int(text)


def _number(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a number is 1 or more")
    return int(text)


def run(given: argparse.Namespace) -> int:
    """Do one of them."""
    try:
        match given.action:
            case "make":
                return _make(given)
            case "sign":
                return _sign(given)
            case "show":
                return _show(given)
        return _check(given)
    except install.RefusedError as error:
        raise errors.RefusedError(str(error)) from error


def _make(given: argparse.Namespace) -> int:
    network = named.find(given)
    inputs = making.Given(given.suite, given.wheels, given.number)
    with network.vault.lock("package make"):
        made = making.make(network, given.to, inputs, _say, given.pieces)
    print("\n".join(_words(made.archive)))
    print(f"{', '.join(path.name for path in made.pieces)}: {made.size / 1e6:.0f} MB, in {given.to}")
    print(f"{making.INSTALLER.name}: sha256 {making.installer_digest()}; administrators are read this by telephone")
    print(f"each release holder signs it: werkplaats package sign {made.archive.path} --key KEY")
    return errors.DONE


def _words(archive: install.Archive) -> list[str]:
    said = archive.manifest
    return [
        f"archive {said['number']} of {said['network']}: suite {said['suite']}, release {said['release']}, "
        f"publication {said['publication']}",
        f"the root that it names is {said['root']}",
        f"{len(archive.files)} files, all of them by manifest sha256:{archive.digest}",
    ]


def _whole(archive: install.Archive) -> None:
    """Raise RefusedError where a file is another one than the manifest names."""
    for name in archive.files:
        for _ in archive.stream(name):
            pass


def _sign(given: argparse.Namespace) -> int:
    archive = install.Archive(given.file)
    _whole(archive)
    print("\n".join(_words(archive)))
    common.confirm("is this what was agreed, and do you sign it?", yes=given.yes)
    signatures.sign(archive, keyfiles.signer(given.key))
    print(_counted(archive))
    return errors.DONE


def _counted(archive: install.Archive) -> str:
    held, many = signatures.holders(archive)
    found = signatures.signed(archive)
    by = f": {', '.join(found)}" if found else ""
    return f"signed by {len(found)} of {len(held)} release holders, of whom {many} must{by}"


def _show(given: argparse.Namespace) -> int:
    archive = install.Archive(given.file)
    if given.json:
        common.print_json({**archive.manifest, "signed_by": signatures.signed(archive)})
        return errors.DONE
    print("\n".join(_words(archive)))
    for name, one in archive.files.items():
        print(f"  {one.size:>10} {one.sha256} {name}")
    print(_counted(archive))
    print("check it with the root, as one of its holders reads it to you: werkplaats package check")
    return errors.DONE


def _check(given: argparse.Namespace) -> int:
    archive = install.Archive(given.file)
    network = str(archive.manifest.get("network"))
    found = install.checked(archive, network, given.root)
    _whole(archive)
    with tempfile.TemporaryDirectory() as folder:
        for name in archive.files:
            if name.startswith(("image/", "network/publication/")):
                archive.copy(name, Path(folder))
        published = publication.read(Path(folder) / "network" / "publication", network, root=given.root)
        place.require_image(Path(folder) / "image", published)
    print("\n".join(_words(archive)))
    print(f"all of it is as the manifest says, which {len(found)} release holders signed: {', '.join(sorted(found))}")
    return errors.DONE


def _say(text: str) -> None:
    print(text, file=sys.stderr)
