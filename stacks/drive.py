"""Drive a Pulumi program inline: preview, up, destroy, and the mending of what a killed run left behind.

The caller holds the network's lock (an flock, released by death), so whatever the state backend still has
locked is the lock of a dead run. Only a preview goes without.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from pulumi import automation

from base import errors
from stacks import plans, settled
from stacks.engine import install

SETTLED = "settled.json"
BACKEND = "PULUMI_BACKEND_URL"
STACK = "network"  # one stack per state folder, and the folder is the network's
RUN_MARK = "WERKPLAATS_RUN"  # in the environment of every child, so that a killed run's children can be found
Progress = Callable[[str], None]


class DriveError(errors.UnmetError):
    """The engine could not do what was asked; the message is what it said, shortened to what matters."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One resource and what happens or would happen to it: create, update, replace, delete."""

    operation: str
    name: str
    kind: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run changed; empty when reality was as declared."""

    changes: tuple[Change, ...]


class Stack:
    """One program with its plan and its state folder."""

    def __init__(
        self,
        *,
        project: str,
        program: Callable[[Any], None],
        plan: Callable[[Collection[str]], Any],
        state: Path,
        engine: install.Engine,
    ) -> None:
        """`plan` makes the program's input from the organisations of which the state has something."""
        self.state = state
        self._project = project
        self._program = program
        self._plan = plan
        self._engine = engine
        self._read: automation.Deployment | None = None  # the state as last read: each reading starts the engine
        state.mkdir(parents=True, exist_ok=True, mode=0o700)

    @functools.cached_property
    def _stack(self) -> automation.Stack:
        """The engine's stack; selecting it starts the engine, which a run that changes nothing does not need."""
        made = automation.create_or_select_stack(
            stack_name=STACK,
            project_name=self._project,
            program=lambda: self._program(self._planned(self._organisations())),
            opts=automation.LocalWorkspaceOptions(
                pulumi_command=automation.PulumiCommand(root=str(self._engine.root)),
                project_settings=automation.ProjectSettings(
                    name=self._project,
                    runtime="python",
                    backend=automation.ProjectBackend(os.environ.get(BACKEND, f"file://{self.state}")),
                ),
                env_vars=self._engine.environment() | self._environment(),
            ),
        )
        # After each run it asks for outputs and a summary, which nobody here reads: each starts the engine anew.
        summary = automation.UpdateSummary("", datetime.datetime.now(datetime.UTC), "", {}, {}, "succeeded")
        vars(made).update(outputs=dict, info=lambda _: summary)
        return made

    def _environment(self) -> dict[str, str]:
        # Nothing in these programs is secret (keys never pass through them), so the passphrase protects nothing.
        return {
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            RUN_MARK: str(self.state),
        }

    def _planned(self, organisations: Collection[str]) -> Any:
        # On disk as well, for `pulumi up` by hand.
        made = self._plan(organisations)
        plans.write(self.state / "plan.json", made)
        return made

    def _organisations(self) -> set[str]:
        """Of whom the state has something."""
        if note := self._settled():
            return set(note.organisations)
        return {name for urn in self._exported() if (name := _organisation(urn))}

    def _settled(self) -> settled.Settled | None:
        # Of another backend nobody here knows what others did to it.
        return None if BACKEND in os.environ else settled.read(self.state / SETTLED)

    def _unsettle(self) -> None:
        (self.state / SETTLED).unlink(missing_ok=True)

    def _settle(self) -> None:
        organisations, identifiers = self._organisations(), self.identifiers()
        plan = settled.digest((self.state / "plan.json").read_bytes())
        note = settled.Settled(
            plan, settled.program(self._engine.root.name), tuple(sorted(organisations)), tuple(sorted(identifiers))
        )
        settled.write(self.state / SETTLED, note)

    def _nothing_to_do(self) -> bool:
        note = self._settled()
        if note is None or note.program != settled.program(self._engine.root.name):
            return False
        self._planned(note.organisations)
        return note.plan == settled.digest((self.state / "plan.json").read_bytes())

    def _exported(self) -> dict[str, dict[str, Any]]:
        """Every resource in the state, by URN."""
        deployment = self._state().deployment or {}
        return {resource["urn"]: resource for resource in deployment.get("resources") or ()}

    def _state(self) -> automation.Deployment:
        if self._read is None:
            self._read = self._checkpoint() or self._stack.export_stack()
        return self._read

    def _checkpoint(self) -> automation.Deployment | None:
        """The state as it lies in a file here: to have it exported starts the engine. None where it is elsewhere."""
        if BACKEND in os.environ:
            return None
        try:
            found = json.loads((self.state / ".pulumi" / "stacks" / self._project / f"{STACK}.json").read_bytes())
        except (OSError, ValueError):  # the engine says what is wrong with it
            return None
        return automation.Deployment(version=found["version"], deployment=found["checkpoint"].get("latest"))

    def recover(self, progress: Progress) -> None:
        """End a killed run's children, take its lock, forget its half-done operations."""
        for pid in end_children(self.state):
            progress(f"ended process {pid} of a run that was killed")
        for checkpoint in _mend_checkpoints(self.state):
            self._unsettle()
            progress(
                f"{checkpoint.name} was left half-written by a run that was killed; went back to the one before it"
            )
        if any((self.state / ".pulumi" / "locks").rglob("*.json")):
            self._stack.cancel()
            progress("took over the lock of a run that was killed")
        elif self._settled():
            return
        exported = self._state()
        if (exported.deployment or {}).get("pending_operations"):
            self._replace(exported, pending_operations=[])
            progress("cleared the unfinished operations of a run that was killed")

    def resources(self) -> dict[str, dict[str, Any]]:
        """Every custom resource in the state, by URN."""
        return {urn: one for urn, one in self._exported().items() if one.get("custom") and "id" in one}

    def identifiers(self) -> set[str]:
        """The docker ids (containers, networks) and names (volumes) that the state knows."""
        if note := self._settled():
            return set(note.identifiers)
        return {resource["id"] for resource in self.resources().values()}

    def preview(self, *, leave_out: Iterable[str] = ()) -> Outcome:
        """What `up` would change; nothing is changed. Servers are not asked (drift is read over SSH).

        It holds no lock, so it looks at a copy of the state: a run neither reads what it writes nor ends its children.
        """
        seen: list[Change] = []
        with tempfile.TemporaryDirectory(prefix="werkplaats-preview-") as folder:
            copy = Stack(
                project=self._project, program=self._program, plan=self._plan, state=Path(folder), engine=self._engine
            )
            _copy_state(self.state, copy.state)
            copy._run(copy._stack.preview, leave_out, on_event=lambda event: _note(event, seen))
        return Outcome(tuple(seen))

    def up(self, progress: Progress, *, leave_out: Iterable[str] = (), drifted: Sequence[str] = ()) -> Outcome:
        """Make reality as declared.

        `leave_out` names organisations that cannot be reached: one such host would fail the whole stack.
        `drifted` names those of whom the state is known to be wrong; only they are read again first.
        """
        as_before = self._nothing_to_do()
        if not drifted and as_before:
            return Outcome(())
        self._unsettle()
        if targets := self._urns(drifted):
            self._run(self._stack.refresh, (), target=targets, clear_pending_creates=True)
        seen: list[Change] = []

        def note(event: automation.EngineEvent) -> None:
            if change := _note(event, seen):
                progress(f"{change.operation} {change.name}")

        if as_before and targets:  # declared as before: the servers of others need not be asked
            self._run(self._stack.up, (), target=targets, on_event=note, show_secrets=False)
        else:
            self._run(self._stack.up, leave_out, on_event=note, show_secrets=False)
        self._settle()
        return Outcome(tuple(seen))

    def destroy(self, progress: Progress, *, leave_out: Iterable[str] = ()) -> Outcome:
        """Remove everything that the stack made, then the stack itself; what is left out stays in the state."""
        self._unsettle()
        seen: list[Change] = []

        def note(event: automation.EngineEvent) -> None:
            if change := _note(event, seen):
                progress(f"{change.operation} {change.name}")

        if kept := set(self._urns(leave_out)):
            targets = [urn for urn in self.resources() if urn not in kept]
            self._run(self._stack.destroy, (), target=targets, on_event=note, show_secrets=False)
        else:
            self._run(self._stack.destroy, (), on_event=note, show_secrets=False)
            self._stack.workspace.remove_stack(STACK)
        return Outcome(tuple(seen))

    def forget_others(self, organisations: Collection[str]) -> list[str]:
        """Drop from the state what belongs to none of these organisations, without touching it; returns whose."""
        if self._organisations() <= set(organisations):
            return []
        exported = self._state()
        resources = (exported.deployment or {}).get("resources") or []
        strangers = {o for r in resources if (o := _organisation(r["urn"])) and o not in organisations}
        if strangers:
            self._replace(exported, resources=[r for r in resources if _organisation(r["urn"]) not in strangers])
        return sorted(strangers)

    def _replace(self, exported: automation.Deployment, **parts: Any) -> None:
        self._read = None
        self._unsettle()
        self._stack.import_stack(
            automation.Deployment(version=exported.version, deployment={**(exported.deployment or {}), **parts})
        )

    def _urns(self, organisations: Iterable[str]) -> list[str]:
        names = set(organisations)
        return [urn for urn in self._exported() if _organisation(urn) in names] if names else []

    def _run(self, action: Callable[..., Any], leave_out: Iterable[str], **options: Any) -> Any:
        excluded = self._urns(leave_out)
        try:
            return action(**options, **({"exclude": excluded} if excluded else {}), color="never")
        except automation.CommandError as error:
            raise DriveError(_what_matters(str(error))) from error
        finally:
            self._read = None


