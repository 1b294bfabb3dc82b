"""Put in force at once what ends something: the revocation list, and views without the keys of who is out.

Seconds, where `up` takes longer: two files are placed on each server, as `up` places them, and the gateway loads them.
All else that is published waits for `up`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from base import errors, together
from on_server.follow import texts
from publication import folder, reading
from publication.metadata import TIMESTAMP
from publication.publication import Taken
from werkplaats.operations.bring_up import hand_over, hostvars
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote

# Paths, each with the length of what its file gets. In place of a file that is there, with its owner and mode, and
# never a part of it, nor of what another run places; a reload passes over names with a dot. A server without such a
# file has no gateway yet that could have links. Then the unit itself: whether anything changed is known here, and to
# look costs each server as much again. All in one: whatever is asked is asked of every server.
_BRING = """
while [ $# -gt 0 ]; do
    test -e "$1" || { echo "$1 is not there yet"; exit 3; }
    new="${1%/*}/.${1##*/}.$$.part"
    head --bytes="$2" > "$new" && test "$(stat --format=%s "$new")" = "$2" &&
        cp --attributes-only --preserve=mode,ownership "$1" "$new" && mv --force --no-target-directory "$new" "$1" ||
        { rm -f "$new"; echo "$1 cannot be placed"; exit 3; }
    shift 2
done
systemctl start gateway-reload.service
code=$?
cat /run/werkplaats/gateway.message 2> /dev/null
exit $code
"""


_NOT_PLACED = 3


@dataclasses.dataclass
class Outcome:
    """Where it is in force, and where not: `left_out` says why, `others` are run by other operators."""

    in_force: list[str] = dataclasses.field(default_factory=list)
    out: dict[str, str] = dataclasses.field(default_factory=dict)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    others: list[str] = dataclasses.field(default_factory=list)


def enforce(network: networks.Network, remotes: remote.Remotes) -> Outcome:
    """Bring what is published to every server of this operator that can be reached.

    `out` are its own servers of organisations that are out of the network: nothing is brought there.
    """
    found = Outcome(left_out=remotes.begin())
    found.others = sorted(network.compiled.stations.keys() - remotes.servers.keys())
    reached = [organisation for organisation in remotes.servers if organisation not in found.left_out]
    applicable = hand_over.applicable(network, remotes, reached)
    hand_over.keep(network, remotes, applicable)
    hosts = hostvars.applied(network, applicable, applicable.views, {})
    published = applicable.publication
    for organisation in reached:
        if published and published.out(organisation):
            found.out[organisation] = published.out(organisation)
        elif organisation not in hosts:
            found.left_out[organisation] = applicable.refused.get(organisation, "nothing is accepted on it yet")

    def one(organisation: str) -> str:
        try:
            (entry,) = hosts[organisation]["networks"]
            return _bring(network.name, remotes, organisation, entry)
        except errors.WerkplaatsError as error:
            return str(error)

    brought = [organisation for organisation in hosts if organisation not in found.out]
    for organisation, why in zip(brought, together.each(one, brought), strict=True):
        if why:
            found.left_out[organisation] = why
        else:
            found.in_force.append(organisation)
    return found


def overtaken(
    network: networks.Network, remotes: remote.Remotes, taken: Taken | None, organisations: Iterable[str]
) -> dict[str, str]:
    """Enforce what was published since a run had `taken` the publication, which it brought to servers; mostly nothing.

    A revocation waits for no run, and what this one placed would be in its place. Returns organisation → why, of those
    of these on which it is not in force.
    """
    if taken is None or folder.source(network.publication)(reading.NEWEST) == taken.following.metadata[TIMESTAMP]:
        return {}
    try:
        left_out = enforce(network, remotes).left_out
    except errors.PublicationError as error:
        left_out = dict.fromkeys(organisations, str(error))
    return {organisation: left_out[organisation] for organisation in organisations if organisation in left_out}


def files(network: str, entry: Mapping[str, Any]) -> dict[str, str]:
    """Path → content, of what is placed on a server: as the role `tls_mesh` places it of this host variable.

    While a CA takes the place of another both come with their lists: beside a list of one that is not there the gateway
    loads nothing.
    """
    made, ca, crl = texts.gateway(entry), texts.authorities(network), f"{texts.COMPILED}/networks/{network}/crl.pem"
    rolling = entry["crl_pem"].count("-----BEGIN") > 1
    return {**({ca: made[ca]} if rolling else {}), crl: made[crl], **texts.view(entry)}


def _bring(network: str, remotes: remote.Remotes, organisation: str, entry: Mapping[str, Any]) -> str:
    """Bring it to one server; returns why it is not in force there, "" where it is."""
    placed = {path: content.encode() for path, content in files(network, entry).items()}
    words = [word for path, content in placed.items() for word in (path, str(len(content)))]
    code, stdout, stderr = remotes.run(organisation, ["sh", "-c", _BRING, "bring", *words], b"".join(placed.values()))
    said = " ".join((stdout.strip() or stderr).decode(errors="replace").split()) or "it says nothing"
    what = "nothing is brought there" if code == _NOT_PLACED else "its gateway did not take it"
    return f"{what}: {said}; run `werkplaats up`" if code else ""
