"""Every output that README and guides show is printed by the program: there is no line that nobody prints."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import documents, outputs
from tests.docs.test_guides import RECORDED
from tests.werkplaats.operations.offered import offers
from werkplaats.operations.offered import paper

LANGUAGES = {"sh", "output", "yaml", "ini", "python", "text"}
# What only reads the examples of this checkout is run where it is quoted.
PURE = ("werkplaats check gerda",)
# What is said of an offered server is judged where it is quoted, from what such servers told when they were looked at.
LOOKED = {
    "werkplaats doctor gerda --only gelre": [
        offers.GOOD,
        offers.HARDENED,
        offers.changed(*offers.HOPELESS),
    ]
}
# The blocks that are neither typed nor printed: drawings, the contents of a file, and a walk of which both are in one.
DRAWN = {"docs/administrator.md": 1, "docs/coordinators.md": 1, "docs/how-it-works.md": 2, "docs/scientists.md": 1}


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=lambda path: path.name)
def test_every_block_says_whether_it_is_typed_or_printed_or_written(document: Path) -> None:
    found = documents.blocks(document)
    assert {str(block) for block in found if block.language not in LANGUAGES} == set()
    drawn = sum(block.language == "text" for block in found)
    assert drawn == DRAWN.get(str(document.relative_to(documents.ROOT)), 0)


@pytest.mark.parametrize("block", outputs.quoted(), ids=str)
def test_every_output_belongs_to_a_command_that_is_run(block: documents.Block) -> None:
    assert {*PURE, *LOOKED, *RECORDED} & set(outputs.commands(block)), f"nobody runs {block.typed}"


@pytest.mark.parametrize("block", [one for one in outputs.quoted() if set(outputs.commands(one)) & set(PURE)], ids=str)
def test_the_output_of_a_command_that_only_reads_is_what_it_prints(block: documents.Block) -> None:
    (command,) = set(outputs.commands(block)) & set(PURE)
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, cwd=documents.ROOT, capture_output=True, text=True, check=True)
    printed, shown = tuple(done.stdout.splitlines()), block.lines
    if shown[0] == outputs.LEFT_OUT:  # warnings with the place of this checkout
        assert len(printed) >= len(shown)
        printed, shown = printed[1 - len(shown) :], shown[1:]
    assert printed == shown


def test_what_is_shown_of_offered_servers_is_said_of_such_ones() -> None:
    for typed, servers in LOOKED.items():
        shown = [block.lines for block in outputs.quoted() if typed in outputs.commands(block)]
        assert shown == [tuple(paper.lines(offers.examined(one))) for one in servers]


def test_a_line_that_nobody_prints_is_found() -> None:
    block = documents.Block(documents.README, 1, "output", ("done in 12 ms with 5 contributors",), ("station propose",))
    assert outputs.held(block, [["done in 7 ms with 3 contributors"]]) == ""
    for line in ("done in 12 s with 5 contributors", "done in … ms", "all is done", "done"):
        other = dataclasses.replace(block, lines=(line,))
        assert line in outputs.held(other, [["done in 7 ms with 3 contributors"]])
    assert "nobody has run" in outputs.held(block, [])