def _copy_state(state: Path, folder: Path) -> None:
    """Copy what there is to read of a state. Each of these files is replaced whole, and some are gone meanwhile."""
    for path in (*state.glob(SETTLED), *state.glob(".pulumi/*.yaml"), *state.glob(".pulumi/stacks/*/*")):
        copied = folder / path.relative_to(state)
        copied.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path, copied)


def _mend_checkpoints(state: Path) -> list[Path]:
    """Go back to the engine's own copy of the state where a kill cut its writing short; returns what was mended.

    Without a good copy it goes: what was made and is in no state is found on the servers by its labels. Where there is
    none at all, the stack was removed, or the kill came just before the writing, and again labels tell what there is.
    """
    mended = []
    for folder in (state / ".pulumi" / "stacks").glob("*/"):
        checkpoint, copy = folder / f"{STACK}.json", folder / f"{STACK}.json.bak"
        if not checkpoint.exists() or _is_json(checkpoint):
            continue
        for path, before in ((checkpoint, copy), (_attributes(checkpoint), _attributes(copy))):
            path.unlink(missing_ok=True)
            if _is_json(copy) and before.exists():
                shutil.copyfile(before, path)
        mended.append(checkpoint)
    return mended


def _attributes(path: Path) -> Path:
    return path.with_name(f"{path.name}.attrs")


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return True


