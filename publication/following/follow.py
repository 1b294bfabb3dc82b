"""The part of the follower that parses: sources and what was accepted go in, what belongs on this server comes out.

It is started with a question on its standard input and answers on its standard output, and writes nowhere else: neither
key nor data nor network is in its reach. What it answers is held to rules by the part that places (`on_server.follow`).

    {"networks": {network: {"organisation", "accepted", "keys", "ca", "kept": folder, "sources": [folder, …]}}}
    {"networks": {network: {"from", "number", "published", "ends", "sources": {folder: why not}, "applies", "waits",
                            "refused", "publication": {name: text}, "place": {"accepted", "entry", "files"} or null}}}

About a federation it is asked with `"members": {slug: {"kept", "sources"}}` too, and answers with what is new of
theirs: `"members": {slug: {name: text}}`. Its home network is one of them, of which only what is kept is read.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import canonical, errors, values
from network_topology.compiling import compile as compiler
from publication import acceptance, profile, trust, verified
from publication.following import applied, asked, entry, federation, looking


@dataclasses.dataclass(frozen=True)
class Server(looking.Server):
    """The same of a regional network."""

    kept: Path
    sources: tuple[Path, ...]


def main() -> int:
    """Answer one question; exit code 0."""
    question = values.mapping(sys.stdin.buffer.read())
    found = {network: answered(network, one) for network, one in question["networks"].items()}
    sys.stdout.write(json.dumps({"networks": found}))
    return 0


def answered(network: str, one: Mapping[str, Any], moment: datetime.datetime | None = None) -> dict[str, Any]:
    """What belongs on a server of the network that it is asked about."""
    given = one["organisation"], one["accepted"], one["keys"], one["ca"]
    if "members" in one:
        places = {slug: _sources(member) for slug, member in one["members"].items()}
        return federation.followed(federation.Server(network, *given, _sources(one), places), moment)
    return followed(Server(network, *given, *_sources(one)), moment)


def _sources(one: Mapping[str, Any]) -> tuple[Path, tuple[Path, ...]]:
    return Path(one["kept"]), tuple(Path(source) for source in one["sources"])


def followed(server: Server, moment: datetime.datetime | None = None) -> dict[str, Any]:
    """What belongs on a server now, of the newest publication that any of its sources has."""
    told: looking.Told = {}
    found: dict[str, Any] = {"sources": told, "applies": [], "waits": [], "refused": "", "place": None}
    try:
        newest = looking.newest(verified.verify, server.network, server.kept, server.sources, told, moment=moment)
    except errors.WerkplaatsError as error:
        return {**found, "refused": str(error)}
    if newest is None:
        return {**found, "refused": told.get(str(server.kept)) or "there is no publication that could be read"}
    return found | _of(server, newest)


def _of(server: Server, newest: looking.Found[verified.Verified]) -> dict[str, Any]:
    published = newest.taken.verified
    made = applied.judge(published, server.organisation, server.accepted, server.keys)
    try:
        place = _place(server, published, made)
    except errors.WerkplaatsError as error:
        place, made.refused = None, str(error)
    return {
        "from": str(newest.source),
        "number": published.number,
        "published": published.published,
        "ends": canonical.stamp(min(published.ends.values())),
        "applies": made.applies[: applied.MOST_SAID],
        "waits": made.waits[: applied.MOST_SAID],
        "refused": made.refused,
        "publication": newest.laid,
        "place": place,
    }


def _place(server: Server, published: verified.Verified, made: applied.Applied) -> Mapping[str, Any] | None:
    if made.view is None or server.organisation not in made.view.statement_keys:
        return None
    network = compiler.compile_network(made.view.definition)
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
