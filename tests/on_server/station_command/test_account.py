"""What the accounts of people can make a server do: their verbs and files, and nothing beside them."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from on_server.station_command import account
from on_server.station_command.agent import RefusedError
from tests.on_server.station_command import agents
from tests.on_server.station_command.agents import Agent, done
from tests.on_server.station_command.conftest import delivered

# station-account with the places of a test; everything else is as on a server.
DRIVER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from on_server.station_command import account, agent, confine
if "WITHOUT_LANDLOCK" in os.environ:
    confine.CREATE_RULESET = -1
account.STATION, account.SFTP_SERVER, account.DATA, agent.SOCKET = sys.argv[2:6]
raise SystemExit(account.main(sys.argv[6:]))
"""
# Stands in for what is started: says with which words and surroundings.
STARTED = """#!{python} -E
import json, os, pathlib, sys
mask = os.umask(0); os.umask(mask)
print(json.dumps({{"words": sys.argv, "environment": dict(os.environ), "umask": mask}}))
{more}
"""
Login = Callable[..., Any]


@pytest.fixture
def data(place: Path) -> Path:
    """data/in, as the role makes it."""
    folder = place / "in"
    folder.mkdir()
    os.chown(folder, agents.STEWARD, os.getgid())
    folder.chmod(0o2750)
    return folder


