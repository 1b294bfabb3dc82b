from __future__ import annotations

import json
from collections.abc import Iterator

from werkplaats.operations.look import watch

WELL = {"ggd": ("ggd well", "  applied by follower 30 s ago"), "gelre": ("gelre well",), "": ()}
LATER = {**WELL, "ggd": ("ggd well", "  applied by follower 60 s ago")}
WRONG = {**LATER, "gelre": ("gelre gateway: inactive",), "": ("publish",)}


def seen(*found: dict[str, tuple[str, ...]], programs: bool = False) -> tuple[list[str], int, list[float]]:
    """What is written of these looks, the exit code, and how long was waited between them."""
    looks: Iterator[dict[str, tuple[str, ...]]] = iter(found)
    written, waited = list[str](), list[float]()

    def look() -> watch.Look:
        lines = next(looks, None)
        if lines is None:
            raise KeyboardInterrupt
        return watch.Look(lines, [*lines], int("publish" in lines[""]))

    code = watch.watch(look, 30, written.append, programs=programs, wait=waited.append)
    return written, code, waited


def lines(written: list[str]) -> list[str]:
    assert all(line[4] == "-" and line[19] == "Z" for line in written)
    return [line[21:] for line in written]


def test_all_is_written_once_and_then_what_changed_with_the_time() -> None:
    written, code, waited = seen(WELL, LATER, WRONG, WRONG, WELL)
    everything = [line for one in WELL.values() for line in one]
    gone = "what was said of no station: nothing is told of it any more"
    assert lines(written) == [*everything, "gelre gateway: inactive", "publish", "gelre well", gone]
    assert code == 0
    assert waited == [30, 30, 30, 30, 30]


def test_the_exit_code_is_that_of_the_last_look_that_was_whole() -> None:
    assert seen(WELL, WRONG)[1] == 1
    assert seen(WRONG, WELL)[1] == 0


def test_a_station_that_is_not_told_of_any_more_is_named() -> None:
    written, _, _ = seen(WELL, {"ggd": WELL["ggd"], "": ()})
    assert lines(written)[-1] == "gelre: nothing is told of it any more"


def test_for_programs_each_look_is_one_line() -> None:
    written, _, _ = seen(WELL, WELL, WRONG, programs=True)
    assert [json.loads(line)["exit"] for line in written] == [0, 0, 1]
    assert all("\n" not in line for line in written)
