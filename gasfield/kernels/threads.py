"""The number of threads for a gas. The bits of a result do not depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba

_ALONE = 1 << 17
"""Operations below which a parallel loop ends before a second thread has started; on a busy machine, each loop would
also wait for a time slice."""


@contextmanager
def threads_worth(operations: int) -> Iterator[None]:
    """One thread for loops of few operations; otherwise as many as the user allows."""
    allowed = numba.get_num_threads()
    if operations < _ALONE:
        numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(allowed)
