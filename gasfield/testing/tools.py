"""What the contracts share: small gases, threads, and comparisons that name the violated property."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from gasfield.gas import Gas
from gasfield.spaces import Space

Array = NDArray[np.float64]


def gas_of(positions: Array) -> Gas:
    """A gas of one group, `gas`, at positions (N, D)."""
    count = len(positions)
    return Gas(positions, np.zeros(count, np.int64), ["gas"], np.full(count, -1), [""] * count)


def places_in(space: Space, count: int) -> Array:
    """Positions (count, D) in a space: uniform if it is bounded, otherwise a normal cloud."""
    chance = np.random.default_rng(0)
    if space.bounded:
        return space.uniform(chance, count)
    places = chance.standard_normal((count, space.dimensions))
    space.settle(places)
    return places


def moved(gas: Gas, i: int, j: int, by: float) -> Gas:
    positions = gas.positions.copy()
    positions[i, j] += by
    return replace(gas, positions=positions)


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Sets the number of threads, at most as many as Numba has."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.set_num_threads(before)


def require(holds: Any, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def require_close(found: Array, truth: Array, tolerance: float, message: str) -> None:
    """Equal within a fraction of the largest component."""
    require(found.shape == truth.shape, f"{message}: the shape is {found.shape}, not {truth.shape}")
    error, scale = float(np.abs(found - truth).max()), float(np.abs(truth).max())
    require(error <= tolerance * scale, f"{message}: the error is {error:.3g}, the largest value {scale:.3g}")


def require_near(found: Array, truth: Array, message: str, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(found, truth, rtol=0.0, atol=tolerance, err_msg=message)


def require_refused(fault: type[Exception], asked: Callable[[Any], Any], argument: Any, message: str) -> None:
    try:
        asked(argument)
    except fault:
        return
    raise AssertionError(message)
