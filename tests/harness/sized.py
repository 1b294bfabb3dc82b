"""Networks of any size up to 25 organisations, cut from the example that has so many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from network_topology import names
from tests.harness import sandboxes

EXAMPLE = sandboxes.ROOT / "network_topology" / "networks" / "twente-volledig"
WHOLE: dict[str, Any] = yaml.safe_load((EXAMPLE / "network.yml").read_text())
QUESTION: dict[str, Any] = yaml.safe_load((EXAMPLE / "questions" / f"{sandboxes.QUESTION}.yml").read_text())


def definition(name: str, size: int) -> dict[str, Any]:
    """Computing parties first, 3 in a network as small as the demo's, else 5; all others only contribute."""
    computing = WHOLE["computing"][: 3 if size < 10 else 5]
    others = [slug for slug in WHOLE["organisations"] if slug not in WHOLE["computing"]]
    kept = [*computing, *others[: size - len(computing)]]
    organisations = {slug: WHOLE["organisations"][slug] for slug in kept}
    return WHOLE | {"network": name, "computing": computing, "organisations": organisations}


def write(network: sandboxes.Sandbox, defined: dict[str, Any]) -> None:
    """Write the definition and its question, in which a network that grows changes nothing."""
    question = QUESTION | {"contributes": defined["computing"]}
    path = network.definition.parent / "questions" / f"{sandboxes.QUESTION}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(question, sort_keys=False))
    network.definition.write_text(yaml.safe_dump(defined, sort_keys=False))


def sandbox(folder: Path, name: str, size: int) -> sandboxes.Sandbox:
    """A network of its own home and state; nothing of it exists yet."""
    found = sandboxes.Sandbox(names.twin(name), folder / "home", folder / "state")
    write(found, definition(name, size))
    return found
