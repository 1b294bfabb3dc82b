"""One ssh_config, as OpenSSH itself and Fabric read it."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

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
    assert (found["connecttimeout"], found["serveraliveinterval"]) == ("20", "5")


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
    own = "Host station.zorg.example\n  ForwardAgent yes\n  ServerAliveCountMax 7\n  Ciphers aes128-ctr\n"
    own += "Host spring.example\n  User hop\n"
    (config.parents[1] / "own").write_text(own)
    zorg, jump = seen(config, "zorg"), seen(config, "spring.example")
    assert zorg["serveralivecountmax"] == "7"
    assert zorg["forwardagent"] == "no", "root of a station could use it while a login is open"
    assert zorg["ciphers"].startswith("aes256-gcm@openssh.com,")
    assert (jump["user"], jump["stricthostkeychecking"]) == ("hop", "ask"), "the host that is jumped over is not ours"


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


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of ours with a short name, with a home in it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        monkeypatch.setenv("HOME", f"{made}/h")
        monkeypatch.setenv("XDG_RUNTIME_DIR", f"{made}/r")
        monkeypatch.setattr(ssh_config, "RUN_USER", Path(made, "u"))
        for name in "hr":
            (Path(made) / name).mkdir(mode=0o700)
        yield Path(made)


def test_sockets_lie_in_the_folder_of_this_login(short: Path) -> None:
    place = ssh_config.sockets_folder(Path("/vault/ssh"))
    assert place.parent == short / "r"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert ssh_config.sockets_folder(Path("/vault/ssh")) == place != ssh_config.sockets_folder(Path("/other"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda runtime: runtime.chmod(0o755),
        lambda runtime: runtime.rmdir(),
        lambda runtime: (runtime.rename(runtime.with_name("x")), runtime.symlink_to("x")),
        lambda runtime: os.environ.update(XDG_RUNTIME_DIR=runtime.name),
        lambda _: os.environ.update(XDG_RUNTIME_DIR=""),
    ],
)
def test_without_such_a_folder_they_lie_beside_the_operator_s_own_keys(
    short: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(short / "r")
    place = ssh_config.sockets_folder(Path("/vault/ssh"))
    assert place.parent == short / "h/.ssh"
    assert {stat.S_IMODE(one.stat().st_mode) for one in (place, place.parent)} == {0o700}


def test_the_folder_of_this_login_is_found_where_nobody_says_so(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    own = short / "u" / str(os.getuid())
    own.mkdir(parents=True, mode=0o700)
    assert ssh_config.sockets_folder(Path("/vault/ssh")).parent == own


@pytest.mark.parametrize(
    "other",
    [
        lambda place: place.touch(),
        lambda place: place.symlink_to("/"),
        lambda place: place.symlink_to("nowhere"),
        lambda place: (place.mkdir(), place.chmod(0o777)),
    ],
)
@pytest.mark.usefixtures("short")
def test_what_is_not_a_folder_of_ours_alone_is_refused_and_the_remedy_works(other: Callable[[Path], object]) -> None:
    place = ssh_config.sockets_folder(Path("/vault/ssh"))
    place.rmdir()
    other(place)
    with pytest.raises(errors.RefusedError, match="not a folder of yours alone") as refused:
        ssh_config.sockets_folder(Path("/vault/ssh"))
    subprocess.run(shlex.split(refused.value.remedy.removeprefix("move it away: ")), check=True)
    assert ssh_config.sockets_folder(Path("/vault/ssh")) == place


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
@pytest.mark.usefixtures("short")
def test_another_s_folder_is_refused() -> None:
    place = ssh_config.sockets_folder(Path("/vault/ssh"))
    os.chown(place, 65534, 65534)
    with pytest.raises(errors.RefusedError, match="not a folder of yours alone"):
        ssh_config.sockets_folder(Path("/vault/ssh"))


def test_a_home_that_cannot_be_written_in_is_said(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    (short / "h/.ssh").touch()
    with pytest.raises(errors.RefusedError, match=r"cannot be made: .*make .* a folder"):
        ssh_config.sockets_folder(Path("/vault/ssh"))


def test_a_path_that_ssh_has_no_room_for_is_said_and_one_that_just_fits_is_used(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runtime(length: int) -> Path:
        made = short / ("x" * (length - len(f"{short}/")))
        made.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(made))
        return made

    fits = 107 - 17 - 46 - len("/e") - len("/werk-12345678")
    longest = runtime(fits)
    assert ssh_config.sockets_folder(Path("/vault/ssh")).parent == longest
    runtime(fits + 1)
    with pytest.raises(errors.RefusedError, match="too long for a socket of ssh"):
        ssh_config.sockets_folder(Path("/vault/ssh"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 5_000, "not a mapping"),
        ("gelre: " + "[" * 5_000, "more than 8 levels deep"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "alias"),
        ("gelre: x\n" + "#" * 300_000, "larger than"),
    ],
    ids=["brackets", "brackets of a server", "aliases", "size"],
)
def test_a_file_that_would_cost_much_to_read_is_refused_with_its_place(text: str, told: str, tmp_path: Path) -> None:
    """Brackets cost a reader of all YAML seconds, aliases all memory: an inventory may come by mail or by git."""
    path = tmp_path / "servers.yml"
    path.write_text(text)
    begun = time.process_time()
    with pytest.raises(errors.UsageError, match=told) as refused:
        inventory.read(path)
    assert time.process_time() - begun < 0.5
    assert str(path) in str(refused.value)


def test_a_link_to_an_inventory_and_one_of_comments_alone_are_read(tmp_path: Path) -> None:
    (tmp_path / "kept.yml").write_text("# nothing yet\n")
    (tmp_path / "servers.yml").symlink_to(tmp_path / "kept.yml")
    assert inventory.read(tmp_path / "servers.yml") == ()


@pytest.mark.parametrize(
    ("line", "value"),
    [("port: 022", "'022'"), ("user: no", "'no'"), ("user: 1e5", "'1e5'"), ("host: 1:2:3", "'1:2:3'")],
)
def test_a_word_that_readers_of_yaml_take_for_different_values_wants_quotes(
    line: str, value: str, tmp_path: Path
) -> None:
    """Port 022 was port 18 here and port 22 in another reader; in quotes each is the word that is written."""
    path = tmp_path / "servers.yml"
    key, _, word = line.partition(": ")
    entry = {"host": "station.gelre.example", "host_key": '"SHA256:' + "A" * 43 + '"'}
    path.write_text("gelre: {" + ", ".join(f"{k}: {v}" for k, v in (entry | {key: word}).items()) + "}\n")
    with pytest.raises(errors.UsageError, match=f"{value} is read as text by some .* put it in quotes"):
        inventory.read(path)
    path.write_text("gelre: {" + ", ".join(f"{k}: {v}" for k, v in (entry | {key: f'"{word}"'}).items()) + "}\n")
    (server,) = inventory.read(path)
    assert getattr(server, key) == (22 if key == "port" else word)


def test_a_public_key_of_the_longest_kind_is_read(tmp_path: Path) -> None:
    key = "ssh-rsa " + "A" * 2_800
    entry = {"host": "station.gelre.example", "host_key": "SHA256:" + "A" * 43}
    people = {"steward": {"keys": [key], "from": ["192.0.2.0/24"]}}
    path = tmp_path / "servers.yml"
    path.write_text(yaml.safe_dump({"gelre": entry | {"people": people}}))
    (server,) = inventory.read(path)
    assert server.people["steward"]["keys"] == [key]


def test_two_servers_of_one_address_behind_two_hosts_are_two(tmp_path: Path) -> None:
    """Private addresses repeat: over one socket, commands for the second came to the first, as root."""
    behind = [Server(name, "192.168.1.10", f"SHA256:{name}", jump=f"jump.{name}.example") for name in ("een", "twee")]
    ssh_config.write(path := tmp_path / "config", behind, tmp_path / "known_hosts")
    een, twee = seen(path, "een"), seen(path, "twee")
    assert een["hostname"] == twee["hostname"]
    assert een["controlpath"] != twee["controlpath"]
    assert (een["hostkeyalias"], twee["hostkeyalias"]) == ("een", "twee")
    assert seen(path, "een.engine")["controlpath"] != een["controlpath"]


@pytest.mark.parametrize("jump", ["$(id>&2)", "a;b", "`id`", "-oProxyCommand=id", "a b", "a|b", "a'b", "a&b", "a>b"])
def test_a_host_that_is_jumped_over_is_no_command(jump: str, tmp_path: Path) -> None:
    """ssh reaches it by a command of a shell."""
    (path := tmp_path / "servers.yml").write_text(
        f'gelre: {{host: gelre.example, host_key: "SHA256:{43 * "A"}", jump: {json.dumps(jump)}}}\n'
    )
    with pytest.raises(errors.UsageError, match="jump"):
        inventory.read(path)
