"""The `station` program as people meet it: help, wrong use, an agent that is away."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from on_server.station_command import agent, allowing, questions
from tests.harness import starters

STATION = starters.starter("station")


def station(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-IS", "-c", STATION, *words], capture_output=True, text=True, check=False)


def against(tmp_path: Path, lines: list[dict[str, Any]], *words: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    """Run it against an agent that answers `lines`; returns also what the agent was asked."""
    path, asked = tmp_path / "agent.sock", []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                asked.append(json.loads(stream.readline()))
                for line in lines:
                    stream.write(json.dumps(line).encode() + b"\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = station(*words, "--socket", str(path))
        thread.join(5)
    return done, asked[0]


def test_help_names_every_verb() -> None:
    said = station("--help").stdout
    assert all(verb in said for verb in ("status", "session", "links", "questions", "allow", "refuse", "propose"))


@pytest.mark.parametrize("words", [(), ("onbekend",), ("session", "--rounds", "veel")])
def test_wrong_use_ends_with_two(words: tuple[str, ...]) -> None:
    assert station(*words).returncode == 2


def test_an_agent_that_is_away_is_a_sentence_and_four(tmp_path: Path) -> None:
    done = station("status", "--socket", str(tmp_path / "none.sock"))
    assert done.returncode == 4
    assert "the agent does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_agent_that_stops_while_it_is_asked_is_a_sentence_and_four(tmp_path: Path) -> None:
    done, _ = against(tmp_path, [{"event": "proposed", "session": "x", "contributors": ["n.a"]}], "session")
    assert done.returncode == 4
    assert "stopped while it was asked" in done.stderr
    assert "session x proposed" in done.stdout


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_agents_exit_code_is_the_programs(tmp_path: Path, code: int) -> None:
    done, asked = against(tmp_path, [{"done": True, "exit": code, "links": []}], "links", "--json")
    assert done.returncode == code
    assert json.loads(done.stdout) == {"exit": code, "links": []}
    assert asked == {"verb": "links"}


def test_options_become_the_request(tmp_path: Path) -> None:
    words = ("session", "--network", "n", "--rounds", "7", "--intake", "3", "--results-to", "a", "--results-to", "b")
    _, asked = against(tmp_path, [{"done": True, "exit": 2, "error": "x"}], *words)
    assert asked == {
        "verb": "session",
        "network": "n",
        "analysis": "acceptance_sum/1",
        "parameters": {"rounds": 7},
        "intake": 3,
        "results": ["a", "b"],
    }


def test_a_session_is_told_in_lines_for_people(tmp_path: Path) -> None:
    last = {"done": True, "exit": 1, "session": "s", "outcome": "done", "left_out": {"n.d": "nothing of it arrived"}}
    last |= {"contributors": ["n.a"], "milliseconds": 5, "result": {"correct": True, "sum": 7}}
    events: list[dict[str, Any]] = [
        {"event": "accepted", "by": ["n.a"]},
        {"event": "computing", "party": "n.a", "contributors": 1},
    ]
    done, _ = against(tmp_path, [*events, last], "session")
    assert done.returncode == 1
    for said in ("accepted by n.a", "left out: n.d: nothing of it arrived", "sum 7, as it must be", "done in 5 ms"):
        assert said in done.stdout


def test_it_imports_nothing_but_the_standard_library() -> None:
    code = "import sys; before = set(sys.modules); from on_server.station_command import account, cli; "
    code += "print({n.partition('.')[0] for n in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=starters.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'on_server'}"


LONG = {"areas": [str(area) for area in range(1000, 4000)]}


def question(**changes: Any) -> dict[str, Any]:
    """A row as the agent answers it, of a question with parameters that nobody reads to their end."""
    document = {
        "network": "gerda",
        "question": "griep",
        "purpose": "waar neemt griep toe\x1b[2J",
        "analysis": "hotspots/1",
        "parameters": LONG,
        "fields": {"postcode4": "vier cijfers"},
        "contributors": ["gerda.a", "gerda.b", "gerda.c"],
        "results": ["gerda.a"],
        "computing": ["gerda.a", "gerda.b", "gerda.c"],
        "threshold": 1,
        "operators": {"gerda.a": "a", "gerda.b": "b", "gerda.c": "b"},
        "statement_keys": {"gerda.a": "1" * 64},
        "minimum_cell": 10,
        "minimum_contributors": 3,
        "dpia_annex": "2026-03-01",
        "agreements": {"gerda.a": {"kind": "gvo", "signed": "2026-02-01", "until": None}},
        "until": "2099-01-01",
        "at_most": "daily",
        "unheard_of": "a field of a later release",
    }
    shown = {name: document[name] for name in ("network", "question", "purpose", "analysis")}
    standing = {"state": "waits", "until": None, "problem": "", "digest": "x", "document": document}
    return {**shown, **standing, **changes}


def answered(code: int = 0, **answer: Any) -> list[dict[str, Any]]:
    return [{"done": True, "exit": code, **answer}]


def test_the_list_of_questions_has_a_line_for_each(tmp_path: Path) -> None:
    done, _ = against(tmp_path, answered(questions=[question()]), "questions")
    head, line = done.stdout.splitlines()
    assert head.split() == ["network", "question", "state", "until", "purpose"]
    assert line.split()[:4] == ["gerda", "griep", "waits", "waar"]
    assert "\x1b" not in done.stdout, "another organisation's text moves the cursor"


def test_a_steward_reads_the_whole_question_and_the_command_for_it(tmp_path: Path) -> None:
    row = question()
    done, _ = against(tmp_path, answered(questions=[row]), "questions", "griep")
    digest = allowing.digest(row["document"])
    for said in (
        "griep in gerda: waits",
        "parameters            areas: 1000",
        "whole with --json",
        "minimum cell          10",
        "results go to         gerda.a",
        "agreements            gerda.a: gvo signed 2026-02-01, without end",
        "unheard_of            a field of a later release",
        "any 2 together could read every input",
        f"to allow exactly this: station allow griep --digest {digest}",
    ):
        assert said in done.stdout, said
    assert max(map(len, done.stdout.splitlines())) < 260


@pytest.mark.parametrize(
    ("operators", "said"),
    [
        ({}, "at least 2 operators would have to work together"),
        ({"gerda.b": "a"}, "ONE OPERATOR ALONE COULD READ EVERY INPUT. Of the computing parties, a runs 2"),
    ],
)
def test_who_could_read_the_inputs_is_counted_per_operator(operators: dict[str, str], said: str) -> None:
    document = question()["document"]
    document["operators"] = {name: name[-1] for name in document["computing"]} | operators
    assert said in " ".join(questions.privacy(document))


def test_a_steward_reads_every_set_that_may_compute_and_who_could_read_the_inputs_of_it(tmp_path: Path) -> None:
    row = question()
    row["document"]["operators"] = {"gerda.a": "a", "gerda.b": "b", "gerda.c": "c", "gerda.d": "b"}
    row["document"]["computing_alternates"] = [["gerda.a", "gerda.b", "gerda.d"], ["gerda.a", "gerda.c", "gerda.d"]]
    done, _ = against(tmp_path, answered(questions=[row]), "questions", "griep")
    sets = "gerda.a, gerda.b, gerda.d; or gerda.a, gerda.c, gerda.d"
    assert f"or another set of them {sets}" in " ".join(done.stdout.split())
    said = questions.privacy(row["document"])
    assert said[2] == (
        "So at least 2 operators would have to work together. Of the computing parties, a runs 1, b runs 1, c runs 1."
    )
    assert said[3] == "Another set may compute a session: gerda.a, gerda.b, gerda.d."
    assert said[6] == "ONE OPERATOR ALONE COULD READ EVERY INPUT. Of the computing parties, b runs 2, a runs 1."
    assert said[7] == "Another set may compute a session: gerda.a, gerda.c, gerda.d."
    assert len(said) == 11


def test_a_changed_question_is_shown_field_by_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = question()["document"] | {"minimum_cell": 20}
    (tmp_path / "gerda~griep.json").write_text(json.dumps({"question": before}))
    monkeypatch.setenv("STATION_ALLOWANCES", str(tmp_path))
    row = question(state="changed", problem="minimum_cell: not as the steward here allowed it for griep")
    done, _ = against(tmp_path, answered(questions=[row]), "questions", "griep")
    assert "  minimum_cell: 20\n    -> 10\n" in done.stdout
    assert "-> 10\ndigest" in done.stdout, "more differs than was changed"


def test_a_question_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    done, _ = against(tmp_path, answered(questions=[question()]), "questions", "gripe")
    assert done.returncode == 2
    assert "no question 'gripe' was delivered to this station; known are griep" in done.stderr


def test_a_question_that_went_because_a_computing_party_is_cut_says_so(tmp_path: Path) -> None:
    lines = answered(questions=[], problems={"oost": "cannot compute: c is cut"})
    done, _ = against(tmp_path, lines, "questions", "griep")
    assert done.stderr.rstrip().endswith("known are (none); oost: cannot compute: c is cut")


def test_a_name_in_two_networks_needs_its_network(tmp_path: Path) -> None:
    rows = [question(), question(network="oost")]
    done, _ = against(tmp_path, answered(questions=rows), "questions", "griep")
    assert done.returncode == 2
    assert "add --network gerda or oost" in done.stderr


RESULT = {
    "areas": [{"area": "7001", "cases": 12}, {"area": "7002", "cases": 140, "rate_per_10000": 3.5}],
    "suppressed": 38,
    "hotspots": ["7002"],
}


def test_a_result_is_a_table_whatever_analysis_it_is_of(tmp_path: Path) -> None:
    whole: dict[str, Any] = {"session": "ab" * 16, "analysis": "hotspots/1", "question": "griep", "network": "gerda"}
    whole |= {"contributors": ["gerda.a"], "left_out": {"gerda.b": "away"}, "result": RESULT}
    done, asked = against(tmp_path, answered(result=whole), "results", "abab")
    assert asked == {"verb": "results", "session": "abab"}
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[-5:] == [
        *("areas:", "  area  cases  rate per 10000", "  7001  12", "  7002  140    3.5", "left out: gerda.b: away"),
    ]
    assert "hotspots: 7002" in lines


def test_results_are_listed(tmp_path: Path) -> None:
    row = {"session": "ab" * 16, "analysis": "hotspots/1", "question": "griep", "at": 1767268800}
    done, asked = against(tmp_path, answered(results=[row]), "results")
    assert asked == {"verb": "results"}
    assert "ab" * 16 in done.stdout
    assert "2026-01-01" in done.stdout


@pytest.mark.parametrize(("tables", "said"), [(["sha256:ab"], "it lies here"), ([], "NOT DELIVERED HERE")])
def test_a_question_says_which_table_it_names(tmp_path: Path, tables: list[str], said: str) -> None:
    named = {"table": "cbs-pc4-2025", "areas": 3920, "unknown": 102, "empty": 41, "digest": "sha256:ab"}
    row = question(tables=tables)
    row["document"]["parameters"] = {"population": named}
    done, _ = against(tmp_path, answered(0, questions=[row], problems={}), "questions", "griep")
    assert f"inhabitants by the table cbs-pc4-2025, which is delivered beside the question; {said}" in done.stdout
    assert (
        "3920 areas with inhabitants; left out: 102 that are secret or have fewer than five, 41 with none"
        in done.stdout
    )
    assert "\n  sha256:ab\n" in done.stdout


@pytest.mark.parametrize("parameters", [{"by": "region"}, {}])
def test_a_question_by_region_says_which_regions_these_are(tmp_path: Path, parameters: dict[str, str]) -> None:
    row = question()
    row["document"] |= {"parameters": parameters, "contributors": ["oost.a", "oost.b", "west.a"]}
    done, _ = against(tmp_path, answered(0, questions=[row], problems={}), "questions", "griep")
    least = "the same is opened of each region, where 3 of its own contributors have enough, and nothing follows of"
    assert (least in done.stdout) is bool(parameters)
    assert ("\n  oost: a, b\n  west: a\n" in done.stdout) is bool(parameters)


def test_a_result_by_region_shows_each(tmp_path: Path) -> None:
    histogram = [{"bin": "0-11", "count": 12}, {"bin": "12-23", "suppressed": True}]
    part = {"contributors": 3, "count": None, "histogram": histogram, "suppressed": 1}
    whole: dict[str, Any] = {"session": "ab" * 16, "analysis": "descriptive/1", "question": "vroeg", "network": "kring"}
    whole |= {"contributors": ["oost.a"], "left_out": {}, "result": {"count": 40, "regions": {"oost": part}}}
    done, _ = against(tmp_path, answered(result=whole), "results", "abab")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[lines.index("regions:") :][:6] == [
        *(
            "regions:",
            "  oost:",
            "    contributors: 3",
            "    count: (suppressed)",
            "    suppressed: 1",
            "    histogram:",
        ),
    ]


def test_a_proposed_question_ends_with_its_result_and_where_it_lies(tmp_path: Path) -> None:
    account = {"session": "s", "outcome": "done", "root": "", "left_out": {"gerda.b": "away"}, "contributors": ["x"]}
    events = [{"event": "proposed", "session": "s", "contributors": ["gerda.a"]}]
    lines = [*events, *answered(1, **account, milliseconds=5, result=RESULT)]
    done, asked = against(tmp_path, lines, "propose", "griep", "--network", "gerda")
    assert asked == {"verb": "propose", "question": "griep", "network": "gerda"}
    assert done.returncode == 1
    for said in ("session s proposed", "left out: gerda.b: away", "/var/lib/werkplaats/data/out/s/result.json"):
        assert said in done.stdout


def test_a_set_of_which_one_is_away_is_named_and_one_is_chosen_by_its_number(tmp_path: Path) -> None:
    passed = {"event": "passed", "computing": ["gerda.a", "gerda.b"], "why": "gerda.b: does not answer"}
    account = {"session": "s", "outcome": "done", "root": "", "left_out": {}, "contributors": ["x"], "milliseconds": 5}
    lines = [passed, *answered(0, **account, result=RESULT)]
    done, asked = against(tmp_path, lines, "propose", "griep", "--computing", "2")
    assert asked["computing"] == 2
    assert "gerda.a, gerda.b do not compute this: gerda.b: does not answer" in done.stdout


@pytest.mark.parametrize(("counts", "said"), [([], []), (["gerda.a", "gerda.b"], ["gerda.a, gerda.b"])])
def test_of_a_session_that_failed_it_is_said_where_it_counts_all_the_same(
    tmp_path: Path, counts: list[str], said: list[str]
) -> None:
    account = {"session": "s", "outcome": "failed", "root": "", "reason": "why", "counts": counts}
    done, _ = against(tmp_path, answered(4, **account, milliseconds=5), "propose", "griep")
    told = [f"it counts as asked at {where}: somebody may have its result" for where in said]
    assert done.stdout.splitlines()[-1 - len(told) :] == ["session s failed: why", *told]


@pytest.mark.parametrize(
    ("problems", "said"), [(["a.csv, line 3: no"], "a.csv, line 3: no"), ([], "nothing keeps them")]
)
def test_files_are_looked_at_in_sentences(tmp_path: Path, problems: list[str], said: str) -> None:
    done, asked = against(tmp_path, answered(int(bool(problems)), rows=7, problems=problems), "data", "griep")
    assert asked == {"verb": "data", "question": "griep"}
    assert done.returncode == int(bool(problems))
    assert "griep: 7 rows" in done.stdout
    assert said in done.stdout


def test_files_astray_are_told_beside_those_that_are_read(tmp_path: Path) -> None:
    lines = answered(0, rows=7, problems=[], astray=["n/a.csv: no session reads it there; remedy"])
    done, _ = against(tmp_path, lines, "data", "griep")
    assert done.returncode == 0
    assert "  n/a.csv: no session reads it there; remedy\n  nothing keeps them from being used" in done.stdout


def test_files_are_told_as_they_were_read_and_two_of_the_same_rows_can_be_said_to_be_right(tmp_path: Path) -> None:
    told = {
        "files": ["a.csv: 7 rows; semicolons between columns, UTF-16"],
        "repeated": ["b.csv: the same 7 rows as a.csv; both count"],
    }
    done, asked = against(tmp_path, answered(0, rows=14, problems=[], **told), "data", "griep", "--both")
    assert asked == {"verb": "data", "question": "griep", "both": True}
    assert done.stdout.splitlines() == [
        "griep: 14 rows in the files for it",
        "  a.csv: 7 rows; semicolons between columns, UTF-16",
        "  b.csv: the same 7 rows as a.csv; both count",
        "  nothing keeps them from being used",
    ]


def test_the_register_is_told_in_words(tmp_path: Path) -> None:
    about = {"at": 0, "session": "ab" * 16, "question": "griep"}
    entries = [
        {**about, "number": 1, "kind": "answer", "proposer": "gerda.b", "accepted": False, "reason": "fields: no"},
        {**about, "number": 2, "kind": "run", "outcome": "failed", "root": "gerda.c", "contributors": []},
        {**about, "number": 2, "kind": "run", "outcome": "failed", "root": "", "contributors": ["x"], "counts": True},
        {"number": 3, "at": 0, "kind": "allowances", "allowed": {"griep": "12" * 32}},
        {**about, "number": 4, "kind": "receipt", "party": "gerda.a", "outcome": "done"},
        {**about, "number": 5, "kind": "later"},
        {**about, "number": 5, "kind": "opening", "contributors": ["x"], "left_out": {}},
        {"number": 7, "at": 0, "kind": "mended", "entry": 7, "cut": 12, "completed": False},
        {"number": 7, "at": 0, "kind": "repeated", "question": "griep", "files": 1},
        {"number": 6, "at": 0, "kind": "counted", "day": "2027-01-15", "counted": {"refused gerda.b": 812}},
    ]
    counted = {"answer (acceptance)": 3}
    answer = answered(1, entries=entries, counted=counted, sound=False, problem="entry 6 is not as it was written")
    done, asked = against(tmp_path, answer, "register", "--last", "5")
    assert asked == {"verb": "register", "last": 5}
    for said in (
        "refused (fields: no) what gerda.b proposed: griep, session abababab",
        "computed griep, session abababab: failed on gerda.c, 0 contributors",
        "computed griep, session abababab: failed, it counts: somebody may have its result, 1 contributors",
        "the steward allows griep 12121212",
        "from here on somebody may have the result of griep, session abababab",
        "gerda.a says how it ended (done)",
        "only counted on 2027-01-15: 812 of refused gerda.b",
        "a line that did not end: 12 bytes at entry 7 were cut off, it was no entry",
        "today  3 more that are only counted: answer (acceptance)",
        "rows of griep that stand in two files were said to be right: they count twice",
        "NOT SOUND: entry 6 is not as it was written",
    ):
        assert said in done.stdout


def test_an_answer_of_another_release_is_a_sentence_and_four(tmp_path: Path) -> None:
    done, _ = against(tmp_path, answered(unheard_of=1), "register")
    assert done.returncode == 4
    assert "of one release?" in done.stderr


def test_an_account_of_people_asks_no_other_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_ACCOUNT", "scientist")
    for word in ("--socket", "--sock", f"--socket={tmp_path}/s"):
        done = station("status", word, str(tmp_path / "s"))
        assert done.returncode == 2
        assert "unrecognized arguments" in done.stderr


def test_status_tells_of_the_register(tmp_path: Path) -> None:
    register = {"problem": "line 3 is not as it was written", "mended": 2}
    answer = answered(1, problem="", computer=True, networks={}, register=register)
    done, _ = against(tmp_path, answer, "status")
    assert done.stdout.splitlines() == [
        "problem: the register: line 3 is not as it was written",
        "the register: something that was no entry was cut off; entry 2 says what",
    ]


def test_draining_says_for_how_long_and_what_goes_on(tmp_path: Path) -> None:
    roles = {"computing": 1, "contributing": 0, "proposing": 1, "results": 1}
    answer = {"done": True, "exit": 0, "draining": 60, "sessions": 1, "roles": roles}
    done, asked = against(tmp_path, [answer], "drain", "--seconds", "60")
    assert asked == {"verb": "drain", "seconds": 60}
    said = "no new session begins here for 60 s; 1 sessions go on (1 computing, 1 proposing, 1 results)\n"
    assert (done.returncode, done.stdout) == (0, said)
    (tmp_path / "agent.sock").unlink()
    done, asked = against(tmp_path, [{**answer, "draining": 0, "sessions": 0, "roles": {}}], "drain", "--end")
    assert (asked, done.stdout) == (
        {"verb": "drain", "end": True},
        "sessions begin here; 0 sessions go on\n",
    )


class Replaced:
    """An agent that drains, is away for a moment, and is followed by one that answers."""

    def __init__(self, path: Path, *, said: bool) -> None:
        self.path, self.events = path, list[dict[str, Any]]()
        if said:
            path.with_name("draining").write_text(json.dumps({"until": time.time() + 60}))

    def ask(self, *ends: list[dict[str, Any]] | None) -> dict[str, Any]:
        """What `station session` is told in the end; each of `ends` is one attempt, None an agent that is away."""
        left = [*ends]

        def ask(path: str, request: Any, tell: agent.Tell) -> agent.Line:
            del path, request
            lines = left.pop(0)
            for line in (lines or [])[:-1]:
                tell(line)
            if not lines or "event" in lines[-1]:
                raise agent.AgentAwayError("the agent does not answer")
            return lines[-1]

        with mock.patch.multiple(agent, ask=ask, AGAIN=0.0):
            answer = agent.ask_patiently(str(self.path), {"verb": "session"}, self.events.append)
        assert left == []
        return answer


DRAINS: list[dict[str, Any]] = [{"exit": 3, "error": "n.a is being upgraded", "drains": {"n.a": 60}}]
DONE: list[dict[str, Any]] = [{"event": "accepted"}, {"exit": 0}]


def test_a_session_that_is_asked_for_while_the_agent_is_replaced_is_asked_of_the_next_one(tmp_path: Path) -> None:
    replaced = Replaced(tmp_path / "agent.sock", said=True)
    assert replaced.ask(DRAINS, None, DRAINS, DONE) == {"exit": 0}
    assert replaced.events == [{"event": "waits", "for": ["n.a"]}, {"event": "accepted"}]


def test_a_session_that_all_had_accepted_is_not_asked_for_again(tmp_path: Path) -> None:
    with pytest.raises(agent.AgentAwayError):
        Replaced(tmp_path / "agent.sock", said=True).ask([{"event": "accepted"}, {"event": "computing"}])


def test_an_agent_that_is_away_without_having_said_so_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(agent.AgentAwayError):
        Replaced(tmp_path / "agent.sock", said=False).ask(None)
    replaced = Replaced(tmp_path / "agent.sock", said=True)
    replaced.path.with_name("draining").write_text('{"until": 1}')
    with pytest.raises(agent.AgentAwayError):
        replaced.ask(None)


def test_it_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with mock.patch.object(agent, "WAIT", -1.0):
        assert Replaced(tmp_path / "agent.sock", said=True).ask(DRAINS)["drains"] == {"n.a": 60}


def test_what_an_agent_put_in_place_of_the_file_that_says_so_is_not_read(tmp_path: Path) -> None:
    """Its container writes in that folder; root, who asks it, would read /dev/zero, or wait for a pipe for ever."""
    replaced = Replaced(tmp_path / "agent.sock", said=True)
    said = tmp_path / "draining"
    text = said.rename(tmp_path / "elsewhere").read_text()
    for put in (
        lambda: said.symlink_to(tmp_path / "elsewhere"),
        lambda: said.write_text(text + " " * 300),
        lambda: os.mkfifo(said),
    ):
        put()
        pipe = os.open(said, os.O_RDWR | os.O_NONBLOCK) if said.is_fifo() else -1
        if pipe >= 0:
            os.write(pipe, text.encode())  # so that a reader would not wait, but read
        with pytest.raises(agent.AgentAwayError):
            replaced.ask(None)
        said.unlink()
        if pipe >= 0:
            os.close(pipe)


def test_a_line_of_an_agent_that_never_ends_is_no_answer(tmp_path: Path) -> None:
    path = str(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX) as listener, mock.patch.object(agent, "LONGEST_LINE", 2000):
        listener.bind(path)
        listener.listen(1)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b'{"done": true, "exit": 0, "more": "' + b"x" * 4000 + b'"}\n')

        serving = threading.Thread(target=serve)
        serving.start()
        with pytest.raises(agent.AgentAwayError):
            agent.ask(path, {"verb": "status"}, lambda _: None)
        serving.join()
