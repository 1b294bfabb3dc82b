"""The middle of reading a publication, from bytes to what is accepted: in memory, without a folder anywhere."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import canonical, errors
from network_topology import load, tables
from publication import acceptance, publication, repository, revocations, verified
from tests.harness import coordinator as coordinators
from tests.publication.published import QUESTION, RELEASES
from werkplaats.operations.coordinator import repository as writing
from werkplaats.operations.coordinator import revocation

ROOT = Path(__file__).parents[2]
PLACE = PurePath("as it came")


@dataclasses.dataclass
class Maker:
    """A coordinator that gives out bytes."""

    coordinator: coordinators.Coordinator

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

    def files(self, number: int = 1, changed: Mapping[str, bytes | None] | None = None) -> repository.Files:
        """A publication as it is relayed, with files changed (None: left out) before it is signed."""
        kept = {name: one for name, one in {**self.contents(), **(changed or {})}.items() if one is not None}
        whole = repository.Whole(PLACE, "proeftuin", number, "2026-03-01T12:00:00Z", kept)
        return repository.Files(PLACE, writing.signed(whole, self.coordinator.authority.sign_publication))


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    networks = Path(load.__file__).parent / "networks"
    made = coordinators.founded(tmp_path_factory.mktemp("maker"), load.find("proeftuin", networks))
    for organisation in made.definition.stations:
        made.approve(organisation)
    return Maker(made)


@pytest.fixture(scope="module")
def relayed(maker: Maker) -> repository.Files:
    return maker.files()


def with_contents(files: repository.Files, changed: Mapping[str, bytes | None]) -> repository.Files:
    kept = {name: content for name, content in {**files.contents, **changed}.items() if content is not None}
    return dataclasses.replace(files, contents=kept)


def test_bytes_become_what_is_verified_and_that_what_is_accepted(relayed: repository.Files) -> None:
    found = publication.Newest("proeftuin").update(relayed)
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
    ],
)
def test_a_release_that_its_coordinator_signed_is_held_to_its_model(
    maker: Maker, changed: dict[str, object], told: str
) -> None:
    """A coordinator may sign any JSON: without an image id every server's run ended, and texts reached terminals."""
    files = maker.files(changed={"releases/dev.json": canonical.pretty(RELEASES["dev"] | changed)})
    with pytest.raises(errors.PublicationError, match=told):
        publication.Newest("proeftuin").update(files)


TABLE = tables.Table("cbs-pc4-2025", {"7001": 2900, "7004": 1200}, 1, 1)
OTHER = dataclasses.replace(TABLE, counts={"7001": 2900, "7004": 1201})
BY_TABLE = QUESTION.model_copy(update={"parameters": {"population": TABLE.reference}})
NAMED = {
    "questions/griep.json": canonical.dump(verified.document(BY_TABLE)),
    "tables/cbs-pc4-2025.json": canonical.dump(TABLE.document),
}


def test_a_table_is_made_anew_from_what_was_read(maker: Maker) -> None:
    found = publication.Newest("proeftuin").update(maker.files(changed=NAMED))
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
        publication.Newest("proeftuin").update(files)


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
        publication.Newest("proeftuin").update(files)


@given(data=st.data())
def test_whatever_a_relay_changes_is_refused(relayed: repository.Files, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(relayed.contents)))
    content = bytearray(relayed.contents[name])
    match data.draw(st.sampled_from(["bit", "cut", "longer", "gone", "another's", "beside"])):
        case "bit":
            content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
            changed: dict[str, bytes | None] = {name: bytes(content)}
        case "cut":
            changed = {name: bytes(content[: data.draw(st.integers(0, len(content) - 1))])}
        case "longer":
            changed = {name: bytes(content) + data.draw(st.binary(min_size=1, max_size=8))}
        case "gone":
            changed = {name: None}
        case "another's":
            other = data.draw(st.sampled_from(sorted(relayed.contents.keys() - {name})))
            changed = {name: relayed.contents[other]}
        case _:
            changed = {f"{name}.bak": bytes(content)}
    if changed == {repository.SIGNATURE: relayed.contents[repository.SIGNATURE].removesuffix(b"\n")}:
        return  # a signature without its end of line is the same signature
    with pytest.raises(errors.PublicationError, match="as it came"):
        publication.Newest("proeftuin").update(with_contents(relayed, changed))


