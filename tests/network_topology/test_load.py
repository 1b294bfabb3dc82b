from pathlib import Path

import pytest

from network_topology import load, names, twin

NETWORKS = Path(load.__file__).with_name("networks")


def test_a_network_is_found_by_its_name() -> None:
    assert load.find("gerda", NETWORKS).title.startswith("GERDA")


def test_a_twin_is_found_by_its_name_and_differs_in_addresses_only() -> None:
    defined, found = load.find("gerda", NETWORKS), load.find("gerda.sandbox", NETWORKS)
    assert found.network == "gerda.sandbox"
    gateway = found.organisations["gelre"].gateway
    assert gateway is not None
    assert gateway.name == names.dns("gerda.sandbox", "gelre") == "gelre.gerda.sandbox.datawerkplaats.internal"
    assert (gateway.port, gateway.egress) == (8443, (twin.SANDBOX_RANGE,))
    assert found.organisations["ggnet"].egress == (twin.SANDBOX_RANGE,)
    moved = {"gateway", "egress"}
    for slug, card in defined.organisations.items():
        assert found.organisations[slug].model_dump(exclude=moved) == card.model_dump(exclude=moved)
    rest = {"network", "organisations"}
    assert found.model_dump(exclude=rest) == defined.model_dump(exclude=rest)


def test_the_twin_of_a_twin_is_that_twin() -> None:
    found = load.find("gerda.sandbox", NETWORKS)
    assert twin.sandbox_twin(found) is found


def test_a_name_that_is_nearly_right_gets_the_right_one_as_remedy() -> None:
    with pytest.raises(load.DefinitionError, match="no network 'gerdaa' is defined here; did you mean 'gerda'"):
        load.find("gerdaa", NETWORKS)


@pytest.mark.parametrize("name", ["../networks/gerda", "/etc", "", ".", "gerda/", "gerda.sandbox.sandbox", "gerda\n"])
def test_a_name_that_is_a_path_leads_nowhere(name: str) -> None:
    with pytest.raises(load.DefinitionError, match="is defined here"):
        load.find(name, NETWORKS)


def test_an_error_carries_every_violation_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "network.yml"
    path.write_text("network: 7\nkind: local\ncolour: green\n")
    with pytest.raises(load.DefinitionError) as caught:
        load.read(path)
    places = [(violation.line, violation.column) for violation in caught.value.violations]
    assert places == sorted(places)
    assert str(caught.value).count("\n") == len(places) - 1
    assert "'colour' is unknown; remove it" in str(caught.value)
