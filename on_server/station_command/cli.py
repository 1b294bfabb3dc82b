"""The `station` command of a server: asks this organisation's agent over its control socket.

Exit codes: 0 done, 1 done and something found, 2 wrong use, 3 refused, 4 failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from on_server.station_command import agent, allowing, going_back, questions, sessions
from on_server.station_command.agent import Line, StationError, Tell
from on_server.station_command.words import plain

Run = Callable[[argparse.Namespace, Tell], Line]
Ask = Callable[[str, Mapping[str, Any], Tell], Line]
Show = Callable[[Line, argparse.Namespace], None]
NETWORK = ("--network", {"help": "which one, where it is not the home network"})
BOTH = "rows that stand in two files are right as they are and count twice, until a file has other rows"
COMPUTING = ("--computing", {"type": int, "metavar": "N", "help": "set of computing parties (the first that is there)"})
QUESTION = ("name", {"metavar": "NAME", "help": "a question"})


class Verb(NamedTuple):
    """One verb: its arguments for argparse, what it asks, and how the answer is shown."""

    name: str
    help: str
    arguments: tuple[tuple[str, dict[str, Any]], ...]
    run: Run
    show: Show


def _asking(*names: str, ask: Ask = agent.ask, **renamed: str) -> Run:
    """Ask the agent with these options: by their own names, or request's key = option."""

    def run(options: argparse.Namespace, tell: Tell) -> Line:
        keys = {**{name: name for name in names}, **renamed}
        request = {key: getattr(options, option) for key, option in keys.items()}
        return ask(options.socket, {"verb": options.verb, **request}, tell)

    return run


def _session(options: argparse.Namespace, tell: Tell) -> Line:
    request = {
        "network": options.network,
        "analysis": options.analysis if "/" in options.analysis else f"{options.analysis}/1",
        "parameters": {} if options.rounds is None else {"rounds": options.rounds},
        "results": options.results_to,
        "intake": options.intake,
        "deadline": options.deadline,
        "computing": options.computing,
    }
    return agent.ask_patiently(options.socket, {"verb": "session", **request}, tell)


SESSION = (
    NETWORK,
    ("--analysis", {"default": "acceptance_sum", "help": "name, or name/version (acceptance_sum)"}),
    ("--rounds", {"type": int, "help": "dependent secure multiplications in acceptance_sum"}),
    ("--intake", {"type": int, "help": "seconds to wait for contributors (10)"}),
    ("--deadline", {"type": int, "help": "seconds after which the session is given up (600, the most)"}),
    ("--results-to", {"action": "append", "metavar": "ORGANISATION", "help": "result party (the proposer)"}),
    COMPUTING,
)
DRAIN = (
    ("--seconds", {"type": int, "metavar": "N", "help": "it ends by itself after so long (600, at most 3600)"}),
    ("--end", {"action": "store_const", "const": True, "help": "begin new sessions again"}),
)
ALLOW = (
    QUESTION,
    ("--digest", {"required": True, "help": "of the question that you read: `station questions NAME` shows it"}),
    ("--until", {"metavar": "DATE", "help": "last day (the question's own)"}),
    ("--at-most", {"choices": allowing.AT_MOST, "help": "how often, if more rarely than agreed"}),
    NETWORK,
)
VERBS = (
    Verb("status", "what the station knows about itself, its networks and its peers", (), _asking(),
         sessions.show_status),
    Verb("links", "call every peer that this station has a link to", (), _asking(), sessions.show_links),
    Verb("session", "propose a session without data to all computing parties and wait for its end", SESSION, _session,
         sessions.show_session),
    Verb("drain", "begin no new session here for a while, before this station is replaced; running ones go on", DRAIN,
         _asking("seconds", "end"), sessions.show_drain),
    Verb("questions", "the questions that were delivered to this station; with NAME all about one",
         (("name", {"metavar": "NAME", "nargs": "?", "help": "a question"}), NETWORK),
         questions.run, questions.show),
    Verb("allow", "allow exactly the question that you read (only as steward)", ALLOW, allowing.allow,
         allowing.show_allow),
    Verb("refuse", "take an allowance away (only as steward); the next session is refused", (QUESTION, NETWORK),
         allowing.refuse, allowing.show_refuse),
    Verb("data", "look at the CSV files for a question as a session would",
         (QUESTION, ("--both", {"action": "store_const", "const": True, "help": BOTH}), NETWORK),
         _asking("network", "both", question="name"), sessions.show_data),
    Verb("propose", "ask an agreed question now and wait for its result", (QUESTION, NETWORK, COMPUTING),
         _asking("network", "computing", ask=agent.ask_patiently, question="name"), sessions.show_propose),
    Verb("results", "the results that lie here; with SESSION one of them",
         (("session", {"metavar": "SESSION", "nargs": "?", "help": "its first characters are enough"}),),
         _asking("session"), sessions.show_results),
    Verb("register", "whether the register is sound, and what was entered last",
         (("--last", {"type": int, "default": 20, "metavar": "N", "help": "how many entries (20)"}),),
         _asking("last"), sessions.show_register),
    Verb("went-back", "whether a register lost entries, here or elsewhere; with --reason say so of this one (steward)",
         (("--reason", {"metavar": "WHY", "help": "why this station went back; the other stewards read it"}),),
         going_back.went_back, going_back.show_went_back),
    Verb("agree", "agree that another station went back, exactly as you read it (only as steward)",
         (("name", {"metavar": "ORGANISATION", "help": "whose station went back"}),
          ("--digest", {"required": True, "help": "of what it says: `station went-back` shows it"}), NETWORK),
         going_back.agree, going_back.show_agree),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        answer = options.run(options, _silent if options.json else sessions.progress)
        if not options.json and "error" not in answer:
            options.show(answer, options)
    except StationError as error:
        answer = {"exit": error.code, "error": str(error)}
    except OSError as error:
        answer = {"exit": agent.FAILED, "error": f"{error.filename}: {error.strerror}"}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        why = f"an answer that cannot be read ({error!r}); are this program and the agent of one release?"
        answer = {"exit": agent.FAILED, "error": why}
    except KeyboardInterrupt:
        return agent.FAILED
    if options.json:
        print(json.dumps(answer, indent=1, sort_keys=True))
    elif "error" in answer:
        print(plain(f"station {options.verb}: {answer['error']}"), file=sys.stderr)
    return int(answer["exit"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="station", description=__doc__, allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in VERBS:
        one = verbs.add_parser(verb.name, help=verb.help, description=verb.help, allow_abbrev=False)
        for name, about in verb.arguments:
            one.add_argument(name, **about)
        one.add_argument("--json", action="store_true", help="one JSON object, no progress")
        one.set_defaults(run=verb.run, show=verb.show, socket=os.environ.get("STATION_CONTROL", agent.SOCKET))
        # People's accounts ask this station's agent and no other.
        if "STATION_ACCOUNT" not in os.environ:
            one.add_argument("--socket", default=one.get_default("socket"), help=argparse.SUPPRESS)
    return parser


def _silent(_: Line) -> None:
    pass
