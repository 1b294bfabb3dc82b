"""Drive a Pulumi program inline: preview, up, destroy, and the mending of what a killed run left behind.

The caller holds the network's lock (an flock, released by death), so whatever the state backend still has
locked is the lock of a dead run. Only a preview goes without.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import inspect
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation import _stack

from base import errors
from stacks import adopting, by_hand, checkpoint, plans, settled, silence
from stacks.engine import install

SETTLED = "settled.json"
PLAN = "plan.json"
BY_HAND = "pulumi"
RUNBOOK = "pulumi-state-lost"
BACKEND = "PULUMI_BACKEND_URL"
RUN_MARK = "WERKPLAATS_RUN"  # in the environment of every child, so that a killed run's children can be found
Progress = Callable[[str], None]


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


class DriveError(errors.UnmetError):
    """The engine could not do what was asked; the message is what it said, shortened to what matters."""


class LostStateError(errors.RefusedError):
    """A state knows of nothing, and what its program made is there: it would be made anew."""

    def __init__(self, what: str, there: Collection[str]) -> None:
        super().__init__(
            f"Pulumi's state of the {what} is lost, or lies in another vault: it knows of nothing, and there are "
            f"{', '.join(there)} already. They were left as they are",
            f"`werkplaats incident show {RUNBOOK}` tells what to do",
        )


class PartsError(DriveError):
    """What was asked was done, but for some organisations: `failed` is organisation → what the engine said.

    `outcome` is what changed of the others.
    """

    def __init__(self, failed: Mapping[str, str], outcome: Outcome) -> None:
        super().__init__("; ".join(f"{organisation}: {said}" for organisation, said in sorted(failed.items())))
        self.failed = failed
        self.outcome = outcome


class _Quiet(automation.Stack):
    """After each run the library asks for outputs and a summary, which nobody here reads: each starts the engine."""

    def __init__(self, workspace: automation.LocalWorkspace) -> None:
        super().__init__(
            checkpoint.STACK, workspace, _stack.StackInitMode.CREATE_OR_SELECT
        )  # its classmethods make its own class

    def outputs(self) -> automation.OutputMap:
        """Nothing; our programs have none."""
        return {}

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary:  # noqa: ARG002 - the library's
        """That it went well: the library raises where it did not."""
        return automation.UpdateSummary("", datetime.datetime.now(datetime.UTC), "", {}, {}, "succeeded")


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
        workspace = automation.LocalWorkspace(
            program=lambda: self._program(self._planned(self._organisations())),
            pulumi_command=automation.PulumiCommand(root=str(self._engine.root)),
            project_settings=automation.ProjectSettings(
                name=self._project,
                runtime="python",
                main=str(Path.cwd()),
                backend=automation.ProjectBackend(self._backend()),
            ),
            env_vars=self._environment() | {RUN_MARK: str(self.state), "PATH": _path()},
        )
        return _Quiet(workspace)

    def _backend(self) -> str:
        return os.environ.get(BACKEND, f"file://{self.state}")

    def _environment(self) -> dict[str, str]:
        """What the engine is told by its environment, here as by hand."""
        # Nothing in these programs is secret (keys never pass through them), so the passphrase protects nothing.
        return self._engine.environment() | {
            BACKEND: self._backend(),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def _leave_for_hands(self) -> None:
        """Leave a `pulumi` that works by hand with the same engine, program, plan and state (stacks/README.md)."""
        own = {
            "PULUMI_STACK": checkpoint.STACK,
            "PULUMI_OPTION_CONFIG_FILE": str(self.state / f"Pulumi.{checkpoint.STACK}.yaml"),  # not in our sources
            plans.VARIABLE: str(self.state / PLAN),
        }
        project = Path(inspect.getfile(self._program)).parent
        command = (str(self._engine.pulumi), "--cwd", str(project))
        programs = (install.PROGRAMS, Path(sys.executable).parent)
        by_hand.write(self.state / BY_HAND, self._environment() | own, programs, *command)

    def _planned(self, organisations: Collection[str]) -> Any:
        # On disk as well, for `pulumi up` by hand.
        made = self._plan(organisations)
        plans.write(self.state / PLAN, made)
        return made

    def _organisations(self) -> set[str]:
        """Of whom the state has something."""
        if note := self._settled():
            return set(note.organisations)
        return {name for urn in self._exported() if (name := _organisation(urn))}

    def _settled(self) -> settled.Settled | None:
        # Of another backend nobody here knows what others did to it; and this one may be changed by hand.
        note = None if BACKEND in os.environ else settled.read(self.state / SETTLED)
        return note if note and note.state == self._written() else None

    def _written(self) -> str:
        """The digest of the state as it lies in its file; of nothing where there is none."""
        try:
            return settled.digest(checkpoint.path(self.state, self._project).read_bytes())
        except FileNotFoundError:
            return settled.digest(b"")

    def _unsettle(self) -> None:
        (self.state / SETTLED).unlink(missing_ok=True)

    def _settle(self, left_out: Iterable[str]) -> None:
        note = settled.Settled(
            self._asked(left_out),
            settled.program(self._engine.root.name),
            self._written(),
            tuple(sorted(self._organisations())),
            tuple(sorted(self.identifiers())),
        )
        settled.write(self.state / SETTLED, note)

    def _nothing_to_do(self, left_out: Iterable[str]) -> bool:
        note = self._settled()
        if note is None or note.program != settled.program(self._engine.root.name):
            return False
        self._planned(note.organisations)
        return note.plan == self._asked(left_out)

    def _asked(self, left_out: Iterable[str]) -> str:
        """The digest of what a run was to make: the plan, but for whom it left out."""
        return settled.digest((self.state / PLAN).read_bytes(), *sorted(left_out))

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
            version, latest = checkpoint.read(checkpoint.path(self.state, self._project))
        except (OSError, ValueError):  # the engine says what is wrong with it
            return None
        return automation.Deployment(version=version, deployment=latest)

    def recover(self, progress: Progress) -> None:
        """End a killed run's children, take its lock, forget its half-done operations.

        Raises LockedError where somebody works on this state by hand.
        """
        ended = end_children(self.state)
        for pid in ended:
            progress(f"ended process {pid} of a run that was killed")
        if holder := by_hand.holder(self.state, ended):
            raise errors.LockedError(f"{self.state} is locked by {holder}", "wait until it has ended")
        for mended in checkpoint.mend(self.state):
            self._unsettle()
            progress(f"{mended.name} was left half-written by a run that was killed; went back to the one before it")
        if any((self.state / ".pulumi" / "locks").rglob("*.json")):
            self._stack.cancel()
            progress("took over the lock of a run that was killed")
        elif self._settled():
            return
        exported = self._state()
        if (exported.deployment or {}).get("pending_operations"):
            self._replace(exported, pending_operations=[])
            progress("cleared the unfinished operations of a run that was killed")

    def require_known(self, what: str, there: Callable[[], Collection[str]]) -> None:
        """Raise LostStateError where this state knows of nothing, and what only its program makes is `there`.

        Before anything else is done: what is in no state would be taken for what a killed run left, and removed.
        """
        if (not self._exported() if BACKEND in os.environ else checkpoint.blank(self.state, self._project)) and (
            found := sorted(there())
        ):
            raise LostStateError(what, found)

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
        with self._copy() as copy:
            return copy._run(copy._stack.preview, leave_out)

    @contextlib.contextmanager
    def _copy(self) -> Iterator[Stack]:
        """The same stack on a copy of the state."""
        with tempfile.TemporaryDirectory(prefix="werkplaats-preview-") as folder:
            copy = Stack(
                project=self._project, program=self._program, plan=self._plan, state=Path(folder), engine=self._engine
            )
            checkpoint.copy(self.state, copy.state, [SETTLED])
            yield copy

    def up(self, progress: Progress, *, leave_out: Iterable[str] = (), drifted: Sequence[str] = ()) -> Outcome:
        """Make reality as declared.

        `leave_out` names organisations that cannot be reached: one such host would fail the whole stack.
        `drifted` names those of whom the state is known to be wrong; only they are read again first.
        Raises PartsError once it is made for all others where that of some cannot be.
        """
        leave_out = tuple(leave_out)
        self._leave_for_hands()
        as_before = self._nothing_to_do(leave_out)
        if not drifted and as_before:
            return Outcome(())
        self._unsettle()
        if targets := self._urns(drifted):
            # By the way to engines that the program says: what the state has of it may be another machine's, of before.
            self._run(self._stack.refresh, (), target=targets, clear_pending_creates=True, run_program=not as_before)
        # One engine that does not answer stops nobody else's station.
        making = functools.partial(self._stack.up, show_secrets=False, continue_on_error=True)
        if as_before and targets:  # declared as before: the servers of others need not be asked
            outcome = self._run(making, (), progress, target=targets)
        else:
            outcome = self._run(making, leave_out, progress)
        self._settle(leave_out)
        return outcome

    def adopt(self, ids: Mapping[str, str]) -> Outcome:
        """Make a state, where there is none, of what the engines have (name → id); nothing of it is touched.

        Returns what `up` would change then. Raises DriveError where it would make any of it anew: then none is made.
        """
        if BACKEND in os.environ or (self.state / checkpoint.FOLDER).exists():
            raise DriveError(f"there is a state already, in {self._backend()}")
        declared: list[automation.StepEventStateMetadata] = []

        def hear(event: automation.EngineEvent) -> None:
            if (begins := event.resource_pre_event) and begins.metadata.new:
                declared.append(begins.metadata.new)

        with self._copy() as copy:
            copy._run(copy._stack.preview, (), hears=hear)
            copy._replace(copy._state(), resources=[*adopting.state(declared, ids)])
            copy._run(copy._stack.refresh, ())
            outcome = copy.preview()
            if anew := [one.name for one in outcome.changes if one.operation in ("replace", "delete")]:
                raise DriveError(f"what is there is otherwise than is declared: {', '.join(anew)} would be made anew")
            checkpoint.place(copy.state, self.state)
        return outcome

    def destroy(self, progress: Progress, *, leave_out: Iterable[str] = ()) -> Outcome:
        """Remove everything that the stack made, then the stack itself; what is left out stays in the state.

        Raises PartsError once it is removed of all others where that of some cannot be.
        """
        self._unsettle()
        removing = functools.partial(self._stack.destroy, show_secrets=False, continue_on_error=True)
        if kept := set(self._urns(leave_out)):
            targets = [urn for urn in self.resources() if urn not in kept]
            return self._run(removing, (), progress, target=targets)
        outcome = self._run(removing, (), progress)
        self._stack.workspace.remove_stack(checkpoint.STACK)
        return outcome

    def forget_others(self, organisations: Collection[str]) -> list[str]:
        """Drop from the state what belongs to none of these organisations, without touching it; returns whose."""
        strangers = self.others(organisations)
        if strangers:
            exported = self._state()
            resources = (exported.deployment or {}).get("resources") or []
            self._replace(exported, resources=[r for r in resources if _organisation(r["urn"]) not in strangers])
        return strangers

    def others(self, organisations: Collection[str]) -> list[str]:
        """Of whom the state knows something and who is none of these organisations."""
        return sorted(self._organisations() - set(organisations))

    def _replace(self, exported: automation.Deployment, **parts: Any) -> None:
        self._read = None
        self._unsettle()
        self._stack.import_stack(
            automation.Deployment(version=exported.version, deployment={**(exported.deployment or {}), **parts})
        )

    def _urns(self, organisations: Iterable[str]) -> list[str]:
        names = set(organisations)
        return [urn for urn in self._exported() if _organisation(urn) in names] if names else []

    def _run(
        self,
        action: Callable[..., Any],
        leave_out: Iterable[str],
        progress: Progress | None = None,
        hears: Callable[[automation.EngineEvent], None] = lambda _: None,
        **options: Any,
    ) -> Outcome:
        # What of them is declared and was never made goes with what it stands in.
        excluded = {"exclude": urns, "exclude_dependents": True} if (urns := self._urns(leave_out)) else {}
        seen: list[Change] = []
        failed: dict[str, str] = {}
        watch = silence.Watch(lambda: end_children(self.state))

        def hear(event: automation.EngineEvent) -> None:
            watch.heard(_going(event))
            hears(event)
            if (change := _note(event, seen)) and progress:
                progress(f"{change.operation} {change.name}")
            _note_failure(event, failed)

        try:
            with watch:
                action(**options, **excluded, on_event=hear, color="never")
        except automation.CommandError as error:
            if watch.over:
                late = {_organisation(urn) for urn in watch.going} - {"", *failed}
                failed |= dict.fromkeys(
                    late, f"its engine ended nothing of what it was asked for {watch.seconds:.0f} s"
                )
            if failed:
                done = tuple(change for change in seen if change.name.rpartition("-")[0] not in failed)
                raise PartsError(failed, Outcome(done)) from error
            raise DriveError(_what_matters(str(error))) from error
        finally:
            self._read = None
        return Outcome(tuple(seen))


def _path() -> str:
    return os.pathsep.join((str(install.PROGRAMS), *os.get_exec_path()))


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


def _going(event: automation.EngineEvent) -> tuple[str, bool]:
    """The URN of what an event is about, and whether it goes on from there; "" of another kind of event."""
    if begins := event.resource_pre_event:
        return begins.metadata.urn, True
    ends = event.res_outputs_event or event.res_op_failed_event
    return (ends.metadata.urn, False) if ends else ("", False)


def _note_failure(event: automation.EngineEvent, failed: dict[str, str]) -> None:
    """Keep the first error of each organisation: what it has fails after that because of it."""
    told = event.diagnostic_event
    if told and told.severity == "error" and (organisation := _organisation(told.urn or "")):
        failed.setdefault(organisation, " ".join(told.message.split()))


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
