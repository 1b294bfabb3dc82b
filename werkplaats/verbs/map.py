"""Draw a network as SVG: organisations, who computes, who contributes, which links, who operates what.

A federation is drawn with its regions first, then the stations of each. Reads definitions only; writes the file that
--output names, or to standard output.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from base import errors
from network_topology.compiling import draw
from network_topology.federations import draw as federation
from network_topology.federations.compiled import CompiledFederation
from werkplaats.operations.home import networks
from werkplaats.verbs import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network and the file."""
    common.network_argument(parser)
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="write to this file (default: print)")


def run(given: argparse.Namespace) -> int:
    """Draw."""
    found = networks.look_at(given.network, given.home).compiled
    picture = federation.svg(found) if isinstance(found, CompiledFederation) else draw.svg(found)
    if given.output:
        given.output.write_text(picture)
        print(f"wrote {given.output}")
    else:
        sys.stdout.write(picture)
    return errors.DONE
