"""Two regions federate while a session of one runs: their stations compute together, and a region leaves alone.

One story at running servers, in order: each test goes on where the one before it ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.end_to_end.test_follow import put
from tests.harness import going, sandboxes
from tests.harness.stations import wait_until

pytestmark = pytest.mark.servers
NAME, REGIONS = "kring.sandbox", ("oost", "west")
ORGANISATIONS = ("ggd", "ziekenhuis", "thuiszorg")
DEFINITION = """
network: kring
kind: supraregional
illustrative: true
title: Kring van Oost en West
coordinator: oost/ggd
technique: mpc/mpyc
computing: [oost/ggd, west/ziekenhuis, oost/thuiszorg]
dpia: 2026-09-14
agreement: {kind: joint_controllers, signed: 2026-09-01}
members:
"""
MEMBER = """
  {name}:
    root: sha256:{root}
    organisations: [ggd, ziekenhuis, thuiszorg]
    consent: 2026-09-10
"""


@dataclasses.dataclass(frozen=True)
class Country:
    """Two regions that are up, and their federation, of which one person has all vaults."""

    regions: dict[str, sandboxes.Sandbox]
    federation: sandboxes.Sandbox

    def on(self, reference: str, *command: str) -> subprocess.CompletedProcess[str]:
        region, organisation = reference.split("/")
        return self.regions[region].on(organisation, *command)

    def status(self, reference: str, network: str = NAME) -> dict[str, Any]:
        told = json.loads(self.on(reference, "station", "status", "--json").stdout)
        found: dict[str, Any] = told["networks"].get(network, {})
        return found

    def session(self, reference: str) -> dict[str, Any]:
        done = self.on(reference, "station", "session", "--network", NAME, "--json")
        assert done.returncode == 0, done
        told: dict[str, Any] = json.loads(done.stdout)
        return told


QUESTION = """
analysis: hotspots/1
purpose: Where influenza rises, over the border too
parameters: {{areas: [{areas}]}}
fields: {{postcode4: four digits of the postcode where the patient lives}}
contributes: [{contributes}]
results_to: [{results_to}]
minimum_cell: 10
minimum_contributors: 3
dpia_annex: 2026-09-20
term: {{until: 2029-03-01, at_most: unlimited}}
"""
PLANTED = 7003
"""Three cases at each organisation: nine in one region, which are fewer than the ten that are opened."""
CASES = "".join(f"{area}\n" for area in ("postcode4", *[PLANTED] * 3)).encode()
EVERYBODY = tuple(f"{region}/{one}" for region in REGIONS for one in ORGANISATIONS)
WITH_ONE_MORE = (*(one for one in EVERYBODY if one.startswith("oost")), "west/ggd")


def written(
    network: sandboxes.Sandbox, name: str, contributes: tuple[str, ...], results_to: str, areas: str = "7001-7010"
) -> None:
    """The author of a question writes it beside the network's definition."""
    text = QUESTION.format(contributes=", ".join(contributes), results_to=results_to, areas=areas)
    folder = network.definition.parent / "questions"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yml").write_text(text)


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    folder = tmp_path_factory.mktemp("country")
    regions = {}
    for name in REGIONS:
        text = sandboxes.DEFINITION.partition("  # Puts in data")[0].replace("Proeftuin", name.capitalize())
        regions[name] = sandboxes.sandbox(folder, name, text)
        written(regions[name], "griep-thuis", ORGANISATIONS, "ggd")
    federation = sandboxes.Sandbox(NAME, folder / "home", folder / "state")
    federation.definition.parent.mkdir(parents=True)
    # A twin knows the roots of its members by what lies on this machine.
    members = (MEMBER.format(name=one, root=64 * digit) for one, digit in zip(REGIONS, "12", strict=True))
    federation.definition.write_text(DEFINITION + "".join(members))
    written(federation, "buikgriep-grens", EVERYBODY, "oost/ggd", "7431-7470")  # of no area of the other questions
    written(federation, "griep-grens", EVERYBODY, "oost/ggd")
    written(federation, "griep-grens-en-een", WITH_ONE_MORE, "oost/ggd")
    try:
        for one in regions.values():
            one.up()
        yield Country(regions, federation)
    finally:
        federation.run("destroy", "--yes", expect=None)


