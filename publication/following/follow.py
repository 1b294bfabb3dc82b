"""The part of the follower that parses: sources and what was accepted go in, what belongs on this server comes out.

It is started with a question on its standard input and answers on its standard output, and writes nowhere else: neither
key nor data nor network is in its reach. What it answers is held to rules by the part that places (`on_server.follow`).

    {"networks": {network: {"organisation", "accepted", "keys", "ca", "kept": folder, "sources": [folder, …]}}}
    {"networks": {network: {"from", "number", "published", "ends", "sources": {folder: why not}, "applies", "waits",
                            "refused", "publication": {name: text}, "place": {"accepted", "entry", "files"} or null}}}
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import canonical, errors, values
from network_topology.compiling import compile as compiler
from publication import acceptance, profile, publication, reading, trust, verified
from publication import folder as folders
from publication.following import applied, asked, entry, kept

LOOK_SECONDS = 40.0
"""After which no further source of a network is begun: whoever owns one could have all others wait."""
MOST_SAID = 40
"""Sentences of one kind that are told of one network."""


@dataclasses.dataclass(frozen=True)
class Server:
    """What is asked of one network: as it is on this server."""

    network: str
    organisation: str
    accepted: str | None
    keys: str
    kept: Path
    sources: tuple[Path, ...]
    ca: str
    """The CAs that the gateway trusts, beside which no follower brings another one."""


def main() -> int:
    """Answer one question; exit code 0."""
    question = values.mapping(sys.stdin.buffer.read())
    found = {}
    for network, one in question["networks"].items():
        sources = tuple(Path(source) for source in one["sources"])
        given = (one["organisation"], one["accepted"], one["keys"], Path(one["kept"]))
        server = Server(network, *given, sources, one["ca"])
        found[network] = followed(server)
    sys.stdout.write(json.dumps({"networks": found}))
    return 0


def followed(server: Server, moment: datetime.datetime | None = None) -> dict[str, Any]:
    """What belongs on a server now, of the newest publication that any of its sources has."""
    told: dict[str, str] = {}
    found: dict[str, Any] = {"sources": told, "applies": [], "waits": [], "refused": "", "place": None}
    try:
        known = kept.read(server.kept)
    except errors.WerkplaatsError as error:
        return {**found, "refused": str(error)}
    newest: tuple[tuple[int, ...], Path, publication.Taken] | None = None
    right = set[bytes]()
    until = time.monotonic() + LOOK_SECONDS
    for source in (server.kept, *server.sources):
        if not folders.there(source):
            continue
        if time.monotonic() >= until:
            told[str(source)] = "was not looked at: those before it took too long"
            continue
        try:
            said = folders.source(source)(reading.NEWEST) or b""
            if said in right:
                continue  # it says what another one said, and that was right: most peers have the same
            taken = publication.take(source, server.network, known, moment, patience=0)  # else the next run reads it
        except errors.WerkplaatsError as error:
            told[str(source)] = str(error)
            continue
        told[str(source)] = ""
        right.add(said)
        if newest is None or _age(taken) > newest[0]:
            newest = (_age(taken), source, taken)
    if newest is None:
        return {**found, "refused": told.get(str(server.kept)) or "there is no publication that could be read"}
    return found | _of(server, newest[1], newest[2])


def _age(taken: publication.Taken) -> tuple[int, ...]:
    """Which of two publications of one root is newer: its root, then when the coordinator spoke last."""
    return taken.verified.root_version, reading.version(taken.following)


def _of(server: Server, source: Path, taken: publication.Taken) -> dict[str, Any]:
    published = taken.verified
    made = applied.judge(published, server.organisation, server.accepted, server.keys)
    try:
        place = _place(server, taken, made)
    except errors.WerkplaatsError as error:
        place, made.refused = None, str(error)
    return {
        "from": str(source),
        "number": published.number,
        "published": published.published,
        "ends": canonical.stamp(min(published.ends.values())),
        "applies": made.applies[:MOST_SAID],
        "waits": made.waits[:MOST_SAID],
        "refused": made.refused,
        "publication": kept.laid(taken.following, taken.files),
        "place": place,
    }


def _place(server: Server, taken: publication.Taken, made: applied.Applied) -> Mapping[str, Any] | None:
    if made.view is None or server.organisation not in made.view.statement_keys:
        return None
    published, network = taken.verified, compiler.compile_network(made.view.definition)
    documents, _ = asked.wanted(made.view, network, published.questions, server.organisation)
    return {
        "accepted": applied.text(made.view),
        "entry": entry.made(
            network, server.organisation, made.view, published, _trusting(server, made.view, published)
        ),
        "files": asked.texts(documents, asked.figures(documents, published.figures)),
    }


def _trusting(server: Server, view: acceptance.Accepted, published: verified.Verified) -> acceptance.Accepted:
    """What was accepted, without a CA that the gateway does not have yet: only its operator brings one."""
    try:
        found = profile.certificates(server.ca.encode(), trust.MOST)
        keys = [profile.key_of(one) for one in found]
    except ValueError as error:
        told = f"the CA that the gateway of {server.organisation} has cannot be read: {error}"
        raise errors.AcceptanceError(told, f"run `werkplaats up {server.network}` for it") from error
    if trusting := acceptance.narrowed(view, published, keys):
        return trusting
    raise errors.AcceptanceError(
        f"the gateway of {server.organisation} has no CA yet of those that sign in publication {published.number}",
        f"its operator accepted it, and runs `werkplaats up {server.network}`",
    )


if __name__ == "__main__":
    sys.exit(main())
