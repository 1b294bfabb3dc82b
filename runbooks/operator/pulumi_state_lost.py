"""The Pulumi state at the operator's desk is gone or cannot be read; what it knew of still runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from base import errors
from runbooks.framework import looking
from runbooks.framework.incident import Fit
from runbooks.framework.seen import Seen
from runbooks.framework.steps import Case, Kept, Step
from stacks import drive
from stacks.engine import install
from werkplaats.operations.bring_up import servers, stations

TITLE = "Pulumi state lost"
ABOUT = "network"
EXPLAINS = ()
INTERRUPTS = ""
LOSES = ""
STACKS = ("servers", "stations")
LOST, ADOPTED = "lost", "adopted"
"""Under which a folder is put aside: the state of before, and one that was made and is not kept."""


def fits(seen: Seen) -> Iterator[Fit]:
    """Where a state is gone or unreadable, and there is something that it should know of."""
    evidence = [f"the Pulumi state of {name}: {why}" for name, why in seen.here.stacks.items() if why]
    if evidence:
        running = [one for one, server in seen.servers.items() if server.containers]
        runs = [f"stations are there all the same at {', '.join(running)}"] if running else []
        yield Fit(seen.network, 95, (*evidence, *runs))


def steps(case: Case) -> Sequence[Step]:
    """Make a new state of what runs; the old one is put aside, never removed."""
    names = STACKS if case.network.made_here else STACKS[1:]
    return tuple(_adopted(name) for name in names)


def _adopted(name: str) -> Step:
    return Step(
        key=f"adopt {name}",
        words=f"put the state of the {name} aside, and make a new one of what is there",
        done=lambda case: not _wrong(case).get(name, ""),
        run=lambda case: _adopt(case, name),
        rollback=lambda case, kept: _back(case, name, kept),
        whole=True,
        patience=1,
    )


def _wrong(case: Case) -> Mapping[str, str]:
    return looking.at_the_desk(case.network, stations=True).stacks


def _folder(case: Case, name: str) -> Path:
    return case.network.vault.folder / "stacks" / name


def _adopt(case: Case, name: str) -> None:
    """As a whole, or the state of before comes back."""
    engine = install.ensure(case.say)
    _aside(_folder(case, name), LOST)
    try:
        if name == "servers":
            outcome = servers.adopt(case.network, engine)
        else:
            outcome = stations.adopt(case.network, case.remotes, engine)
    except errors.WerkplaatsError:
        _back(case, name, {})
        raise
    case.say(f"{name}: `werkplaats up` would change: {drive.summary(outcome)}")


def _aside(folder: Path, word: str) -> None:
    """Rename a folder, where there is one, to a name beside it that nobody has."""
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.{word}-{len(_put_aside(folder, word)) + 1}"))


def _put_aside(folder: Path, word: str) -> list[Path]:
    """Those that were, the latest first."""
    there = folder.parent.glob(f"{folder.name}.{word}-*")
    return sorted(there, key=lambda one: int(one.name.rpartition("-")[2]), reverse=True)


def _back(case: Case, name: str, _: Kept) -> None:
    folder = _folder(case, name)
    _aside(folder, ADOPTED)
    for before in _put_aside(folder, LOST)[:1]:
        before.rename(folder)
