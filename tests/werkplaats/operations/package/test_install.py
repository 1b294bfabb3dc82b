"""One archive onto a fresh server: what is refused before anything of it ran, what is done, and done after a kill."""

from __future__ import annotations

import ast
import datetime
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Targets

from base import errors
from tests.werkplaats.operations.package.archives import WHEEL, Made, Server, rewritten, signed
from tests.werkplaats.verbs.trust.people import NETWORK, People, people
from werkplaats import cli
from werkplaats.operations.package import install, writing

__all__ = ["people"]
REFUSED = 3


class Brought:
    """A signed archive as an administrator has it, with the root that was read out."""

    def __init__(self, to: Path, root: str) -> None:
        self.archive, self.root = to / f"{NETWORK}-1.tar", root


@pytest.fixture
def made(people: People, monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(people, monkeypatch)


@pytest.fixture(scope="module")
def kept() -> list[Brought]:
    return []


@pytest.fixture
def brought(kept: list[Brought], tmp_path: Path, request: pytest.FixtureRequest) -> Brought:
    """A copy of one that was made once, since holders' keys take their time."""
    if not kept:
        whole: Made = request.getfixturevalue("made")
        whole.make()
        whole.sign(0, 1)
        kept.append(Brought(whole.to, whole.root))
    shutil.copytree(kept[0].archive.parent, tmp_path / "stick")
    return Brought(tmp_path / "stick", kept[0].root)


def signatures(archive: Path) -> dict[str, str]:
    return install.Archive(archive).signatures


def left(archive: Path, *numbers: int) -> None:
    """Leave these of its signatures, the first as often as it is named, under ids of its own."""
    there = sorted(signatures(archive).items())
    rows = {f"{there[one][0]}{' ' * count}": there[one][1] for count, one in enumerate(numbers)}
    signed(archive, also=rows)


def changed(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def _file(one: Brought, name: str) -> None:
    changed(one.archive, install.Archive(one.archive).files[name].start)


def _manifest(one: Brought, **fields: object) -> None:
    """Another manifest, with the signatures that there are."""
    rewritten(one.archive, lambda manifest, _: manifest.update(fields))


def _posing(one: Brought) -> None:
    """Somebody's own release holders, in a publication that is the network's but for that."""
    own = [CryptoSigner.generate_ecdsa() for _ in range(2)]

    def change(_: dict[str, Any], contents: dict[str, bytes]) -> None:
        (name,) = (name for name in contents if name.endswith(".targets.json"))
        targets: Metadata[Targets] = Metadata.from_bytes(contents[name])
        assert targets.signed.delegations is not None
        assert targets.signed.delegations.roles is not None
        for signer in own:
            targets.signed.delegations.keys[signer.public_key.keyid] = signer.public_key
        targets.signed.delegations.roles["releases"].keyids = [signer.public_key.keyid for signer in own]
        contents[name] = targets.to_bytes()

    rewritten(one.archive, change)
    signed(one.archive, *own)


def _prolonged(one: Brought) -> None:
    """A newest word that holds for longer than the coordinator said."""

    def change(_: dict[str, Any], contents: dict[str, bytes]) -> None:
        name = f"{install.METADATA}timestamp.json"
        document = json.loads(contents[name])
        document["signed"]["expires"] = "2099-01-01T00:00:00Z"
        contents[name] = json.dumps(document).encode()

    rewritten(one.archive, change)


def _nested(one: Brought) -> None:
    def change(_: dict[str, Any], contents: dict[str, bytes]) -> None:
        contents[f"{install.METADATA}timestamp.json"] = b"[" * 100_000

    rewritten(one.archive, change)


def _twice(one: Brought) -> None:
    """One holder's signature under two names."""
    left(one.archive, 0, 0)


Change = Callable[[Brought], object]
ALTERED: dict[str, tuple[Change, str]] = {
    "a file": (lambda one: _file(one, "suite/datawerkplaats-suite-1.0.0.dev0.pyz"), "was changed, or damaged"),
    "the image": (lambda one: _file(one, "image/image.tar"), "image/image.tar in "),
    "the manifest": (lambda one: changed(one.archive, 600), "is signed by 0 of the 2 release holders|cannot be read"),
    "a number that is higher": (lambda one: _manifest(one, number=9), "is signed by 0 of the 2 release holders"),
    "signed by one of two": (lambda one: left(one.archive, 1), "is signed by 1 of the 2 release holders that must"),
    "signed twice by one of two": (_twice, "is signed by 1 of the 2 release holders that must"),
    "signed by nobody": (lambda one: _beside(one).unlink(), "nobody signed this archive"),
    "signed by strangers": (lambda one: signed(one.archive, *_strangers()), "is signed by 0 of the 2"),
    "holders whom no root names": (_posing, "targets in the publication is signed by 0 of the 2 root holders"),
    "a newest word that the coordinator did not sign": (
        _prolonged,
        "timestamp in the publication is signed by 0 of the 1 keys of the coordinator that must",
    ),
    "a publication that is nested too deep": (_nested, "cannot be read"),
    "a part is missing": (lambda one: _cut(one.archive), "a part of it is missing"),
    "a file more": (
        lambda one: rewritten(one.archive, lambda _, files: files.update(x=b"")),
        "is signed by 0 of the 2",
    ),
    "a name that leads out of its folder": (
        lambda one: _manifest_as_it_is(one, lambda files: files.update({"../x": {"size": 0, "sha256": "0" * 64}})),
        "of another form than this file reads",
    ),
}


def _beside(one: Brought) -> Path:
    return one.archive.with_name(f"{one.archive.name}.signatures")


def _strangers() -> list[CryptoSigner]:
    return [CryptoSigner.generate_ecdsa() for _ in range(2)]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20_000])


