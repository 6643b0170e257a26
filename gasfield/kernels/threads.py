"""The number of threads for a gas. The bits of a result do not depend on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.barrier import leave

T = TypeVar("T")

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


_SHARES = 4
"""Parts of a thread's work, so that one that is disturbed has others take over."""


def in_threads(kernel: Callable[[int, int], object], count: int) -> None:
    """Calls a serial kernel that releases the interpreter on ranges of independent tasks, by as many threads as Numba
    has now.

    For kernels that are large: a parallel loop of Numba is compiled several times.

    Args:
        kernel: called with the first task of a range, and one beyond the last.
        count: of tasks.
    """
    workers = min(numba.get_num_threads(), count)
    if workers <= 1:
        kernel(0, count)
        return
    parts = min(count, _SHARES * workers)
    edges = [count * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(kernel, edges[:-1], edges[1:]))


_pools: dict[int, ThreadPoolExecutor] = {}
_turns = [Lock()]


def side_by_side(
    kernel: Callable[[int, int], T], threads: int | None = None, barrier: NDArray[np.int64] | None = None
) -> T:
    """Runs a kernel that releases the interpreter in several threads at once, each as `kernel(thread, threads)`;
    returns the result of the first, which is the calling one. Callers in several threads take turns.

    Args:
        kernel: all threads may wait for each other in it (`gasfield.kernels.barrier`).
        threads: their number; as many as Numba has now if left out.
        barrier: at which they wait: where one thread fails, or is interrupted, the others do not wait for it.
    """
    threads = numba.get_num_threads() if threads is None else threads
    if threads == 1:
        return kernel(0, 1)

    def run(thread: int) -> T:
        try:
            return kernel(thread, threads)
        except BaseException:
            if barrier is not None:
                leave(barrier)
            raise

    with _turns[0]:
        if threads not in _pools:
            _pools[threads] = ThreadPoolExecutor(threads - 1, "gasfield")
        others: list[Future[T]] = []
        try:
            for thread in range(1, threads):
                others.append(_pools[threads].submit(run, thread))  # noqa: PERF401 - all begun, should one fail
            result = run(0)
        except BaseException:
            if barrier is not None:
                leave(barrier)
            raise
        finally:
            wait(others)
    for other in others:
        other.result()
    return result


def _begin_anew() -> None:
    """In a forked process, which has none of the threads."""
    _pools.clear()
    _turns[0] = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
