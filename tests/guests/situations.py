"""A situation: what the owner of a server has set on it before `up` comes, and what must become of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

# What may never change on anybody's server: packages that go, services that end.
EVERYBODY_S: Mapping[str, str] = {
    "packages": "dpkg-query --show --showformat='${db:Status-Abbrev} ${Package}\n'",
    "services": "systemctl list-units --type=service --state=active --no-legend --plain | cut -d' ' -f1",
}

# Where anything of ours would lie: of a server that is refused all of this must be as it was, to the byte.
PLACES: Mapping[str, str] = {
    "files": "cd / && find etc usr/local opt root home srv var/lib/werkplaats run/werkplaats ! -type f "
    "-printf '%p %y %m %u:%g %l\n' 2>/dev/null | sort; "
    "find etc usr/local opt root home srv var/lib/werkplaats -type f -printf '%p %m %u:%g\n' 2>/dev/null | sort; "
    "find etc usr/local -type f -exec sha256sum {} + | sort -k 2",
    "units": "systemctl list-unit-files --no-legend --plain | sort; systemctl list-timers --all --no-legend --plain "
    "| grep -o '[^ ]*werkplaats[^ ]*'; true",
    "accounts": "getent passwd; getent group; getent shadow",
    "tables": "nft list tables; true",
}


@dataclasses.dataclass(frozen=True)
class Situation:
    """One server as its owner offers it; a row of a table.

    `name`: a slug; the server is the organisation of that name. `tells`: a sentence for whoever reads a failure.
    `spoil`: lines of root's shell, which must all succeed, on a server that has just booted. `owners`: what the owner
    has → root's shell line whose output must be the same before `up`, after it, and after a reboot; lines wait by
    themselves for what takes a moment to start. `running`: the same, but not after a reboot (a process, since when).
    `refused`: pattern of what `up` must say, when it must leave the server out and place nothing; "" when it must
    become a verified station. `said`: patterns of what `doctor` must say beforehand, in lines of `House.examined`.
    `computes`: it is a computing party, so that others call its gateway, and has a port. `bare`: without engine and
    gateway, as Debian installs it; else Debian's packages are there, and no service of them runs yet. `entry`: more of
    the server's entry in the operator's inventory, of which `user` and `people` are examples.
    """

    name: str
    tells: str
    spoil: str
    owners: Mapping[str, str] = dataclasses.field(default_factory=dict)
    running: Mapping[str, str] = dataclasses.field(default_factory=dict)
    refused: str = ""
    said: Sequence[str] = ()
    computes: bool = False
    bare: bool = False
    entry: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """No look of a row goes by a name that everybody's looks have."""
        assert not PLACES.keys() & (self.owners.keys() | self.running.keys()), self.name
