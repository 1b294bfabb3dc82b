"""The root of a federation may be in other hands: people say so. Its regions go on, each by its own root."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Root of a federation compromised"
ABOUT = "network"
EXPLAINS = ()
INTERRUPTS = "sessions over several regions, until there is a root that all believe in"
LOSES = "that federation's root, and what it certified"


def steps(case: Case) -> Sequence[Step]:
    """How many keys, other holders or out of it, every operator, a new root."""
    name = case.network.name
    return (
        common.asked(
            "keys",
            "know how many root holders' keys may be in other hands",
            "Ring each root holder of the federation at a number that you had before; `werkplaats trust root show "
            "FEDERATION` says how many must sign. Fewer than that sign nothing alone. As many, or it is not known: "
            "the root may say anything from now on. The federation's root is not the region's, which goes on: where "
            "that one is touched too, it is more than this. Is it known?",
        ),
        common.asked(
            "few",
            "where they are fewer than must sign: have other holders take their place",
            "At the federation's coordinator: `werkplaats trust root change FEDERATION --root FILE.pub`, named once "
            "for each that shall hold it from now on; holders sign: `werkplaats trust root sign FEDERATION --key "
            "FILE`; `werkplaats trust publish FEDERATION`. Every operator reads it in `werkplaats accept "
            "FEDERATION`. Is that done, or are they as many as must sign?",
        ),
        common.asked(
            "leave",
            "where they are as many: have this region take part no more",
            f"Nobody of the federation has to agree: `werkplaats trust root leave {name} FEDERATION`, each root "
            f"holder of this region `werkplaats trust root sign {name} --key FILE`, then `werkplaats trust publish "
            f"{name}`. Other regions do the same, and their stations close their doors to each other. At the region "
            "everything goes on. Is it published, or not needed?",
        ),
        common.asked(
            "operators",
            "have every operator say yes to nothing of it, and take it off its servers",
            f"Ring every operator: no `accept` of that federation, whatever it shows; `werkplaats up {name}` takes "
            f"it off once the region left, and `werkplaats verify {name}` shows that the region is well. Stewards "
            "take back what they allowed in it: `station refuse NAME --network FEDERATION`. Did each, or is it not "
            "needed?",
        ),
        common.asked(
            "anew",
            "found it anew, with another root, when the regions want it",
            "Other keys, other sticks, other rooms: `werkplaats trust root key FEDERATION FILE`, `werkplaats trust "
            "root found FEDERATION --root FILE.pub`. Its root is read by telephone to each region, whose root "
            f"holders consent anew: `werkplaats trust root federate {name} FEDERATION --root FINGERPRINT`; each "
            "operator accepts it as at first: `werkplaats accept FEDERATION --root FINGERPRINT`, with the "
            "fingerprint that it heard and never with the one that is shown. Is that so, or agreed for later?",
        ),
    )
