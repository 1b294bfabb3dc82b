"""What ships with the project: example networks, regions, releases; and that the package stays pure."""

import ast
import datetime
import ipaddress
from pathlib import Path

import pytest

from network_topology import check, context, load, model, names, source
from network_topology.compiling import compile
from tests.network_topology.definitions import REGIONAL

PACKAGE = Path(load.__file__).parent
NETWORKS = PACKAGE / "networks"
KNOWN = context.shipped(datetime.date(2026, 11, 1))
DOCUMENTATION = [
    ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
]  # RFC 5737


@pytest.mark.parametrize("name", [*REGIONAL, *map(names.twin, REGIONAL)])
def test_an_example_network_has_no_errors_and_compiles(name: str) -> None:
    outcome = check.network(name, NETWORKS, KNOWN)
    assert outcome.errors == ()
    assert outcome.definition is not None
    assert compile.compile_network(outcome.definition).network == name


def test_the_examples_are_of_the_sizes_that_are_wanted() -> None:
    sizes = {name: len(load.find(name, NETWORKS).stations) for name in REGIONAL}
    assert sizes.pop("proeftuin") == 4
    assert sizes.pop("proeftuin-oost") == sizes.pop("proeftuin-west") == 3
    assert sizes.pop("twente-volledig") == 25
    assert set(sizes) == {"gerda", "salland-united", "drenthe-mentale-gezondheid"}
    assert all(5 <= size <= 8 for size in sizes.values())


@pytest.mark.parametrize("name", REGIONAL)
def test_an_example_uses_names_and_addresses_that_belong_to_nobody(name: str) -> None:
    definition = load.find(name, NETWORKS)
    assert definition.illustrative
    for card in definition.organisations.values():
        if card.gateway is not None:
            assert card.gateway.name.endswith(".example")
        for text in (*card.egress, *(card.gateway.egress if card.gateway else ())):
            here = ipaddress.ip_network(text)
            assert any(here.overlaps(there) for there in DOCUMENTATION)


def test_all_25_ggd_regions_are_known() -> None:
    assert len(KNOWN.regions) == 25
    assert all(map(names.is_slug, KNOWN.regions))
    assert len(set(KNOWN.regions.values())) == 25


def test_a_release_is_described_under_its_own_name() -> None:
    for path in sorted(context.RELEASES.glob("*.yml")):
        tree, _, _ = source.read(path)
        kind = model.ReleaseOfTree if path.stem == context.DEVELOPMENT else model.Release
        assert kind.model_validate(tree).release == path.stem


def test_the_package_opens_no_socket_starts_no_process_and_imports_nothing_of_ours() -> None:
    refused = {"socket", "ssl", "subprocess", "asyncio", "multiprocessing", "urllib", "http", "threading"}
    ours = {"stacks", "werkplaats", "runbooks", "station_image", "tests"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            found += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in found} & (refused | ours), path
