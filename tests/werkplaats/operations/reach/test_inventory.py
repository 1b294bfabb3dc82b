"""What an operator may say of its servers, and that it arrives where it is needed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import errors
from network_topology import load
from network_topology.compiling import compile as compiler
from werkplaats.operations.bring_up import hostvars
from werkplaats.operations.home import places
from werkplaats.operations.reach import inventory
from werkplaats.operations.reach.here import account
from werkplaats.verbs import named

FINGERPRINT = "SHA256:" + "A" * 43


def read(folder: Path, more: str) -> Any:
    path = folder / "servers.yml"
    path.write_text(f'ggd: {{host: ggd.example, host_key: "{FINGERPRINT}", {more}}}\n')
    return inventory.read(path)


def test_a_part_that_is_the_owner_s_is_said_in_the_inventory_and_the_roles_are_told(tmp_path: Path) -> None:
    servers = read(tmp_path, "managed: {sshd: false, firewall: false}")
    compiled = compiler.compile_network(load.find("proeftuin", places.EXAMPLES))
    own = {"servers": servers, "server": lambda _: servers[0], "made_here": False}
    network = cast("Any", SimpleNamespace(name="n", compiled=compiled, **own))
    image = cast("Any", SimpleNamespace(image_id="sha256:0", archive=tmp_path))
    [station] = hostvars.prepared(network, ["ggd"], image.image_id, None).values()
    assert station["managed"] == {"sshd": False, "firewall": False}
    flows = named.owners_firewalls(network, ())
    assert len(flows) == len(compiled.stations["ggd"].firewall) > 0
    assert flows[0].startswith("ggd: the firewall is the owner's here, set there: in tcp ")
    assert named.owners_firewalls(network, ["other"]) == []
    # A sandbox whose servers are not made yet has no servers.yml.
    unmade = SimpleNamespace(name="n", compiled=compiled, made_here=True, given=servers)
    assert named.owners_firewalls(cast("Any", unmade), ()) == flows


def test_a_part_that_nobody_knows_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match=r"ggd\.managed\.ssh"):
        read(tmp_path, "managed: {ssh: false}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f'ggd: {{here: true, host_key: "{FINGERPRINT}"}}',
            r"ggd: `here: true` says that this machine .* host_key how",
        ),
        (
            "ggd: {here: true, host: a.example, port: 22}",
            "and host, port how another one reaches it; take out one of the",
        ),
        (
            "ggd: {here: true, jump: a.example, key: /k}",
            "and jump, key how another one reaches it; take out one of the",
        ),
        (
            "ggd: {user: beheer}",
            "ggd: it has no host and no host_key; write `host` and `host_key`, or `here: true` where",
        ),
        (
            "ggd: {here: false, host: a.example}",
            "ggd: it has no host_key; write `host` and `host_key`, or `here: true`",
        ),
        ("ggd: {here: ja}", r"ggd\.here: Input should be a valid boolean"),
        (
            "{ggd: {here: true}, zorg: {here: true}}",
            "ggd and zorg have `here: true`, and this machine is one server; write",
        ),
    ],
    ids=str,
)
def test_a_server_is_here_or_elsewhere_and_not_both_or_neither(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "servers.yml"
    path.write_text(f"{text}\n")
    with pytest.raises(errors.UsageError, match=said):
        inventory.read(path)


def test_a_line_for_this_machine_is_added_below_what_an_operator_wrote(tmp_path: Path) -> None:
    path, written = tmp_path / "servers.yml", f'# ours\nggd: {{host: a.example, host_key: "{FINGERPRINT}"}}  # een'
    path.write_text(written)
    path.chmod(0o640)
    inventory.say(path, inventory.line("zorg", inventory.said_here()))
    assert path.read_text() == f"{written}\nzorg: {{here: true, user: {account()}}}\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [(one.organisation, one.here, one.user) for one in inventory.read(path)] == [
        ("ggd", False, "beheer"),
        ("zorg", True, account()),
    ]
    path.write_text("{}\n")
    with pytest.raises(errors.UsageError, match=r"no line can be added; add zorg: \{here: true, user: \w+\} by hand"):
        inventory.say(path, inventory.line("zorg", inventory.said_here()))
    assert path.read_text() == "{}\n"
    fresh = tmp_path / "fresh" / "servers.yml"
    inventory.say(fresh, inventory.line("zorg", inventory.said_here()))
    assert fresh.stat().st_mode & 0o777 == 0o600, "where it tells what happens may be a secret of the receiver's"


KEY = "sha256:" + "a" * 64
BEFOREHAND = {
    "releases": "patch",
    "signed_by": [KEY],
    "days": ["tuesday"],
    "between": "02:00-04:00",
    "zone": "Europe/Amsterdam",
}


def test_what_is_said_yes_to_beforehand_is_read_and_a_server_without_it_has_none(tmp_path: Path) -> None:
    (server,) = read(tmp_path, f"upgrades: {json.dumps(BEFOREHAND)}")
    assert server.upgrades.model_dump(mode="json") == BEFOREHAND
    (server,) = read(tmp_path, "port: 22")
    assert server.upgrades is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"zone": "Europe/Amsterdm"},
            r"upgrades\.zone: this machine knows no time zone 'Europe/Amsterdm'; write one as",
        ),
        ({"zone": "../etc/passwd"}, r"upgrades\.zone: this machine knows no time zone"),
        ({"zone": "Europe"}, r"upgrades\.zone: this machine knows no time zone"),
        ({"days": []}, r"upgrades\.days: nothing is named here; name at least one"),
        ({"days": ["tuesday", "tuesday"]}, r"upgrades\.days: tuesday is named twice"),
        ({"days": "tuesday"}, r"upgrades\.days: 'tuesday' is no list; write \[tuesday\]"),
        ({"days": ["dinsdag"]}, r"upgrades\.days\.0: Input should be 'monday'"),
        ({"signed_by": []}, r"upgrades\.signed_by: nothing is named here; name at least one"),
        ({"signed_by": ["SHA256:abc"]}, r"upgrades\.signed_by\.0: String should match pattern"),
        ({"between": "2:00-4:00"}, r"upgrades\.between: '2:00-4:00' is no window; write begin and end as in"),
        ({"between": "02:00-24:00"}, r"upgrades\.between: .* is no window; .* with 00:00 for midnight"),
        ({"between": "02:00-02:00"}, r"upgrades\.between: '02:00-02:00' ends when it begins; write another end"),
        ({"releases": "major"}, r"upgrades\.releases: Input should be 'patch' or 'minor'"),
        ({"zone": None}, r"upgrades\.zone: Field required"),
        ({"always": True}, r"upgrades\.always: Extra inputs are not permitted"),
    ],
    ids=str,
)
def test_what_is_no_yes_beforehand_is_a_sentence_with_its_place(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    wrong = {name: value for name, value in {**BEFOREHAND, **changed}.items() if value is not None}
    with pytest.raises(errors.UsageError, match=rf"servers\.yml: ggd\.{said}"):
        read(tmp_path, f"upgrades: {json.dumps(wrong)}")
