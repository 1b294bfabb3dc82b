"""The steps from a server's own key to a definition that may be applied there, all through files.

keys (on the server) → request (the operator's server → the coordinator's records) → approve → publish (the publication
folder) → accept (a document on the operator's server) → what may be applied. The last step has no access to the CA.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import on_server
from base import errors, together
from network_topology.compiling import compile as compiler
from publication import acceptance, folder, identity, publication, verified
from publication.following import applied, own_keys
from publication.publication import Taken
from werkplaats.operations import progress
from werkplaats.operations.coordinator import steps
from werkplaats.operations.home import networks, places
from werkplaats.operations.reach import remote, servers

PROGRAM = Path(on_server.__file__).with_name("keys.py")
_READ = ("cat", *own_keys.FILES)


@dataclasses.dataclass
class Applicable:
    """What may be applied now, by organisation: `views` may; `waiting` is not accepted yet; `refused` says why not.

    `applies` is what is new and needs nobody's yes. `keyless` says why a server has no keys yet, where all steps are
    taken. `unkept` are those of whom the view is another document than the accepted one that their server has, and
    `other_root` those that accepted another root than that of the publication, `first_root` those of whom nothing
    accepted can be read. `stale` says why the publication is no good any more, where it is only looked at. `taken` is
    the publication with its files, where what was read of it is kept. `judged` has all that was found of each server
    that answered.
    """

    publication: verified.Verified | None = None
    taken: Taken | None = None
    views: dict[str, acceptance.Accepted] = dataclasses.field(default_factory=dict)
    unkept: set[str] = dataclasses.field(default_factory=set)
    waiting: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    applies: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    keyless: dict[str, str] = dataclasses.field(default_factory=dict)
    other_root: set[str] = dataclasses.field(default_factory=set)
    first_root: set[str] = dataclasses.field(default_factory=set)
    judged: dict[str, applied.Applied] = dataclasses.field(default_factory=dict)
    stale: str = ""
    _compiled: dict[str, compiler.CompiledNetwork] = dataclasses.field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What two organisations compare that accept all of the publication; raises UsageError where there is none."""
        if self.publication is None:
            raise errors.UsageError("there is no publication", "fetch the coordinator's")
        return acceptance.accept(self.publication).digest

    def tell(self, organisation: str, made: applied.Applied) -> None:
        """Keep what was found of one server."""
        self.judged[organisation] = made
        for kept, texts in ((self.applies, made.applies), (self.waiting, made.waits)):
            if texts:
                kept[organisation] = texts
        if made.root is applied.Root.FIRST:
            self.first_root.add(organisation)
        if made.root is applied.Root.OTHER:
            self.other_root.add(organisation)
        if made.refused:
            self.refused[organisation] = made.refused
        elif made.view is not None:
            self.views[organisation] = made.view

    def compiled(self, organisation: str) -> compiler.CompiledNetwork:
        """What this organisation accepted, compiled; most accepted the same, and that is compiled once."""
        view = self.views[organisation]
        if view.digest not in self._compiled:
            self._compiled[view.digest] = compiler.compile_network(view.definition)
        return self._compiled[view.digest]


def request(network: networks.Network, remotes: remote.Remotes, organisations: Iterable[str]) -> list[identity.Request]:
    """Fetch the requests that servers made, into the records where the coordinator finds them."""
    read: dict[str, str] = {}
    for organisation, answer in remotes.ask_all(organisations, *_READ).items():
        if isinstance(answer, servers.UnreachableError):
            raise answer
        if answer.exited:
            raise errors.UsageError(
                f"the server of {organisation} has made no request yet: {answer.stderr.strip()}",
                f"werkplaats up {network.name} --only {organisation} prepares it",
            )
        read[organisation] = answer.stdout
    return [_receive(network, organisation, text) for organisation, text in read.items()]


def renew_key(network: networks.Network, remotes: remote.Remotes, organisation: str) -> identity.Request:
    """Have a server make another gateway key, and fetch its request, as `request` does.

    Raises HalfWayError where it could not.
    """
    known, program = steps.number(network, organisation), PROGRAM.read_text()
    done = remotes.ask(organisation, "python3", "-IS", "-c", program, "--renew", organisation, network.name, *known)
    if done.exited:
        raise errors.HalfWayError(f"{organisation}: {done.stderr.strip()}", "run it again when that is mended")
    return request(network, remotes, [organisation])[0]


