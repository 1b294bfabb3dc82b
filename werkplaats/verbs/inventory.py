"""Print Ansible's inventory of the servers that this operator runs, for running the playbooks by hand.

Reads what is accepted on each server, and changes nothing. It holds no secret. From the project's folder:
ansible-playbook -i FILE --check --diff playbooks/site.yml
Exit code 5 when a server could not be reached or is refused; it is named on standard error, and not in the inventory.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from base import errors
from werkplaats.operations.bring_up import ansible_inventory
from werkplaats.verbs import common, named


def arguments(parser: argparse.ArgumentParser) -> None:
    """The network, `--only` and the file."""
    common.network_argument(parser)
    common.only_argument(parser)
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="write to this file (default: print)")


def run(given: argparse.Namespace) -> int:
    """Look and print."""
    found = ansible_inventory.read(named.find(given), given.only)
    if given.output:
        given.output.write_text(found.text)
        print(f"wrote {given.output}")
    else:
        sys.stdout.write(found.text)
    for organisation, why in (dict(found.left_out) | dict(found.waiting)).items():
        print(f"{organisation}: not in the inventory: {why}", file=sys.stderr)
    return errors.HALF_WAY if found.left_out else errors.DONE
