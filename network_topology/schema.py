"""The JSON Schema of a definition, for editors. `python -m network_topology.schema` writes schema.json anew."""

import json
import sys
from pathlib import Path

from network_topology import model

PATH = Path(__file__).with_name("schema.json")


def text() -> str:
    """What schema.json must hold."""
    schema = model.Definition.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write schema.json beside this module."""
    PATH.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{PATH} is written\n")


if __name__ == "__main__":
    main()
