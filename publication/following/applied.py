"""What of a publication may be applied on one server: by its keys, and by the document that was accepted on it."""

from __future__ import annotations

import dataclasses
import enum
import json

from base import errors, values
from network_topology import model
from publication import acceptance, verified
from publication.following import entry, own_keys

MOST_SAID = 40
"""Sentences of one kind that are told of one network."""


class Root(enum.Enum):
    """Of which root what was accepted on a server is, beside that of a publication."""

    UNKNOWN = "nothing was looked at yet"
    FIRST = "nothing accepted can be read"
    SAME = "the same, or one that it follows from"
    OTHER = "another"


@dataclasses.dataclass
class Applied:
    """What may be applied on a server now: `view`. None where nothing may, or it is `refused`, which says why.

    `comparison` is of what was `accepted` with what is published; None where it was not come to.
    `text` is as it lay there.
    """

    accepted: acceptance.Accepted | None = None
    view: acceptance.Accepted | None = None
    comparison: acceptance.Comparison | None = None
    root: Root = Root.UNKNOWN
    refused: str = ""
    text: str | None = None

    @property
    def applies(self) -> list[str]:
        """What needs nobody's yes, in words."""
        return [change.text for change in self.comparison.applies] if self.comparison else []

    @property
    def waits(self) -> list[str]:
        """What waits for the operator's yes, in words."""
        return [change.text for change in self.comparison.waits] if self.comparison else []


def judge(published: verified.Verified, organisation: str, text: str | None, keys: str) -> Applied:
    """What a publication makes of a server on which the document `text` (None: none) was accepted.

    `keys`: the public parts of its keys, one after the other as in own_keys.FILES; "" where it has none. It is refused
    when the identity that is published for it is not that of its own keys.
    """
    found = Applied(text=text)
    try:
        _judge(found, published, organisation, text, keys)
    except errors.WerkplaatsError as error:
        found.view, found.refused = None, str(error)
    return found


def _judge(found: Applied, published: verified.Verified, organisation: str, text: str | None, keys: str) -> None:
    own_keys.require(published, organisation, keys)
    said = document(text)
    acceptance.remembered(said)
    # What cannot be read is nothing accepted: all that is published waits, and accepting it mends that.
    found.comparison = acceptance.compare(None, published)
    found.root = Root.FIRST
    found.accepted = accepted = acceptance.load(said)
    if accepted:
        found.root = Root.UNKNOWN
        if accepted.network == published.network:
            found.comparison = None  # of one that is older than the accepted one nothing waits: no yes takes it
    found.comparison = acceptance.compare(accepted, published)
    if accepted and accepted.knew(organisation) and (why := published.out(organisation)):
        # No yes brings it back.
        found.comparison = dataclasses.replace(found.comparison, waits=())
        raise errors.AcceptanceError(why)
    if accepted:
        found.root = Root.SAME if acceptance.same_root(accepted, published) else Root.OTHER
    found.view = view = acceptance.accepted_view(accepted, published)
    at_home = not isinstance(published.definition, model.Joined)  # a federation has no certificate of a station
    if at_home and view and organisation in view.statement_keys and organisation in published.identities:
        entry.shown(published.identities[organisation], published, view)


def document(text: str | None) -> object:
    """What a server said that it accepted, None where it has nothing. Raises AcceptanceError for what is no JSON."""
    if text is None:
        return None
    try:
        found = values.parsed(text)
    except ValueError as error:
        raise acceptance.forgotten(error) from error
    if found is None:
        raise acceptance.forgotten("it is empty")
    return found


def text(accepted: acceptance.Accepted) -> str:
    """What was accepted, as it lies on the server."""
    return json.dumps(accepted.document(), indent=2, ensure_ascii=False) + "\n"