def test_what_is_there_but_was_not_taken_is_refused_with_the_reason(relayed: repository.Files) -> None:
    gone = with_contents(relayed, {"crl.pem": None})
    refused = dataclasses.replace(gone, unread={"crl.pem": "is larger than a mountain"})
    with pytest.raises(errors.PublicationError, match=r"as it came/crl.pem is larger than a mountain; fetch the pub"):
        publication.Newest("proeftuin").update(refused)
    beside = dataclasses.replace(relayed, unread={"secret": "is missing"})
    with pytest.raises(errors.PublicationError, match=r"as it came/secret is not in index.json"):
        publication.Newest("proeftuin").update(beside)


def test_the_newest_goes_back_to_no_older_one_and_stays_what_it_was(maker: Maker) -> None:
    newest = publication.Newest("proeftuin", least_number=4)
    with pytest.raises(errors.PublicationError, match="is publication 3, and 4 was read before"):
        newest.update(maker.files(3))
    assert newest.held is None
    held = newest.update(maker.files(5))
    with pytest.raises(errors.PublicationError, match="is publication 4, and 5 was read before"):
        newest.update(maker.files(4))
    assert newest.held is held
    assert newest.update(maker.files(5)) == held, "the same once more"
    assert newest.update(maker.files(6)).number == 6


def test_two_publications_of_one_number_are_refused_and_taken_by_a_reader_that_holds_none(maker: Maker) -> None:
    newest = publication.Newest("proeftuin")
    held = newest.update(maker.files())
    other = maker.files(changed={"questions/griep.json": None})
    with pytest.raises(errors.PublicationError, match="is another publication 1 than was read before; ask the coord"):
        newest.update(other)
    assert newest.held is held
    assert publication.Newest("proeftuin").update(other).questions == {}


def test_a_newer_publication_with_an_older_revocation_list_is_refused_and_taken_by_a_reader_that_holds_none(
    maker: Maker,
) -> None:
    """Who holds the CA's key gives a revocation up again: the number of the publication alone does not show it."""
    before = maker.contents()["crl.pem"]
    unused = maker.coordinator.authority.issue("ggd", coordinators.make_keys().private.public_key())
    revocation.revoke(maker.coordinator.authority, unused.serial_number)
    newest = publication.Newest("proeftuin")
    held = newest.update(maker.files(7))
    back = maker.files(8, {"crl.pem": before})
    with pytest.raises(errors.RevocationError, match="the revocation list has number 1, and number 2 is in force"):
        newest.update(back)
    assert newest.held is held
    assert publication.Newest("proeftuin").update(back).number == 8


MIDDLE = """
import pickle, sys
from publication import acceptance, folder, publication
files, accepted, first = pickle.load(sys.stdin.buffer)

def refuse(event, arguments):
    if event.partition(".")[0] in ("open", "os", "socket", "subprocess", "shutil", "tempfile", "pathlib", "glob"):
        raise SystemExit(f"{event} {arguments}")

publication.Newest("proeftuin").update(files)  # once before: some parts of a library are imported when first used
sys.addaudithook(refuse)
if first:
    folder.read(first)
found = publication.Newest("proeftuin").update(files)
accepted = acceptance.load(accepted)
acceptance.compare(accepted, found)
print(acceptance.accepted_view(accepted, found).digest)
"""


def middle(*handed: object) -> subprocess.CompletedProcess[bytes]:
    command, text = [sys.executable, "-c", MIDDLE], pickle.dumps(handed)
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, check=False)


def test_from_bytes_to_acceptance_nothing_is_opened_and_reading_a_folder_would_be_seen(
    relayed: repository.Files, tmp_path: Path
) -> None:
    accepted = acceptance.accept(publication.Newest("proeftuin").update(relayed))
    document = json.loads(json.dumps(accepted.document()))
    done = middle(relayed, document, None)
    assert (done.stdout.decode().strip(), done.stderr) == (accepted.digest, b"")
    assert middle(relayed, document, tmp_path).stderr.startswith((b"os.listdir", b"os.scandir"))
