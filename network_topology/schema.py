"""The JSON Schema of a definition of any kind, for editors. `python -m network_topology.schema` writes it anew."""

import json
import sys
from pathlib import Path

import pydantic

from network_topology.federations import model

PATH = Path(__file__).with_name("schema.json")


def text() -> str:
    """What schema.json must hold."""
    schema = pydantic.TypeAdapter(model.AnyDefinition).json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write schema.json beside this module."""
    PATH.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{PATH} is written\n")


if __name__ == "__main__":
    main()
