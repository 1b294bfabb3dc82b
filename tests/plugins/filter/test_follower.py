from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from on_server import removed
from plugins.filter import follower

ROOT = Path(__file__).resolve().parents[3]


def test_the_packages_that_read_a_publication_are_placed_and_nothing_of_ours_beside_them() -> None:
    placed = {row["path"].removeprefix(f"{follower.LIBRARY}/") for row in follower.follower_files(str(ROOT))}
    assert {"publication/following/follow.py", "network_topology/model.py", "base/canonical.py"} <= placed
    assert {path.partition("/")[0] for path in placed} == {"base", "network_topology", "publication"}
    assert all((ROOT / path).is_file() for path in placed)


def test_an_incomplete_copy_of_the_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnsibleFilterError, match="take a complete copy of this project"):
        follower.follower_files(str(tmp_path))


@pytest.mark.parametrize("seconds", [4, 86_401, "300", None, 300.0, True])
def test_an_interval_that_is_no_number_of_a_day_is_refused(seconds: object) -> None:
    with pytest.raises(AnsibleFilterError, match="is no number from 5 to 86400"):
        follower.follower_seconds(seconds)


def test_a_station_that_leaves_takes_its_follower_along() -> None:
    assert follower.LIBRARY in set(map(str, removed.FILES))
    templates = (ROOT / "roles/follower/templates/etc/systemd/system").iterdir()
    assert {path.name.removesuffix(".j2") for path in templates} <= {*removed.UNITS}
