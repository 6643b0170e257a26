"""Threads that wait for each other in one kernel."""

from __future__ import annotations

import numpy as np
import pytest
from numba import config

from gasfield.kernels.barrier import new_barrier, wait
from gasfield.kernels.threads import side_by_side

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="barriers are compiled")  # type: ignore[attr-defined]


def test_nobody_passes_before_all_have_come() -> None:
    barrier, before = new_barrier(), np.zeros(3, np.int64)

    def kernel(thread: int, threads: int) -> int:
        total = 0
        for turn in range(1, 50):
            before[thread] = turn
            wait(barrier, threads)
            total += int((before < turn).sum())
            wait(barrier, threads)
        return total

    assert side_by_side(kernel, 3, barrier) == 0


@pytest.mark.parametrize("failing", [0, 1])
def test_a_thread_that_fails_leaves_nobody_waiting(failing: int) -> None:
    barrier = new_barrier()

    def kernel(thread: int, threads: int) -> None:
        if thread == failing:
            raise KeyboardInterrupt
        wait(barrier, threads)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(kernel, 2, barrier)
