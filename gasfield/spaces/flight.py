"""Straight flight, shared by several spaces."""

from __future__ import annotations

from numba import prange

from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit


@jit(**EXACT_PARALLEL)
def fly(positions, velocities, time_step):  # type: ignore[no-untyped-def]
    """x_i += v_i h, in place; arrays (N, D)."""
    for i in prange(positions.shape[0]):
        for j in range(positions.shape[1]):
            positions[i, j] += velocities[i, j] * time_step
