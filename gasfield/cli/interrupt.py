"""Ctrl-C and TERM on the command line, wherever they arrive.

Whatever is on the disk can be read or made again after a kill, so a command is ended at once, without running anything
else. A run that has something to keep handles signals itself: `gasfield.signals`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gasfield.files import drop_all_drafts
from gasfield.printable import PLAIN, shortened
from gasfield.signals import SIGNALS

_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Signals inside end the process with 130 or 143 after one line; ignored signals stay ignored."""
    previous = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in previous.items():
        if handler not in (None, signal.SIG_IGN):
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in previous.items():
            if handler is not None:
                signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    try:
        drop_all_drafts()
        cursor = _SHOW_CURSOR if os.isatty(2) else ""
        os.write(2, f"{cursor}gasfield: interrupted{shortened(_hint(), 1000)}\n".encode("ascii", PLAIN))
    finally:
        os._exit(128 + number)


def _hint() -> str:
    lock = sys.modules.get("gasfield.runs.lock")
    if getattr(lock, "sweeping", ()):
        return "; the same command goes on"
    directories = getattr(lock, "in_progress", ())
    return f"; go on with `gasfield resume {directories[-1]}`" if directories else ""
