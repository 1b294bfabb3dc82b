import copy
import datetime
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from network_topology import load, schema, source

NETWORKS = Path(load.__file__).with_name("networks")


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [as_json(one) for one in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def test_the_schema_is_the_one_that_the_model_gives() -> None:
    fresh = schema.text() == schema.PATH.read_text("utf-8")
    assert fresh, "schema.json is stale; run: python -m network_topology.schema"


@pytest.mark.parametrize("name", load.known(NETWORKS))
def test_the_networks_fit_the_schema(name: str) -> None:
    tree, _, _ = source.read(NETWORKS / name / "network.yml")
    validator = jsonschema.Draft202012Validator(json.loads(schema.text()))
    assert list(validator.iter_errors(as_json(tree))) == []
    for broken in ({"colour": "green"}, {"network": "Not a slug"}, {"computing": "ggd"}):
        assert list(validator.iter_errors({**copy.deepcopy(as_json(tree)), **broken}))


def test_every_field_is_described_in_prose() -> None:
    for shape in json.loads(schema.text())["$defs"].values():
        assert shape["additionalProperties"] is False
        for name, field in shape["properties"].items():
            assert len(field.get("description", "").split()) >= 3, name
