"""Signals that ask a process to end (INT, TERM), turned into a request that is met between two steps.

A Python handler may run anywhere, also inside of a destructor, where an exception is printed and lost. Here the first
signal only sets a flag and calls a function that asks for a stop; a second one ends the process at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether a signal was received.

    Attributes:
        signal: its number; None if there was none.
    """

    signal: int | None = None


@contextmanager
def interruptible(
    stop: Callable[[], None] = lambda: None, begun: Callable[[], bool] = lambda: True
) -> Iterator[Interruption]:
    """The first INT or TERM inside asks for a stop. A second one does what it did before in interactive use, and ends
    the process otherwise. Previous handlers return at the end. Without effect in other threads than the main one, and
    for signals that are ignored.

    Args:
        stop: called once, at any moment; must only set a flag.
        begun: whether there is anything to keep; until then signals do what they did before.
    """
    interruption, ending = Interruption(), False
    previous: dict[signal.Signals, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        before = previous[signal.Signals(number)]
        if callable(before) and not begun():
            before(number, frame)
            return
        interruption.signal = number
        if ending:
            return
        for each, handler in previous.items():
            signal.signal(each, handler if handler is signal.default_int_handler else signal.SIG_DFL)
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    for number in SIGNALS:
        present = signal.getsignal(number)
        if present not in (None, signal.SIG_IGN):
            previous[number] = present
            signal.signal(number, handle)
    try:
        yield interruption
    finally:
        ending = True
        for number, handler in previous.items():
            signal.signal(number, handler)
