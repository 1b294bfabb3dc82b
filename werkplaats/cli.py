"""The command `werkplaats`: finds the verb, runs it, and turns every error into a sentence and an exit code.

A verb is imported when it runs: its first words for `--help` are read from its source. So `--help`, a wrong word and
completion cost no more than Python itself.
"""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import importlib
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from base import errors
from werkplaats import VERSION
from werkplaats.operations import unusable

# One verb, one file or folder in verbs/, one word in the command. A group is a verb whose first argument is the action.
VERBS = (
    "doctor",
    "check",
    "join",
    "plan",
    "accept",
    "up",
    "verify",
    "status",
    "map",
    "inventory",
    "destroy",
    "session",
    "rehearse",
    "upgrade",
    "trust",
    "release",
    "package",
    "backup",
    "incident",
    "drill",
    "completion",
)
# Those that change something of a network; what of them only looks, or is a brake or a way back that waits for nothing.
CHANGING = ("join", "accept", "up", "destroy", "session", "rehearse", "upgrade", "trust")
LOOKING = ("check", "plan", "verify", "status", "map", "inventory", "completion")  # these change nothing at all
LET_BY = ("revoke", "enforce", "show", "status", "pause", "abort", "rollback")
# For every tool that is started: Ansible refuses to run in C, and in a locale that is not generated. What tools say is
# read, so it is said in English, and LANGUAGE counts before LC_ALL (gettext(3)).
LOCALE = "C.UTF-8"
EPILOG = """exit codes: 0 done, 1 the check found something, 2 wrong use, 3 refused, 4 failed and taken back,
5 failed and stands half-way (the message says what to run)"""


def parser(words: Sequence[str] = VERBS) -> argparse.ArgumentParser:
    """The command line; only verbs among `words` are imported and have their arguments."""
    top = argparse.ArgumentParser(
        prog="werkplaats",
        description="One reviewed definition of a datawerkplaats network becomes running, verified stations.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--home", type=Path, help="folder with networks/ and inventories/ (default: $WERKPLAATS_HOME)")
    top.add_argument("--version", action="version", version=f"werkplaats {VERSION}")
    top.add_argument(
        "--acknowledge", metavar="VERSION", help="the breaking changes of this suite were read, up to VERSION"
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in VERBS:
        text = _description(name)
        own = verbs.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in words:
            module = importlib.import_module(_module(name))
            module.arguments(own)
            own.set_defaults(run=module.run)
    return top


def _module(verb: str) -> str:
    return f"werkplaats.verbs.{verb}"


@functools.cache
def _description(verb: str) -> str:
    """What the docstring of a verb says, without running the verb's imports."""
    found = importlib.util.find_spec(_module(verb))
    source = (
        found.loader.get_source(found.name) if found and isinstance(found.loader, importlib.abc.InspectLoader) else ""
    )
    return (ast.get_docstring(ast.parse(source or "")) or verb).strip()


class Printable:
    """A stream to which everything goes as a terminal may have it, whoever writes: parts of it others wrote."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """The text, with what a terminal would obey replaced."""
        self._stream.write(errors.printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Each of them likewise."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """All else is that of the stream itself."""
        return getattr(self._stream, name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Whatever a verb prints, it prints through `Printable`."""
    out, err = Printable(sys.stdout), Printable(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        return _main(arguments)


def _run(given: argparse.Namespace) -> int:
    """Run the verb, unless it would change a network and something that breaks was not acknowledged."""
    network = getattr(given, "network", None)
    if not network:
        return int(given.run(given))
    from werkplaats.operations.home import gate  # here: whoever asks about no network waits for no library

    words = (getattr(given, name, None) for name in ("action", "step"))
    changes = given.verb in CHANGING and not any(word in LET_BY for word in words)
    gate.pass_by(network, given.acknowledge, changes=changes)
    try:
        return int(given.run(given))
    except (errors.RefusedError, errors.UsageError):
        changes = False  # nothing was
        raise
    finally:
        if changes:
            gate.remember(network)


def _main(arguments: Sequence[str] | None) -> int:
    # Looking for plugins of pydantic reads the metadata of every installed package, a fifth of what `check` takes.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    os.environ["LC_ALL"] = LOCALE
    os.environ.pop("LANGUAGE", None)
    words = sys.argv[1:] if arguments is None else arguments
    if "_ARGCOMPLETE" in os.environ:  # a shell asks how its line may go on: nothing runs, and the process ends here
        import argcomplete

        argcomplete.autocomplete(parser(os.environ.get("COMP_LINE", "").split()))
    given = parser(words).parse_args(words)
    try:
        return _run(given)
    except errors.WerkplaatsError as error:
        told = error
    except KeyboardInterrupt:
        print(f"werkplaats {given.verb}: interrupted; run it again, it goes on from here", file=sys.stderr)
        return errors.HALF_WAY
    except BrokenPipeError:
        return errors.DONE
    except OSError as error:
        found = unusable.in_words(error, half_way=given.verb not in LOOKING)
        if found is None:
            raise
        told = found
    print(told.in_words(f"werkplaats {given.verb}"), file=sys.stderr)
    return told.exit_code
