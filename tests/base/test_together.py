"""What is done for several at once: in their order, and ended by whoever interrupts."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from base import together


def test_what_comes_of_each_is_in_their_order_and_all_are_at_work_at_once() -> None:
    meeting = threading.Barrier(3, timeout=60)

    def one(number: int) -> tuple[int, bool]:
        return number, meeting.wait() >= 0

    assert together.each(one, [3, 1, 2]) == [(3, True), (1, True), (2, True)]


def test_the_first_that_fails_is_raised_once_the_others_are_done() -> None:
    done = []

    def one(number: int) -> None:
        if number % 2:
            raise ValueError(f"{number} is odd")
        done.append(number)

    with pytest.raises(ValueError, match="1 is odd"):
        together.each(one, [0, 1, 2, 3, 4])
    assert sorted(done) == [0, 2, 4]


HEARS = """
import signal, threading, time
from concurrent.futures import ThreadPoolExecutor
from base import together
ended = threading.Event()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background has it pass over Ctrl-C
def one():
    time.sleep(1)  # the main thread waits by then
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    ended.wait()
with ThreadPoolExecutor(1) as pool:
    try:
        together.hear([pool.submit(one)])
    except KeyboardInterrupt:
        print("heard")
    ended.set()
"""


def test_an_interrupt_is_heard_that_the_kernel_gave_to_another_thread() -> None:
    """Python runs a handler in its main thread alone, which slept on: 25 silent servers were waited for."""
    assert subprocess.run([sys.executable, "-c", HEARS], capture_output=True, text=True, timeout=60).stdout == "heard\n"
