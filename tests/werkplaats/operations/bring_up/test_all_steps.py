"""All steps at once, where one operator takes them: keys first, before anything else is done to a server."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import errors
from network_topology import load, model
from network_topology.compiling import compile as compiler
from publication import folder, profile, publication, verified
from publication.following import own_keys
from station_image.builder import images
from tests.harness import coordinator
from tests.publication.published import release
from werkplaats.operations.bring_up import hand_over, hostvars
from werkplaats.operations.coordinator import ledger, steps
from werkplaats.operations.home import places, vault
from werkplaats.operations.reach import remote
from werkplaats.operations.reach.servers import Server
from werkplaats.verbs import named, up

RELEASE = release()
NO_OPENSSL = "openssl is not installed; the role baseline installs it"


class Servers:
    """Servers of which some have no keys; on those that are `bare` none can be made."""

    def __init__(self, *without: str, bare: Iterable[str] = ()) -> None:
        self.without, self.bare = set(without), set(bare)
        self.keys = {o: coordinator.make_keys() for o in DEFINITION.stations}
        self.made: list[tuple[str, ...]] = []
        self.placed: dict[str, str] = {}

    def ask(self, organisation: str, *command: str) -> remote.Done:
        if command[:1] == ("python3",):
            if organisation in self.bare:
                return remote.Done(stderr=f"{NO_OPENSSL}\n", exited=1)
            self.without.discard(organisation)
            self.made.append(command[4:])
            return remote.Done()
        if command[1:] == own_keys.FILES:
            return self._keys(organisation)
        assert command[2:] == own_keys.FILES
        keys, text = self._keys(organisation), self.placed.get(organisation)
        if text:
            return dataclasses.replace(keys, stdout=text + keys.stdout)
        return remote.Done(keys.stdout, f"cat: No such file or directory\n{keys.stderr}", exited=1)

    def _keys(self, organisation: str) -> remote.Done:
        if organisation in self.without:
            missing = "".join(f"cat: {file}: No such file or directory\n" for file in own_keys.FILES)
            return remote.Done(stderr=missing, exited=1)
        return remote.Done(self.keys[organisation].as_read(organisation))

    def ask_all(self, organisations: Iterable[str], *command: str) -> dict[str, Any]:
        return {organisation: self.ask(organisation, *command) for organisation in organisations}

    def replace(self, organisation: str, _: str, __: str | None, text: str, ___: str) -> None:
        self.placed[organisation] = text


DEFINITION = load.find("proeftuin", places.EXAMPLES)


@pytest.fixture
def network(tmp_path: Path) -> Any:
    kept = vault.Vault("proeftuin", tmp_path / "vault")
    kept.make_passphrase()
    return SimpleNamespace(
        name="proeftuin",
        definition=DEFINITION,
        home=places.home(tmp_path),
        questions={},
        figures={},
        vault=kept,
        inventory=tmp_path / "inventory",
        publication=tmp_path / "publication",
        trusted=tmp_path / "kept",
        tier=profile.REGION,
        ships=True,
    )


def take_all(network: Any, servers: Servers) -> hand_over.Applicable:
    organisations = list(DEFINITION.stations)
    return hand_over.take_all(network, cast("Any", servers), organisations, RELEASE, lambda _: None)


def test_a_server_without_keys_makes_them_and_goes_through_all_steps(network: Any) -> None:
    servers = Servers("ggd", "thuiszorg")
    found = take_all(network, servers)
    assert sorted(servers.made) == [("ggd", "proeftuin"), ("thuiszorg", "proeftuin")]
    assert set(found.views) == set(servers.placed) == set(DEFINITION.stations)
    assert set(found.views["ggd"].statement_keys) == set(DEFINITION.stations)
    assert (found.keyless, found.waiting) == ({}, {})


def test_a_server_that_lost_its_statement_is_told_above_which_number_it_signs(network: Any, tmp_path: Path) -> None:
    """It keeps the statement key, and knows the number no more: from 1 again all others would refuse it for good."""
    servers = Servers()
    servers.keys["ggd"] = dataclasses.replace(servers.keys["ggd"], serial=5)
    take_all(network, servers)
    servers.without = {"ggd"}
    take_all(network, servers)
    key = servers.keys["ggd"].statement_key
    assert servers.made == [("ggd", "proeftuin", key, "5")]
    # The same from what is published, for who cannot look in the coordinator's records.
    published = publication.read(network.publication, "proeftuin")
    compiled = compiler.compile_network(DEFINITION)
    whole = SimpleNamespace(compiled=compiled, name="proeftuin", made_here=True, server=server)
    image = images.StationImage(tmp_path, RELEASE)
    for read, known in ((published, {key: 5}), (None, {})):
        bare = hostvars.prepared(cast("Any", whole), ["ggd"], image.image_id, read)
        assert bare["ggd"]["networks"] == [{"network": "proeftuin", "published": known}]


def server(organisation: str) -> Server:
    return Server(organisation, f"{organisation}.example", "")


def test_nobody_makes_keys_where_there_are_some(network: Any) -> None:
    servers = Servers()
    take_all(network, servers)
    assert servers.made == []


def test_of_a_server_that_cannot_make_keys_yet_nothing_is_accepted_and_the_others_go_on(network: Any) -> None:
    servers = Servers("ggd", bare=["ggd"])
    found = take_all(network, servers)
    assert found.keyless == {"ggd": NO_OPENSSL}
    assert set(servers.placed) == set(found.views) == set(DEFINITION.stations) - {"ggd"}
    assert not (ledger.Records(network.inventory).read("identities", "ggd"))


def test_what_all_accepted_is_compiled_once(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = take_all(network, Servers())
    compiled: list[str] = []
    whole = compiler.compile_network(DEFINITION)

    def compile_network(definition: model.Definition) -> compiler.CompiledNetwork:
        compiled.append(definition.network)
        return whole

    monkeypatch.setattr(compiler, "compile_network", compile_network)
    network.server = server
    hosts = hostvars.applied(network, found, DEFINITION.stations, {})
    assert set(hosts) == set(DEFINITION.stations)
    assert compiled == ["proeftuin"]


def test_a_release_is_of_the_image_that_was_made_here_else_the_published_one(network: Any, tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="werkplaats up proeftuin makes it"):
        steps.release(network, None)
    take_all(network, Servers())
    assert folder.there(network.publication)
    assert steps.release(network, None) == RELEASE
    newer = release(image="1")
    assert steps.release(network, images.StationImage(tmp_path, newer)) == newer
    assert verified.document(publication.read(network.publication, "proeftuin").release) == RELEASE


def serials(network: Any, organisation: str) -> str:
    return str((ledger.Records(network.inventory).read("identities", organisation) or {})["certificate_chain_pem"])


def test_an_odd_request_of_one_server_stops_no_other_and_is_told(network: Any) -> None:
    """A server that says nonsense instead of its keys stopped the run for everybody."""
    servers = Servers()
    servers.keys["ggd"] = cast("Any", SimpleNamespace(as_read=lambda _: "no key at all"))
    found = take_all(network, servers)
    assert set(found.views) == set(DEFINITION.stations) - {"ggd"}
    assert "the request of ggd" in found.refused["ggd"] or "server of ggd" in found.refused["ggd"]


def test_a_request_that_is_no_good_stops_no_other_and_nothing_of_its_organisation_is_revoked(network: Any) -> None:
    """Keys with that of another beside a new one: the earlier certificate was revoked before anybody looked."""
    servers = Servers()
    take_all(network, servers)
    before = serials(network, "ggd")
    servers.keys["ggd"] = dataclasses.replace(coordinator.make_keys(), private=servers.keys["ziekenhuis"].private)
    servers.keys["thuiszorg"] = coordinator.make_keys()
    other = serials(network, "thuiszorg")
    found = take_all(network, servers)
    assert "has the gateway's key of ziekenhuis" in found.refused["ggd"]
    assert serials(network, "ggd") == before
    assert len(ledger.Records(network.inventory).rows("revoked")) == 1, "of thuiszorg, which was made anew"
    assert serials(network, "thuiszorg") != other
    assert {"ziekenhuis", "thuiszorg", "huisartsen"} <= set(found.views)


def test_a_server_that_goes_away_while_all_is_accepted_is_refused_and_the_others_accept(network: Any) -> None:
    servers = Servers()

    def replace(organisation: str, _: str, __: str | None, text: str, ___: str) -> None:
        if organisation == "ggd":
            raise errors.HalfWayError("ggd went away")
        servers.placed[organisation] = text

    servers.replace = replace  # type: ignore[method-assign]
    found = take_all(network, servers)
    assert set(found.views) == set(DEFINITION.stations) - {"ggd"}
    assert "went away" in found.refused["ggd"]


def test_all_steps_are_taken_only_where_the_servers_are_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """It approves whatever keys answer, and revokes those before: with one word at a network of real servers."""
    real = SimpleNamespace(name="gerda", made_here=False, warnings=(), compiled=SimpleNamespace(privacy=()))
    monkeypatch.setattr(named, "find_or_twin", lambda _: real)
    parser = argparse.ArgumentParser()
    up.arguments(parser)
    with pytest.raises(errors.RefusedError, match=r"--all-steps approves, revokes and accepts unseen.*trust request"):
        up.run(parser.parse_args(["gerda", "--all-steps", "--yes"]))
