"""The input of a stack as a file, so that `pulumi up` by hand builds what `werkplaats up` built.

`drive` writes the plan beside the stack's state; a program run by hand finds it by WERKPLAATS_PLAN.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import pulumi
import pydantic

Plan = TypeVar("Plan")
VARIABLE = "WERKPLAATS_PLAN"


def write(path: Path, plan: object) -> None:
    """Write a plan (a dataclass of plain values) as JSON."""
    path.write_bytes(pydantic.TypeAdapter(type(plan)).dump_json(plan, indent=2))


def read(kind: type[Plan]) -> Plan:
    """Read the plan named by WERKPLAATS_PLAN; raises RunError with the remedy where it is not set."""
    if VARIABLE not in os.environ:
        raise pulumi.RunError(
            f"{VARIABLE} is not set; run the `pulumi` that `werkplaats up` left beside its plan (stacks/README.md)"
        )
    return pydantic.TypeAdapter(kind).validate_json(Path(os.environ[VARIABLE]).read_bytes())


def before(path: Path, kind: type[Plan]) -> Plan | None:
    """The plan of the run before; None where there is none, or one of another version of ours."""
    try:
        return pydantic.TypeAdapter(kind).validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
