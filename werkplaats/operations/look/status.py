"""Status: what is known of every station, from the servers that this operator runs and from what agents tell."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography import x509

from base import errors, values
from on_server.follow import telling
from publication import acceptance, folder, publication, verified
from werkplaats.checks import lapse
from werkplaats.operations.home import networks, places
from werkplaats.operations.look import backups, observed, packages, station_says
from werkplaats.operations.reach import remote, servers

UNREADABLE = "cannot be read"
UNITS = ("docker.service", "werkplaats-gateway.service")


@dataclasses.dataclass(frozen=True)
class StationStatus:
    """One station; every text is empty when all is well there, days are None when unknown.

    Of a station whose server was not looked at its certificate is known, and what peers tell (`others`): then
    `seen_by` is whose station told, or "nobody".
    """

    organisation: str
    operator: str
    server: str
    engine: str
    gateway: str
    certificate_days: int | None
    agent: str
    computer: str
    release: str
    last_session: str
    accepted: str  # the digest that two organisations compare; "" when nothing was accepted
    cut: tuple[str, ...]
    seen_by: str  # "server" when asked there, else the organisation whose agent told
    list_days: int | None = None  # until the revocation list on the server ends
    out: str = ""  # why no other station lets it in any more, by what is published
    network: str = ""
    register: str = ""
    mended: int = 0  # the entry of the register that says what was cut off, 0 where there is none
    certificate_life: int | None = None  # days that they last in all
    list_life: int | None = None
    allowances: tuple[Mapping[str, Any], ...] = ()  # rows of `station questions --json`, of this network
    follower: str = ""
    followed: tuple[str, ...] = ()  # what its follower tells: who applied what, when and from where; what waits
    updates: tuple[str, ...] = ()  # packages that have a newer version, and for how many days; what a reboot is for
    behind: tuple[str, ...] = ()  # which of them are later than they may be
    backup: str = ""  # what is wrong with its backups, where its server is to make any
    backed_up: str = ""  # when the last one was
    mesh: str = ""  # why no station that is reached here can call it, where its server is not looked at
    told: tuple[str, ...] = ()  # what those stations tell of it, and what is not looked at
    late: str = ""  # which release it has not left yet, until when it may run that, and what that blocks
    view: acceptance.Accepted | None = None  # what applies there, where it was read

    @property
    def wrong(self) -> list[str]:
        """What is known to be wrong with it: part and reason."""
        parts = (
            "server",
            "engine",
            "gateway",
            "agent",
            "computer",
            "network",
            "register",
            "follower",
            "backup",
            "mesh",
        )
        found = [f"{part}: {reason}" for part in parts if (reason := getattr(self, part))]
        if self.accepted == UNREADABLE:
            found.append(f"what was accepted: {UNREADABLE}")
        if self.out:
            found.append(self.out)
        ends = lapse.Ends(self.certificate_days, self.list_days, self.certificate_life, self.list_life)
        return found + ends.wrong + list(self.behind)

    @property
    def good(self) -> bool:
        """Whether nothing is known to be wrong with it."""
        return not self.wrong

    def document(self) -> dict[str, Any]:
        """The same for a program; of what applies there its digest suffices."""
        said = dataclasses.asdict(dataclasses.replace(self, view=None))
        del said["view"]
        return said | {"good": self.good}


@dataclasses.dataclass(frozen=True)
class Certificates:
    """Days until each station's published certificate ends, by organisation; `wrong` says what is with the publication.

    `out` says of an organisation why its station is let in no more, where it ever was; `life` is how many days its
    certificate lasts in all.
    """

    days: Mapping[str, int]
    wrong: str
    out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    life: Mapping[str, int] = dataclasses.field(default_factory=dict)
    published: verified.Verified | None = None


def read(
    network: networks.Network, remotes: remote.Remotes, unreachable: Mapping[str, str], known: Certificates
) -> list[StationStatus]:
    """Status of every station of the network, with what is known of its certificate."""
    days = known.days
    reached = [o for o in remotes.servers if o not in unreachable]
    units = remotes.ask_all(reached, "systemctl", "is-active", *UNITS)
    told = remotes.ask_all(reached, "station", "status", "--json")
    cuts = remotes.ask_all(reached, "ls", "/etc/werkplaats/cut.d")
    accepted = remotes.ask_all(reached, "cat", places.accepted(network.name))
    ending = remotes.ask_all(reached, *lapse.command(network.name))
    asked = remotes.ask_all(reached, "station", "questions", "--json")
    following = remotes.ask_all(reached, "/usr/local/sbin/werkplaats-follow", "--tell")
    newer = remotes.ask_all(reached, *packages.TOLD)
    kept = backups.asked(remotes, reached)
    engines, lost = observed.observe(remotes, reached)
    today = datetime.datetime.now(datetime.UTC).date()
    found = []
    for organisation, station in sorted(network.compiled.stations.items()):
        if organisation not in reached:
            reason = unreachable.get(organisation, "")
            found.append(_unknown(organisation, station.operator, reason, known))
            continue
        document = station_says.status_of(told[organisation])
        agent, register = document.get("networks", {}).get(network.name, {}), document.get("register", {})
        engine, gateway = _active(units[organisation])
        seen = engines.get(organisation, observed.Observed({}))
        unseen = lost.get(organisation)
        digest, view = _accepted(accepted[organisation])
        answer = ending[organisation]
        follower, followed = _followed(following[organisation], network.name)
        backup, backed_up = backups.told(kept.get(organisation))
        updates = packages.told(newer[organisation], remotes.servers[organisation])
        within = remotes.servers[organisation].updates_within or packages.LONGEST_DELAY_DAYS
        ends = lapse.read("" if isinstance(answer, servers.UnreachableError) else answer.stdout)
        found.append(
            StationStatus(
                organisation,
                station.operator,
                "",
                engine,
                gateway,
                days.get(organisation) if ends.certificate is None else ends.certificate,
                unseen or _container(seen, "agent") or ("" if agent else station_says.SILENT),
                unseen or _container(seen, "computer"),
                str(agent.get("release", "")),
                _last_session(agent),
                digest,
                _words(cuts[organisation]),
                "server",
                ends.revocations,
                known.out.get(organisation, "") if view and view.knew(organisation) else "",
                network=station_says.problem_of(document, network.name),
                register=register.get("problem", ""),
                mended=register.get("mended", 0),
                certificate_life=known.life.get(organisation) if ends.certificate is None else ends.certificate_life,
                list_life=ends.list_life,
                allowances=_allowances(asked[organisation], network.name),
                follower=follower,
                followed=followed,
                backup=backup,
                backed_up=backed_up,
                updates=tuple(packages.lines(updates, today)) if updates else (),
                behind=tuple(packages.overdue(updates, today, within)) if updates else (),
                view=view,
            )
        )
    return found


def _unknown(organisation: str, operator: str, reason: str, known: Certificates) -> StationStatus:
    days, life = known.days.get(organisation), known.life.get(organisation)
    return StationStatus(
        organisation, operator, reason, "", "", days, "", "", "", "", "", (), "nobody", certificate_life=life
    )


def _accepted(answer: remote.Answer) -> tuple[str, acceptance.Accepted | None]:
    """The digest of what a server accepted, and what that is."""
    if isinstance(answer, servers.UnreachableError) or answer.exited:
        return "", None
    try:
        found = acceptance.load(values.parsed(answer.stdout))
    except (ValueError, errors.AcceptanceError):
        return UNREADABLE, None
    return (found.digest if found else ""), found


def _followed(answer: remote.Answer, network: str) -> tuple[str, tuple[str, ...]]:
    """What keeps a station from following, and what its follower tells of its network and of federations beside it."""
    if isinstance(answer, servers.UnreachableError) or not answer.stdout.startswith("{"):
        return "", ()
    try:
        told = values.mapping(answer.stdout)
        said = (
            *(
                line if name == network else f"{name}: {line}"
                for name, row in told["networks"].items()
                for line in telling.lines(row)
            ),
            f"looks for what is published every {told['every']} s",
        )
        return "; ".join(told["faults"]), said
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"what it tells {UNREADABLE}", ()


def _active(answer: remote.Answer) -> tuple[str, ...]:
    states = _words(answer) + ("unknown",) * len(UNITS)
    return tuple("" if state == "active" else state for state in states[: len(UNITS)])


def _words(answer: remote.Answer) -> tuple[str, ...]:
    return () if isinstance(answer, servers.UnreachableError) else tuple(answer.stdout.split())


def _container(seen: observed.Observed, part: str) -> str:
    container = seen.containers.get(f"station-{part}")
    if not container:
        return "not there"
    return "" if container["state"] == "running" else container["state"]


def _last_session(agent: Mapping[str, Any]) -> str:
    last = agent.get("last_session")
    if not last:
        return ""
    ended = datetime.datetime.fromtimestamp(last["ended"], datetime.UTC).isoformat(timespec="seconds")
    return f"{ended} {last['outcome']}" + (f" ({last['root']})" if last.get("root") else "")


def certificates(network: networks.Network) -> Certificates:
    """What the publication says of certificates; one that is refused stops nobody from seeing how the stations are."""
    if not folder.there(network.publication):
        return Certificates({}, "")
    wrong = ""
    try:
        published = publication.read(network.publication, network.name, network.trusted)
    except errors.ExpiredError as error:
        wrong = str(error)
        try:
            published = publication.last(network.publication, network.name, network.trusted)
        except errors.RefusedError:
            return Certificates({}, wrong)
    except errors.RefusedError as error:
        return Certificates({}, str(error))
    now = datetime.datetime.now(datetime.UTC)
    people = published.identities.items()
    days = {name: (one.station_certificate.not_valid_after_utc - now).days for name, one in people}
    life = {name: _life(one.station_certificate) for name, one in people}
    out = {name: why for name in network.compiled.stations if (why := published.out(name))}
    return Certificates(days, wrong, out, life, published)


def _life(one: x509.Certificate) -> int:
    return (one.not_valid_after_utc - one.not_valid_before_utc).days


def _allowances(answer: remote.Answer, network: str) -> tuple[Mapping[str, Any], ...]:
    """What an agent says that its steward allowed, and until when; nothing of one that does not answer."""
    rows = station_says.document_of(answer).get("questions", [])
    return tuple(
        {name: row[name] for name in ("question", "state", "until")}
        for row in rows
        if row["network"] == network and row.get("until")
    )


def lines(found: Iterable[StationStatus]) -> list[str]:
    """A line a station, and one for each digest of what was accepted, for people."""
    rows, accepted = [], dict[str, list[str]]()
    for one in found:
        state = "; ".join(one.wrong) or ("well" if one.seen_by == "server" else "run by another operator")
        days = "?" if one.certificate_days is None else one.certificate_days
        cut = f", cut off: {', '.join(one.cut)}" if one.cut else ""
        mended = f", entry {one.mended} of its register says what was cut off" if one.mended else ""
        rows.append(
            f"{one.organisation:<24} {state}, release {one.release or '?'}, certificate {days} days, "
            f"last session {one.last_session or 'none'}{cut}{mended}"
        )
        kept = [line for line in (one.late, one.backed_up) if line]
        rows += [f"{'':<24} {errors.printable(line)}" for line in (*kept, *one.told, *one.followed, *one.updates)]
        if one.accepted:
            accepted.setdefault(one.accepted, []).append(one.organisation)
    return rows + [f"accepted: {digest} by {', '.join(by)}" for digest, by in accepted.items()]
