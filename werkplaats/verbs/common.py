"""What several verbs say alike: the network argument, `--json`, and asking before a change. Imports nothing heavy."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any

from base import errors
from network_topology import names
from werkplaats.operations.home import places


def network_argument(parser: argparse.ArgumentParser) -> None:
    """The network that the verb is about."""
    named = parser.add_argument("network", metavar="NETWORK", help="name; NAME.sandbox is its twin made here")
    complete_networks(named)


def complete_networks(argument: argparse.Action) -> None:
    """Have a shell complete the names of networks, and of their twins."""

    def complete(parsed_args: argparse.Namespace, **_: object) -> list[str]:
        found = sorted(places.home(getattr(parsed_args, "home", None)).networks.glob(f"*/{names.FILE}"))
        slugs = [path.parent.name for path in found]
        return [*slugs, *map(names.twin, slugs)]

    argument.completer = complete  # type: ignore[attr-defined]  # as argcomplete asks for it


def json_argument(parser: argparse.ArgumentParser) -> None:
    """`--json` on verbs that read."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines for people")


def only_argument(parser: argparse.ArgumentParser) -> None:
    """`--only`, on verbs that can be limited to one organisation."""
    parser.add_argument(
        "--only",
        metavar="ORGANISATION",
        action="append",
        default=[],
        help="limit to this organisation; may be repeated",
    )


def yes_argument(parser: argparse.ArgumentParser) -> None:
    """`--yes` on verbs that change."""
    parser.add_argument("--yes", action="store_true", help="do not ask before changing")


def print_json(document: Any) -> None:
    """One JSON document on standard output; what a terminal would obey is written in escapes, and so stays whole."""
    print(_UNSEEN.sub(_escaped, json.dumps(document, indent=2, ensure_ascii=False)))


_UNSEEN = re.compile(r"[^\n -~]")


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def confirm(question: str, *, yes: bool) -> None:
    """Ask; raises RefusedError when the answer is not yes, or when there is nobody to answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise errors.RefusedError("there is no terminal to ask on, so nothing was changed", "read the plan, add --yes")
    if typed(f"{question} [y/N] ").strip().lower() not in ("y", "yes", "j", "ja"):
        raise errors.RefusedError("not confirmed, so nothing was changed")


def typed(question: str) -> str:
    """What somebody at the terminal answers; raises RefusedError where it was left without one (Ctrl-D)."""
    try:
        return input(question)
    except EOFError:
        print()  # what comes does not go on behind the question
        raise errors.RefusedError("nothing was typed, so nothing was changed", "run it again") from None
