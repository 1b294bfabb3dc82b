"""How analyses are found."""

from __future__ import annotations

import pytest

from station_image.runtime import analyses


@pytest.mark.parametrize("name", ["acceptance_sum/2", "acceptance_sum", "os/1", "__init__/1", "../plan/1", "", "x/1"])
def test_only_analyses_of_this_release_are_found(name: str) -> None:
    with pytest.raises(analyses.AnalysisError):
        analyses.find(name)
