"""The middle of reading a publication, from its files to what is accepted: in memory, without a folder anywhere."""

from __future__ import annotations

import dataclasses
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import canonical, errors
from network_topology import load, tables
from publication import acceptance, publication, reading, revocations, verified
from tests.harness import coordinator as coordinators
from tests.publication import publications
from tests.publication.published import QUESTION, RELEASES
from werkplaats.operations.coordinator import revocation

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass
class Maker:
    """A coordinator that gives out bytes."""

    coordinator: coordinators.Coordinator
    repository: publications.Maker

    def contents(self) -> dict[str, bytes]:
        own, definition = self.coordinator.authority, self.coordinator.definition
        return {
            "definition.json": canonical.dump(verified.document(definition)),
            "ca.pem": own.pem,
            "crl.pem": revocations.pem(revocation.current(own)),
            **{f"releases/{name}.json": canonical.pretty(one) for name, one in RELEASES.items()},
            "questions/griep.json": canonical.dump(verified.document(QUESTION)),
            **{
                f"identities/{name}.json": canonical.pretty(self.coordinator.records.read("identities", name))
                for name in definition.stations
            },
        }

    def files(self, number: int = 1, changed: Mapping[str, bytes | None] | None = None) -> publications.Files:
        """A publication as it is relayed, with files changed (None: left out) before it is signed."""
        kept = {name: one for name, one in {**self.contents(), **(changed or {})}.items() if one is not None}
        return self.repository.relayed(kept, number)


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    networks = Path(load.__file__).parent / "networks"
    made = coordinators.founded(tmp_path_factory.mktemp("maker"), load.find("proeftuin", networks))
    for organisation in made.definition.stations:
        made.approve(organisation)
    return Maker(made, publications.Maker("proeftuin", (made.authority.key_fingerprint,)))


@pytest.fixture(scope="module")
def relayed(maker: Maker) -> publications.Files:
    return maker.files()


def test_bytes_become_what_is_verified_and_that_what_is_accepted(relayed: publications.Files) -> None:
    found = publications.verified_of(relayed)
    assert set(found.identities) == set(found.definition.stations)
    assert found.questions == {"griep": QUESTION}
    accepted = acceptance.accept(found)
    assert acceptance.load(accepted.document()) == accepted
    assert acceptance.compare(accepted, found) == acceptance.Comparison((), ())
    assert acceptance.accepted_view(accepted, found) == accepted


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"image_id": "debian:latest"}, "image_id: String should match pattern"),
        ({"image_id": None}, "image_id: Input should be a valid string"),
        ({"release": "1.0.0"}, "describes release 1.0.0"),
        ({"protocols": []}, "protocols: Tuple should have at least 1 item"),
        ({"protocols": [True]}, "protocols.0: Input should be a valid integer"),
        ({"notes": "\x1b[2J"}, "notes: Extra inputs are not permitted"),
        ({"security_fixes": ["\x1b[2J"]}, "holds the character U\\+001B"),
        ({"breaking": [{"affects": "you \u202e", "do": "nothing"}]}, "holds the character U\\+202E"),
        ({"breaking": [{"affects": "you", "do": "a\nb"}]}, "holds the character U\\+000A"),
        ({"formats": {"state/\u200b": 1}}, "holds the character U\\+200B"),
        ({"analyses": ["hotspots/1\n"]}, "analyses.0: String should match pattern"),
        ({"may_upgrade_from": ["1.0.0 "]}, "may_upgrade_from.0: String should match pattern"),
        ({"breaking": []}, "is not in the form that is published"),
    ],
)
def test_a_release_that_its_coordinator_signed_is_held_to_its_model(
    maker: Maker, changed: dict[str, object], told: str
) -> None:
    """A coordinator may sign any JSON: without an image id every server's run ended, and texts reached terminals."""
    files = maker.files(changed={"releases/dev.json": canonical.pretty(RELEASES["dev"] | changed)})
    with pytest.raises(errors.PublicationError, match=told):
        publications.verified_of(files)


