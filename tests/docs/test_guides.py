"""The guides, gone through on servers by each of their readers: what they show as printed is printed there.

One network serves them all: `gerda`, which the guides have as their example, under another name. A reader types what
stands in the guide; options beside it stand for who is not here, such as the inventory that names a coordinator's own.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml

from tests.docs import documents, outputs
from tests.harness import sandboxes
from werkplaats.operations.rehearsal import synthetic

pytestmark = [pytest.mark.servers, pytest.mark.soak]
GERDA = sandboxes.ROOT / "network_topology" / "networks" / "gerda"
QUESTION = sandboxes.QUESTION
HOSPITAL, COORDINATOR, SERVED = "gelre", "ggd-nog", "huisartsen-oost"
COORDINATORS_OWN = ("--only", COORDINATOR, "--only", SERVED)
SEED = 20261124

# Every command of which a guide shows the output, as it is typed there.
RECORDED = (
    UP_ONE := f"werkplaats up gerda --only {HOSPITAL}",
    REQUEST := f"werkplaats trust request gerda --only {HOSPITAL}",
    APPROVE := f"werkplaats trust approve gerda {HOSPITAL} --fingerprint SHA256:…",
    PUBLISH := "werkplaats trust publish gerda",
    ACCEPT := f"werkplaats accept gerda --only {HOSPITAL} --root sha256:…",
    PLAN := "werkplaats plan gerda",
    UP := "werkplaats up gerda",
    LIST := "station questions",
    SHOW := f"station questions {QUESTION}",
    ALLOW := f"station allow {QUESTION} --digest 5421a96d001471711db01b845083164771f85f8650569f8c701556ab9b2a6e1f",
    REFUSE := f"station refuse {QUESTION}",
    REGISTER := "station register --last 7",
    DATA := f"station data {QUESTION}",
    PROPOSE := f"station propose {QUESTION}",
)


class Readers:
    """Those who read the guides. `printed`: what a guide has as typed → the lines of each time that it was."""

    def __init__(self, network: sandboxes.Sandbox) -> None:
        self.network = network
        self.printed: dict[str, list[list[str]]] = {}

    def werkplaats(self, shown: str, *beside: str, typed: str = "", expect: int = 0, answer: str = "") -> str:
        """Run a verb, as `shown` unless `typed` says otherwise; `answer` is given at the terminal that it asks on."""
        words = [re.sub(r"\bgerda\b", self.network.name, word) for word in shlex.split(typed or shown)]
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        try:
            done = subprocess.run(
                [sys.executable, "-m", *words, *beside],
                cwd=sandboxes.ROOT,
                env=self.network.environment,
                stdin=theirs if answer else subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == expect, f"{shown}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return self._keep(shown, done)

    def station(self, account: str, organisation: str, shown: str, *beside: str) -> str:
        """Say it on an organisation's server, as its steward or scientist."""
        words = shlex.split(shown)[1:]
        return self._keep(
            shown, self.network.person(account, organisation, *words[: len(words) - len(beside)], *beside)
        )

    def allow(self, organisation: str) -> None:
        """As a steward: read the question, allow exactly that one."""
        (digest,) = re.findall(r"^digest (\w{64})$", self.station("steward", organisation, SHOW), re.MULTILINE)
        self.station("steward", organisation, ALLOW, digest)

    def ask(self, text: str) -> None:
        """As coordinator and operators: write the question, publish, look at the plan, deliver."""
        (self.network.definition.parent / "questions" / f"{QUESTION}.yml").write_text(text)
        self.werkplaats(PUBLISH)
        self.werkplaats(PLAN, *COORDINATORS_OWN)
        self.werkplaats(UP, "--yes")

    def _keep(self, shown: str, done: subprocess.CompletedProcess[str]) -> str:
        said = f"{done.stdout}\n{done.stderr}".replace(self.network.name, "gerda")
        self.printed.setdefault(shown, []).append(said.splitlines())
        return said


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The network of the guides, without the two that take no part in the question; nothing of it exists yet."""
    definition = (GERDA / "network.yml").read_text().replace("network: gerda", "network: gids").split("  ggnet:")[0]
    made = sandboxes.sandbox(tmp_path_factory.mktemp("gids"), "gids", definition)
    (made.definition.parent / "questions" / f"{QUESTION}.yml").unlink()
    yield made
    made.run("destroy", "--yes", expect=None)


@pytest.fixture(scope="module")
def readers(network: sandboxes.Sandbox) -> Readers:
    """All readers, each after doing what its guide says."""
    found = Readers(network)
    operators_and_coordinator(found)
    scientists_and_stewards(found)
    return found


def operators_and_coordinator(readers: Readers) -> None:
    """From bare servers to verified stations, to which a question comes: the steps of the two guides, for all."""
    readers.werkplaats(UP_ONE, "--yes", typed=UP, expect=3)
    readers.werkplaats(REQUEST)
    asked = readers.werkplaats("werkplaats trust request gerda")
    for organisation, fingerprint in re.findall(r"^([\w-]+): (SHA256:\S+)$", asked, re.MULTILINE):
        approve = f"werkplaats trust approve gerda {organisation} --fingerprint {fingerprint}"
        readers.werkplaats(APPROVE if organisation == HOSPITAL else approve, typed=approve)
    readers.werkplaats(PUBLISH)
    # What the coordinator reads, the operator gives; here the operator is the coordinator.
    readers.werkplaats(ACCEPT, typed=f"werkplaats accept gerda --only {HOSPITAL}", answer="n\n", expect=3)
    readers.werkplaats("werkplaats accept gerda", "--yes")
    readers.werkplaats(UP_ONE, "--yes", typed=UP)
    readers.ask((GERDA / "questions" / f"{QUESTION}.yml").read_text())


def scientists_and_stewards(readers: Readers) -> None:
    """The question from new to answered, and then changed so that it waits again."""
    text = (GERDA / "questions" / f"{QUESTION}.yml").read_text()
    asked = yaml.safe_load(text)
    records, _ = synthetic.cases(
        SEED,
        synthetic.areas(asked["parameters"]["areas"]),
        dict.fromkeys(asked["contributes"], ""),
        minimum_cell=asked["minimum_cell"],
        minimum_contributors=asked["minimum_contributors"],
    )
    for organisation, cases in records.items():
        readers.network.bring(organisation, "cases.csv", synthetic.csv("postcode4", cases))
    readers.station("scientist", HOSPITAL, DATA)
    readers.station("steward", HOSPITAL, LIST)
    readers.allow(COORDINATOR)
    readers.werkplaats(UP, "--yes", *COORDINATORS_OWN)
    for organisation in sorted(records.keys() - {COORDINATOR}):
        readers.allow(organisation)
    readers.station("scientist", COORDINATOR, PROPOSE)
    readers.station("steward", HOSPITAL, REGISTER)
    readers.ask(text.replace("minimum_cell: 10", "minimum_cell: 5"))
    readers.station("steward", HOSPITAL, SHOW)
    readers.station("steward", HOSPITAL, REFUSE)


def on_servers() -> list[documents.Block]:
    """The outputs that come from a network and its servers."""
    return [block for block in outputs.quoted() if set(outputs.commands(block)) & set(RECORDED)]


@pytest.mark.parametrize("block", on_servers(), ids=str)
def test_what_a_guide_shows_is_printed(readers: Readers, block: documents.Block) -> None:
    recordings = [printed for command in outputs.commands(block) for printed in readers.printed.get(command, ())]
    assert outputs.held(block, recordings) == ""
