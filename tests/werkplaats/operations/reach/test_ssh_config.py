"""One ssh_config, as OpenSSH itself and Fabric read it."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import fabric
import pytest
import yaml

from base import errors
from werkplaats.operations.reach import inventory, ssh_config
from werkplaats.operations.reach.servers import Server

SERVERS = (
    Server("ggd", "198.51.100.4", "SHA256:a", port=2222, key=Path("/vault/een sleutel")),
    Server("zorg", "station.zorg.example", "SHA256:b", user="root", jump="spring.example"),
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration; `own` beside it is the operator's."""
    monkeypatch.setattr(ssh_config, "OWN", (str(tmp_path / "own"), str(tmp_path / "none")))
    path = tmp_path / "run" / "ssh_config"
    ssh_config.write(path, SERVERS, tmp_path / "known_hosts")
    return path


def seen(config: Path, name: str) -> dict[str, str]:
    """What ssh makes of it: of settings that there are several of, the first."""
    done = subprocess.run(["ssh", "-G", "-F", str(config), name], capture_output=True, text=True, check=True)
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, value)
    return found


@pytest.mark.parametrize("name", ["ggd", "ggd.engine", "ggd.people", "zorg", "zorg.engine", "zorg.people"])
def test_whatever_logs_in_is_strict_about_host_keys_and_shares_a_connection(config: Path, name: str) -> None:
    found = seen(config, name)
    assert (found["stricthostkeychecking"], found["batchmode"]) == ("true", "yes")
    assert found["userknownhostsfile"] == str(config.parents[1] / "known_hosts")
    assert (found["controlmaster"], found["controlpersist"]) == ("auto", "60")
    assert found["ciphers"].startswith("aes256-gcm@openssh.com,")
    assert (found["connecttimeout"], found["serveraliveinterval"]) == ("5", "15")


def test_a_server_is_reached_as_the_inventory_says(config: Path) -> None:
    ggd, zorg = seen(config, "ggd"), seen(config, "zorg")
    assert (ggd["hostname"], ggd["port"], ggd["user"]) == ("198.51.100.4", "2222", "beheer")
    assert (ggd["identityfile"], ggd["identitiesonly"]) == ("/vault/een sleutel", "yes")
    assert (zorg["hostname"], zorg["port"], zorg["user"]) == ("station.zorg.example", "22", "root")
    assert (zorg["proxyjump"], zorg["identitiesonly"]) == ("spring.example", "no")


def test_each_purpose_has_a_connection_of_its_own_to_the_same_server(config: Path) -> None:
    found = [seen(config, name) for name in ("ggd", "ggd.engine", "ggd.people")]
    assert len({one["controlpath"] for one in found}) == 3
    assert {(one["hostname"], one["port"]) for one in found} == {("198.51.100.4", "2222")}
    assert found[1]["identityfile"] == found[0]["identityfile"]


def test_people_log_in_with_no_key_of_the_operator(config: Path) -> None:
    assert "sleutel" not in seen(config, "ggd.people")["identityfile"]
    assert seen(config, "ggd.people")["identitiesonly"] == "yes"


def test_what_the_operator_s_own_configuration_says_of_a_host_counts_after_it(config: Path) -> None:
    own = "Host station.zorg.example\n  ForwardAgent yes\n  Ciphers aes128-ctr\nHost spring.example\n  User hop\n"
    (config.parents[1] / "own").write_text(own)
    zorg, jump = seen(config, "zorg"), seen(config, "spring.example")
    assert zorg["forwardagent"] == "yes"
    assert zorg["ciphers"].startswith("aes256-gcm@openssh.com,")
    assert (jump["user"], jump["stricthostkeychecking"]) == ("hop", "ask"), "the host that is jumped over is not ours"


def test_fabric_reads_the_same(config: Path) -> None:
    read = fabric.Config(runtime_ssh_path=str(config))
    ggd = fabric.Connection("ggd", config=read)
    assert (ggd.host, ggd.port, ggd.user, ggd.connect_timeout) == ("198.51.100.4", 2222, "beheer", 5)
    assert ggd.connect_kwargs["key_filename"] == ["/vault/een sleutel"]
    assert fabric.Connection("zorg", config=read).gateway.host == "spring.example"


def test_it_is_the_operator_s_alone_and_is_left_alone_when_nothing_changed(config: Path, tmp_path: Path) -> None:
    before = config.stat()
    assert stat.S_IMODE(before.st_mode) == 0o600
    ssh_config.write(config, SERVERS, tmp_path / "known_hosts")
    assert config.stat().st_mtime_ns == before.st_mtime_ns
    ssh_config.write(config, SERVERS[:1], tmp_path / "known_hosts")
    assert seen(config, "zorg")["hostname"] == "zorg"


def test_a_network_of_which_no_server_is_run_here_has_one_too(tmp_path: Path) -> None:
    ssh_config.write(tmp_path / "ssh_config", (), tmp_path / "known_hosts")
    assert seen(tmp_path / "ssh_config", "spring.example")["hostname"] == "spring.example"


@pytest.mark.parametrize("field", ["host", "user", "jump"])
@pytest.mark.parametrize("word", ["a\n  ProxyCommand touch b", "-oProxyCommand=b", "a b", "a%h", 'a"b', "a\x1bb", ""])
def test_what_could_be_a_setting_is_no_host_user_or_jump(field: str, word: str, tmp_path: Path) -> None:
    entry = {"host": "station.gelre.example", "host_key": "SHA256:" + "A" * 43, field: word}
    path = tmp_path / "servers.yml"
    path.write_text(yaml.safe_dump({"gelre": entry}))
    with pytest.raises(errors.UsageError, match=f"gelre.{field}: "):
        inventory.read(path)


def test_logins_of_a_domain_and_several_jumps_are_taken(tmp_path: Path) -> None:
    entry = {
        "host": "2001:db8::7",
        "user": "DOM\\\\j.jansen@gelre",
        "host_key": "SHA256:" + "A" * 43,
        "jump": "a@b:2222,c",
    }
    path = tmp_path / "servers.yml"
    path.write_text(yaml.safe_dump({"gelre": entry}))
    (server,) = inventory.read(path)
    assert (server.host, server.user, server.jump) == (entry["host"], entry["user"], entry["jump"])


def test_a_token_in_a_path_stands_for_itself(tmp_path: Path) -> None:
    assert ssh_config._quoted(Path("/tmp/a %h b"), "r%C") == '"/tmp/a %%h b/r%C"'
    with pytest.raises(errors.UsageError, match="ssh's configuration"):
        ssh_config._quoted(tmp_path / 'a"b')
