"""How many threads a gas is worth. The bits of a result never depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba

_ALONE = 1 << 17
"""Operations below which a parallel loop is over before a second thread has woken up; and where other programs hold a
core, each loop would wait for a time slice."""


@contextmanager
def threads_worth(operations: int) -> Iterator[None]:
    """One thread for loops of few operations; all that the user allows otherwise."""
    allowed = numba.get_num_threads()
    if operations < _ALONE:
        numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(allowed)