def _receive(network: networks.Network, organisation: str, read: str) -> identity.Request:
    return steps.receive(network, own_keys.asked(network.name, organisation, read))


def require_root(
    network: networks.Kept, found: Applicable, fingerprint: str | None, only: Collection[str] | None = None
) -> None:
    """Raise AcceptanceError unless the root may be accepted, on all servers or `only` on some.

    It may where it is the known one, or the one of which people told.

    Whoever relays a publication can make one of the same name with a root of its own, so that a mere yes must not be
    enough, and its fingerprint is not said: who is shown it gives that. The root of a network that is made here lies
    beside its publication, and is known.
    """
    if found.publication is None:
        return
    place = network.publication
    remedy = f"werkplaats accept {network.name} --root sha256:…, as a root holder reads it to you"
    other_root, first_root = (
        one if only is None else one.intersection(only) for one in (found.other_root, found.first_root)
    )
    if fingerprint is None:
        if other_root:
            others = ", ".join(sorted(other_root))
            raise errors.AcceptanceError(f"{place} is not of the root that {others} accepted", remedy)
        if first_root and not network.made_here:
            first = ", ".join(sorted(first_root))
            raise errors.AcceptanceError(f"{place} is of a root that is new to {first}", remedy)
    elif fingerprint != found.publication.root:
        raise publication.not_the_told_root(place, fingerprint)


def accept(
    network: networks.Kept,
    remotes: remote.Remotes,
    found: Applicable,
    organisations: Iterable[str],
) -> dict[str, str]:
    """Write on each server that its operator accepts the publication that was found, over what was judged there.

    Whoever said yes was shown the one beside the other: where something else lies there by now, such as a revocation
    that the server took by itself, nothing is written. Returns why, by organisation, of those where it was not.
    """
    published, failed = found.publication, dict[str, str]()
    if published is None:
        return {}

    def one(organisation: str) -> None:
        try:
            before = acceptance.remembered(applied.document(found.judged[organisation].text))
            _keep(network, remotes, organisation, found, acceptance.accept(published, before))
        except errors.WerkplaatsError as error:
            failed[organisation] = str(error)

    together.each(one, organisations)
    return failed


def take_all(
    network: networks.Network,
    remotes: remote.Remotes,
    organisations: Sequence[str],
    release: Mapping[str, Any],
    say: progress.Say,
) -> Applicable:
    """All steps in one go, where one operator takes them; returns what applies then.

    The fingerprint is the one that came over this operator's own connection to the server. A server that has other
    keys than were approved was made anew: its earlier certificate is revoked first. Of one that has no keys, and on
    which none can be made yet, nothing is accepted; one of which the request is no good is refused, and no other is.
    """
    requests, keyless, refused = _with_keys(network, remotes, organisations)
    network.vault.ask_first()
    with network.vault.coordinating("up"):
        refused |= steps.approve_all(network, requests, say)
        steps.found(network)
        published = steps.publish(network, release, say)
    found = applicable(network, remotes, organisations, root=published.root)
    if waiting := found.waiting.keys() - keyless.keys() - refused.keys():
        say(f"accepting publication {published.number} on {len(waiting)} servers")
        refused |= accept(network, remotes, found, waiting)
        found = applicable(network, remotes, organisations, taken=found.taken)
    found.keyless = keyless
    found.refused |= refused
    return found


def _with_keys(
    network: networks.Network, remotes: remote.Remotes, organisations: Sequence[str]
) -> tuple[list[identity.Request], dict[str, str], dict[str, str]]:
    """The requests of servers, which make their keys first where there are none.

    And, by organisation, why a server has no keys, and why what it has is no request.
    """
    answers = dict(remotes.ask_all(organisations, *_READ))
    failed = _make_keys(network, remotes, [o for o, answer in answers.items() if _lacks(answer)])
    answers |= remotes.ask_all([o for o, answer in answers.items() if _lacks(answer) and o not in failed], *_READ)
    requests, refused = [], {}
    for organisation, answer in answers.items():
        if isinstance(answer, servers.UnreachableError):
            failed[organisation] = str(answer)
        elif organisation not in failed:
            try:
                requests.append(_receive(network, organisation, answer.stdout))
            except errors.RequestError as error:
                refused[organisation] = str(error)
    return requests, failed, refused


def _lacks(answer: remote.Answer) -> bool:
    return isinstance(answer, remote.Done) and bool(answer.exited)


