"""Eight stations, made once: seven that can compute and one without an inbound port."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.harness.region import Region, whole
from tests.station_image.runtime.agreed import MEMBERS, Agreed


@pytest.fixture(scope="session")
def whole_region() -> Iterator[Region]:
    """Networks drie, vijf and zeven; in `drie`, four stations contribute that do not compute."""
    if shutil.which("haproxy") is None:
        pytest.fail("haproxy is not on this machine; `apt-get install haproxy` (its service need not run)")
    with whole() as running:
        yield running


@pytest.fixture
def agreed(region: Region) -> Agreed:
    """A question of this test alone: everybody has it, allows it, and has data for it."""
    found = Agreed(region)
    found.everywhere()
    for member in MEMBERS:
        found.put(member, found.cases(member))
    return found


@pytest.fixture
def region(whole_region: Region) -> Iterator[Region]:
    """The region with everything running; what a test stopped or replaced is started again afterwards."""
    yield whole_region
    whole_region.heal()
