"""What becomes of the coordinator's desk: its machine is lost, its vault is copied, its word runs out."""

from __future__ import annotations

import dataclasses
import datetime
import json
import shutil
import time

from tests.end_to_end.test_departed_machine import issuers, published
from tests.end_to_end.test_follow import follow, put
from tests.faults import incidents
from tests.faults.told import thief
from tests.faults.told.walk import Walk
from tests.harness import going, sandboxes

INVENTORIES, PUBLICATIONS = "inventories", "publications"
BACKUP, OF_A_MEMBER, IN_GIT, STARTED = "before.backup", "of-a-member", "in-git", "started"


def is_lost(walk: Walk) -> None:
    """A backup, a key that is certified after it, and then nothing of the machine but what git had before that."""
    network = walk.network
    network.run("backup make", str(walk.folder / BACKUP))
    shutil.copytree(network.home / INVENTORIES, walk.folder / IN_GIT)
    network.run("trust renew-key", "thuiszorg")
    network.run("trust publish")
    network.run("up", "--yes")
    shutil.copytree(published(network), walk.folder / OF_A_MEMBER)
    shutil.copytree(network.vault / "people", walk.folder / "people")  # stewards and scientists have their own
    (walk.folder / STARTED).write_text(json.dumps(going.started(network, incidents.ORGANISATIONS)))
    for place in (network.vault, network.home / INVENTORIES, network.home / PUBLICATIONS):
        shutil.move(place, walk.folder / f"gone-{place.name}")
    shutil.copytree(walk.folder / IN_GIT, network.home / INVENTORIES)


def is_restored(walk: Walk) -> None:
    """It knows what was certified after the backup, and publishes; a plan has no change, and no server noticed."""
    network, before = walk.network, json.loads((walk.folder / STARTED).read_text())
    shutil.copytree(walk.folder / "people", network.vault / "people", dirs_exist_ok=True)
    gone = walk.folder / "gone-inventories" / network.name / "serials.txt"
    assert (network.home / INVENTORIES / network.name / "serials.txt").read_text() == gone.read_text()
    network.run("trust publish")
    plan = json.loads(network.run("plan", "--json").stdout)
    assert (plan["servers"], plan["configuration"], plan["stations"]) == ([], [], []), plan
    assert going.started(network, incidents.ORGANISATIONS) == before


def ends_soon(walk: Walk) -> None:
    """Sign that a publication is the newest for a minute, and let that pass."""
    network = walk.network
    lifetimes = network.home / INVENTORIES / network.name / "lifetimes.txt"
    lifetimes.write_text("list 30 days\npublication 1 minutes\n")  # another list makes another publication
    try:
        network.run("trust publish")
    finally:
        lifetimes.unlink()
    word = json.loads((published(network) / "metadata" / "timestamp.json").read_text())
    ends = datetime.datetime.fromisoformat(word["signed"]["expires"])
    time.sleep(max(0.0, (ends - datetime.datetime.now(datetime.UTC)).total_seconds()) + 1)


def is_good_for_weeks(walk: Walk) -> None:
    """The word that the publication is the newest is."""
    word = json.loads((published(walk.network) / "metadata" / "timestamp.json").read_text())
    ends = datetime.datetime.fromisoformat(word["signed"]["expires"])
    assert ends - datetime.datetime.now(datetime.UTC) > datetime.timedelta(days=30)


def _of_the_thief(walk: Walk) -> sandboxes.Sandbox:
    return dataclasses.replace(walk.network, home=walk.folder / "home", state=walk.folder / "state")


def is_copied(walk: Walk) -> None:
    """Somebody copies the desk, and the keys of a station with the certificate that its CA signed."""
    network, theirs = walk.network, _of_the_thief(walk)
    shutil.copytree(network.home, theirs.home, symlinks=True)
    shutil.copytree(network.state, theirs.state, symlinks=True)
    keys = thief.copied(network, "ziekenhuis", walk.folder / "stolen.pem")
    assert thief.refused(network, "ggd", keys) == ""
    theirs.run("trust revoke", "thuiszorg", "--reason", "keyCompromise", "--yes")


def is_rolled(walk: Walk) -> None:
    """What the CA of before certified is let in nowhere, and what its thief publishes is believed nowhere."""
    network = walk.network
    for one in ("ggd", "thuiszorg"):
        why = thief.refused(network, one, walk.folder / "stolen.pem")
        assert "unknown ca" in why.lower(), (one, why)
    assert len({frozenset(issuers(network, one)) for one in incidents.ORGANISATIONS}) == 1
    put(network, "ggd", published(network))
    applied = follow(network, "ggd")["ggd"]["applied"]
    put(network, "ggd", published(_of_the_thief(walk)))
    told = follow(network, "ggd")["ggd"]
    assert [why for why in told["sources"].values() if "a coordinator that was replaced" in why], told
    assert told["applied"] == applied
    put(network, "ggd", published(network))
    follow(network, "ggd")