def _manifest_as_it_is(one: Brought, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads(install.Archive(one.archive).text)
    change(manifest["files"])
    writing.write(one.archive, manifest, {})


@pytest.mark.parametrize("what", ALTERED)
def test_what_is_not_as_its_holders_signed_it_is_refused_before_anything_of_it_runs(
    brought: Brought, what: str, tmp_path: Path
) -> None:
    change, told = ALTERED[what]
    change(brought)
    server = Server(tmp_path / "server")
    done = server.install(brought.archive, brought.root)
    assert done.returncode == REFUSED, done
    assert any(one in done.stderr for one in told.split("|")), done.stderr
    assert (server.ran, server.there, "\x1b" in done.stderr) == ([], set(), False)


def test_what_was_not_asked_for_is_refused_before_anything_of_it_runs(brought: Brought, tmp_path: Path) -> None:
    server = Server(tmp_path / "server")
    other = f"sha256:{'0' * 64}"
    for root, words, network, told in (
        (brought.root, (), "gerda", "is an archive of 'proeftuin', and gerda was asked"),
        (other, (), NETWORK, f"with another root than {other}, which was told; have it read to you again"),
        (
            brought.root,
            ("--also", "emacs"),
            NETWORK,
            "no package ['emacs'] is in it; there are prometheus-node-exporter",
        ),
    ):
        done = server.install(brought.archive, root, *words, network=network)
        assert (done.returncode, server.ran, server.there) == (REFUSED, [], set()), done
        assert (told in done.stderr, brought.root in done.stderr) == (True, False), "who is shown it compares nothing"
    (server.folder / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    done = server.install(brought.archive, brought.root)
    assert (done.returncode, server.ran) == (REFUSED, [])
    assert "this is debian 12 x86_64; stations run on Debian 13" in done.stderr


def test_all_of_it_comes_in_order_and_the_command_last(brought: Brought, tmp_path: Path) -> None:
    server = Server(tmp_path / "server")
    done = server.install(brought.archive, brought.root)
    assert done.returncode == 0, done
    assert server.ran == ["packages", "suite", "placed"]
    log = server.log.read_text()
    assert "packages Packages haproxy_3.0_amd64.deb" in log
    assert f"suite ['{WHEEL}'] 1" in log
    assert f"placed {NETWORK}" in log
    assert (server.folder / "werkplaats" / "bin" / "python").is_file()
    place = server.folder / "datawerkplaats" / "publications" / NETWORK
    assert f"werkplaats join {place} --organisation ORGANISATION --here\n" in done.stdout
    record = server.record()
    assert (record["number"], record["done"]) == (1, True)
    assert any("installing " in step and "python3-venv" in step and "openssl" not in step for step in record["did"])
    assert not [one for one in server.there if ".work-" in one]
    assert (server.folder / ".local/share/werkplaats/packages/lock").stat().st_mode & 0o777 == 0o600, "nobody holds it"
    again = server.install(brought.archive, brought.root)
    assert (again.returncode, "making " in again.stdout) == (0, False)
    assert server.ran == ["packages", "suite", "placed", "packages", "placed"], "the environment is there already"
    assert server.record()["did"][: len(record["did"])] == record["did"]


@pytest.mark.parametrize("kill", ["packages", "suite", "placed"])
def test_killed_between_two_steps_it_leaves_no_command_and_goes_on(brought: Brought, tmp_path: Path, kill: str) -> None:
    server = Server(tmp_path / "server")
    assert server.install(brought.archive, brought.root, kill=kill).returncode == -9
    assert "werkplaats" not in {one.split("/")[0] for one in server.there}
    assert server.record()["done"] is False
    until = time.monotonic() + 30
    while "another process installs here" in (done := server.install(brought.archive, brought.root)).stderr:
        assert time.monotonic() < until, "what the killed one had started still runs"
    assert done.returncode == 0, done
    assert server.ran[-1] == "placed"
    assert (server.folder / "werkplaats" / ".werkplaats").is_file()
    assert not [one for one in server.there if ".work-" in one], "nor what the killed one had copied"


def test_what_a_disk_or_a_person_ends_is_told_with_how_it_goes_on(
    brought: Brought, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path / "server")
    for error, told in (
        (
            OSError(28, "No space left on device"),
            "No space left on device; once that is mended run the same command again",
        ),
        (KeyboardInterrupt(), "install.py: interrupted; run the same command again, it goes on from here"),
    ):

        def full(*_: object, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            done = server.install(brought.archive, brought.root)
        assert (done.returncode, told in done.stderr) == (errors.HALF_WAY, True), done
    assert server.install(brought.archive, brought.root).returncode == 0


def test_what_a_killed_one_had_started_is_waited_for(brought: Brought, tmp_path: Path) -> None:
    """Else two would make one environment."""
    server = Server(tmp_path / "server")
    (server.folder / "bin" / "sh").write_text(
        '#!/bin/sh\n[ "$KILL" ] || exit 0\nkill -9 $PPID\nwhile [ ! -e "$LOG.end" ]; do sleep 0.1; done\n'
    )
    try:
        assert server.install(brought.archive, brought.root, kill="here").returncode == -9
        done = server.install(brought.archive, brought.root)
    finally:
        Path(f"{server.log}.end").touch()  # else what was started waits for ever
    assert (done.returncode, "another process installs here" in done.stderr) == (REFUSED, True), done


def test_none_older_is_installed_and_no_other_of_the_same_number(made: Made, tmp_path: Path) -> None:
    made.make()
    made.sign(0, 2)
    first = made.archive
    made.people.folder.joinpath("home/publications").touch()
    made.people.run("publish", NETWORK)
    made.suite.write_bytes(made.suite.read_bytes() + b" ")
    made.make()
    made.sign(0, 2)
    assert (first.name, made.archive.name) == (f"{NETWORK}-1.tar", f"{NETWORK}-2.tar")
    made.make("--number", "2", "--suite", str(_with_a_comment(made)), to="elsewhere")
    other = made.people.folder / "elsewhere" / made.archive.name
    made.people.run("package", "sign", str(other), "--key", made.holders[0], "--yes")
    made.people.run("package", "sign", str(other), "--key", made.holders[1], "--yes")
    server = Server(tmp_path / "server")
    assert server.install(first, made.root).returncode == 0
    assert server.install(made.archive, made.root).returncode == 0
    ran, there = server.ran, server.there
    for archive, told in (
        (first, "this is archive 1, and 2 was installed here"),
        (other, "archive 2 was installed here, and had other contents"),
    ):
        for words in ((), ("--check",)):
            done = server.install(archive, made.root, *words)
            assert (done.returncode, server.ran, server.there) == (REFUSED, ran, there), done
            assert told in done.stderr


def test_the_programs_of_another_network_are_not_replaced_and_get_company_in_a_folder_of_their_own(
    brought: Brought, tmp_path: Path
) -> None:
    """Whose archive came last chose which version of the suite the other network was changed by."""
    server = Server(tmp_path / "server")
    command, records = server.folder / "werkplaats", server.folder / ".local/share/werkplaats/packages"
    assert server.install(brought.archive, brought.root).returncode == 0
    other = server.record() | {"network": "gerda", "number": 3}
    (records / f"{NETWORK}.json").unlink()
    (records / "gerda.json").write_text(json.dumps(other))
    assert server.install(brought.archive, brought.root).returncode == 0, "they are the same programs"
    (records / f"{NETWORK}.json").unlink()
    theirs = command.readlink().with_name("venv-of-gerda")
    command.readlink().rename(theirs)
    command.unlink()
    command.symlink_to(theirs)
    there = server.there
    done = server.install(brought.archive, brought.root)
    assert done.returncode == REFUSED
    assert f"{command} has the programs that archive 3 of gerda brought, and those of this archive " in done.stderr
    assert done.stderr.endswith(f"in a folder of its own: --to {command}-{NETWORK}\n")
    assert (server.there, command.readlink()) == (there, theirs)
    own = server.folder / f"werkplaats-{NETWORK}"
    assert server.install(brought.archive, brought.root, "--to", str(own)).returncode == 0
    assert (own.is_symlink(), command.readlink()) == (True, theirs)


def test_those_who_are_release_holders_no_more_sign_for_nobody(made: Made, tmp_path: Path) -> None:
    """What root holders signed once holds for a year: that it is the newest the coordinator says, and nobody else."""
    people, (before,) = made.people, made.people.place.glob("metadata/1.targets.json")
    old, own = before.read_bytes(), [people.key("release", name) for name in "de"]
    people.run("root", "change", NETWORK, *(word for key in own for word in ("--release", f"{key}.pub")))
    people.sign("root", *(str(people.folder / f"root-{name}") for name in "ab"))
    people.run("publish", NETWORK)
    people.sign("release", *own)
    people.run("publish", NETWORK)
    made.make()

    def change(_: dict[str, Any], contents: dict[str, bytes]) -> None:
        del contents[f"{install.METADATA}2.targets.json"]
        contents[f"{install.METADATA}1.targets.json"] = old

    rewritten(made.archive, change)
    made.sign(0, 1)
    server = Server(tmp_path / "server")
    done = server.install(made.archive, made.root)
    assert (done.returncode, server.ran, server.there) == (REFUSED, [], set()), done
    assert "2.targets.json is missing" in done.stderr


def _with_a_comment(made: Made) -> Path:
    path = made.people.folder / "other.pyz"
    path.write_bytes(made.suite.read_bytes() + b"  ")
    return path


def test_the_word_of_the_coordinator_must_hold(brought: Brought, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = install.Archive(brought.archive)
    assert len(install.checked(archive, NETWORK, brought.root)) == 2
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=36)
    clock = SimpleNamespace(datetime=SimpleNamespace(now=lambda _: later), timezone=datetime.timezone)
    monkeypatch.setattr(install, "datetime", clock)
    with pytest.raises(install.RefusedError, match=r"was good until .* \(timestamp\); see that the clock"):
        install.checked(archive, NETWORK, brought.root)


def test_it_is_made_to_the_same_bytes_and_taken_from_pieces(made: Made) -> None:
    told = made.make()
    made.make(to="again")
    assert made.archive.read_bytes() == (made.people.folder / "again" / made.archive.name).read_bytes()
    assert made.archive.with_name("install.py").read_bytes() == Path(install.__file__).read_bytes()
    assert "install.py: sha256 " in told
    with tarfile.open(made.archive) as tar:
        names = tar.getnames()
        assert {(one.mtime, one.uid, one.gid, one.uname) for one in tar} == {(0, 0, 0, "")}
    whole = install.Archive(made.archive)
    assert names == ["manifest.json", *whole.files], "and any tar reads it in the order in which the installer does"
    listed = json.loads(whole.content("sbom.cdx.json"))
    assert {part["name"] for part in listed["components"]} >= {
        "haproxy",
        "tuf",
        "pulumi",
        "datawerkplaats-suite",
        "station",
    }
    size, made_whole = made.archive.stat().st_size, made.archive.read_bytes()
    pieces = writing.split(made.archive, 1)
    assert len(pieces) == -(-size // 1_000_000)
    assert b"".join(piece.read_bytes() for piece in pieces) == made_whole


def test_made_in_another_way_it_lies_there_in_that_way_alone(made: Made) -> None:
    """Else what is read, signed and sent may be what was made before."""
    made.make()
    whole, beside = made.archive, ["install.py"]
    piece = whole.with_name(f"{whole.name}.001")
    for words, there in ((("--pieces", "1"), piece), ((), whole)):
        made.make(*words)
        assert sorted(path.name for path in made.to.iterdir()) == [*beside, there.name]


def test_pieces_are_one_archive_and_a_piece_that_is_missing_is_named(brought: Brought, tmp_path: Path) -> None:
    server, content = Server(tmp_path / "server"), brought.archive.read_bytes()
    pieces = [brought.archive.with_name(f"{brought.archive.name}.{one:03}") for one in (1, 2, 3)]
    third = len(content) // 3 + 1
    for number, piece in enumerate(pieces):
        piece.write_bytes(content[number * third : (number + 1) * third])
    brought.archive.unlink()
    assert server.install(pieces[0], brought.root).returncode == 0
    for piece, told in ((pieces[1], f"{pieces[1]} is not there"), (pieces[2], "a part of it is missing")):
        piece.rename(piece.with_suffix(".away"))
        done = Server(tmp_path / piece.suffix).install(pieces[0], brought.root)
        assert done.returncode == REFUSED
        assert told in done.stderr
        piece.with_suffix(".away").rename(piece)


def another_image(_: dict[str, Any], contents: dict[str, bytes]) -> None:
    contents["image/image.tar"] = b"another image"


def test_a_holder_sees_what_is_signed_and_the_check_is_the_installers_and_the_readers(made: Made) -> None:
    made.make()
    check = ("package", "check", str(made.archive), "--root")
    assert "nobody signed this archive" in made.people.run(*check, made.root, expect=errors.REFUSED)
    told = made.people.run("package", "sign", str(made.archive), "--key", made.holders[0], "--yes")
    assert f"the root that it names is {made.root}" in told, "as whoever signs compares"
    assert "signed by 1 of 3 release holders, of whom 2 must" in told
    assert "signed by 1 of the 2 release holders" in made.people.run(*check, made.root, expect=errors.REFUSED)
    stranger = made.people.key("release", "stranger")
    told = made.people.run("package", "sign", str(made.archive), "--key", stranger, "--yes", expect=errors.REFUSED)
    assert "this is not the key of a release holder" in told
    made.sign(1)
    assert "signed by 2 of 3 release holders" in made.people.run("package", "show", str(made.archive))
    heard = made.root.removeprefix("sha256:").upper()
    assert "which 2 release holders signed" in made.people.run(*check, heard)
    changed(made.archive, install.Archive(made.archive).files["image/image.tar"].start)
    assert "was changed, or damaged" in made.people.run(*check, made.root, expect=errors.REFUSED)
    told = made.people.run(
        "package", "sign", str(made.archive), "--key", made.holders[2], "--yes", expect=errors.REFUSED
    )
    assert "was changed, or damaged" in told, "nobody signs for what is damaged"
    made.make()
    rewritten(made.archive, another_image)
    made.sign(0, 1)
    told = made.people.run(*check, made.root, expect=errors.REFUSED)
    assert "image/image.tar is of no release that the publication names" in told, "nobody signed for one"


def test_a_number_or_a_size_that_none_has_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in ((("--number", "0"), "a number is 1 or more"), (("--pieces", "0"), "give 1 to 100000 (MB)")):
        with pytest.raises(SystemExit) as ended:
            cli.main(["package", "make", NETWORK, "--to", "x", *words])
        assert (ended.value.code, told in capsys.readouterr().err) == (errors.WRONG_USE, True)


def test_what_does_not_belong_together_is_not_made(made: Made) -> None:
    path = made.people.home / "networks" / NETWORK / "network.yml"
    text = path.read_text()
    path.write_text(text.replace("title: ", "title: Another "))
    told = made.make(expect=errors.REFUSED)
    assert f"{path} says something else than publication 1" in told
    path.write_text(text)
    image = made.images / ("5" * 64) / "image.tar"
    image.write_bytes(b"another")
    assert f"{image} was changed after it was built" in made.make(expect=errors.REFUSED)
    image.unlink()
    assert "werkplaats release build dev" in made.make(expect=errors.WRONG_USE)
    assert not made.to.exists()


NOBODY_S = {
    "an archive that says nothing of itself": ({}, {}, "manifest.json is of another form"),
    "one without a publication": (dict.fromkeys(install.SAID, 1), {}, "manifest.json is of another form"),
    "one of no release holders": (None, {"1.targets.json": b"{}"}, "its publication cannot be read"),
    "one of two words of the root holders": (
        None,
        {"1.targets.json": b"{}", "2.targets.json": b"{}"},
        "cannot be read",
    ),
}


@pytest.mark.parametrize(("said", "metadata", "told"), NOBODY_S.values(), ids=NOBODY_S)
def test_who_looks_at_what_somebody_made_up_is_told_so(
    said: dict[str, Any] | None,
    metadata: dict[str, bytes],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive, contents = tmp_path / "a.tar", {f"{install.METADATA}{name}": one for name, one in metadata.items()}
    named = {name: kind(1) for name, kind in install.SAID.items()} if said is None else said
    contents["sbom.cdx.json"] = b"{}"
    writing.write(archive, {"format": install.FORMAT, **named, "files": writing.described(contents)}, contents)
    assert cli.main(["package", "show", str(archive)]) == REFUSED
    assert told in capsys.readouterr().err


def test_the_installer_needs_python_alone() -> None:
    tree = ast.parse(Path(install.__file__).read_text(), feature_version=(3, 11))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {str(getattr(node, "module", None) or node.names[0].name).partition(".")[0] for node in found}
    assert names <= sys.stdlib_module_names, names


def test_nothing_that_lies_beside_the_installer_is_imported(brought: Brought) -> None:
    """Python looks for modules in the folder of what it starts, which came on the same stick."""
    stick = brought.archive.parent
    for name in ("__future__", "argparse", "json"):
        (stick / f"{name}.py").write_text(f"open({str(stick / 'ran')!r}, 'w')\nraise SystemExit(0)\n")
    command = ["install.py", brought.archive.name, "--network", NETWORK, "--root", brought.root, "--check"]
    for options, code, told in (([], 1, "start it as: python3 -I install.py"), (["-I"], 0, "nothing was installed")):
        done = subprocess.run(
            [sys.executable, *options, *command], cwd=stick, capture_output=True, text=True, check=False
        )
        assert (done.returncode, (stick / "ran").exists()) == (code, False), done
        assert told in done.stdout + done.stderr


def test_the_bytes_that_are_signed_are_those_of_the_library(brought: Brought) -> None:
    """Else what root holders signed would not hold where there is no library."""
    archive = install.Archive(brought.archive)
    for name in archive.files:
        if name.startswith(install.METADATA):
            content = archive.content(name)
            said = json.loads(content)["signed"]
            assert install.canonical(said).encode() == Metadata.from_bytes(content).signed_bytes
    odd = {"a": ['"\\', "\u20ac\n", True, None, -1, {"b": False, "a": []}]}
    assert install.canonical(odd) == '{"a":["\\"\\\\","\u20ac\n",true,null,-1,{"a":[],"b":false}]}'
    key = CryptoSigner.generate_ecdsa().public_key
    assert isinstance(key, SSlibKey)
    pem = serialization.load_pem_public_key(key.keyval["public"].encode())
    der = pem.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert (der[: len(install.P256)], len(der)) == (install.P256, install.P256_SIZE)
