"""Look at a network: at all of this operator's servers at once, and at what lies at its desk. Changes nothing."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import os
import re
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from base import canonical, errors, values
from network_topology import model
from on_server.incident import look as program
from publication import acceptance, verified
from publication.metadata import TIMESTAMP
from runbooks.framework import seen
from runbooks.framework import told as form
from runbooks.framework.incident import Incident
from stacks import checkpoint, drive, parts
from stacks.servers import program as servers_program
from stacks.stations import program as stations_program
from werkplaats.checks import lapse
from werkplaats.operations import progress
from werkplaats.operations.coordinator import steps as coordinator
from werkplaats.operations.home import networks, places
from werkplaats.operations.look import station_says, status
from werkplaats.operations.reach import remote
from werkplaats.operations.release import find

SILENT_SECONDS = 2.0  # after which it is said for whom is waited
SECONDS = 60.0
GATEWAY, ENGINE, FOLLOWER = "werkplaats-gateway.service", "docker.service", "werkplaats-follow.timer"
UNITS = (
    GATEWAY,
    ENGINE,
    FOLLOWER,
    "containerd.service",
    "gateway-reload.path",
    "gateway-finding.path",
    "werkplaats-follow.service",
    "werkplaats-firewall.service",
    "werkplaats-firewall-kept.timer",
)
_SHOWN = "Id,LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts"
_CONTAINER = (
    '{"name": {{json .Name}}, "state": {{json .State.Status}}, "image": {{json .Image}}, '
    '"restarts": {{json .RestartCount}}, "code": {{json .State.ExitCode}}}'
)
STOPPED = "/etc/werkplaats/follow.stopped"
LOGIC = Path(program.__file__)


def look(
    network: networks.Network,
    remotes: remote.Remotes,
    incidents: Iterable[Incident],
    say: progress.Say,
    only: Collection[str] = (),
) -> seen.Seen:
    """Look at all of it, or at some servers only: then at no link, and not at what lies here."""
    wanted = [one for one in remotes.servers if not only or one in only]
    asks = {name: [*words] for one in incidents for name, words in one.asks.items()}
    lost = remotes.begin()
    cas = () if only else _certificates(network)[1]
    with concurrent.futures.ThreadPoolExecutor(max_workers=32) as pool:
        tries = {one: pool.submit(_server, network, remotes, asks, cas, one) for one in wanted if one not in lost}
        _, late = concurrent.futures.wait(tries.values(), SILENT_SECONDS)
        if late:
            say(f"no answer yet of {', '.join(one for one, tried in tries.items() if tried in late)}")
        told = {one: tried.result() for one, tried in tries.items()}
    found = {one: seen.Server(reached=False, why=seen.text(lost[one])) for one in wanted if one in lost}
    links: list[seen.Link] = []
    for organisation, (server, its_links) in told.items():
        found[organisation] = server
        links += its_links
    here = seen.Here() if only else at_the_desk(network, stations=any(one.containers for one in found.values()))
    return seen.Seen(
        network=network.name,
        at=canonical.stamp(canonical.now()),
        servers=dict(sorted(found.items())),
        links=tuple(sorted(links, key=lambda one: one.name)),
        here=here,
    )


def _server(
    network: networks.Network,
    remotes: remote.Remotes,
    asks: dict[str, list[str]],
    cas: Collection[x509.Certificate],
    organisation: str,
) -> tuple[seen.Server, list[seen.Link]]:
    asked = time.time()
    question = json.dumps({"programs": _programs(network.name) | asks, "ways": _ways(network, organisation)})
    try:
        done = remotes.ask(organisation, "python3", "-IS", "-", question, given=LOGIC.read_text(), seconds=SECONDS)
        if done.exited:
            return seen.Server(reached=False, why=f"it cannot be looked at: {seen.text(done.stderr)}"), []
        answered = time.time()
        return read(network, values.mapping(done.stdout), organisation, (asked, answered), cas)
    except Exception as error:  # a parser of hostile bytes: whatever it stops for, all others are looked at
        return seen.Server(reached=False, why=seen.text(error) or type(error).__name__), []


def _programs(network: str) -> dict[str, list[str]]:
    return {
        "units": ["systemctl", "show", f"--property={_SHOWN}", *UNITS],
        "engine": ["docker", "version", "--format", "{{.Server.Version}}"],
        "containers": ["docker", "inspect", "--format", _CONTAINER, *(f"station-{one.name}" for one in parts.PARTS)],
        "follower": ["/usr/local/sbin/werkplaats-follow", "--tell"],
        "stopped": ["test", "-e", STOPPED],
        "loaded": ["gateway-reload", "--check"],
        "ends": [*lapse.command(network)],
        "cut": ["ls", "/etc/werkplaats/cut.d"],
        "accepted": ["cat", places.accepted(network)],
        "clock": ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
    }


def _ways(network: networks.Network, organisation: str) -> dict[str, tuple[str, int, str]]:
    return {
        peer.organisation: (peer.address, peer.port, peer.dns)
        for peer in network.compiled.stations[organisation].peers
        if peer.outbound and peer.address and peer.port
    }


def read(
    network: networks.Network,
    found: Mapping[str, Any],
    organisation: str,
    asked: tuple[float, float],
    cas: Collection[x509.Certificate] = (),
) -> tuple[seen.Server, list[seen.Link]]:
    """What one server told, and the links that its agent tried. Raises ValueError, LookupError.

    `asked`: when it was, and when the answer came, by this machine's clock.
    """
    told = form.read(found)
    said = told.programs
    ours = _programs(network.name)
    status_document = _document(told.agent)
    own = status_document.get("networks", {}).get(network.name, {})
    ends = lapse.read(said["ends"].said)
    engine = said["engine"]
    ids = {station.id: one for one, station in network.compiled.stations.items()}
    server = seen.Server(
        reached=True,
        clock=_apart(told.moment, asked),
        synchronised=said["clock"].said.strip() != "no",
        up=told.up,
        units=_units(said["units"].said),
        engine="" if not engine.code and engine.said.strip() else engine.error or "it does not answer",
        containers=_containers(said["containers"].said),
        processes={part: tuple(states) for part, states in told.processes.items()},
        disks=told.disks,
        agent=told.agent.answers if status_document else _worse(told.agent.answers),
        computer=told.computer,
        release=seen.text(own.get("release", "")),
        accepted=_accepted(said["accepted"].said),
        problem=seen.text(station_says.problem_of(status_document, network.name)),
        register_problem=seen.text(status_document.get("register", {}).get("problem", "")),
        peers={ids[peer]: row.get("seconds_ago") for peer, row in own.get("peers", {}).items() if peer in ids},
        follower=_follower(said["follower"]),
        stopped=said["stopped"].code == 0,
        loaded=""
        if said["loaded"].code in (0, 124)
        else said["loaded"].error or seen.text(said["loaded"].said) or "it is not",
        certificate_days=ends.certificate,
        certificate_life=ends.certificate_life,
        list_days=ends.revocations,
        list_life=ends.list_life,
        cut=tuple(said["cut"].said.split()),
        ways={
            peer: _way(network, peer, told.ways[peer], cas)
            for peer in _ways(network, organisation)
            if peer in told.ways
        },
        also={name: one.model_copy(update={"said": one.said[:4000]}) for name, one in said.items() if name not in ours},
    )
    return server, list(_links(network, organisation, ids, _document(told.links)))


def _apart(moment: float, asked: tuple[float, float]) -> float:
    """Seconds that its clock is ahead, as far as that is known: within the time of the question it may be anything."""
    began, ended = asked
    if began <= moment <= ended:
        return 0.0
    return round(moment - (ended if moment > ended else began), 1)


def _document(told: form.Answer) -> Mapping[str, Any]:
    return station_says.document_of(remote.Done(json.dumps(told.document))) if told.document else {}


def _worse(answers: seen.Answers) -> seen.Answers:
    """Of an agent that says what is no status: it says nothing, as one does that hangs."""
    return "hangs" if answers == "yes" else answers


def _units(said: str) -> dict[str, seen.Unit]:
    rows = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in said.split("\n\n")]
    return {
        row["Id"]: seen.Unit(
            active=row["ActiveState"] if row.get("LoadState") != "not-found" else "not there",
            sub=row.get("SubState", ""),
            result=row.get("Result", ""),
            enabled=row.get("UnitFileState", ""),
            restarts=int(row.get("NRestarts") or 0) if (row.get("NRestarts") or "0").isdigit() else 0,
        )
        for row in rows
        if row.get("Id") in UNITS and "ActiveState" in row
    }


def _containers(said: str) -> dict[str, seen.Container]:
    found = {}
    for line in said.splitlines():
        if row := values.mapping(line) if line.startswith("{") else {}:
            name = str(row.pop("name")).removeprefix("/station-")
            if name in {one.name for one in parts.PARTS}:
                found[name] = seen.Container.model_validate(row)
    return found


def _follower(said: seen.Said) -> tuple[str, ...]:
    try:
        return tuple(seen.text(one) for one in values.mapping(said.said)["faults"])
    except (ValueError, KeyError, TypeError):
        return (f"the follower cannot be asked: {said.error or 'it says nothing'}",)


def _accepted(said: str) -> tuple[str, ...]:
    """The images that were accepted; none where nothing was, or it cannot be read: `status` tells that."""
    try:
        found = acceptance.load(values.parsed(said)) if said else None
    except (ValueError, errors.AcceptanceError):
        return ()
    return tuple(image for one in found.releases for image in _named(one)) if found else ()


def _named(release: model.Release) -> tuple[str, str]:
    """An image as either store of an engine names it."""
    return release.image_id, release.manifest_digest


def _way(network: networks.Network, peer: str, one: form.Called, cas: Collection[x509.Certificate]) -> seen.Way:
    gateway = network.definition.organisations[peer].gateway
    issuer, ours = _shown(one.shown, cas) if one.shown else ("", True)
    return seen.Way(
        name=gateway.name if gateway else "",
        port=gateway.port if gateway else 0,
        defined=tuple(gateway.addresses) if gateway else (),
        addresses=tuple(one.addresses),
        why=one.why,
        refused=one.refused,
        taken=one.taken,
        issuer=issuer,
        ours=ours,
        seconds=one.seconds,
        again=one.again,
    )


def _shown(certificate: str, cas: Collection[x509.Certificate]) -> tuple[str, bool]:
    """Who signed what a gateway shows, and whether that is a CA of ours."""
    try:
        found = x509.load_der_x509_certificate(base64.b64decode(certificate))
        return found.issuer.rfc4514_string(), not cas or any(_signed(found, ca) for ca in cas)
    except Exception:  # a parser of hostile bytes, of whoever answers there: whatever it stops for, it is none of ours
        return "what is shown there is no certificate", False


def _signed(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _links(
    network: networks.Network, organisation: str, ids: Mapping[str, str], document: Mapping[str, Any]
) -> Iterable[seen.Link]:
    left = {link.target for link in network.compiled.links if link.source == organisation}  # each is told of once
    for row in document.get("links", ()):
        target = ids.get(row["peer"], "")
        if row.get("network", "") == network.name and target in left:
            left.remove(target)
            ms = row.get("milliseconds", 0)
            yield seen.Link(
                source=organisation, target=target, ok=row["ok"], why=seen.text(row["why"]),
                ms=ms if type(ms) is int else 0,
            )  # fmt: skip


def _certificates(network: networks.Network) -> tuple[status.Certificates, list[x509.Certificate]]:
    known = status.certificates(network)
    return known, [one.authority for one in known.published.trusted] if known.published else []


def at_the_desk(network: networks.Network, *, stations: bool) -> seen.Here:
    """What lies here; `stations`: whether any server has a station, which a Pulumi state must then know."""
    known, _ = _certificates(network)
    published: verified.Verified | None = known.published
    try:
        late = coordinator.unpublished(network, published)
    except errors.WerkplaatsError as error:
        late = str(error)
    ends = published.ends.get(TIMESTAMP) if published else None
    return seen.Here(
        publication=published.number if published else None,
        publication_wrong=seen.text(known.wrong),
        publication_days=(ends - canonical.now()).days if ends else None,
        certificates=known.days,
        list_days=_list_days(published),
        images=_images(network, published),
        late=seen.text(late),
        stacks=_stacks(network, stations=stations),
        coordinates=any(network.vault.folder.glob("ca-*.key")),
        out={one: seen.text(why) for one, why in known.out.items()},
    )


def _list_days(published: verified.Verified | None) -> int | None:
    ends = published.revocations.next_update_utc if published else None
    return (ends - canonical.now()).days if ends else None


def _images(network: networks.Network, published: verified.Verified | None) -> tuple[str, ...]:
    """None where it is not known what `up` put on servers: then nothing that runs there is strange."""
    if drive.BACKEND in os.environ:
        return ()
    try:
        state = checkpoint.path(network.vault.folder / "stacks" / "stations", stations_program.PROJECT)
        _, deployment = checkpoint.read(state)
    except (OSError, ValueError):
        return ()
    made = [one.get("outputs", {}).get("image") for one in (deployment or {}).get("resources") or ()]
    releases = (*find.every(network.home), *(published.releases.values() if published else ()))
    return tuple(sorted({*filter(None, made), *(image for one in releases for image in _named(one))}))


def _stacks(network: networks.Network, *, stations: bool) -> dict[str, str]:
    """Stack → what is wrong with its state; of one that lies elsewhere nothing is known here."""
    if drive.BACKEND in os.environ:
        return {}
    projects = {"stations": stations_program.PROJECT} if stations else {}
    if network.made_here and network.compiled.stations.keys() - {one.organisation for one in network.given}:
        projects["servers"] = servers_program.PROJECT
    folder = network.vault.folder / "stacks"
    return {name: _state(folder / name, project) for name, project in projects.items()}


def _state(folder: Path, project: str) -> str:
    try:
        _, deployment = checkpoint.read(checkpoint.path(folder, project))
    except FileNotFoundError:
        return "there is none"
    except (OSError, ValueError) as error:
        return f"it cannot be read: {seen.text(error)}"
    made = [one for one in (deployment or {}).get("resources") or () if re.search("docker:", str(one.get("type")))]
    return "" if made else "it knows nothing that was made"
