"""What layers cannot say by forbidding: what a package may import at all."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Beside the standard library. Debian 13 has each of the others, for who reads a publication on a server.
MAY_IMPORT = {
    "base": {"base"},
    "network_topology": {"base", "network_topology", "pydantic", "pydantic_core", "yaml"},
    "on_server": {"on_server", "."},  # the latter of what Ansible has among its own `module_utils` too
    "publication": {"base", "network_topology", "publication", "cryptography", "pydantic"},
}


def imported(package: str) -> Iterator[tuple[str, str]]:
    """Each module of a package and the top of each name that it imports, wherever it does so."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names):
                    yield from ((str(path.relative_to(ROOT)), one.name.partition(".")[0]) for one in names)
                case ast.ImportFrom(module, _, level):
                    yield str(path.relative_to(ROOT)), "." if level else str(module).partition(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_what_it_may_and_nothing_else(package: str) -> None:
    found = list(imported(package))
    assert found
    others = [one for one in found if one[1] not in MAY_IMPORT[package] | sys.stdlib_module_names]
    assert others == []
