"""`werkplaats doctor NETWORK --here ORGANISATION`: the one line by which a server is reached from itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from base import errors
from network_topology import names
from tests.harness import sandboxes
from werkplaats import cli
from werkplaats.operations import host
from werkplaats.operations.home import networks
from werkplaats.operations.reach.here import account
from werkplaats.verbs import doctor

ELSEWHERE = '{host: 192.0.2.1, host_key: "SHA256:' + "A" * 43 + '"}'


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> networks.Network:
    made = sandboxes.sandbox(tmp_path, "los")
    monkeypatch.setenv("XDG_STATE_HOME", str(made.state))
    return networks.find("los", made.home)


def test_a_server_says_once_that_it_is_here_and_all_verbs_know_it(
    network: networks.Network, capsys: pytest.CaptureFixture[str]
) -> None:
    path = network.inventory / "servers.yml"
    with pytest.raises(errors.RefusedError, match="nothing was changed"):
        doctor._say_here(network, "ggd", yes=False)
    assert not path.exists()
    doctor._say_here(network, "ggd", yes=True)
    assert path.read_text() == f"ggd: {{here: true, user: {account()}}}\n"
    doctor._say_here(network, "ggd", yes=False)
    assert capsys.readouterr().err.splitlines() == [
        *[f"  would write in {path}: ggd: {{here: true, user: {account()}}}"] * 2,
        f"{path} says already that ggd is here",
    ]
    assert [(one.organisation, one.here) for one in network.servers] == [("ggd", True)]


def test_this_machine_is_looked_at_for_sandboxes_and_who_has_a_server_is_told_the_other_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a station's server it misses what only sandboxes need."""
    monkeypatch.setattr(host, "examine", lambda: [host.Finding("programs", "missing: mmdebstrap", "install it")])
    assert cli.main(["doctor"]) == errors.FOUND
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "NOT  programs  missing: mmdebstrap"
    assert said[-1].endswith("a server of your own is examined by `werkplaats doctor NETWORK`")


def test_an_engine_that_can_run_no_server_is_named_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "engine_info", lambda: {"SecurityOptions": ["name=rootless"]})
    assert host._engine().remedy.startswith("a rootless engine cannot run servers with an engine inside: use docker.io")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"ggd: {ELSEWHERE}\n",
            "says that ggd is reached at 192.0.2.1; where .* `here: true` there in place of `host`",
        ),
        ("zorg: {here: true}\n", "says that this machine is the server of zorg; take that entry out, or write there"),
    ],
)
def test_an_inventory_that_says_another_way_is_the_operator_s_to_change(
    network: networks.Network, text: str, said: str
) -> None:
    path = network.inventory / "servers.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(errors.RefusedError, match=said):
        doctor._say_here(network, "ggd", yes=True)
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["los", "--here", "apotheek"],
            errors.WRONG_USE,
            "los has no organisation 'apotheek'; it has: ggd, huisartsen",
        ),
        (
            [names.twin("los"), "--here", "ggd"],
            errors.REFUSED,
            "are made on this machine, and none of them is this machine; name the network itself: los",
        ),
        (["--here", "ggd"], errors.WRONG_USE, "--here is about a network, and none is named; name one"),
    ],
)
def test_what_is_no_server_of_a_network_is_refused_before_anything_is_written(
    network: networks.Network, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert cli.main(["--home", str(network.home.networks.parent), "doctor", *words, "--yes"]) == code
    assert said in capsys.readouterr().err
    assert not (network.inventory / "servers.yml").exists()
