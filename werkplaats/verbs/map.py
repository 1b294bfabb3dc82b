"""Draw a network as SVG: organisations, who computes, who contributes, which links, who operates what.

Reads the definition only; writes the file that --output names, or to standard output.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from base import errors
from network_topology.compiling import draw
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network and the file."""
    common.network_argument(parser)
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="write to this file (default: print)")


def run(given: argparse.Namespace) -> int:
    """Draw."""
    picture = draw.svg(named.find(given).compiled)
    if given.output:
        given.output.write_text(picture)
        print(f"wrote {given.output}")
    else:
        sys.stdout.write(picture)
    return errors.DONE