def _make_keys(network: networks.Network, remotes: remote.Remotes, organisations: Iterable[str]) -> dict[str, str]:
    """Have servers make their keys, by the program that the role sends too; organisation → why, of who cannot."""
    program, failed = PROGRAM.read_text(), {}

    def one(organisation: str) -> None:
        try:
            known = steps.number(network, organisation)
            done = remotes.ask(organisation, "python3", "-IS", "-c", program, organisation, network.name, *known)
        except errors.WerkplaatsError as error:
            failed[organisation] = str(error)
        else:
            if done.exited:
                failed[organisation] = done.stderr.strip()

    together.each(one, organisations)
    return failed


def applicable(
    network: networks.Network,
    remotes: remote.Remotes,
    organisations: Iterable[str],
    *,
    root: str | None = None,
    looking: bool = False,
    taken: Taken | None = None,
) -> Applicable:
    """Read what is published and what each server accepted; `keep` keeps there what now applies by itself.

    A server is refused when the identity that is published for it is not that of its own keys. `root` is the
    fingerprint of the publication's root as it was told. Who is only `looking` gets what was read last where the
    publication is no good any more, which no change may be made by. Where it was read already it is `taken` as it was.

    Raises PublicationError for a publication that is not whole or not signed.
    """
    found = Applicable(taken=taken)
    if not folder.there(network.publication):
        return found
    found.publication = published = taken.verified if taken else _read(network, root, found, looking=looking)
    known = judged(network, remotes, organisations, found, published)
    if known and not network.trusted.exists():  # what servers accepted tells whose the root is
        _read(network, published.root, found, looking=looking)
    return found


def judged(
    network: networks.Kept,
    remotes: remote.Remotes,
    organisations: Iterable[str],
    found: Applicable,
    published: verified.Verified,
    called: Callable[[str], str] = str,
) -> set[str]:
    """Tell `found` what a publication makes of each server; returns those that accepted its root.

    `called`: what the publication calls an organisation, by which its server is reached under its own name.
    """
    known = set[str]()

    def one(organisation: str) -> None:
        try:
            text, keys = _found(network, remotes, organisation)
        except errors.WerkplaatsError as error:
            found.refused[organisation] = str(error)
            return
        made = applied.judge(published, called(organisation), text, keys)
        found.tell(organisation, made)
        if made.root is applied.Root.SAME:
            known.add(organisation)
        if made.view is not None and made.view != made.accepted:
            found.unkept.add(organisation)

    together.each(one, organisations)
    return known


def _read(network: networks.Network, root: str | None, found: Applicable, *, looking: bool) -> verified.Verified:
    try:
        taken = publication.read_on(network.publication, network.name, network.trusted, root=root)
    except errors.ExpiredError as error:
        if not looking or not network.trusted.exists():
            raise
        found.stale = str(error)
        return publication.last(network.publication, network.name, network.trusted)
    if network.trusted.exists():  # else it proves nothing yet, and no server begins with it
        found.taken = taken
    return taken.verified


def keep(network: networks.Kept, remotes: remote.Remotes, found: Applicable) -> None:
    """Keep on each server, as what it accepted, what now applies by itself, over what was judged there.

    One that went away is refused, and one on which something else lies by now.
    """

    def one(organisation: str) -> None:
        try:
            _keep(network, remotes, organisation, found, found.views[organisation])
        except errors.WerkplaatsError as error:
            found.refused[organisation] = str(error)
            del found.views[organisation]

    together.each(one, found.unkept)
    found.unkept.clear()


def _found(network: networks.Kept, remotes: remote.Remotes, organisation: str) -> tuple[str | None, str]:
    """What a server says of the document that was accepted on it (None: it has none), and of its keys ("" likewise)."""
    path = places.accepted(network.name)
    answer = remotes.ask(organisation, "cat", path, *own_keys.FILES)
    if odd := [line for line in answer.stderr.splitlines() if "No such file" not in line]:
        raise errors.HalfWayError(f"{organisation}: {path} cannot be read: {' '.join(odd)}", "run it again")
    document, keys = own_keys.split(answer.stdout)
    if any(file in answer.stderr for file in own_keys.FILES):
        keys = ""  # none yet, or made half-way: the next run that configures the server makes them
    return document if document or not answer.exited else None, keys


def _keep(
    network: networks.Kept,
    remotes: remote.Remotes,
    organisation: str,
    found: Applicable,
    accepted: acceptance.Accepted,
) -> None:
    before, after = found.judged[organisation].text, applied.text(accepted)
    remotes.replace(organisation, places.accepted(network.name), before, after, places.PLACING)
