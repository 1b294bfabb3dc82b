import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from network_topology import load
from network_topology.compiling import compile, draw
from tests.network_topology.definitions import REGIONAL

NETWORKS = Path(load.__file__).with_name("networks")
SVG = "{http://www.w3.org/2000/svg}"


def picture(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(draw.svg(compile.compile_network(load.find(name, NETWORKS))))  # noqa: S314 (our own)


def boxes(root: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    outlines = [group.find(f"{SVG}rect") for group in root.iter(f"{SVG}g")]
    return [
        (float(one.attrib["x"]), float(one.attrib["y"]), float(one.attrib["width"]), float(one.attrib["height"]))
        for one in outlines
        if one is not None
    ]


@pytest.mark.parametrize("name", REGIONAL)
def test_no_station_hides_another_and_all_are_in_the_picture(name: str) -> None:
    root = picture(name)
    drawn = boxes(root)
    assert len(drawn) == len(load.find(name, NETWORKS).stations)
    for number, (x, y, width, height) in enumerate(drawn):
        assert 0 <= x <= float(root.attrib["width"]) - width
        assert 0 <= y <= float(root.attrib["height"]) - height
        for x2, y2, width2, height2 in drawn[number + 1 :]:
            assert x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y


def test_seven_computing_parties_fit_too() -> None:
    twente = load.find("twente-volledig", NETWORKS)
    slugs = (*twente.computing, "thoon", "livio")
    cards = dict(twente.organisations)
    for slug in slugs[5:]:
        gateway = {"name": f"mesh.{slug}.example"}
        model_gateway = cards["mst"].gateway
        assert model_gateway is not None
        here = model_gateway.model_copy(update={**gateway, "egress": cards[slug].egress})
        cards[slug] = cards[slug].model_copy(update={"gateway": here, "egress": (), "operator": "itself"})
    definition = twente.model_copy(update={"computing": slugs, "organisations": cards})
    drawn = boxes(ElementTree.fromstring(draw.svg(compile.compile_network(definition))))  # noqa: S314 (our own)
    for number, (x, y, width, height) in enumerate(drawn):
        for x2, y2, width2, height2 in drawn[number + 1 :]:
            assert x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y


def test_a_map_says_that_it_is_illustrative_only_where_it_is() -> None:
    definition = load.find("gerda", NETWORKS)
    real = definition.model_copy(update={"illustrative": False})
    assert "illustrative" in draw.svg(compile.compile_network(definition))
    assert "illustrative" not in draw.svg(compile.compile_network(real))


def test_a_map_says_who_together_could_read_the_inputs() -> None:
    texts = " ".join(one.text or "" for one in picture("gerda").iter(f"{SVG}text"))
    for sentence in compile.compile_network(load.find("gerda", NETWORKS)).privacy:
        assert " ".join(sentence.split()) in " ".join(texts.split())


def test_a_name_with_markup_stays_a_name() -> None:
    definition = load.find("gerda", NETWORKS)
    cards = dict(definition.organisations)
    cards["gelre"] = cards["gelre"].model_copy(update={"name": "<script>alert('x')</script> & co"})
    text = draw.svg(compile.compile_network(definition.model_copy(update={"organisations": cards})))
    assert "<script" not in text
    assert ElementTree.fromstring(text).tag == f"{SVG}svg"  # noqa: S314 (our own)
