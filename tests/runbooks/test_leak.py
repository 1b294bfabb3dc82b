"""A suspected leak: what is kept of servers and what never is, and the notification as far as a network knows it."""

from __future__ import annotations

import dataclasses
import fnmatch
import gzip
import io
import json
import os
import re
import subprocess
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import errors
from on_server.incident import kept
from runbooks.framework import breach, evidence, found, record, running, seen
from runbooks.framework.steps import Case, StepError
from runbooks.organisation import suspected_leak
from tests.runbooks import views
from werkplaats.operations.backup import content
from werkplaats.operations.home import vault
from werkplaats.operations.reach import remote
from werkplaats.operations.reach.servers import UnreachableError

MARKED = "MARKED-9241"
NOW = int(time.time())


@dataclasses.dataclass
class Named:
    organisation: str


@dataclasses.dataclass
class Definition:
    sets: tuple[tuple[str, ...], ...] = (views.ORGANISATIONS, (*views.ORGANISATIONS, "gelre", "yunio"))
    organisations: Any = dataclasses.field(default_factory=lambda: {"ggd": SimpleNamespace(name="GGD Proeftuin")})


class Network:
    """Stands for a network of which this operator runs two servers."""

    name = views.NETWORK
    definition = Definition()
    servers = (Named("ggd"), Named("ziekenhuis"))
    questions = {  # noqa: RUF012
        "griep": breach.Asked("Where influenza rises", {"postcode4": "digits | of\n\n## (d) a postcode"}, ("ggd",))
    }

    def __init__(self, folder: Path) -> None:
        self.vault = vault.Vault(views.NETWORK, folder)


def entry(kind: str, session: str, **told: Any) -> dict[str, Any]:
    return {"at": NOW - 3600, "kind": kind, "network": views.NETWORK, "question": "griep", "session": session, **told}


ENTRIES = (
    entry("contributed", "s1", parties=3),
    entry("opening", "s1"),
    entry("contributed", "s2", parties=3),
    entry("run", "s2", outcome="failed"),
    entry("run", "s3", question="gone`<b>`", outcome="done"),
    entry("run", "s4", question="acceptance", outcome="done"),
    entry("opening", "s5", network="another"),
)
PLACES = {
    "var/lib/werkplaats/register/register.jsonl": "".join(f"{json.dumps(one)}\n" for one in ENTRIES) + "{\n[]\n",
    "var/lib/werkplaats/state/register.json": "{}",
    "var/lib/werkplaats/allowances/toets~griep.json": "{}",
    "var/lib/werkplaats/state/statement.key": MARKED,
    "var/lib/werkplaats/state/opened.json": MARKED,
    "var/lib/werkplaats/data/in/toets/griep/people.csv": MARKED,
    "var/lib/werkplaats/data/out/s1/result.json": MARKED,
    "etc/werkplaats/identity/key.pem": MARKED,
    "etc/werkplaats/accepted/toets.json": "{}",
}

LINK = "var/lib/werkplaats/allowances/x.json.not-kept"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "PROGRAMS", {"cut.txt": ("echo", "toets.thuiszorg"), "journal/x.txt": ("not-there",)})
    for name, text in PLACES.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    link = tmp_path / "root" / LINK.removesuffix(".not-kept")
    link.symlink_to(tmp_path / "root/etc/werkplaats/identity/key.pem")
    return tmp_path / "root"


@dataclasses.dataclass
class Remotes:
    """Stands for ssh: what the program packs of a folder is what a server sends."""

    root: Path
    off: set[str]
    refuses: str = ""

    def run(self, organisation: str, *_: Any) -> tuple[int, bytes, bytes]:
        if organisation in self.off:
            raise UnreachableError(f"{organisation}: No route to host")
        if organisation == self.refuses:
            return 1, b"", b"no"
        return 0, kept.pack(self.root), b""

    def ask(self, organisation: str, *_: Any) -> remote.Done:
        if organisation != self.refuses:
            self.run(organisation)
        return remote.Done()