def _organisation(urn: str) -> str:
    """Whose a resource is: the component is named `<organisation>`, what is in it `<organisation>-<part>`."""
    kind, _, name = urn.rpartition("::")
    if "werkplaats:" not in kind:
        return ""
    return name if "$" not in kind else name.rpartition("-")[0]


_OPERATIONS = {"create", "update", "replace", "delete"}


def _note(event: automation.EngineEvent, seen: list[Change]) -> Change | None:
    if not event.resource_pre_event:
        return None
    metadata = event.resource_pre_event.metadata
    operation = getattr(metadata.op, "value", metadata.op)
    if operation not in _OPERATIONS or not metadata.type.startswith("docker:"):
        return None
    change = Change(operation, metadata.urn.rsplit("::", 1)[-1], metadata.type.rsplit(":", 1)[-1])
    seen.append(change)
    return change


def _what_matters(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line.startswith("error:") or "PolicyError" in line]
    return "\n".join(dict.fromkeys(found)) or text[-2000:]


def end_children(state: Path) -> list[int]:
    """Kill every process that bears this state folder's mark and is not our own; returns the process ids."""
    mark = f"{RUN_MARK}={state}".encode()
    ended = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            marked = mark in (process / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile, or is not ours to see
            continue
        if marked:
            os.kill(int(process.name), signal.SIGKILL)
            ended.append(int(process.name))
    return ended


def summary(outcome: Outcome) -> str:
    """One line: `2 create, 1 replace`, or `no changes`."""
    counts: dict[str, int] = {}
    for change in outcome.changes:
        counts[change.operation] = counts.get(change.operation, 0) + 1
    return ", ".join(f"{number} {operation}" for operation, number in sorted(counts.items())) or "no changes"


def to_json(outcome: Outcome) -> list[dict[str, str]]:
    """The changes as plain values."""
    return [dataclasses.asdict(change) for change in outcome.changes]
