"""What others must agree on with the software of a station: held equal to those that cannot import it."""

from __future__ import annotations

import subprocess
import sys
import typing
from pathlib import Path, PurePosixPath

import yaml

from network_topology import model
from station_image.builder import rootfs
from station_image.runtime.base import contract
from station_image.runtime.base.folders import Folders
from station_image.runtime.data import editions
from station_image.runtime.releases import formats
from tests.harness.stations import ROOT
from tests.station_image.runtime import questions
from tests.station_image.runtime.neighbours import Own, data_plan, deliver
from tests.station_image.runtime.views import Small

SEEN = [folder for folder in contract.FOLDERS if folder.name]


def test_it_imports_nothing_that_does_not_come_with_python() -> None:
    code = "import sys; before = set(sys.modules); import station_image.runtime.base.contract as found;"
    code += "print({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'station_image'}"


def test_the_role_makes_exactly_these_folders() -> None:
    defaults = yaml.safe_load((ROOT / "roles/station_folders/defaults/main.yml").read_text())
    made = [{"path": one.path, "owner": one.owner, "group": one.group, "mode": one.mode} for one in contract.FOLDERS]
    assert defaults["station_folders_made"] == made


def test_parents_come_first() -> None:
    paths = [PurePosixPath(folder.path) for folder in contract.FOLDERS]
    for number, path in enumerate(paths):
        assert path.parent in {*paths[:number], *(PurePosixPath(top) for top in ("/etc", "/run", "/var/lib"))}


def test_the_agent_sees_the_folders_that_its_code_uses_and_no_others() -> None:
    folders = Folders(Path(contract.ROOT))
    found = [getattr(folders, name) for name, value in vars(Folders).items() if isinstance(value, property)]
    used = {
        path.parent if path.suffix == ".sock" else path for path in [*found, folders.data("n", "griep").parent.parent]
    }
    assert {str(path) for path in used} == {folder.target for folder in SEEN if folder.agent}


def test_the_computer_sees_only_where_it_meets_the_agent() -> None:
    assert [(folder.name, folder.computer) for folder in SEEN if folder.computer] == [("compute", "rw")]


def test_the_agent_cannot_write_what_people_decide_or_bring() -> None:
    assert {one.name for one in SEEN if one.agent == "ro"} == {"allowances", "data/in", "networks.d", "peers"}


def test_what_is_stored_lies_in_folders_that_the_agent_sees() -> None:
    names = {folder.name for folder in SEEN}
    for stored in contract.STORED:
        assert {str(parent) for parent in PurePosixPath(stored.path).parents} & names, stored


def test_what_a_station_keeps_lies_where_it_says(tmp_path: Path) -> None:
    own = Own(Small.make(tmp_path / "small"), "n.a", tmp_path / "station")
    deliver(own.small, {"n.a": own.folders.allowances})
    agreed = data_plan(own.network)
    formats.ready(own.folders)
    own.register.add("answer")
    own.opened.add(agreed, {})
    own.seen.add("x")
    editions.of([1], [], [], "asked", own.folders.state)
    names = {"network": "n", "question": questions.NAME}
    kept = {str(path.relative_to(own.root)) for path in own.root.rglob("*") if path.is_file()}
    made_elsewhere = {contract.STATEMENT_KEY, contract.RESULT}  # by a role; in session/test_results.py
    assert kept == {stored.path.format(**names) for stored in {*contract.STORED} - made_elsewhere}


def test_the_server_has_these_accounts_with_these_numbers() -> None:
    accounts = ROOT / "roles/baseline/templates/etc/sysusers.d/werkplaats.conf.j2"
    lines = [line.split()[:3] for line in accounts.read_text().splitlines() if line[:2] in ("u ", "g ")]
    assert lines == [
        ["g", contract.GROUP, str(contract.GROUP_ID)],
        ["g", contract.CONTROL_GROUP, "-"],
        ["u", contract.AGENT_USER, f"{contract.AGENT_UID}:{contract.GROUP}"],
        ["u", contract.COMPUTER_USER, f"{contract.COMPUTER_UID}:{contract.GROUP}"],
        ["u", contract.GATEWAY_USER, "-"],
        ["u", contract.STEWARD, "-"],
        ["u", contract.SCIENTIST, "-"],
    ]


def test_frequencies_go_from_often_to_rarely() -> None:
    assert list(contract.FREQUENCIES.values()) == sorted(contract.FREQUENCIES.values())


def test_a_definition_knows_the_same_frequencies() -> None:
    assert typing.get_args(model.Frequency) == tuple(contract.FREQUENCIES)


def test_the_release_of_a_working_tree_is_described_with_what_its_code_speaks() -> None:
    described = yaml.safe_load((ROOT / "network_topology/releases/dev.yml").read_text())
    assert tuple(described["protocols"]) == contract.PROTOCOL_VERSIONS


def test_the_image_has_names_for_the_numbers_that_its_containers_run_as() -> None:
    users = [line.split(":")[:4] for line in rootfs.FILES["etc/passwd"].splitlines()]
    groups = [line.split(":")[:3] for line in rootfs.FILES["etc/group"].splitlines()]
    group = str(contract.GROUP_ID)
    assert users[1:] == [
        [contract.AGENT_USER, "x", str(contract.AGENT_UID), group],
        [contract.COMPUTER_USER, "x", str(contract.COMPUTER_UID), group],
    ]
    assert groups[1:] == [[contract.GROUP, "x", group]]