def members(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {one.name: cast(Any, tar.extractfile(one)).read() for one in tar}


def test_of_a_server_what_tells_of_it_is_kept_and_no_data_result_or_key(root: Path) -> None:
    packed = kept.pack(root)
    found = members(packed)
    wanted = {name for name, text in PLACES.items() if text != MARKED}
    assert set(found) == wanted | {"cut.txt", "journal/x.txt", kept.DIGESTS, LINK}
    assert not any(MARKED.encode() in content for content in found.values())
    assert b"toets.thuiszorg" in found["cut.txt"]
    assert b"not kept" in found["journal/x.txt"]
    assert b"  /etc/werkplaats/identity/key.pem" in found[kept.DIGESTS]


def test_what_the_station_fills_its_folders_with_crowds_out_nothing_else(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST", 40 * 2**10)
    for number in range(100):
        (root / "var/lib/werkplaats/register" / f"a{number}").touch()
    with (root / "var/lib/werkplaats/register/huge").open("wb") as sparse:
        sparse.truncate(2**40)
    found = members(kept.pack(root))
    wanted = {name for name, text in PLACES.items() if text != MARKED} | {"cut.txt", "journal/x.txt", kept.DIGESTS}
    assert wanted < found.keys()
    assert sum(len(content) for content in found.values()) < kept.MOST
    assert b"\nvar/lib/werkplaats/register/huge" in found[kept.NO_ROOM]
    assert b"\nvar/lib/werkplaats/register/a99" in found[kept.NO_ROOM]


def test_digests_are_those_of_whole_files_also_beside_links_and_names_of_another_encoding(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST", 16 * 2**10)
    place = root / "usr/local/bin"
    place.mkdir(parents=True)
    (place / "large").write_bytes(b"x" * 2**20)
    (place / "link").symlink_to("large")
    (place / os.fsdecode(b"caf\xe9")).write_text("of another encoding")
    digests = members(kept.pack(root))[kept.DIGESTS].decode()
    assert "# /usr/local/bin/link: Too many levels of symbolic links\n" in digests
    assert "  /usr/local/bin/caf\\udce9\n" in digests
    listed = "".join(line.replace("  /", "  ") for line in digests.splitlines(keepends=True) if "udce9" not in line)
    check = ["sha256sum", "--check", "--strict"]
    assert subprocess.run(check, input=listed, text=True, cwd=root, check=False, capture_output=True).returncode == 0


def test_of_what_says_too_much_the_newest_is_kept_and_that_it_was_cut(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PROGRAMS", {"short": ("seq", "4"), "long": ("seq", "9")})
    monkeypatch.setattr(kept, "MOST_SAID", 8)
    found = members(kept.pack(root))
    assert found["short"] == b"1\n2\n3\n4\n"
    assert found["long"] == b"not kept: what came before this\n6\n7\n8\n9\n"


def test_programs_of_which_none_ends_leave_time_for_the_files() -> None:
    assert len(kept.PROGRAMS) * kept.SECONDS < evidence.SECONDS - 60


def case(tmp_path: Path, root: Path, off: set[str], refuses: str = "") -> Case:
    def look() -> seen.Seen:
        return views.network(broken=views.cut_off("thuiszorg"))

    (tmp_path / "vault").mkdir(mode=0o700, exist_ok=True)
    network, remotes = Network(tmp_path / "vault"), Remotes(root, off, refuses)
    return Case(cast(Any, network), cast(Any, remotes), network.name, print, look, cast(Any, None))


def run(case: Case, reason: str) -> record.Record:
    return running.execute(found.find("suspected-leak"), case, reason, lambda _: case.subject)


def test_it_is_kept_drafted_and_never_written_over(tmp_path: Path, root: Path) -> None:
    at = case(tmp_path, root, {"ziekenhuis"})
    told = run(at, "a laptop | was stolen, known 2026-01-04T03:40+01:00.")
    folder = evidence.folder(told.path)
    assert subprocess.run(["sha256sum", "--check", "--strict", evidence.SUMS], cwd=folder, check=False).returncode == 0
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    names = {path.relative_to(tmp_path / "vault").as_posix() for path in folder.iterdir()}
    left_out = {one for one in names if any(fnmatch.fnmatchcase(one, form) for form in content.PASSING)}
    assert left_out == {f"incidents/{told.id}/ggd.tar.gz"}, "a backup has the list and the drafts"
    [draft] = [one for one in told.of_kind("begins") if one.told["step"] == "draft"]
    assert draft.told["kept"] == evidence.sums(folder), "the chain of the record holds the digests"
    text = (folder / suspected_leak.DRAFT.format("ggd")).read_text()
    assert "before 2026-01-07T02:40:00Z: 72 hours (33(1))" in text
    assert "| griep | Where influenza rises | postcode4: digits \\| of ## (d) a postcode | 2 |" in text
    assert "- griep: to GGD Proeftuin (ggd); 1 sessions" in text
    assert "- gone\\`\\<b\\>\\`: to **[TO FILL IN:" in text
    assert "- another/griep: to **[TO FILL IN:" in text, "what it answered in a federation is its data too"
    assert "acceptance" not in text
    assert "over GGD Proeftuin (ggd), thuiszorg, ziekenhuis.\n  Up to 1 of them" in text
    assert "another set computed it, are split" in text
    assert "ziekenhuis, gelre, yunio.\n  Up to 2 of them" in text
    assert "- Reported as: a laptop \\| was stolen" in text
    assert "stopped: is done" in text, "measures come from the record"
    assert "ggd → ziekenhuis" in text.split("Links that still worked")[1]
    assert "not kept of ziekenhuis: ziekenhuis: No route to host" in text
    for part in ("33(3)(a)", "33(3)(b)", "33(3)(c)", "33(3)(d)"):
        assert "TO FILL IN" in text.split(part)[1].split("## ")[0], part
    assert MARKED not in text
    assert "no register of it was kept" in (folder / suspected_leak.DRAFT.format("ziekenhuis")).read_text()


def test_a_run_that_goes_on_asks_again_whom_it_missed_and_leaves_what_people_wrote(tmp_path: Path, root: Path) -> None:
    at = case(tmp_path, root, {"ziekenhuis"})
    said = iter([at.subject, "no"])
    with pytest.raises(errors.RefusedError):
        running.execute(found.find("suspected-leak"), at, "suspected", lambda _: next(said))
    [folder] = [one for one in (tmp_path / "vault" / record.FOLDER).iterdir() if one.is_dir()]
    (folder / suspected_leak.DRAFT.format("ggd")).write_text("filled in")
    (folder / suspected_leak.DRAFT.format("ziekenhuis")).unlink()
    before = evidence.path(folder, "ggd").read_bytes()
    run(case(tmp_path, root, set()), "suspected")
    assert (folder / suspected_leak.DRAFT.format("ggd")).read_text() == "filled in"
    assert evidence.path(folder, "ggd").read_bytes() == before
    assert set(evidence.read_list(folder)) == {"ggd.tar.gz", "ziekenhuis.tar.gz"}
    assert not [*folder.glob("*.not-kept")]


def test_a_server_that_lets_in_and_gives_nothing_keeps_nobody_from_a_draft(tmp_path: Path, root: Path) -> None:
    folder = evidence.folder(run(case(tmp_path, root, set(), "ziekenhuis"), "suspected").path)
    text = (folder / suspected_leak.DRAFT.format("ggd")).read_text()
    assert "not kept of ziekenhuis: no" in text
    assert (folder / suspected_leak.DRAFT.format("ziekenhuis")).exists()


def test_evidence_that_was_changed_is_told_of_and_listed_anew_by_nobody(tmp_path: Path, root: Path) -> None:
    remotes = cast(Any, Remotes(root, set()))
    assert evidence.keep(remotes, ["ggd"], tmp_path / "kept") == {}
    evidence.path(tmp_path / "kept", "ggd").write_bytes(b"another")
    with pytest.raises(errors.RefusedError, match=r"ggd.tar.gz: not as it was when it was kept"):
        evidence.keep(remotes, ["ggd", "ziekenhuis"], tmp_path / "kept")
    assert evidence.register(tmp_path / "kept", "ggd") == []
    evidence.path(tmp_path / "kept", "ggd").unlink()
    with pytest.raises(errors.RefusedError, match=r"ggd.tar.gz: not as it was when it was kept"):
        evidence.keep(remotes, ["ggd", "ziekenhuis"], tmp_path / "kept")
    assert {one.name for one in (tmp_path / "kept").iterdir()} == {evidence.SUMS}, "nothing takes its place"


def test_what_cannot_be_written_here_is_told_with_its_remedy_and_the_others_are_kept(
    tmp_path: Path, root: Path
) -> None:
    evidence.path(tmp_path, "ggd").symlink_to("nowhere")
    remotes = cast(Any, Remotes(root, set()))
    with pytest.raises(errors.UnmetError, match=r"ggd.tar.gz cannot be written.*; make room"):
        evidence.keep(remotes, ["ggd", "ziekenhuis"], tmp_path)
    evidence.path(tmp_path, "ggd").unlink()
    assert evidence.keep(remotes, ["ggd", "ziekenhuis"], tmp_path) == {}
    assert set(evidence.read_list(tmp_path)) == {"ggd.tar.gz", "ziekenhuis.tar.gz"}


def test_a_register_that_would_fill_the_memory_is_none(tmp_path: Path) -> None:
    place = tmp_path / kept.REGISTER
    place.parent.mkdir(parents=True)
    with place.open("wb") as sparse:
        sparse.truncate(2**40)
    packed = evidence.path(tmp_path, "ggd")
    subprocess.run(["tar", "--sparse", "-czf", packed, "-C", tmp_path, kept.REGISTER], check=True)
    assert evidence.register(tmp_path, "ggd") == []


def test_a_register_is_unpacked_once_and_leads_nowhere_back(tmp_path: Path) -> None:
    line = json.dumps(ENTRIES[0]).encode()
    about = tarfile.TarInfo(kept.REGISTER)
    about.size = len(line)
    header = about.tobuf(tarfile.GNU_FORMAT)
    whole = header + line.ljust(512, b"\0") + bytes(1024)
    back = tarfile.TarInfo("back")
    back.size = -512  # the next header is this one again
    packed = evidence.path(tmp_path, "ggd")
    loop = b"".join(one.tobuf(tarfile.GNU_FORMAT) for one in (tarfile.TarInfo("first"), back)) + whole
    for sent, known in ((whole, 1), (gzip.compress(whole), 0), (loop, 0)):
        packed.write_bytes(gzip.compress(sent))
        assert len(evidence.register(tmp_path, "ggd")) == known


def test_of_a_register_without_end_the_newest_are_read(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence.keep(cast(Any, Remotes(root, set())), ["ggd"], tmp_path)
    assert evidence.register(tmp_path, "ggd") == [*ENTRIES]
    monkeypatch.setattr(evidence, "MOST_ENTRIES", 2)
    assert evidence.register(tmp_path, "ggd") == [*ENTRIES[-2:]]


@pytest.mark.parametrize(
    "text", ["2027-13-04T02:40Z", "2026-01-04T02:40", "2999-01-04T02:40Z", "0001-01-01T00:00+09:00"]
)
def test_a_moment_that_is_none_is_refused_until_it_is_said_better(tmp_path: Path, text: str) -> None:
    told = record.begin(tmp_path, "toets", "suspected-leak", "toets")
    told.add("runs", reason=f"known {text}", who="x", evidence=[])
    with pytest.raises(StepError, match=re.escape(f"known {text}")):
        breach.known(told)
    told.add("runs", reason="we have known it since 2026", who="x", evidence=[])
    assert breach.known(told).year >= 2026
    told.add("runs", reason="Known since 2025-12-31T23:00Z", who="x", evidence=[])
    assert breach.known(told).year == 2025
