"""Look whether this machine has what it needs to make sandbox servers, and mend what is missing.

Changes nothing by itself: it asks first, or takes --yes. Blast radius: this machine (packages, engine, one sysctl).
Every sandbox server must be regarded as root on this machine: it holds all capabilities but four.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from base import errors
from werkplaats.operations import host
from werkplaats.verbs import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--yes`, `--json`."""
    common.yes_argument(parser)
    common.json_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Examine, offer to mend, examine again."""
    findings = host.examine()
    mendable = [finding for finding in findings if finding.mend]
    if mendable and not given.json and (given.yes or sys.stdin.isatty()):
        for finding in mendable:
            print(f"  would do: {finding.remedy}", file=sys.stderr)
        common.confirm("do this on this machine?", yes=given.yes)
        findings = host.mend(lambda text: print(f"  mending: {text}", file=sys.stderr, flush=True))
    if given.json:
        common.print_json([{k: v for k, v in dataclasses.asdict(f).items() if k != "mend"} for f in findings])
    else:
        _print(findings)
    return errors.DONE if all(finding.good for finding in findings) else errors.FOUND


def _print(findings: list[host.Finding]) -> None:
    for finding in findings:
        print(f"{'ok ' if finding.good else 'NOT'}  {finding.name:<9} {finding.seen}")
        if not finding.good:
            print(f"     {'':<9} remedy: {finding.remedy}")
    print("note: regard each sandbox server as root on this machine; run networks that you trust, nothing else")
