"""What follows from a federation: the examples, and the whole country as it is made from its seed."""

from __future__ import annotations

import dataclasses
import datetime
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from base import errors
from network_topology import check, context, names
from network_topology.compiling import pen
from network_topology.federations import compile, compiled, country, draw, twin
from network_topology.federations.joined import joined
from network_topology.rules import computing, membership
from tests.network_topology.definitions import FEDERATIONS, NETWORKS

KNOWN = context.shipped(datetime.date(2026, 11, 1))
SVG = "{http://www.w3.org/2000/svg}"
DIGEST = "sha256:5f46bfef8634f5a042b266e265cdc28cd7c3116532dcb629532e806997d1c41a"
Rectangle = tuple[float, float, float, float]


def federation(name: str, networks: Path) -> compiled.CompiledFederation:
    outcome = check.network(name, networks, KNOWN)
    assert outcome.violations == ()
    assert outcome.federation is not None
    return compile.compile_federation(outcome.federation)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The country at its largest: 25 organisations in each region."""
    networks = tmp_path_factory.mktemp("country") / "networks"
    country.write(country.files(KNOWN.regions, organisations=membership.MOST), networks)
    return networks


@pytest.fixture(params=[*FEDERATIONS, country.NAME])
def one(request: pytest.FixtureRequest, made: Path) -> compiled.CompiledFederation:
    return federation(request.param, made if request.param == country.NAME else NETWORKS)


def test_another_set_of_a_federation_is_told_to_stations_and_privacy_is_said_of_it(made: Path) -> None:
    """One party of the first set has another of its region beside it."""
    found = check.network(country.NAME, made, KNOWN).federation
    assert found
    cards, first = found.stations, found.federation.computing
    region = first[0].split("/")[0]
    other = next(one for one in cards if one.split("/")[0] == region and cards[one].gateway and one not in first)
    parties = (other, *first[1:])
    changed = found.federation.model_copy(update={"computing_alternates": (parties,)})
    resolved = dataclasses.replace(found, federation=changed)
    network = compile.compile_federation(resolved)
    assert network.computing_alternates == joined(resolved).computing_alternates == (parties,)
    calls = {(link.source, link.target): link.purpose for link in network.links}
    assert all(calls[one, another] == "compute" for one in parties for another in parties if one != another)
    assert calls[first[0], other] == calls[other, first[0]] == "contribute"
    [said] = [one for one in network.privacy if one.startswith("Another set may compute")]
    assert cards[other].name in said
    assert "in another set" in draw.svg(network)
    moved = twin.sandbox_twin(resolved).federation.computing_alternates
    assert moved == (tuple(one.replace("/", ".sandbox/") for one in parties),)


def test_the_country_is_made_of_its_seed_and_of_nothing_else() -> None:
    assert country.digest(country.files(KNOWN.regions)) == DIGEST
    assert country.digest(country.files(KNOWN.regions, seed=1)) != DIGEST


def test_the_script_writes_the_country_of_the_golden_digest(tmp_path: Path) -> None:
    words = [sys.executable, "-m", country.__name__, str(tmp_path)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert DIGEST in told
    assert len([*(tmp_path / "networks").glob("*/network.yml")]) == 26


def test_every_network_of_the_country_is_right_and_has_at_most_25_organisations(tmp_path: Path) -> None:
    made = country.files(KNOWN.regions)
    country.write(made, tmp_path)
    assert {*made} == {*KNOWN.regions, country.NAME}
    for name in made:
        outcome = check.network(name, tmp_path, KNOWN)
        assert outcome.errors == (), name
        assert (outcome.federation is None) == (name != country.NAME)
        assert outcome.definition is None or 10 <= len(outcome.definition.stations) <= membership.MOST


@pytest.mark.parametrize("organisations", [3, 4, 5, 6, 7])
def test_a_country_of_small_networks_has_as_many_computing_parties_as_it_can(
    organisations: int, tmp_path: Path
) -> None:
    country.write(country.files(KNOWN.regions, organisations=organisations), tmp_path)
    found = check.network(country.NAME, tmp_path, KNOWN)
    assert found.errors == ()
    assert found.federation is not None
    parties = found.federation.known(found.federation.federation.computing)
    assert len(parties) == max(count for count in computing.COUNTS if count <= organisations)


def test_the_script_never_writes_over_a_network_that_is_there(tmp_path: Path) -> None:
    networks = tmp_path / "networks"
    (networks / "twente").mkdir(parents=True)
    (networks / "twente" / names.FILE).write_text("network: twente\n")
    words = [sys.executable, "-m", country.__name__, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == errors.WRONG_USE
    assert f"{networks / 'twente'} is the first; name an empty folder" in done.stderr
    assert [path.name for path in networks.iterdir()] == ["twente"]
    assert (networks / "twente" / names.FILE).read_text() == "network: twente\n"


def test_the_same_country_may_be_written_again(tmp_path: Path) -> None:
    made = country.files(KNOWN.regions)
    country.write(made, tmp_path)
    country.write(made, tmp_path)
    with pytest.raises(errors.UsageError):
        country.write(country.files(KNOWN.regions, seed=1), tmp_path)


def test_the_whole_country_has_625_stations_and_seven_parties_of_seven_regions(made: Path) -> None:
    found = federation(country.NAME, made)
    assert (len(found.members), len(found.stations)) == (25, 625)
    assert (len(found.computing), found.threshold) == (7, 3)
    assert len({one.split("/")[0] for one in found.computing}) == 7
    assert len({found.stations[one].domain for one in found.computing}) == 7
    assert sum(link.purpose == "compute" for link in found.links) == 7 * 6
    assert sum(link.purpose == "contribute" for link in found.links) == (625 - 7) * 7


def test_a_station_keeps_the_id_that_it_has_in_its_region(one: compiled.CompiledFederation) -> None:
    for network, region in one.members.items():
        for organisation, station in region.stations.items():
            assert station.id == names.station_id(network, organisation)
            assert station.reference == f"{network}/{organisation}"


def test_a_company_in_every_region_counts_once(made: Path) -> None:
    found = federation(country.NAME, made)
    served = {key for key, name in found.operators.items() if name == "Rekencentrum Nederland"}
    assert len(served) == 1
    regions = {one.reference.split("/")[0] for one in found.stations.values() if one.operated_by in served}
    assert len(regions) == 25
    (sentence,) = (one for one in found.privacy if one.startswith("Rekencentrum Nederland operates"))
    count = sum(one.operated_by in served for one in found.stations.values())
    assert f"the servers of {count} organisations of 25 regional networks, and could read" in sentence


def test_no_sentence_on_privacy_is_longer_than_a_person_reads(one: compiled.CompiledFederation) -> None:
    for sentence in one.privacy:
        assert len(sentence.split()) <= 60, sentence


def test_who_together_could_read_the_inputs_is_said_over_all_regions() -> None:
    found = federation("kansrijke-start-oost", NETWORKS)
    said = "So at least 2 operators would have to work together, any of "
    assert found.privacy[-1] == f"{said}Carintreggeland, Deventer Ziekenhuis and GGD Twente."


def test_the_order_of_members_changes_nothing_that_follows() -> None:
    outcome = check.network("kansrijke-start-oost", NETWORKS, KNOWN).federation
    assert outcome is not None
    members = dict(reversed([*outcome.federation.members.items()]))
    turned = dataclasses.replace(
        outcome,
        federation=outcome.federation.model_copy(update={"members": members}),
        members=dict(reversed([*outcome.members.items()])),
    )
    assert compile.compile_federation(turned) == compile.compile_federation(outcome)


def test_a_map_has_every_region_and_then_every_station_and_none_hides_another(
    one: compiled.CompiledFederation,
) -> None:
    root = ElementTree.fromstring(draw.svg(one))  # noqa: S314 (our own)
    drawn = [_rectangle(group) for group in root.iter(f"{SVG}g") if group.find(f"{SVG}rect") is not None]
    regions, stations = drawn[: len(one.members)], drawn[len(one.members) :]
    assert len(stations) == len(one.stations)
    assert max(y + height for _, y, _, height in regions) < min(y for _, y, _, _ in stations)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for x, y, across, high in drawn:
        assert 0 <= x <= width - across
        assert 0 <= y <= height - high
    _require_apart(drawn)


def test_a_map_is_readable_however_many_there_are(one: compiled.CompiledFederation) -> None:
    root = ElementTree.fromstring(draw.svg(one))  # noqa: S314 (our own)
    assert root.attrib["width"] == str(pen.WIDTH)
    for text in root.iter(f"{SVG}text"):
        assert float(text.attrib["font-size"]) >= 12
    for group in root.iter(f"{SVG}g"):
        if group.find(f"{SVG}rect") is None:
            continue
        x, y, across, high = _rectangle(group)
        for text in group.iter(f"{SVG}text"):
            size = float(text.attrib["font-size"])
            assert float(text.attrib["x"]) + len(text.text or "") * size * 0.57 <= x + across
            assert y < float(text.attrib["y"]) - size * 0.75
            assert float(text.attrib["y"]) < y + high


def test_every_computing_party_is_named_in_full_in_the_box_of_its_region_in_party_order(
    one: compiled.CompiledFederation,
) -> None:
    root = ElementTree.fromstring(draw.svg(one))  # noqa: S314 (our own)
    for box in root.iter(f"{SVG}a"):
        _, _, *lines = (text.text or "" for text in box.iter(f"{SVG}text"))
        stations = one.members[box.attrib["href"][1:]].stations.values()
        parties = sorted((station.party, station.name) for station in stations if station.party is not None)
        named = "".join(f"{number + 1} · {name}" for number, name in parties)
        assert "".join(lines).replace(" ", "") == named.replace(" ", "")


def test_the_boxes_of_few_regions_take_the_whole_width() -> None:
    root = ElementTree.fromstring(draw.svg(federation("kansrijke-start-oost", NETWORKS)))  # noqa: S314 (our own)
    boxes = [_rectangle(group) for box in root.iter(f"{SVG}a") for group in box.iter(f"{SVG}g")]
    assert len(boxes) == 2
    assert max(x + width for x, _, width, _ in boxes) == pen.WIDTH - pen.MARGIN


def test_the_box_of_a_region_leads_to_its_stations(one: compiled.CompiledFederation) -> None:
    root = ElementTree.fromstring(draw.svg(one))  # noqa: S314 (our own)
    anchors = [group.attrib["id"] for group in root.iter(f"{SVG}g") if "id" in group.attrib]
    assert [link.attrib["href"] for link in root.iter(f"{SVG}a")] == [f"#{anchor}" for anchor in anchors]
    assert anchors == [*one.members]


def test_a_name_with_markup_stays_a_name() -> None:
    found = federation("kansrijke-start-oost", NETWORKS)
    text = draw.svg(dataclasses.replace(found, title="<script>alert('x')</script> & co"))
    assert "<script" not in text
    assert ElementTree.fromstring(text).tag == f"{SVG}svg"  # noqa: S314 (our own)


def _rectangle(group: ElementTree.Element) -> Rectangle:
    outline = group.find(f"{SVG}rect")
    assert outline is not None
    x, y, width, height = (float(outline.attrib[name]) for name in ("x", "y", "width", "height"))
    return x, y, width, height


def _require_apart(drawn: list[Rectangle]) -> None:
    for number, (x, y, width, height) in enumerate(drawn):
        for x2, y2, width2, height2 in drawn[number + 1 :]:
            assert x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
