"""The coordinator's workstation is gone: its vault comes back from a backup, and stations notice nothing."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Coordinator's workstation lost"
ABOUT = "network"
EXPLAINS = ()
INTERRUPTS = ""
LOSES = ""


def steps(case: Case) -> Sequence[Step]:
    """Lost or stolen, the vault back, another key to publish with, publish, a new backup."""
    name = case.network.name
    restore = f"werkplaats backup restore {name} FILE --publication FOLDER"
    return (
        common.asked(
            "lost",
            "be sure that nobody else has the vault",
            "Was the workstation lost or broken only? Where somebody may have the vault and its passphrase, go on with "
            f"`werkplaats incident run {name} ca-compromised` once the vault is here. Stations work on, and there are "
            "weeks: nothing has to be hurried. Go on?",
        ),
        Step(
            key="vault",
            words="have the coordinator's vault here again",
            done=lambda case: case.look().here.coordinates,
            by_hand=(
                "ring two members for the newest publication that either has, and for its number. Then, with the last "
                f"backup: `{restore} --check`, and where that finds nothing in the way, `{restore}`. Without any "
                "backup the CA's key is lost: docs/coordinators.md, Another CA. When it is restored, run the same "
                "command again"
            ),
            patience=1,
        ),
        common.asked(
            "key",
            "have another key to publish with, where the lost one may be found by somebody",
            "Where it may be: remove publication.key from the restored vault, then "
            f"`werkplaats trust root coordinator {name}`, and each root holder: "
            f"`werkplaats trust root sign {name} --key FILE`. Is that done, or not needed?",
        ),
        Step(
            key="published",
            words="have what was decided since be published, and the word of the publication be good",
            done=_published,
            by_hand=(
                f"`werkplaats plan {name}` first: it refuses where a server accepted a newer publication than was "
                f"restored. Then `werkplaats trust publish {name}`. What was approved and not published is forgotten: "
                "approve it again, and ring who asked. Then run the same command again"
            ),
            patience=1,
        ),
        common.asked(
            "backup",
            "make a backup",
            f"`werkplaats backup make {name} FILE`. Is it made, and does its passphrase lie elsewhere?",
        ),
    )


def _published(case: Case) -> bool:
    here = case.look().here
    return here.publication_days is not None and here.publication_days >= 0 and not here.late
