"""The command `werkplaats`: finds the verb, runs it, and turns every error into a sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from base import errors
from network_topology import violation
from stacks import drive
from stacks.engine import install
from stacks.servers import seeds
from stacks.servers.image import make
from station_image.builder import debian, images

# One verb, one file in verbs/, one word in the command. A group is a verb whose first argument is the action.
VERBS = (
    "doctor",
    "check",
    "plan",
    "accept",
    "up",
    "verify",
    "status",
    "map",
    "destroy",
    "session",
    "rehearse",
    "trust",
)
# What can be missing on this machine, or in the way of the engine; each says what and why in a sentence.
UNMET = (drive.DriveError, install.EngineError, images.ImageError, make.ImageError, debian.DebianError, seeds.SeedError)
EPILOG = """exit codes: 0 done, 1 the check found something, 2 wrong use, 3 refused, 4 failed and taken back,
5 failed and stands half-way (the message says what to run)"""


def parser() -> argparse.ArgumentParser:
    """The whole command line; each verb describes its own part."""
    top = argparse.ArgumentParser(
        prog="werkplaats",
        description="One reviewed definition of a datawerkplaats network becomes running, verified stations.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--home", type=Path, help="folder with networks/ and inventories/ (default: $WERKPLAATS_HOME)")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in VERBS:
        module = importlib.import_module(f"werkplaats.verbs.{name}")
        text = (module.__doc__ or "").strip()
        own = verbs.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(own)
        own.set_defaults(run=module.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except violation.DefinitionError as error:
        print(*error.violations, sep="\n", file=sys.stderr)
        return errors.WRONG_USE if isinstance(error, violation.UnknownNetworkError) else errors.FOUND
    except errors.WerkplaatsError as error:
        print(f"werkplaats {given.verb}: {error}", file=sys.stderr)
        return error.exit_code
    except UNMET as error:
        print(f"werkplaats {given.verb}: {error}\nrun the same command again", file=sys.stderr)
        return errors.HALF_WAY
    except KeyboardInterrupt:
        print(f"werkplaats {given.verb}: interrupted; run it again, it goes on from here", file=sys.stderr)
        return errors.HALF_WAY
    except BrokenPipeError:
        return errors.DONE
