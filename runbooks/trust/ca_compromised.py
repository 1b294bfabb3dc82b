"""Somebody may have the key of the network's CA, or that which publishes: people say so."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "CA compromised"
ABOUT = "network"
EXPLAINS = ()
INTERRUPTS = "links between who accepted the new CA and who did not yet"
LOSES = "the CA of before, and what it publishes"


def steps(case: Case) -> Sequence[Step]:
    """Be sure, another CA, every operator's yes, a backup."""
    name = case.network.name
    return (
        common.asked(
            "stolen",
            "be sure that somebody may have the key",
            "Were the vault and its passphrase both where somebody could take them, or can you not say? Lost without a "
            "thief is coordinator-lost, or a roll in its time: no link breaks for that. The CA's key reads and alters "
            "no share, and adds nothing anywhere. Do the root holders know, and agree?",
        ),
        Step(
            key="vault",
            words="have the coordinator's vault here",
            done=lambda case: case.look().here.coordinates,
            by_hand=(
                "this is done at the coordinator's workstation: ring the coordinator. Where that is gone, first: "
                f"`werkplaats incident run {name} coordinator-lost`"
            ),
            patience=1,
        ),
        common.asked(
            "rolled",
            "make another CA and another key to publish with",
            f"`werkplaats trust roll {name} --stolen`, then each root holder: "
            f"`werkplaats trust root sign {name} --key FILE`. Have enough of them signed?",
        ),
        common.asked(
            "published",
            "publish it",
            f"`werkplaats trust publish {name}`. Was one made, and does nothing of the CA wait?",
        ),
        Step(
            key="accepted",
            words="have every operator accept the new CA, and bring it to its servers",
            done=_accepted,
            by_hand=(
                f"ring every operator: `werkplaats accept {name}` shows that the CA has another key, for which root "
                f"holders signed, and nothing else that is new; then `werkplaats up {name}`. Agree on an hour: until "
                "all did, who did and who did not find each other no more. Then run the same command again"
            ),
            patience=5,
        ),
        common.asked(
            "backup",
            "make a backup; older ones are of a CA that nobody takes any more",
            f"`werkplaats backup make {name} FILE`. Is it made, and does its passphrase lie elsewhere?",
        ),
    )


def _accepted(case: Case) -> bool:
    """Whether all show what the new CA signed, and find each other: where nobody accepted they do that too."""
    what = case.look()
    shown = [way for server in what.reached().values() for way in server.ways.values()]
    linked = bool(what.links) and all(one.ok for one in what.links)
    return not what.here.late and linked and all(way.ours for way in shown)