TABLE = tables.Table("cbs-pc4-2025", {"7001": 2900, "7004": 1200}, 1, 1)
OTHER = dataclasses.replace(TABLE, counts={"7001": 2900, "7004": 1201})
BY_TABLE = QUESTION.model_copy(update={"parameters": {"population": TABLE.reference}})
NAMED = {
    "questions/griep.json": canonical.dump(verified.document(BY_TABLE)),
    "tables/cbs-pc4-2025.json": canonical.dump(TABLE.document),
}


def test_a_table_is_made_anew_from_what_was_read(maker: Maker) -> None:
    found = publications.verified_of(maker.files(changed=NAMED))
    assert found.figures == {TABLE.name: TABLE}
    assert found.questions == {"griep": BY_TABLE}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (None, "is not in tables/, where there is none"),
        (canonical.dump(OTHER.document), "is another one than the question says"),
        (canonical.pretty(TABLE.document), "is not in canonical form"),
        (canonical.dump({**TABLE.document, "note": "\x1b[2J"}), "is no table: it is no table"),
        (b"[" * 100_000, "is no table"),
    ],
)
def test_a_table_that_its_coordinator_signed_is_held_to_its_form_and_to_its_question(
    maker: Maker, table: bytes | None, told: str
) -> None:
    """Another table beside the same question would change the rates that its steward allowed, for some and not all."""
    files = maker.files(changed={**NAMED, "tables/cbs-pc4-2025.json": table})
    with pytest.raises(errors.PublicationError, match=told):
        publications.verified_of(files)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b'"release": "dev"', b'"release": "1.0.0",\n  "release": "dev"'),
        (b"    2\n", b"    2.0\n"),
        (b'"release": "dev"', b'"release":  "dev"'),
        (b'"dev"', b'"de\\u0076"'),
    ],
    ids=["a key twice", "a float", "other spacing", "an escape"],
)
def test_a_signed_release_in_another_form_is_refused(maker: Maker, written: bytes, instead: bytes) -> None:
    """Two readers could take a key written twice for two releases, and both would say that the CA signed it."""
    content = canonical.pretty(RELEASES["dev"])
    assert content.count(written) == 1
    files = maker.files(changed={"releases/dev.json": content.replace(written, instead)})
    with pytest.raises(errors.PublicationError, match=r"releases/dev.json is no"):
        publications.verified_of(files)


@given(data=st.data())
def test_whatever_a_relay_changes_is_refused(relayed: publications.Files, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(relayed)))
    content = bytearray(relayed[name])
    match data.draw(st.sampled_from(["bit", "cut", "longer", "gone", "another's"])):
        case "bit":
            content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
            changed = {**relayed, name: bytes(content)}
        case "cut":
            changed = {**relayed, name: bytes(content[: data.draw(st.integers(0, len(content) - 1))])}
        case "longer":
            changed = {**relayed, name: bytes(content) + data.draw(st.binary(min_size=1, max_size=8))}
        case "gone":
            changed = {one: there for one, there in relayed.items() if one != name}
        case _:
            other = data.draw(st.sampled_from(sorted(relayed.keys() - {name})))
            changed = {**relayed, name: relayed[other]}
    try:
        found = publications.verified_of(changed)
    except errors.PublicationError as refused:
        said = str(refused)
    else:
        said = "as it came, and was taken"
        assert found == publications.verified_of(relayed), "what it says is signed, not how it is written"
    assert "as it came" in said


def test_what_lies_beside_a_publication_is_not_even_read(relayed: publications.Files) -> None:
    asked = set[str]()

    def source(name: str) -> bytes | None:
        asked.add(name)
        return {**relayed, "targets/install.sh": b"#!/bin/sh\n", "metadata/9.network.json": b"[" * 100_000}.get(name)

    whole, _ = reading.read(source, publications.PLACE, "proeftuin")
    assert whole == publications.whole_of(relayed)
    assert asked <= {*relayed, "metadata/2.root.json"}


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[publications.Files], verified.Verified]:
    """A reader that keeps what it read: it gets files as they are relayed, in a folder."""

    def read(made: publications.Files) -> verified.Verified:
        shutil.rmtree(tmp_path / "proeftuin", ignore_errors=True)
        publications.put(tmp_path / "proeftuin", made)
        told = None if (tmp_path / "kept").exists() else publications.verified_of(made).root
        return publication.read(tmp_path / "proeftuin", "proeftuin", tmp_path / "kept", root=told)

    return read