def proposed(country: Country, network: str) -> subprocess.Popen[str]:
    """A session that takes for ever, proposed in the east."""
    config = country.regions["oost"].vault / "run" / "ssh_config"
    words = ("ssh", "-F", str(config), "-o", "ControlPath=none", "ggd", "sudo", "station", "session", "--json")
    return subprocess.Popen(
        [*words, "--network", network, "--rounds", "1000000"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def session(country: Country) -> Iterator[subprocess.Popen[str]]:
    """A session of one region that began before and goes on through all of it."""
    oost = country.regions["oost"]
    process = proposed(country, oost.name)
    wait_until(lambda: all(country.status(f"oost/{one}", oost.name)["sessions"] for one in ORGANISATIONS), "it", 60)
    going.gives_way(oost, ORGANISATIONS)
    yield process
    process.kill()
    process.wait()


def started(country: Country) -> dict[str, str]:
    names = ("station-agent", "station-computer")
    return {
        one: country.on(one, "docker", "inspect", "--format", "{{.Name}} {{.State.StartedAt}}", *names).stdout
        for one in EVERYBODY
    }


@dataclasses.dataclass(frozen=True)
class Federated:
    """What came of it: since when containers run from `before` on, what was printed, and in how many seconds."""

    before: dict[str, str]
    printed: list[str]
    seconds: float


@pytest.fixture(scope="module")
def federated(country: Country, session: subprocess.Popen[str]) -> Federated:
    """Have two regions that are up federate, by the Makefile's own recipe for a demonstration."""
    assert session.poll() is None, session.communicate()
    before, began = started(country), time.monotonic()
    regions = " ".join(one.name for one in country.regions.values())
    printed = sandboxes.make("demo-federation", country.federation, f"FEDERATION={NAME}", f"REGIONS={regions}")
    return Federated(before, printed, time.monotonic() - began)


def test_two_regions_federate_under_a_running_session_and_compute_together(
    country: Country, session: subprocess.Popen[str], federated: Federated, note: Callable[[str], None]
) -> None:
    printed = federated.printed
    assert f"{NAME}: verified: 15 of 15 links good, 1 of 1 sessions good" in printed
    changed = [line for line in printed if line.startswith("changed: ")]
    assert len(changed) == 4, "each region by itself, and with the federation"
    assert all(line.startswith("changed: servers no changes; ") for line in changed), changed
    assert all(line.endswith("; stations no changes") for line in changed), changed
    assert [
        line for line in printed if re.fullmatch(r"meanwhile oost.sandbox computed by itself: \d+ sessions.*", line)
    ]
    assert "  exactly these were planted; records of no person left any server" in printed
    note(f"two running regions of three federated in {federated.seconds:.0f} s, nothing restarted")
    assert session.poll() is None, session.communicate()
    assert started(country) == federated.before
    wait_until(lambda: all(country.status(one).get("problem") == "" for one in EVERYBODY), "the federation", 60)
    together(country)
    assert country.on("oost/ggd", "station", "session", "--rounds", "1", "--json").returncode == 0, "at home as ever"


def together(country: Country) -> None:
    """Stations of both regions compute together, whoever of them proposes it."""
    wait_until(lambda: all(country.status(one).get("problem") == "" for one in EVERYBODY), "the federation", 60)
    for proposer in ("oost/ggd", "west/ziekenhuis"):
        told = country.session(proposer)
        assert {*told["contributors"]} == {one.replace("/", ".sandbox.") for one in EVERYBODY}, told
        assert not told.get("left_out"), told


def gone(country: Country, why: str) -> None:
    """Nothing of the west is let in at the east any more, and the east works on."""
    told = country.status("oost/ggd")
    assert {*told["cut"]} >= {"west.sandbox/ziekenhuis"}, (why, told)
    assert "cannot compute" in told["problem"]
    assert not country.regions["oost"].on("ggd", "sh", "-c", "ls /run/werkplaats/peers | grep west").stdout
    there = country.on("west/ziekenhuis", "station", "session", "--network", NAME, "--json")
    assert there.returncode, there
    for region in REGIONS:
        assert country.on(f"{region}/ggd", "station", "session", "--rounds", "1", "--json").returncode == 0, region


def agreed(country: Country, name: str, network: str, contributes: tuple[str, ...], also: tuple[str, ...] = ()) -> None:
    """The steward of each reads the question and allows it, and those who contribute bring their cases."""
    for reference in (*contributes, *also):
        slug, organisation = reference.split("/")
        region = country.regions[slug]
        told = json.loads(region.person("steward", organisation, "questions", "--json").stdout)
        (row,) = (one for one in told["questions"] if (one["network"], one["question"]) == (network, name))
        words = ("allow", name, "--network", network, "--digest", row["digest"])
        region.person("steward", organisation, *words)
        if reference in contributes:
            region.bring(organisation, "cases.csv", CASES, name, network)


def opened(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_neither_region_alone_sees_what_is_on_the_border(country: Country) -> None:
    for name, region in country.regions.items():
        own = tuple(one for one in EVERYBODY if one.startswith(name))
        agreed(country, "griep-thuis", region.name, own)
        alone = opened(region.person("scientist", "ggd", "propose", "griep-thuis", "--json"))
        assert not alone["result"]["hotspots"], alone


def test_a_question_of_the_federation_that_differences_a_regional_one_is_refused(country: Country) -> None:
    """Gains: the figures of one organisation, by a question that has it beside those of a regional question.

    It comes before that of the whole federation, by which a party of the other region would refuse it, perhaps first.
    """
    oost = country.regions["oost"]
    agreed(country, "griep-grens-en-een", NAME, WITH_ONE_MORE, also=("west/ziekenhuis",))
    done = oost.person("scientist", "ggd", "propose", "griep-grens-en-een", "--network", NAME, "--json", expect=None)
    assert done.returncode, done
    assert "would differ from an earlier one in 1 organisations (west.sandbox.ggd) only" in done.stdout + done.stderr


def test_a_question_over_both_regions_sees_it(country: Country) -> None:
    agreed(country, "griep-grens", NAME, EVERYBODY)
    words = ("propose", "griep-grens", "--network", NAME, "--json")
    together = opened(country.regions["oost"].person("scientist", "ggd", *words))
    assert together["result"]["hotspots"] == [str(PLANTED)], together
    refused = country.regions["west"].person("scientist", "ggd", *words, expect=None)
    assert refused.returncode, "who may not see the outcome may not ask"


def test_a_member_of_one_region_is_nobody_in_the_other_one_s_own_network(country: Country) -> None:
    told = json.loads(country.on("west/ziekenhuis", "station", "status", "--json").stdout)
    assert {*told["networks"]} == {"west.sandbox", NAME}
    asked = country.on("west/ziekenhuis", "station", "session", "--network", "oost.sandbox", "--json")
    assert "this station accepted no network 'oost.sandbox'" in asked.stdout + asked.stderr


def test_what_one_network_gives_out_ends_at_it(country: Country) -> None:
    """A list of the federation that is none is placed at a server by hand: its gateway goes on with what it loaded."""
    oost = country.regions["oost"]
    place = f"/etc/werkplaats/gateway/compiled/networks/{NAME}/crl.pem"
    oost.on("ggd", "sh", "-c", f"cp {place} /root/kept.pem; echo none > {place}")
    done = oost.on("ggd", "gateway-reload")
    assert f"{NAME}: crl.pem of {NAME} has something beside blocks" in done.stderr, done
    assert "what was loaded of it stays" in done.stderr
    together(country)
    oost.on("ggd", "sh", "-c", f"cp /root/kept.pem {place}")
    assert oost.on("ggd", "gateway-reload").returncode == 0


OFTEN = "/run/systemd/system/werkplaats-follow.timer.d"
LOOKS = "[Timer]\\nOnActiveSec=\\nOnUnitActiveSec=\\nOnActiveSec=5s\\nOnUnitActiveSec=5s\\nRandomizedDelaySec=0\\n"


@contextlib.contextmanager
def looking_often(country: Country) -> Iterator[None]:
    """Each follower looks every 5 s, as `follower_every` may say in `servers.yml`, in place of every 300 s."""
    again = "systemctl daemon-reload && systemctl restart werkplaats-follow.timer"
    for one in EVERYBODY:
        country.on(one, "sh", "-c", f"mkdir -p {OFTEN} && printf '{LOOKS}' > {OFTEN}/often.conf && {again}")
    try:
        yield
    finally:
        for one in EVERYBODY:
            country.on(one, "sh", "-c", f"rm -r {OFTEN} && {again}")


def test_whom_one_region_revokes_is_out_in_the_other_one_with_nobody_logged_in(
    country: Country, session: subprocess.Popen[str], note: Callable[[str], None]
) -> None:
    """One server of the other region has what is published, in its inbox; the stations tell each other."""
    oost, west = country.regions["oost"], country.regions["west"]
    first, across = "thuiszorg", proposed(country, NAME)  # a call is over in a moment; this holds its links
    addresses = west.on("ziekenhuis", "hostname", "-I").stdout.split()
    links = lambda: [one for one in addresses if oost.standing([first], one)]  # noqa: E731
    called = wait_until(links, f"a link of {first} with the other region", 60)
    west.run("trust revoke", "ziekenhuis", "--reason", "certificateHold", "--yes")
    put(oost, first, of=west)

    def cut(reference: str, network: str) -> bool:
        return "ziekenhuis" in str(country.status(reference, network)["cut"])

    with looking_often(country):
        begun = time.monotonic()
        for one in ORGANISATIONS:
            wait_until(functools.partial(cut, f"oost/{one}", NAME), f"{one} to cut it", 60)
        note(f"all stations of one region cut whom another revoked {time.monotonic() - begun:.0f} s after one had it")
        assert across.wait(30), "one of its parties is out"
        assert not [ends for one in called for ends in oost.standing(ORGANISATIONS, one)]
        heard = functools.partial(cut, "west/ggd", west.name)
        wait_until(heard, "its own region to hear of it by way of the other one", 60)
    for one in ORGANISATIONS:
        assert not oost.on(one, "sh", "-c", "ls /run/werkplaats/peers | grep west.sandbox.ziekenhuis").stdout
        told = json.loads(oost.on(one, "cat", "/var/lib/werkplaats/followed.json").stdout)["networks"][NAME]
        place = "publications/inbox" if one == first else f"relayed/west.sandbox/{NAME}+"
        assert told["applied"]["from"].startswith(f"/var/lib/werkplaats/{place}"), told
        assert told["applied"]["by"] == "werkplaats-follow", told
    assert session.poll() is None, session.communicate()
    west.run("trust reinstate", "ziekenhuis")


@pytest.mark.soak
@pytest.mark.usefixtures("federated")
def test_a_region_leaves_alone_and_is_cut_off_and_works_on_by_itself_until_it_is_taken_back(
    country: Country, session: subprocess.Popen[str]
) -> None:
    """Where it is cut off its own operator does nothing: it is out at the others."""
    federation, oost, west = country.federation, country.regions["oost"], country.regions["west"]
    west.run("trust root leave", NAME)
    west.run("trust publish")
    for region in country.regions.values():
        region.up(expect=None)
    gone(country, "it left")
    root = re.search("the root of .* is (sha256:[0-9a-f]{64})", federation.run("trust root show").stdout)
    assert root
    west.run("trust root federate", NAME, "--root", root[1])
    west.run("trust publish")
    federation.run("trust publish")
    federation.run("trust revoke", "west.sandbox", "--reason", "certificateHold", "--yes")
    oost.up(expect=None)
    gone(country, "it was cut off")
    federation.run("trust reinstate", "west.sandbox")
    federation.run("accept", "--yes")
    for region in country.regions.values():
        region.up()
    together(country)
    assert session.poll() is None
    assert json.loads(federation.run("status", "--json").stdout)[0]["good"]
