"""What a station keeps, over a change of release.

A newer release makes files of the one before new as its agent starts. Back they are made by the newer one too, which is
the only one that knows both: its image runs once, beside a stopped agent. What a file was before stays beside it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping

from base import errors, values
from network_topology import model
from stacks import parts
from werkplaats.operations.bring_up import stations
from werkplaats.operations.look import station_says
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.upgrade.failure import Code, StoppedError

MODULE = "station_image.runtime.formats"
_AGENT = next(part for part in parts.PARTS if part.name == "agent")
PROCESSES = 64
# `docker ps` tells of a container that just stopped that it runs, for a moment: the engine keeps what it lists apart.
_STOP = """
docker stop "$1" > /dev/null
for _ in 1 2 3 4 5; do
    runs=$(docker ps --quiet --filter "name=^/$1$") || exit 1
    [ -n "$runs" ] || exit 0
    sleep 1
done
echo "$runs"
"""


def older(to: model.Release, runs: model.Release | None) -> dict[str, int]:
    """The formats that files must go back to, path → format, for `to` to read what `runs` wrote."""
    return {path: one for path, one in to.formats.items() if runs and one < runs.formats.get(path, one)}


def check(remotes: remote.Remotes, organisation: str, to: model.Release, runs: model.Release | None) -> str:
    """Why what a station keeps cannot go back to the formats of a release; "" where it can. Changes nothing."""
    if not runs or not (wanted := older(to, runs)):
        return ""
    try:
        return _wrong(_run(remotes, organisation, runs, wanted, "--check"))
    except errors.HalfWayError as error:
        return error.what.removeprefix(f"{organisation}: ")


def bring(remotes: remote.Remotes, organisation: str, to: model.Release, runs: model.Release | None) -> None:
    """Have files go back to the formats of a release, where they must; raises StoppedError, UnreachableError.

    Then the agent works, unless that is what the error is of.
    """
    if not runs or not (wanted := older(to, runs)):
        return
    with _agent_stopped(remotes, organisation):
        try:
            wrong = _wrong(_run(remotes, organisation, runs, wanted))
        except errors.HalfWayError as error:
            wrong = error.what.removeprefix(f"{organisation}: ")
        if wrong:
            raise StoppedError(Code.FORMAT, organisation, wrong)


@contextlib.contextmanager
def _agent_stopped(remotes: remote.Remotes, organisation: str) -> Iterator[None]:
    """The agent stands still, and stays so for who makes its container anew; whatever else happens, it works again.

    But never beside what may yet write the same files: then it stands still, and StoppedError says so.
    """
    try:
        _stop(remotes, organisation)
        yield
    except BaseException as error:
        _ended(remotes, organisation, error)
        with contextlib.suppress(servers.UnreachableError):  # it may answer again, and may not
            remotes.ask(organisation, "docker", "start", "station-agent")
        raise


def _stop(remotes: remote.Remotes, organisation: str) -> None:
    done = remotes.ask(organisation, "sh", "-c", _STOP, "stop", "station-agent")
    if done.exited or done.stdout.strip():
        why = done.stderr.strip() or "its container still runs"
        raise StoppedError(Code.FORMAT, organisation, f"its agent does not stop: {why}")


def _ended(remotes: remote.Remotes, organisation: str, error: BaseException | None = None) -> None:
    """No container writes what a station keeps; raises StoppedError where that cannot be said, after the `error`."""
    try:
        stations.end_going_back(remotes, organisation)
    except errors.WerkplaatsError as found:
        whole = f"{found.what}, and so its agent stands still" + (f" (after: {error})" if error else "")
        raise StoppedError(Code.STILL, organisation, whole.removeprefix(f"{organisation}: ")) from error


def _run(
    remotes: remote.Remotes, organisation: str, release: model.Release, wanted: Mapping[str, int], *options: str
) -> remote.Done:
    """Run a release's own program once, with the agent's folders, and no more rights or memory than that has.

    Made first and started then: where an answer is lost, what was removed since can be started no more.
    """
    mounts = [
        f"--mount=type=bind,source={one.source},target={one.target}{',readonly' if one.read_only else ''}"
        for one in _AGENT.mounts
    ]
    confined = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    limits = (f"--memory={_AGENT.memory}m", f"--memory-swap={_AGENT.memory}m", f"--pids-limit={PROCESSES}")
    user, program = f"--user={_AGENT.user}:{parts.GROUP}", ("python3", "-m", MODULE)
    named = (f"--name={parts.GOING_BACK}", "--pull=never")
    made = ("docker", "create", *named, *confined, *limits, user, *mounts, release.image_id, *program)
    stations.end_going_back(remotes, organisation)
    done = remotes.ask(organisation, *made, "--to", json.dumps(wanted), *options)
    if not done.exited:
        done = remotes.ask(organisation, "docker", "start", "--attach", parts.GOING_BACK)
    stations.end_going_back(remotes, organisation)
    return done


def _wrong(done: remote.Done) -> str:
    if not done.exited:
        return ""
    try:
        told = values.mapping(done.stdout)
    except ValueError:
        told = {}
    return str(told.get("refused") or told.get("failed") or done.stderr.strip() or f"exit code {done.exited}")


def silent(remotes: remote.Remotes, organisation: str) -> str:
    """What is wrong with a station that was just made; "" where it answers and sees its computer."""
    document = station_says.status_of(remotes.ask(organisation, "station", "status", "--json"))
    if not document:
        return station_says.SILENT
    return str(document.get("problem", "")) or ("" if document.get("computer") else "its computer does not run")
