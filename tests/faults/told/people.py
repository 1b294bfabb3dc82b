"""What stewards and scientists say and ask, and how long a session of theirs goes on."""

from __future__ import annotations

import json
import subprocess

from tests.end_to_end.test_cut import running
from tests.faults import incidents
from tests.faults.told.thief import why_no_session
from tests.faults.told.walk import Walk
from tests.harness import going, sandboxes
from tests.harness.stations import wait_until

CASES = b"postcode4\n" + b"7001\n" * 12


def allowed(network: sandboxes.Sandbox, organisation: str) -> None:
    """Have a steward read the question, and allow what was read."""
    said = network.person("steward", organisation, "questions", sandboxes.QUESTION, "--json").stdout
    (row,) = json.loads(said)["questions"]
    network.person("steward", organisation, "allow", sandboxes.QUESTION, "--digest", row["digest"])


def all_allow(walk: Walk) -> None:
    """Everybody brings cases and says yes, and a session over them comes to a result."""
    for one in incidents.ORGANISATIONS:
        walk.network.bring(one, "cases.csv", CASES)
        allowed(walk.network, one)
    walk.network.person("scientist", "ggd", "propose", sandboxes.QUESTION)


def is_refused(walk: Walk) -> None:
    """The next session is, for the steward whose yes it was; what computes without data goes on."""
    done = walk.network.person("scientist", "ggd", "propose", sandboxes.QUESTION, expect=3)
    assert f"{walk.target}: allowance: the steward here does not allow {sandboxes.QUESTION}" in done.stderr
    walk.network.works_again()


def allows_again(walk: Walk) -> None:
    """It is that steward's yes that was missing."""
    allowed(walk.network, walk.target)
    walk.network.person("scientist", "ggd", "propose", sandboxes.QUESTION)


def links(network: sandboxes.Sandbox) -> dict[tuple[str, str], bool]:
    """Who finds whom."""
    told = json.loads(network.run("verify", "--json", expect=None).stdout)
    return {tuple(one["name"].split(" → ")): one["good"] for one in told["verdicts"] if one["kind"] == "link"}


def all_is_well(walk: Walk) -> None:
    """Nobody sees that tempers rise."""
    assert all(links(walk.network).values())


def is_held(walk: Walk) -> None:
    """No link with it is left, that of the others is, and it is said why there is no session."""
    found = links(walk.network)
    assert {pair for pair, good in found.items() if good} == {pair for pair in found if walk.target not in pair}
    assert walk.target in why_no_session(walk.network)


def endless(walk: Walk) -> None:
    """A session of all that goes on for longer than anybody waits, asked for by another than the target."""
    config = walk.network.vault / "run" / "ssh_config"
    words = ("station", "session", "--rounds", "1000000", "--json")
    session = ["ssh", "-F", str(config), "-o", "ControlPath=none", "ziekenhuis", "sudo", *words]
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    walk.runs.append(subprocess.Popen(session, stdin=null, stdout=pipe, stderr=subprocess.STDOUT, text=True))
    everybody = incidents.ORGANISATIONS
    wait_until(lambda: all(running(walk.network, one) for one in everybody), "the session to begin at all", 60)
    going.gives_way(walk.network, everybody)


def end(walk: Walk) -> None:
    """Whatever became of it."""
    for one in walk.runs:
        one.kill()
        one.wait()


def is_ended(walk: Walk) -> None:
    """It goes on nowhere, and who asked for it was told by whom it ended."""
    network, everybody = walk.network, incidents.ORGANISATIONS
    wait_until(lambda: not any(running(network, one) for one in everybody), "it to end at all", 60)
    said, _ = walk.runs[0].communicate(timeout=60)
    assert walk.target in said, said
