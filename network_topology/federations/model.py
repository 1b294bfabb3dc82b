"""The definition of a federation as an author writes it: which regional networks take part, and with whom.

What is known of an organisation (its name, its domain, who operates its server) stands in the definition of its own
regional network and nowhere else.
"""

import datetime
from collections.abc import Iterator
from typing import Annotated, Literal, get_args

import pydantic

from network_topology import model, names, source

Kind = Literal["supraregional", "national"]
KINDS: tuple[str, ...] = get_args(Kind)
FORM = "`<regional network>/<organisation>`"


class Member(model.Closed):
    """A regional network in a federation: referred to, never copied."""

    root: str
    """The fingerprint of the root of its publication, as `werkplaats trust root show` prints it: `sha256:…`."""
    organisations: tuple[str, ...] = ()
    """Which of its organisations take part in the federation."""
    consent: datetime.date | None = None
    """The day on which the regional network itself consented to take part with these organisations."""


class Federation(model.Network):
    """A supraregional or national network: it refers to regional networks, and owns no server or container.

    Its organisations are named `<regional network>/<organisation>`.
    """

    kind: Kind
    """`supraregional` (stations of several regional networks) or `national`."""
    coordinator: str
    """The organisation that keeps this definition: `<regional network>/<organisation>`."""
    computing: tuple[str, ...]
    """The computing parties in party order: 3, 5 or 7 times `<regional network>/<organisation>`, from as many members
    as can be had, and of one domain or operator no more than the threshold."""
    agreement: model.Agreement | None = None
    """The agreement between the members under which they compute together."""
    members: dict[str, Member]
    """The regional networks in it, by slug."""

    @property
    def organisations(self) -> tuple[str, ...]:
        """All that take part, each as `<regional network>/<organisation>`, in alphabetical order."""
        return tuple(
            sorted(names.reference(slug, one) for slug, member in self.members.items() for one in member.organisations)
        )

    @property
    def agreements(self) -> Iterator[tuple[source.Keys, str, model.Agreement]]:
        """The one between the members."""
        if self.agreement is not None:
            yield ("agreement",), "the agreement of the federation", self.agreement


AnyDefinition = Annotated[model.Definition | Federation, pydantic.Field(discriminator="kind")]