@pytest.fixture
def login(place: Path, data: Path) -> Login:
    """Runs what sshd runs for an account that asks for `command`."""

    def start(name: str, more: str = "") -> Path:
        path = place / name
        path.write_text(STARTED.format(python=agents.PYTHON, more=more))
        path.chmod(0o755)
        return path

    def run(
        who: str | None, command: str | None = None, brings: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        places = [start("station"), start("sftp-server", brings), data, place / "agent.sock"]
        (place / "driver.py").write_text(DRIVER)
        asked = {} if command is None else {"SSH_ORIGINAL_COMMAND": command}
        words = [str(agents.ROOT), *map(str, places), *([who] if who else [])]
        return agents.run(*words, program=place / "driver.py", uid=agents.STEWARD, **asked, **environment)

    return run


@pytest.mark.parametrize(("who", "command", "words"), [
    ("steward", "questions", ["questions"]),
    ("steward", "station allow griep --digest 12", ["allow", "griep", "--digest", "12"]),
    ("steward", "refuse 'griep'", ["refuse", "griep"]),
    ("steward", "help allow", ["allow", "--help"]),
    ("scientist", "propose griep; id", ["propose", "griep;", "id"]),
    ("scientist", "data $(id)", ["data", "$(id)"]),
    ("scientist", "results | sh", ["results", "|", "sh"]),
])  # fmt: skip
def test_a_verb_goes_to_the_program_as_words_and_to_no_shell(
    login: Login, who: str, command: str, words: list[str]
) -> None:
    done = login(who, command)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["words"][1:] == words


@pytest.mark.parametrize(
    ("who", "command", "said"),
    [
        ("steward", "sh", "steward cannot do 'sh'"),
        ("steward", "/bin/sh -c id", "steward cannot do"),
        ("steward", "data griep", "steward cannot do 'data'"),
        ("steward", "propose griep", "steward cannot do 'propose'"),
        ("steward", "session", "steward cannot do 'session'"),
        ("steward", "/usr/lib/openssh/sftp-server", "files are brought by the account scientist"),
        ("steward", "station station allow", "steward cannot do 'station'"),
        ("steward", "--help allow", "steward cannot do '--help'"),
        ("steward", "help sh", "steward cannot do 'sh'"),
        ("scientist", "allow griep --digest 1", "scientist cannot do 'allow'"),
        ("scientist", "refuse griep", "scientist cannot do 'refuse'"),
        ("scientist", "register", "scientist cannot do 'register'"),
        ("scientist", "scp -t .", "scientist cannot do 'scp'"),
        ("scientist", "rsync --server", "scientist cannot do 'rsync'"),
        ("scientist", "data 'griep", "cannot be read"),
        ("scientist", "''", "scientist cannot do ''"),
        ("beheer", "status", "for the accounts steward and scientist"),
        (None, "status", "for the accounts steward and scientist"),
    ],
)
def test_everything_else_is_a_sentence_and_three(login: Login, who: str | None, command: str, said: str) -> None:
    done = login(who, command)
    assert done.returncode == 3
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout, "something was started"


@pytest.mark.parametrize("command", [None, "", "help", "station", "station help", "--help"])
def test_without_a_command_the_account_hears_what_it_can(login: Login, command: str | None) -> None:
    done = login("scientist", command)
    assert done.returncode == 0
    assert "propose" in done.stdout
    assert "sftp" in done.stdout
    assert "allow " not in done.stdout


def test_nothing_of_the_caller_s_surroundings_goes_along(login: Login) -> None:
    given = {"LD_PRELOAD_": "x", "STATION_ALLOWANCES": "/tmp", "STATION_CONTROL": "/tmp/x", "PYTHONPATH": "/tmp"}
    done = login("steward", "status", **given)
    started = json.loads(done.stdout)
    found = set(started["environment"]) - {"LC_CTYPE"}
    assert found == {"PATH", "HOME", "LANG", "STATION_ACCOUNT"}
    assert started["environment"]["PATH"] == "/usr/bin:/bin"
    assert started["umask"] == 0o027


@given(st.text(max_size=60))
def test_whatever_is_asked_only_a_verb_of_the_account_or_sftp_comes_of_it(command: str) -> None:
    for who, verbs in account.VERBS.items():
        try:
            words = account.asked(who, command)
        except RefusedError:
            continue
        assert not words or words[0] in verbs or (who == "scientist" and words == ["sftp"])


@pytest.fixture
def contributing(place: Path, question: dict[str, Any]) -> Agent:
    """The agent of n.a, that contributes to `griep` and not to `anders`."""
    others = {**question, "question": "anders", "contributors": ["n.b", "n.c"]}
    outside = {**question, "question": "../uit"}
    beside = {**question, "network": ".."}
    status = done(networks={"n": {"station": "n.a"}, "..": {"station": "n.a"}})
    answers = {"questions": delivered(question, others, outside, beside), "status": status}
    return Agent(place / "agent.sock", answers)


SUBSYSTEM = ["/usr/lib/openssh/sftp-server", "internal-sftp", "/usr/lib/openssh/sftp-server -l INFO"]


@pytest.mark.parametrize("command", SUBSYSTEM)
def test_sftp_is_started_in_the_folders_of_the_questions(
    login: Login, data: Path, contributing: Agent, command: str
) -> None:
    done = login("scientist", command)
    contributing.close()
    assert done.returncode == 0, done.stderr
    started = json.loads(done.stdout)
    wanted = ["-d", str(data), "-u", "027", "-P", "symlink,hardlink,lsetstat,copy-data,users-groups-by-id"]
    assert started["words"][1:] == wanted
    assert "SSH_ORIGINAL_COMMAND" not in started["environment"]
    [network] = data.iterdir()
    [folder] = network.iterdir()
    assert (network.name, folder.name) == ("n", "griep")
    for found in (network.stat(), folder.stat()):
        assert (found.st_mode & 0o7777, found.st_uid) == (0o2750, agents.STEWARD)
        assert found.st_gid == data.stat().st_gid, "the station cannot come in"
    assert not (data.parent / "uit").exists()


def test_a_file_that_came_with_narrow_rights_is_the_station_s_to_read(
    login: Login, data: Path, contributing: Agent
) -> None:
    brings = 'p = pathlib.Path(sys.argv[2], "n", "griep", "a.csv"); p.write_text("x"); p.chmod(0o600)'
    done = login("scientist", SUBSYSTEM[0], brings)
    contributing.close()
    assert done.returncode == 0, done.stderr
    found = (data / "n" / "griep" / "a.csv").stat()
    assert (found.st_mode & 0o777, found.st_gid) == (0o640, data.stat().st_gid)


def test_questions_of_one_name_in_two_networks_have_a_folder_each(
    login: Login, data: Path, place: Path, question: dict[str, Any]
) -> None:
    """In one folder, what is brought for the question of the one network would be shared out in the other."""
    other = {**question, "network": "m", "contributors": ["m.a"]}
    status = done(networks={"n": {"station": "n.a"}, "m": {"station": "m.a"}})
    agent = Agent(place / "agent.sock", {"questions": delivered(question, other), "status": status})
    assert login("scientist", SUBSYSTEM[0]).returncode == 0
    agent.close()
    assert sorted(path.relative_to(data).as_posix() for path in data.glob("*/*")) == ["m/griep", "n/griep"]


def test_a_file_in_the_folder_of_an_earlier_release_is_said_with_the_remedy(login: Login, contributing: Agent) -> None:
    brings = 'p = pathlib.Path(sys.argv[2], "griep", "a.csv"); p.parent.mkdir(); p.write_text("x")'
    done = login("scientist", SUBSYSTEM[0], brings)
    contributing.close()
    assert "griep/a.csv: no session reads it there, each network has a folder of its own" in done.stderr
    assert "`rename griep/a.csv NETWORK/griep/a.csv` in sftp" in done.stderr


@pytest.mark.parametrize(("put", "then"), [("n/a.csv", "n/QUESTION/a.csv"), ("a.csv", "NETWORK/QUESTION/a.csv")])
def test_a_file_beside_the_folders_of_questions_is_said_with_the_remedy(
    login: Login, contributing: Agent, put: str, then: str
) -> None:
    done = login("scientist", SUBSYSTEM[0], f'pathlib.Path(sys.argv[2], "{put}").write_text("x")')
    contributing.close()
    assert f"{put}: no session reads it there, each network has a folder of its own, and each question" in done.stderr
    assert f"`rename {put} {then}` in sftp" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be an account outside the folder's group")
def test_a_folder_that_lost_its_group_is_said_with_the_remedy(login: Login, contributing: Agent) -> None:
    brings = 'd = pathlib.Path(sys.argv[2], "n", "griep"); d.chmod(0o750); (d / "a.csv").write_text("x")'
    done = login("scientist", SUBSYSTEM[0], brings)
    contributing.close()
    assert "a.csv: the station cannot read it, its folder lost its group; remove that folder" in done.stderr


# Says of each place whether it can be listed or read, and written.
REACHES = """
def can(action):
    try:
        action()
    except OSError:
        return False
    return True
def read(path):
    return list(path.iterdir()) if path.is_dir() else path.read_bytes()
def write(path):
    return (path / "x").write_text("x") if path.is_dir() else path.open("ab")
data = pathlib.Path(sys.argv[2])
own = data / "n" / "griep"
places = [own, data.with_name("out"), data.with_name("secret"), data.parent, pathlib.Path("/etc/hosts")]
print(json.dumps([[can(lambda: read(path)), can(lambda: write(path))] for path in places]))
other = data / "n" / "other"
other.mkdir()
(own / "x").rename(other / "y")
"""


@pytest.fixture
def reached(login: Login, data: Path, contributing: Agent) -> Callable[..., tuple[list[list[bool]], str]]:
    """What sftp can read and write of its folder, the results, another's file, the folder of all these, and /etc."""
    data.parent.chmod(0o777)
    data.with_name("out").mkdir()
    data.with_name("secret").write_text("x")
    data.with_name("secret").chmod(0o666)

    def start(**environment: str) -> tuple[list[list[bool]], str]:
        done = login("scientist", SUBSYSTEM[0], REACHES, **environment)
        contributing.close()
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[1]), done.stderr

    return start


LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1)  # the version; see landlock_create_ruleset(2)


@pytest.mark.skipif(LANDLOCK < 2, reason="this kernel has no Landlock that lets a file move between folders")
def test_sftp_reaches_questions_and_results_and_no_other_file_that_any_account_may_read(
    reached: Callable[..., tuple[list[list[bool]], str]],
) -> None:
    found, said = reached()
    assert found == [[True, True], [True, False], [False, False], [False, False], [False, False]]
    assert not said


@pytest.mark.skipif(LANDLOCK < 3, reason="this kernel has no Landlock that knows truncation")
def test_sftp_empties_no_file_outside_its_folders(login: Login, place: Path, contributing: Agent) -> None:
    """A client sets the size of a file by its path, which opens nothing: so it emptied any of its account's files."""
    (place / "kept").write_text("kept")
    os.chown(place / "kept", agents.STEWARD, -1)
    brings = """
for path in (pathlib.Path(sys.argv[2], "n", "griep", "a.csv"), pathlib.Path(sys.argv[2]).with_name("kept")):
    if path.name == "a.csv":
        path.write_text("brought")
    try:
        os.truncate(path, 0)
    except OSError as error:
        print(path.name, error.strerror)
"""
    done = login("scientist", SUBSYSTEM[0], brings)
    contributing.close()
    assert done.returncode == 0, done.stderr
    assert (place / "kept").read_text() == "kept"
    assert done.stdout.splitlines()[1:] == ["kept Permission denied"]


def test_where_the_kernel_cannot_narrow_sftp_it_is_said_and_files_come_all_the_same(
    reached: Callable[..., tuple[list[list[bool]], str]],
) -> None:
    (own, *_, hosts), said = reached(WITHOUT_LANDLOCK="yes")
    assert own == [True, True]
    assert hosts == [True, False]
    assert "not narrowed" in said


def test_files_can_be_brought_while_the_agent_is_away(login: Login) -> None:
    done = login("scientist", SUBSYSTEM[0])
    assert done.returncode == 0
    assert json.loads(done.stdout)["words"][1] == "-d"
    assert "no new folders were made" in done.stderr


def test_the_exit_code_of_sftp_is_the_account_s(login: Login) -> None:
    assert login("scientist", SUBSYSTEM[0], "sys.exit(7)").returncode == 7
