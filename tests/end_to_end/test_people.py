"""A day of the stewards and scientists of a network, through their own accounts: from an empty folder to a result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness import sandboxes

pytestmark = pytest.mark.servers
ORGANISATIONS = ("ggd", "huisartsen", "thuiszorg", "ziekenhuis")
QUESTION = sandboxes.QUESTION
SECRET = "7039"  # an area of the data that no sentence may repeat
# What a person brings, and a piece of the sentence that answers it.
MISTAKES = {
    "wrong delimiter": (f"postcode4|week\n{SECRET}|3\n".encode(), "vertical bars"),
    "a column too many between semicolons": (
        f"postcode4;week\r\n{SECRET};3\r\n".encode(),
        "line 1: column 2 is not among the agreed ones (postcode4); remove it",
    ),
    "letters of the postcode": (
        f"postcode4\n{SECRET}AB\n".encode(),
        "line 2, column postcode4: a postcode with letters",
    ),
    "wrong postcode": (b"postcode4\n99999\n", "line 2, column postcode4: not a postcode of four digits"),
    "missing column": (f"postcode\n{SECRET}\n".encode(), "postcode4"),
    "Excel's old encoding": ("postcode4\n7001é\n".encode("cp1252"), "save it as 'CSV UTF-8'"),
    "Excel's 'Unicode text'": (
        f"postcode4\n{SECRET}1\n".encode("utf-16"),
        "line 2, column postcode4: not a postcode of four digits",
    ),
    "'Unicode text' without its mark": (f"postcode4\n{SECRET}\n".encode("utf-16-le"), "UTF-16"),
    "a workbook with another name": (b"PK\x03\x04 a workbook", "workbook"),
    "nothing at all": (b"", "empty"),
    "a decimal number": (b"postcode4\n7001,0\n", "a decimal comma or another comma inside a value"),
}


def told(done: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def question(toets: sandboxes.Sandbox, organisation: str, name: str = QUESTION) -> dict[str, Any]:
    """A question as the steward of an organisation sees it."""
    (row,) = told(toets.person("steward", organisation, "questions", name, "--json"))["questions"]
    return dict(row)


def allow(toets: sandboxes.Sandbox, organisation: str, name: str = QUESTION) -> None:
    """As a steward does: read, then allow exactly what was read."""
    toets.person("steward", organisation, "allow", name, "--digest", question(toets, organisation, name)["digest"])


@pytest.fixture(scope="module", autouse=True)
def _nobody_allows_anything_yet(toets: sandboxes.Sandbox) -> None:
    for organisation in ORGANISATIONS:
        toets.person("steward", organisation, "refuse", QUESTION)


def test_each_account_does_its_own_part_and_nothing_else(toets: sandboxes.Sandbox) -> None:
    for account, words in (
        ("scientist", ("allow", QUESTION, "--digest", question(toets, "ggd")["digest"])),
        ("steward", ("propose", QUESTION)),
        ("steward", ("status", "--socket", "/tmp/other")),
    ):
        refused = toets.person(account, "ggd", *words, expect=None)
        assert refused.returncode in (2, 3), (account, words)
    for command in ("sh", "cat /etc/passwd", "station status; id"):
        done = toets._login("ssh", "steward", "ggd", command)
        assert done.returncode != 0, command
        assert "uid=" not in done.stdout
        assert "root:" not in done.stdout
    outside = toets._login("ssh", "steward", "ggd", "-W", "localhost:22")
    assert outside.returncode != 0
    assert toets._login("sftp", "steward", "ggd", said="ls\n").returncode != 0


def test_the_scientist_s_sftp_shows_its_folders_and_results_and_no_others(toets: sandboxes.Sandbox) -> None:
    done = toets._login("sftp", "scientist", "ggd", said="ls\nls ../out\n")
    assert done.returncode == 0, done
    if "not narrowed" in done.stderr:
        pytest.skip(f"the kernel of this machine has no Landlock: {done.stderr}")
    for folder in ("/etc", "/tmp", "/proc", "/var/lib/werkplaats"):
        done = toets._login("sftp", "scientist", "ggd", said=f"ls {folder}\n")
        assert done.returncode != 0, folder
        assert "Permission denied" in done.stderr


def test_the_operator_cannot_allow_and_up_says_whose_steward_is_waited_for(toets: sandboxes.Sandbox) -> None:
    digest = question(toets, "ggd")["digest"]
    refused = toets.on("ggd", "station", "allow", QUESTION, "--digest", digest)
    assert refused.returncode == 3
    assert toets.up()["questions"] == {QUESTION: {"waits": list(ORGANISATIONS)}}


def test_an_allowance_is_for_what_was_read(toets: sandboxes.Sandbox) -> None:
    refused = toets.person("steward", "ggd", "allow", QUESTION, "--digest", "0" * 64, expect=3)
    assert "another one than you" in refused.stderr
    assert question(toets, "ggd")["state"] == "waits"


def test_before_anybody_brought_data_or_allowed_it_the_question_is_refused_in_words(toets: sandboxes.Sandbox) -> None:
    toets.take_away("ggd")
    nothing = toets.person("scientist", "ggd", "data", QUESTION, expect=1)
    assert "no CSV file" in nothing.stdout + nothing.stderr
    refused = toets.person("scientist", "ggd", "propose", QUESTION, expect=None)
    assert refused.returncode in (2, 3)
    assert f"does not allow {QUESTION}" in refused.stderr


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_file_is_answered_by_a_sentence(toets: sandboxes.Sandbox, mistake: str) -> None:
    content, sentence = MISTAKES[mistake]
    toets.bring("ggd", "meldingen.csv", content)
    answer = toets.person("scientist", "ggd", "data", QUESTION, expect=1)
    assert sentence in answer.stdout + answer.stderr
    assert SECRET not in answer.stdout + answer.stderr
    assert SECRET not in toets.on("ggd", "journalctl", "--no-pager", "CONTAINER_NAME=station-agent").stdout


def test_together_they_see_what_was_planted_and_the_result_is_theirs_only(toets: sandboxes.Sandbox) -> None:
    toets.take_away("ggd")
    first = told(toets.run("rehearse", "--json"))
    assert first["left_out"] == {}
    assert first["good"]
    assert not any(first["alone"].values())
    assert [one["area"] for one in first["together"]] == first["planted"]
    assert first["suppressed"] == 40 - len(first["planted"])
    again = told(toets.run("rehearse", "--json"))
    assert {**again, "session": ""} == {**first, "session": ""}, "the same seed gives the same answer"
    session = first["session"]
    path = f"/var/lib/werkplaats/data/out/{session}/result.json"
    holders = [one for one in ORGANISATIONS if toets.on(one, "test", "-e", path).returncode == 0]
    assert holders == ["ggd"]
    shown = toets.person("scientist", "ggd", "results", session[:8]).stdout
    assert first["planted"][0] in shown
    for one in ORGANISATIONS:
        register = told(toets.person("steward", one, "register", "--last", "60", "--json"))
        assert register["sound"], register
        assert "contributed" in {entry["kind"] for entry in register["entries"] if entry.get("session") == session}
    assert toets.up()["questions"] == {QUESTION: {"allowed": list(ORGANISATIONS)}}


def test_a_withdrawn_allowance_stops_the_next_session(toets: sandboxes.Sandbox) -> None:
    toets.run("rehearse")
    toets.person("steward", "thuiszorg", "refuse", QUESTION)
    refused = toets.person("scientist", "ggd", "propose", QUESTION, expect=3)
    assert f"thuiszorg: allowance: the steward here does not allow {QUESTION}" in refused.stderr
    allow(toets, "thuiszorg")
    toets.person("scientist", "ggd", "propose", QUESTION)


def test_a_new_question_changes_no_server_and_waits_for_the_stewards(toets: sandboxes.Sandbox) -> None:
    questions = toets.definition.parent / "questions"
    text = (questions / f"{QUESTION}.yml").read_text()
    fresh = questions / "griep-buurten.yml"
    fresh.write_text(text.replace("minimum_cell: 10", "minimum_cell: 12"))
    try:
        plan = told(toets.run("plan", "--json"))
        assert {one: plan[one] for one in ("servers", "configuration", "stations")} == {
            "servers": [],
            "configuration": [],
            "stations": [],
        }
        assert any("griep-buurten is new" in line for line in plan["questions"])
        up = toets.up()
        assert up["changes"] == {"servers": [], "configured": {}, "stations": []}
        assert up["questions"]["griep-buurten"] == {"waits": list(ORGANISATIONS)}
        # Another minimum cell than a steward allowed is another question: here it is named by its field.
        allow(toets, "ggd", "griep-buurten")
        fresh.write_text(text.replace("minimum_cell: 10", "minimum_cell: 11"))
        assert toets.up()["questions"]["griep-buurten"]["changed"] == ["ggd"]
        assert "minimum_cell" in toets.person("steward", "ggd", "questions", "griep-buurten").stdout
    finally:
        fresh.unlink()
    assert "griep-buurten" not in toets.up()["questions"]
    gone = toets.person("scientist", "ggd", "propose", "griep-buurten", expect=2)
    assert "no question 'griep-buurten'" in gone.stderr


HIDDEN = (
    "state/statement.key",
    "state/edition.key",
    "allowances",
    "data/in",
    "data/out",
    "register",
    "networks.d",
    "peers",
    "agent/mesh.sock",
    "control/agent.sock",
)
PROBE = """
import os, socket, sys
for path in sys.argv[1:]:
    try:
        os.listdir('/station/' + path) if os.path.isdir('/station/' + path) else open('/station/' + path)
        print('opened', path)
    except OSError:
        pass
for name in os.listdir('/sys/class/net'):
    if name != 'lo': print('network', name)
try:
    open('/written', 'w'); print('wrote /written')
except OSError:
    pass
"""


def test_a_process_of_the_computer_finds_no_data_key_allowance_or_socket_of_a_peer(toets: sandboxes.Sandbox) -> None:
    probe = ("python3", "-c", PROBE, *HIDDEN)
    done = toets.on("ggd", "docker", "exec", "station-computer", *probe)
    assert (done.returncode, done.stdout) == (0, ""), done
    # The same probe where there is something to find: it can fail.
    seen = toets.on("ggd", "docker", "exec", "station-agent", *probe)
    assert {f"opened {path}" for path in ("allowances", "data/in", "networks.d")} <= set(seen.stdout.splitlines())


@pytest.mark.parametrize("folder", ["allowances", "data/in", "networks.d", "peers"])
def test_no_container_writes_an_allowance_or_data(toets: sandboxes.Sandbox, folder: str) -> None:
    write = f"open('/station/{folder}/written', 'w')"
    done = toets.on("ggd", "docker", "exec", "station-agent", "python3", "-c", write)
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr
