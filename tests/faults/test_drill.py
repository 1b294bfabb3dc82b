"""A drill is walked as a trainee would, from the alert to the certificate; one that was killed is put right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runbooks.drills import drill as drills
from runbooks.framework import report
from tests.faults import incidents
from tests.harness import sandboxes
from tests.harness.stations import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.soak]
ON = incidents.ORGANISATIONS
# The first that draws what has people rung.
SEED = next(seed for seed in range(1000) if drills.draw(ON, ON, seed).cause.how.startswith("one direction"))
FOUND_SECONDS = 120.0


@pytest.fixture(scope="module")
def oefening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """A network of three on which people train."""
    made = incidents.three(tmp_path_factory.mktemp("oefening"), "oefening")
    made.up()
    yield made
    made.run("destroy", "--yes", expect=None)


def drill(network: sandboxes.Sandbox, *words: str, expect: int = 0) -> dict[str, Any]:
    """What a step of the drill says, as a program reads it."""
    told: dict[str, Any] = json.loads(network.run("drill", *words, "--json", expect=expect).stdout)
    return told


def found(network: sandboxes.Sandbox) -> list[dict[str, Any]]:
    """What `incident diagnose` finds."""
    done = network.run("incident diagnose", "--json", expect=None)
    assert done.returncode in (0, 1), done
    told: list[dict[str, Any]] = json.loads(done.stdout)["found"]
    return told


def named(network: sandboxes.Sandbox) -> list[dict[str, Any]]:
    """The same, once what was drawn is among it: a link is tried now and then."""
    return [one for one in found(network) if one["incident"] == drills.draw(ON, ON, SEED).cause.incident]


def well(network: sandboxes.Sandbox) -> None:
    wait_until(lambda: not found(network), "diagnosis to find nothing", FOUND_SECONDS)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A trainer's key of ssh."""
    made = tmp_path / "trainer"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)], check=True)
    return made


def test_a_drill_is_walked_from_the_alert_to_the_certificate(
    oefening: sandboxes.Sandbox, key: Path, note: Callable[[str], None]
) -> None:
    well(oefening)
    began = drill(oefening, "--surprise", "--seed", str(SEED))
    assert (began["goes_on"], began["incident"], began["subject"]) == (True, "", "")
    assert "goes on in" in oefening.run("drill", "station-down", expect=3).stderr
    assert "is a drill that goes on" in oefening.run("incident report", began["id"], expect=3).stderr

    first, *_ = wait_until(lambda: named(oefening), "diagnosis to name it", FOUND_SECONDS)
    hints = [drill(oefening, "--hint")["said"][0] for _ in range(2)]
    assert not any(first["incident"] in one for one in hints)
    assert "costs 10 points" in drill(oefening, "--answer", "gateway-down:ggd", expect=1)["said"][0]
    assert "not over" in drill(oefening, "--done", expect=1)["said"][0]
    target = first["subject"].replace(" → ", ":")
    known = drill(oefening, "--answer", f"{first['incident']}:{target}")
    assert (known["incident"], known["subject"]) == (first["incident"], first["subject"])

    runbook = ("incident run", first["incident"], "--target", target, "--execute", "--reason=a drill")
    assert "ring" in oefening.run(*runbook, expect=5).stderr
    assert "it is done" in drill(oefening, "--rang")["said"][0]
    oefening.run(*runbook)
    over = drill(oefening, "--done", "--sign", str(key))
    assert not over["goes_on"]

    folder = oefening.vault / "drills"
    told = json.loads((folder / f"{began['id']}.json").read_text())
    assert (told["title"], told["seed"], told["points"]) == ("Certificate of training", SEED, 80)
    assert (told["incident"], told["subject"]) == (first["incident"], first["subject"])
    assert 0 < told["detected"] <= told["diagnosed"] <= told["recovered"]
    assert "ED25519" in told["record"]["signed"]
    assert (folder / f"{began['id']}.md").read_text().startswith("# Certificate of training")
    allowed = key.with_name("allowed")
    allowed.write_text(f'trainer namespaces="{report.NAMESPACE}" {key.with_suffix(".pub").read_text()}')
    assert "trainer" in oefening.run("incident report", began["id"], "--allowed-signers", str(allowed)).stdout
    well(oefening)
    oefening.works_again()
    note(
        f"{told['incident']} of {told['subject']}: detected after {told['detected']} s, diagnosed after "
        f"{told['diagnosed']} s, recovered after {told['recovered']} s, {told['points']} points"
    )


@pytest.mark.parametrize("incident", ["disk-full", "server-unreachable"])
def test_a_drill_that_was_killed_as_it_began_is_put_right_by_ending_it(
    oefening: sandboxes.Sandbox, incident: str
) -> None:
    well(oefening)
    process = oefening.start("drill", oefening.name, incident, "--target", "ggd")

    def written() -> bool:
        records = (oefening.vault / "incidents").glob(f"*-drill-{oefening.name.replace('.', '-')}*.jsonl")
        return any('"kind":"causes"' in (text := one.read_text()) and '"ended"' not in text for one in records)

    wait_until(written, "it to be written down", FOUND_SECONDS)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert "interrupted while" in drill(oefening)["said"][0]
    assert "interrupted while" in oefening.run("drill", "--done", expect=3).stderr
    assert not drill(oefening, "--end")["goes_on"]
    well(oefening)
    oefening.works_again()
