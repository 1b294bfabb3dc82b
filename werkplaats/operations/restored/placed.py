"""Putting a station's backup back: onto a server that has none, and then all that `up` does of it.

What is kept comes first, so that `up` finds the keys that everybody approved, the operator's yes and the register;
images, gateway and containers it makes as on any server. Allowances are not put back, and the station takes part in no
question until its steward and those of the other computing parties said so: what it answered since it has forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from base import errors, values
from on_server.backup import place
from publication import folder, publication
from werkplaats.operations import progress
from werkplaats.operations.bring_up import up
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.restored.station import StationBackup

ROOT = Path(__file__).resolve().parents[3]
SYSUSERS = ROOT / "roles/baseline/templates/etc/sysusers.d/werkplaats.conf.j2"
SECONDS = 300.0


class Restoring:
    """One station's restore, as the first thing that a run of `up` does on its server."""

    def __init__(self, organisation: str, backup: StationBackup) -> None:
        self.organisation, self.backup = organisation, backup

    def __call__(self, remotes: remote.Remotes, wanted: Sequence[str], say: progress.Say) -> dict[str, str]:
        """Put it back; organisation → why nothing was, and nothing else is to be done there."""
        if self.organisation not in wanted:
            return {}
        ours = remotes.servers[self.organisation].managed.get("accounts", True)
        accounts, program = SYSUSERS.read_text() if ours else "", Path(place.__file__).read_text()
        command = ["python3", "-IS", "-c", program, self.backup.digest, accounts]
        try:
            code, told, said = remotes.run(self.organisation, command, self.backup.packed, SECONDS)
        except servers.UnreachableError as error:
            return {self.organisation: str(error)}
        if code:
            return {self.organisation: f"nothing was put back: {said.decode(errors='replace').strip()[-600:]}"}
        try:
            found = values.mapping(told.decode())
            what = "was put back before" if found["before"] else f"put back, {int(found['placed'])} files"
        except (ValueError, KeyError, TypeError):
            return {self.organisation: "its server does not say whether the backup was put back; run it again"}
        say(f"{self.organisation}: the backup of {self.backup.moment} {what}")
        return {}


def require_own(network: networks.Network, organisation: str, backup: StationBackup) -> None:
    """Raise RefusedError where what is published of a station has another statement key than its backup.

    Anybody can make a backup, but none with that key. An older gateway key does no harm: the station makes a newer one.
    Raises PublicationError where what is here was never right; where nothing is, `up` says so.
    """
    if not folder.there(network.publication):
        return
    known = publication.last(network.publication, network.name, network.trusted).identities.get(organisation)
    if known and known.statement_key != backup.statement_key:
        raise errors.RefusedError(
            f"the backup of {backup.moment} has another statement key than is published of {organisation}: somebody "
            "else made it, or it is of before the station made a new one",
            "take another backup",
        )


def restore(
    network: networks.Network, organisation: str, backup: StationBackup, reporter: progress.Progress
) -> up.Outcome:
    """Put a backup back and bring its station up; the caller holds the network's lock."""
    options = up.Options(only=(organisation,), first=Restoring(organisation, backup))
    return up.Run(network, options, reporter)()
