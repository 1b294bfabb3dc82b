"""The program that looks at a server: it runs on this machine, on any Python that servers have, and asks only."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from on_server import engine, examine
from tests.werkplaats.operations.offered import offers
from werkplaats.operations.offered import answer, table
from werkplaats.operations.offered import examine as asking

PROGRAM = Path(examine.__file__).read_text()
SENT = {name: (asking.FOLDER / f"{name}.py").read_text() for name in asking.MODULES}
NEEDS = offers.wanted()
# What each program that is started is told to do; whoever adds one says here that it changes nothing.
ASKS: dict[str, list[list[str]]] = {
    "systemd-detect-virt": [[]],
    "systemctl": [["show"], ["is-active"]],
    "dpkg-query": [["--show"]],
    "ss": [["-Hltnp"]],
    "nft": [["--stateless", "list"]],
    "apt-cache": [["policy"]],
    "apt-get": [["--simulate", "install"], ["--print-uris", "update"]],
    "apt-config": [["dump"]],
    "grep": [["-rlsE"]],
    "locale": [["-a"]],
    "systemd-analyze": [["cat-config"]],
    "sshd": [["-T"]],
    "docker": [["info"], ["ps"], ["network", "ls"]],
    "getent": [["-s"]],
}


def question(*, far: bool) -> str:
    return json.dumps(asking._question(asking.wanted(offers.GELRE, offers.SERVER, "gerda", far=far), offers.SERVER))


def test_it_answers_on_this_machine_within_seconds_and_is_judged() -> None:
    asked = time.time()
    done = subprocess.run(
        [sys.executable, "-IS", "-", question(far=False)],
        input=asking.program(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    facts = answer.read(done.stdout, asked, time.time())
    assert facts.answer.seconds < 30
    assert facts.release["ID"]
    assert facts.memory
    assert facts.answer.people.keyed is not None
    assert facts.mounted("/proc")
    assert len(table.judge(facts, NEEDS)) >= len(table.PARTS)


def test_it_asks_what_it_is_known_to_ask_and_nothing_that_changes_anything() -> None:
    asked = json.loads(question(far=True)) | {"packages": {"docker.io": "no-such-program"}}
    every: list[list[str]] = [
        *examine.questions(asked).values(),
        *engine.OF_ONE_THAT_RUNS.values(),
        ["getent", "-s", "hosts:dns", "ahosts", "x"],
    ]
    assert {words[0] for words in every} == set(ASKS)
    for words in every:
        assert any(set(wanted) <= set(words[1:]) for wanted in ASKS[words[0]]), words
        if words[0].startswith("apt-") and words[0] != "apt-config":
            assert set(examine.NO_TRACE) <= set(words)


def test_two_folders_of_one_disk_tell_the_same_of_it_while_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that wrote 4 kB between the two was said to have two disks."""
    asked = iter(range(1_000_000, 2_000_000))
    real = os.statvfs("/")
    fields = [*real][:10]

    def statvfs(_: str) -> os.statvfs_result:
        return os.statvfs_result([*fields[:4], next(asked), *fields[5:]])

    monkeypatch.setattr(examine, "PLACES", ("/usr", "/usr/nothing/here"))
    monkeypatch.setattr(os, "statvfs", statvfs)
    found = examine.spaces()
    assert found["/usr"]["at"] == found["/usr/nothing/here"]["at"] == "/usr"
    assert found["/usr"]["free"] == found["/usr/nothing/here"]["free"] > 0


def test_every_process_is_started_in_a_known_place_without_a_shell() -> None:
    """`access` asks sshd, PAM in a process of its own, and what sshd runs at each login."""
    for name, processes in (("examine", 1), ("access", 3), ("accounts", 0), ("engine", 0), ("drop_in", 0)):
        calls = [node for node in ast.walk(ast.parse(SENT[name])) if isinstance(node, ast.Call)]
        names = [ast.unparse(call.func) for call in calls]
        assert names.count("subprocess.run") == processes
        assert not [one for one in names if one in ("os.system", "subprocess.Popen", "exec", "eval")]
        opened = [call for call in calls if ast.unparse(call.func).endswith(".open")]
        modes = [ast.unparse(one) for call in opened for one in call.args]
        assert "'w'" not in modes
        writes = (".write_text", ".write_bytes", ".mkdir", ".touch", ".unlink")
        assert not [one for one in names if one.endswith(writes)]
    assert set(SENT) == {"examine", "access", "accounts", "engine", "drop_in"}


def test_scripts_that_run_by_themselves_and_name_sshd_s_drop_ins_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a unit or a line of cron that starts them; who only lies there, or names something else, does nothing."""
    script = "#!/bin/sh\nrm {}/*\n"
    for name in ("by-unit", "by-cron", "by-hand"):
        (tmp_path / name).write_text(script.format("/etc/ssh/sshd_config.d"))
    (tmp_path / "about-else").write_text(script.format("/var/tmp"))
    (tmp_path / "program").write_bytes(b"\0/etc/ssh/sshd_config.d")
    starts = ("by-unit", "about-else", "program")
    (tmp_path / "own.service").write_text("".join(f"ExecStart=-{tmp_path}/{name} --now\n" for name in starts))
    (tmp_path / "crontab").write_text(f"* * * * * root {tmp_path}/by-cron >/dev/null\n@daily root {tmp_path}/gone\n")
    monkeypatch.setattr(examine, "STARTERS", (f"{tmp_path}/*.service", f"{tmp_path}/crontab"))
    monkeypatch.setattr(examine, "CATALOGS", (f"{tmp_path}/*.json",))
    assert examine.keepers().splitlines() == [f"{tmp_path}/by-cron", f"{tmp_path}/by-unit"]
    (tmp_path / "one.json").write_text("{}" * 200_000 + '{"title": "/etc/ssh/sshd_config.d", "purge": true}')
    (tmp_path / "two.json").write_text('{"title": "/etc/motd"}')
    assert examine.keepers().splitlines()[2:] == [f"{tmp_path}/one.json"]


def test_it_is_read_by_the_python_of_older_systems() -> None:
    for source in SENT.values():
        ast.parse(source, feature_version=(3, 9))


@pytest.mark.parametrize("words", [["no-such-program"], ["/dev/null"], ["sleep", "60"]])
def test_a_program_that_is_not_there_or_never_ends_says_nothing(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "SECONDS", 0.2)
    assert examine.say(words) == ""


def test_a_way_that_fails_says_why() -> None:
    found = examine.peer("no-such-name.invalid", 443, "x")
    assert (found["addresses"], found["certificate"]) == ([], "")
    assert found["failed"]
