"""What figures are made of: definitions, the kernel's counts, what is broken by chance, and rows."""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks import bare, broken, machine, network, race, topology
from tests.benchmarks.national import measured
from tests.harness import chance, sandboxes, sized
from werkplaats.operations.home import networks

CONTAINER = "f00ce15466b5" * 5
V1 = f"5:devices:/docker/{CONTAINER}\n4:memory:/docker/{CONTAINER}\n0::/docker/{CONTAINER}/init.scope\n"
V2_OF_SYSTEMD = f"0::/system.slice/docker-{CONTAINER}.scope/init.scope\n"
V2 = f"0::/docker/{CONTAINER}/init.scope\n"


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        (V1, ("v1", Path(f"/sys/fs/cgroup/memory/docker/{CONTAINER}"))),
        (V2_OF_SYSTEMD, ("v2", Path(f"/sys/fs/cgroup/system.slice/docker-{CONTAINER}.scope"))),
        (V2, ("v2", Path(f"/sys/fs/cgroup/docker/{CONTAINER}"))),
    ],
    ids=["v1", "v2 of systemd", "v2"],
)
def test_memory_is_read_of_the_whole_container_and_not_of_its_first_process(
    groups: str, found: tuple[str, Path]
) -> None:
    assert machine.memory_group(groups, CONTAINER) == found


def test_the_kernel_s_figures_are_bytes_and_counts_are_left_out() -> None:
    assert machine.meminfo("MemTotal:  2 kB\nMemAvailable:  1 kB\nHugePages_Total:  7\n") == {
        "MemTotal": 2048,
        "MemAvailable": 1024,
    }


def test_a_figure_names_the_processor_that_it_was_measured_on_or_else_its_kind() -> None:
    text = "processor\t: 0\nmodel name\t: Example 7: at 2 GHz\n\nprocessor\t: 1\nmodel name\t: Other\n"
    assert machine.processor(text) == "Example 7: at 2 GHz"
    assert machine.processor("processor\t: 0\nBogoMIPS\t: 50.00\n") == platform.machine()


def test_the_same_seed_breaks_the_same_and_each_organisation_in_another_way() -> None:
    organisations = [f"o{number}" for number in range(25)]
    once = broken.chosen(chance.of("broken"), organisations, 3)
    assert broken.chosen(chance.of("broken"), reversed(organisations), 3) == once
    assert len(set(once.values())) == len(once) == 3


def test_an_organisation_was_touched_by_whatever_part_of_up_changed_something() -> None:
    changes = {
        "servers": [{"operation": "create", "name": "ggd-twente-server", "kind": "Container"}],
        "configured": {"mst": 2},
        "stations": [{"operation": "create", "name": "jp-van-den-bent-agent", "kind": "Container"}],
    }
    assert broken.touched(changes) == {"ggd-twente", "mst", "jp-van-den-bent"}


def test_a_row_is_the_median_with_the_phases_of_the_run_that_gave_it() -> None:
    runs = [network.Measured(value, {"servers": value / 2}) for value in (70.0, 60.0, 80.0)]
    row = network.row(25, network.VERIFIED, runs)
    assert (row["value"], row["phases"]) == (70.0, {"servers": 35.0})
    assert row["floor"] is None


def test_a_floor_is_the_median_of_a_part_of_the_same_work_in_the_same_runs() -> None:
    runs = [network.Measured(value, {}) for value in (12.5, 14.0, 13.0)]
    parts = [network.Measured(value, {}) for value in (2.0, 9.0, 3.0)]
    assert network.row(25, network.AGAIN, runs, parts)["floor"] == 3.0


def test_a_race_tells_the_ratio_of_medians_each_run_and_what_was_not_done() -> None:
    ran = {
        race.FLARE: [network.Measured(value, {"provision": value}, {race.FETCHED: 6}) for value in (20.0, 60.0, 24.0)],
        race.OURS: [network.Measured(value, {"servers": value}) for value in (40.0, 30.0, 36.0)],
    }
    theirs, ours, ratio = race.rows(4, ran)
    assert (theirs["value"], ours["value"], ratio["value"]) == (24.0, 36.0, 1.5)
    assert (theirs["each run"], theirs["phases"]) == ([20.0, 60.0, 24.0], {"provision": 24.0})
    assert ratio["phases"] == {race.FLARE: 24.0, race.OURS: 36.0}
    assert ratio["times as long as until NVFlare's result is fetched"] == 1.2
    assert theirs["work"]["did not"]
    assert ratio["work"] == race.WORK


def test_a_race_of_an_even_number_of_runs_tells_the_phases_of_one_of_them() -> None:
    runs = [network.Measured(value, {"up": value}, {race.FETCHED: 1.0}) for value in (40.0, 30.0)]
    row = race.rows(25, {race.FLARE: runs, race.OURS: runs})[0]
    assert (row["value"], row["phases"]) == (35.0, {"up": 40.0})


def test_what_is_raced_is_locked_at_the_version_that_the_project_names() -> None:
    groups = tomllib.loads((sandboxes.ROOT / "pyproject.toml").read_text())["dependency-groups"]
    (named,) = (one for one in groups["race"] if one.startswith("nvflare=="))
    assert f"{named} \\\n" in race.LOCK.read_text()


def test_a_benchmark_is_named_by_itself_or_with_all_of_its_kind() -> None:
    every = [*bench.BENCHMARKS, *bench.ON_REQUEST]
    assert bench.named(["race", "topology"], every) == ["topology", "race-4", "race-25"]
    assert bench.named(["network-4"], every) == ["network-4"]
    assert bench.named(["network-", "rac"], every) == []


def test_calls_between_bare_servers_come_from_the_network_that_they_are_on(tmp_path: Path) -> None:
    written = sandboxes.Sandbox(bare.NAME, tmp_path, tmp_path)
    sized.write(written, bare.definition())
    found = networks.find(bare.NAME, tmp_path)
    assert not found.made_here
    inbound = [row for station in found.compiled.stations.values() for row in station.firewall if row.direction == "in"]
    assert {address for row in inbound for address in row.addresses} == {str(bare.SUBNET)}


def test_the_figure_of_all_regions_is_of_625_organisations_and_has_a_limit() -> None:
    row, federation, each = topology.measure()
    assert (row["organisations"], row["unit"], row["most"]) == (625, "s", 1.0)
    assert (federation["organisations"], federation["unit"], federation["most"]) == (625, "s", 1.0)
    assert (each["unit"], each["most"]) == ("times", 2.0)
    assert all(bench.line(one, None) for one in (row, federation, each))


@pytest.mark.slow
def test_a_small_federation_is_measured_as_a_large_one_is() -> None:
    """Three regions of four; what is asked is right, or no row comes. Seconds are for the benchmark."""
    rows = {
        row["name"].removeprefix("national: "): row for row in measured.measure(3, 4, (3,), (5, 8, 12), 40, 0.25, 0.5)
    }
    session = rows["session, 3 parties, 40 areas, 12 contributors"]
    assert list(session["phases"]) == ["answers", "contributions", "computing", "opening", "handing over"]
    sent = rows["what a contributor sends, 3 parties, 40 areas, 12 contributors"]
    assert sent["value"] > sent["floor"] == 0.016
    assert {row["organisations"] for row in rows.values()} == {5, 8, 12}
    sizes = {name: row for name, row in rows.items() if row["unit"] == "MB"}
    assert sizes
    for name, row in sizes.items():
        assert 0 < row["value"] <= row.get("most", row["value"]), name
