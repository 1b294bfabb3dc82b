"""The server: engine, accounts, access, firewall, clock."""

from __future__ import annotations

import json
import re
import shlex
import time
from typing import Any

import pytest

from on_server import drop_in, firewall, owned
from station_image.runtime.base import contract

PEOPLE = (contract.STEWARD, contract.SCIENTIST)
ACCOUNTS = ((contract.AGENT_USER, contract.AGENT_UID), (contract.COMPUTER_USER, contract.COMPUTER_UID))
DROP_IN = "/etc/systemd/system/docker.service.d/60-werkplaats.conf"  # only where the engine serves the station alone
SSHD = "/etc/ssh/sshd_config.d/0-werkplaats.conf"
CLOCK_SECONDS = 5  # certificates and sessions are about times; more than this and people should look


def test_the_engine_starts_at_boot_with_settings_that_it_can_read(host: Any) -> None:
    unit = host.check_output("systemctl show --property=UnitFileState,ExecStart,Environment,EnvironmentFiles docker")
    properties = dict(line.split("=", 1) for line in unit.splitlines())
    assert properties["UnitFileState"] == "enabled", "a reboot ends the station; run: systemctl enable docker"
    # Its own flags with the file: a setting that both say stops it, and it looks at that before anything else.
    words = properties["ExecStart"].partition("argv[]=")[2].partition(" ;")[0]
    files = re.findall(r"(/\S+) \(", properties.get("EnvironmentFiles", ""))
    read = "".join(f"test ! -r {path} || . {path}; " for path in files)
    said = host.run(f"export {properties['Environment']}; {read}{words} --validate")
    assert said.rc == 0, f"after a reboot the engine does not start: {said.stderr.strip()}"


def test_a_restart_of_an_engine_that_is_ours_ends_no_station(host: Any) -> None:
    if not host.file(DROP_IN).exists:
        pytest.skip("the engine is its owner's")
    told = host.check_output("docker info --format '{{.LiveRestoreEnabled}}'")
    assert told == "true", "live-restore is off: a restart of the engine would end the station; run `up`"


@pytest.mark.parametrize(("name", "number"), ACCOUNTS)
def test_the_accounts_of_the_station_cannot_log_in(host: Any, name: str, number: int) -> None:
    user = host.user(name)
    assert user.uid == number, f"user {name} has uid {user.uid} and needs {number}: give it that number"
    assert user.shell.endswith("nologin"), f"user {name} has shell {user.shell}; give it /usr/sbin/nologin"


def told(host: Any, command: str) -> Any:
    """What a command of ours prints: sentences, most of them."""
    return json.loads(host.check_output(command))


def test_people_who_have_a_key_get_in_from_their_ranges_and_can_bring_files(host: Any) -> None:
    found = told(host, "/usr/local/sbin/people-access")
    assert not found, "; ".join(found)


@pytest.mark.parametrize("name", PEOPLE)
def test_people_have_an_account_that_opens_nothing_by_itself(host: Any, name: str) -> None:
    user = host.user(name)
    assert user.exists
    assert user.shell == "/bin/sh", (
        f"{name} has shell {user.shell}, so nobody gets in by it; except it where system accounts are hardened, then up"
    )
    assert set(user.groups) == {name, "station-control"}, "more groups than it takes to ask the station"
    assert user.password.startswith(("!", "*")), "the account has a password"


@pytest.mark.parametrize("name", PEOPLE)
def test_sshd_starts_one_program_for_people_and_takes_their_keys_from_root_s_file(
    host: Any, station: dict[str, Any], name: str
) -> None:
    keys = station.get("people", {}).get(name, {}).get("keys")
    ours = station.get("managed", {}).get("sshd", True)
    if not ours and not keys:
        pytest.skip("the owner manages sshd, and nobody has a key for this account")
    assert not ours or host.file(SSHD).exists, (
        f"{SSHD} is gone: something removes what is not its own; have it leave that file and run `up`, or say "
        "`managed: {sshd: false}` in servers.yml, and set there what `up` then asks for"
    )
    rows = host.check_output(f"sshd -T -C user={name},host=localhost,addr=127.0.0.1").splitlines()
    settings = dict(row.split(" ", 1) for row in rows if " " in row)
    for setting, value in drop_in.wanted(name).items():
        said = settings[setting].replace("%u", name)
        assert said == value.replace("%u", name), f"sshd has {setting} {said} for {name} and needs {value}; run `up`"


def test_only_root_says_who_may_log_in_and_everybody_only_from_a_range(host: Any) -> None:
    others = host.check_output("find /etc/werkplaats/people /usr/local/bin/station* ! -user root -o -perm /022")
    assert not others, f"others than root can write {others.split()}"
    for path in host.check_output("find /etc/werkplaats/people -type f").split():
        for line in host.file(path).content_string.splitlines():
            command = f'command="/usr/local/bin/station-account {path.rpartition("/")[2]}" '
            assert line.startswith('restrict,from="'), f"{path} lets somebody in from everywhere"
            assert line.split('",', 1)[1].startswith(command), f"{path} gives more than one command"


@pytest.mark.parametrize(("folder", "owner"), [("allowances", "steward"), ("data/in", "scientist")])
def test_what_people_decide_and_bring_nobody_else_writes(host: Any, folder: str, owner: str) -> None:
    found = host.file(f"/var/lib/werkplaats/{folder}")
    assert (found.user, found.group, found.mode) == (owner, "station", 0o2750)
    others = host.check_output(f"find /var/lib/werkplaats/{folder} ! -user {owner} -o ! -type l -perm /022")
    assert not others, f"others than {owner} can write {others.split()}"


def test_parts_that_the_owner_sets_are_as_a_station_needs_them(host: Any, station: dict[str, Any]) -> None:
    """Of sshd it is asked what people get, whoever sets it."""
    owners = sorted({part for part, ours in station.get("managed", {}).items() if not ours} & set(owned.PARTS))
    if not owners:
        pytest.skip("all of them are ours to set")
    inbound = shlex.quote(json.dumps(firewall.inbound(station["firewall"])))
    found = told(host, f"echo {inbound} | /usr/local/sbin/owners-parts {' '.join(owners)}")
    assert not found, "; ".join(found)


def test_the_firewall_has_our_own_table(host: Any, station: dict[str, Any]) -> None:
    if station.get("managed", {}).get("firewall", True) is False:
        pytest.skip("the owner manages the firewall of this server")
    assert host.run("nft list table inet werkplaats").rc == 0


def test_the_clock_is_right_to_a_few_seconds(host: Any) -> None:
    now = time.time()
    # With the time in it no answer serves that came ahead, when another server was asked.
    difference = abs(float(host.check_output(f"date +%s.%N # {now}")) - now)
    assert difference < CLOCK_SECONDS, f"the clock differs {difference:.1f} s from this machine's"


def test_the_station_follows_its_network_by_itself(host: Any) -> None:
    # What the last run met may be what this `up` just mended, and the next run is minutes away.
    found = told(host, "/usr/local/sbin/werkplaats-follow --tell --again")["faults"]
    assert not found, "; ".join(found)
