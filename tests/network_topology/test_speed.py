"""The speed that is promised, measured by the benchmark itself."""

import importlib.util
from pathlib import Path

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "topology.py"


def test_25_networks_of_25_organisations_are_loaded_checked_and_compiled_within_a_second() -> None:
    spec = importlib.util.spec_from_file_location("benchmarks_topology", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    [result] = benchmark.measure()
    assert result["organisations"] == 625
    assert result["value"] < 1.0, result["phases"]