def test_a_reader_that_keeps_goes_back_to_no_older_one_and_keeps_what_it_had(
    maker: Maker, kept: Callable[[publications.Files], verified.Verified], tmp_path: Path
) -> None:
    kept(maker.files(5))
    before = (tmp_path / "kept").read_bytes()
    with pytest.raises(errors.PublicationError, match=r"timestamp.json is of an older publication than was read befo"):
        kept(maker.files(4))
    assert (tmp_path / "kept").read_bytes() == before
    assert kept(maker.files(6)).number == 6
    (tmp_path / "kept").unlink()
    assert kept(maker.files(4)).number == 4, "without the memory"


def test_two_publications_of_one_number_are_refused_and_taken_by_a_reader_that_kept_none(
    maker: Maker, kept: Callable[[publications.Files], verified.Verified], tmp_path: Path
) -> None:
    kept(maker.files())
    other = maker.files(changed={"questions/griep.json": None})
    with pytest.raises(errors.PublicationError, match=r"questions/griep.json is missing; fetch the publication anew"):
        kept(other)
    (tmp_path / "kept").unlink()
    assert kept(other).questions == {}


def test_a_newer_publication_with_an_older_revocation_list_is_refused_and_taken_by_a_reader_that_kept_none(
    maker: Maker, kept: Callable[[publications.Files], verified.Verified], tmp_path: Path
) -> None:
    """Who holds the CA's key gives a revocation up again: the number of the publication alone does not show it."""
    before = maker.contents()["crl.pem"]
    unused = maker.coordinator.authority.issue("ggd", coordinators.make_keys().private.public_key())
    revocation.revoke(maker.coordinator.authority, unused.serial_number)
    kept(maker.files(7))
    back = maker.files(8, {"crl.pem": before})
    with pytest.raises(errors.RevocationError, match="the revocation list has number 1, and number 2 is in force"):
        kept(back)
    (tmp_path / "kept").unlink()
    assert kept(back).number == 8


MIDDLE = """
import datetime, pickle, sys
from publication import acceptance, folder, verified
whole, accepted, first = pickle.load(sys.stdin.buffer)
moment = datetime.datetime.now(datetime.UTC)

def refuse(event, arguments):
    if event.partition(".")[0] in ("open", "os", "socket", "subprocess", "shutil", "tempfile", "pathlib", "glob"):
        raise SystemExit(f"{event} {arguments}")

verified.verify(whole, moment)  # once before: some parts of a library are imported when first used
sys.addaudithook(refuse)
if first:
    folder.source(first)("metadata/timestamp.json")
found = verified.verify(whole, moment)
accepted = acceptance.load(accepted)
acceptance.compare(accepted, found)
print(acceptance.accepted_view(accepted, found).digest)
"""


def middle(*handed: object) -> subprocess.CompletedProcess[bytes]:
    command, text = [sys.executable, "-c", MIDDLE], pickle.dumps(handed)
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, check=False)


def test_from_the_files_to_acceptance_nothing_is_opened_and_reading_a_folder_would_be_seen(
    relayed: publications.Files, tmp_path: Path
) -> None:
    publications.put(tmp_path, relayed)
    whole = publications.whole_of(relayed)
    accepted = acceptance.accept(publications.verified_of(relayed))
    document = json.loads(json.dumps(accepted.document()))
    done = middle(whole, document, None)
    assert (done.stdout.decode().strip(), done.stderr) == (accepted.digest, b"")
    assert middle(whole, document, tmp_path).stderr.startswith(b"open ")
