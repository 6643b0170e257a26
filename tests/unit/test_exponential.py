"""Exponentials of kernels against the same in extended precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gasfield.kernels.exponential import exp, expm1, power, weight
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit

ULPS = {"power": 1.2, "weight": 1.2, "exp": 1.2, "expm1": 2.2}
EXACTLY: dict[str, Callable[[Any], Any]] = {"power": np.exp2, "weight": np.exp2, "exp": np.exp, "expm1": np.expm1}


@jit(**EXACT)
def _apply(x, values):  # type: ignore[no-untyped-def]
    """In loops that vectorise."""
    for i in range(x.size):
        values[0, i] = power(x[i])
    for i in range(x.size):
        values[1, i] = weight(x[i])
    for i in range(x.size):
        values[2, i] = exp(x[i])
    for i in range(x.size):
        values[3, i] = expm1(x[i])


def computed(real: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    values = np.empty((4, len(x)), real)
    _apply(x.astype(real), values)
    return dict(zip(ULPS, values, strict=True))


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_exponentials_are_accurate_to_a_unit_in_the_last_place(real: Any) -> None:
    """Over the whole range of results that are normal, and near 0. Negative control: ln 2 off by 1e-6 is seen."""
    limits, chance = np.finfo(real), np.random.default_rng(0)
    low = limits.minexp * np.log(2.0) * 0.9998
    x = np.concatenate([chance.uniform(low, -low, 200_000), chance.uniform(-1, 1, 100_000), [0.0, 1e-6, -1e-6]])
    x = x.astype(real)
    for name, values in computed(real, x).items():
        at, found = (x, values) if name != "weight" else (x[x <= 0], values[x <= 0])
        exact = EXACTLY[name](at.astype(np.longdouble))
        ulp = np.spacing(np.abs(exact).astype(real)).astype(np.longdouble)
        assert np.max(np.abs(found - exact) / ulp) < ULPS[name]
        assert np.max(np.abs(found - EXACTLY[name](at * np.longdouble(1 + 1e-6))) / ulp) > ULPS[name]


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_limits_of_exponentials(real: Any) -> None:
    """Infinite, NaN, beyond the range, the smallest normal number, and 0."""
    smallest, infinite = float(np.finfo(real).minexp), np.inf
    x = np.array([infinite, np.nan, 1e5, -1e5, -infinite, smallest, 2 * smallest, 0.0])
    values = computed(real, x)
    tiny = float(np.finfo(real).smallest_normal)
    np.testing.assert_array_equal(values["power"], [infinite, np.nan, infinite, 0, 0, tiny, 0, 1])
    np.testing.assert_array_equal(values["weight"][[1, 3, 4, 5, 6, 7]], [0, 0, 0, tiny, 0, 1])
    np.testing.assert_array_equal(values["exp"][[0, 1, 2, 3, 4, 7]], [infinite, np.nan, infinite, 0, 0, 1])
    np.testing.assert_array_equal(values["expm1"][[0, 1, 2, 3, 4, 7]], [infinite, np.nan, infinite, -1, -1, 0])


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_a_vectorised_loop_gives_the_bits_of_a_scalar_one(real: Any) -> None:
    x = np.random.default_rng(1).uniform(-80, 0, 67)
    together, one_by_one = computed(real, x), [computed(real, x[i : i + 1]) for i in range(len(x))]
    for name, values in together.items():
        np.testing.assert_array_equal(values, np.concatenate([one[name] for one in one_by_one]))
