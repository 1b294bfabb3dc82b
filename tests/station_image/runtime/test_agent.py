"""The agent as a whole."""

from __future__ import annotations

import subprocess
import sys

from tests.harness.stations import ROOT


def test_the_agent_imports_neither_numpy_nor_mpyc() -> None:
    code = (
        "import station_image.runtime.agent, sys; print(sorted({'numpy','mpyc','gmpy2','pickle'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
