"""How far a server came on its way into a network, looked at anew each time: nothing of it is remembered."""

from __future__ import annotations

import dataclasses

from base import errors
from publication import identity
from publication.following import own_keys
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.coordinator import ledger
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed


@dataclasses.dataclass(frozen=True)
class Standing:
    """What one server has. `lost`: why it could not be looked at, "" where it was.

    `request`: what its keys ask for, None where it has none. `fetched`: whether the file of that request lies in the
    inventory. `published`: the fingerprint of its keys in the publication, "" where it has none there. `waits`: what is
    to be accepted, in words; `refused`: why nothing of the publication may be applied. `runs`: whether its station runs
    from a release that was accepted: while an upgrade goes on that is also the one before. `moves_to`: what it is to be
    upgraded to, where it runs from that one; "" else.
    """

    lost: str = ""
    request: identity.Request | None = None
    fetched: bool = False
    published: str = ""
    waits: tuple[str, ...] = ()
    refused: str = ""
    runs: bool = False
    moves_to: str = ""

    @property
    def certified(self) -> bool:
        """Whether the publication has a certificate of its keys."""
        return bool(self.request and self.published) and not self.refused

    @property
    def accepted(self) -> bool:
        """Whether its operator said yes to all that is published."""
        return self.certified and not self.waits


def look(network: networks.Network, organisation: str) -> Standing:
    """Look at a server. Raises PublicationError where what is published is no good any more."""
    with network.remotes() as remotes:
        if why := remotes.probe().get(organisation):
            return Standing(lost=why)
        try:
            asked = remotes.ask(organisation, "cat", *own_keys.FILES)
            if asked.exited:
                return Standing()
            request = own_keys.asked(network.name, organisation, asked.stdout)
            found = hand_over.applicable(network, remotes, [organisation])
            view = found.views.get(organisation)
            seen, _ = observed.observe(remotes, [organisation])
        except errors.RequestError as error:
            return Standing(refused=str(error))
        except errors.PublicationError:
            raise
        except errors.WerkplaatsError as error:
            return Standing(lost=str(error))
    one = found.publication.identities.get(organisation) if found.publication else None
    there, releases = seen.get(organisation), view.releases if view else ()
    runs = [release for release in releases if there and there.as_wanted(release.image_id)]
    return Standing(
        request=request,
        fetched=ledger.Records(network.inventory).read("requests", organisation) == request.model_dump(mode="json"),
        published=one.fingerprint if one else "",
        waits=tuple(found.waiting.get(organisation, ())),
        refused=found.refused.get(organisation, ""),
        runs=bool(runs),
        moves_to=releases[0].release if runs and runs[0] != releases[0] else "",
    )
