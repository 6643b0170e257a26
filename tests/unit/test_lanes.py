"""Lanes: each has the bits that the operation has of a number alone."""

# mypy: disable-error-code="call-arg"
# of intrinsics, whose first argument is the context of the compiler

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba import config

from gasfield.forces import pointwise_kernel
from gasfield.forces.pairs.lennard_jones import twelve_six
from gasfield.kernels import lanes
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit
from gasfield.kernels.words import trailing_zeros
from gasfield.neighbours.loops import evaluation, of_each_lane, of_lanes

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="lanes are compiled")  # type: ignore[attr-defined]

DTYPES = [np.float64, np.float32]
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.1, 1e-30, 3e7, 7.3]


def numbers(dtype: Any, seed: int) -> np.ndarray:
    """Special and other numbers, in a multiple of the lanes."""
    chance = np.random.default_rng(seed)
    return np.concatenate([chance.permutation(SPECIAL), chance.normal(size=21) * 3.0]).astype(dtype)


@pointwise_kernel
def arithmetic(a, b, c, out, at):  # type: ignore[no-untyped-def]
    """Every operation without a branch, with numbers beside lanes as well; c is a number that is rounded."""
    total = a + b * a - a / b
    total += a
    total -= b
    total *= b
    total /= a
    put(out[0], at, total)
    put(out[1], at, -a + c * b - b / c)
    put(out[2], at, np.sqrt(abs(a)) - math.sqrt(abs(b)))
    put(out[3], at, lanes.select(a < b, a, c))
    put(out[4], at, lanes.select((a <= b) & (b > c), b, a))
    put(out[5], at, lanes.select(a >= b, c / a, b))
    put(out[6], at, lanes.select(a == b, a, lanes.select(a != b, b, a)))
    put(out[7], at, lanes.larger(a, b))
    put(out[8], at, lanes.larger(a, a - a + c))


@pointwise_kernel
def functions(a, b, c, out, at):  # type: ignore[no-untyped-def]
    """What is computed lane by lane."""
    put(out[0], at, np.exp(a) + np.tanh(b))
    put(out[1], at, np.log(abs(a)) - np.log1p(abs(b)))
    put(out[2], at, np.sin(a) * np.cos(b))
    put(out[3], at, abs(a) ** 1.7)
    put(out[4], at, a**3)
    put(out[5], at, abs(a) ** -0.5)
    put(out[6], at, math.exp(b) - np.expm1(a))


@jit(**EXACT)
def put(row, at, value):  # type: ignore[no-untyped-def]
    """Writes lanes, or a number."""
    _write(row, at, value)


def _write(row: Any, at: Any, value: Any) -> None:
    row[at] = value


@numba.extending.overload(_write)
def _write_lanes(row, at, value):  # type: ignore[no-untyped-def]
    if isinstance(value, lanes.Lanes):
        return lambda row, at, value: lanes.store(row, at, value)

    def one(row, at, value):  # type: ignore[no-untyped-def]
        row[at] = value

    return one


@jit(**EXACT)
def by_lanes(operations, a, b, c, out):  # type: ignore[no-untyped-def]
    """Carries out operations on lanes."""
    for at in range(0, a.size, lanes.lane_count(a)):
        operations(lanes.load(a, at), lanes.load(b, at), c, out, at)


@jit(**EXACT, error_model="numpy")
def by_number(operations, a, b, c, out):  # type: ignore[no-untyped-def]
    """Carries out operations on one number after the other."""
    for at in range(a.size):
        operations(a[at], b[at], c, out, at)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether all bits agree, with those of zeros and not those of NaN, which have no meaning."""
    words = np.int64 if one.dtype == np.float64 else np.int32
    agree = (one.view(words) == other.view(words)) | (np.isnan(one) & np.isnan(other))
    return bool(agree.all())


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("operations", [arithmetic, functions], ids=["arithmetic", "functions"])
def test_lanes_have_the_bits_of_numbers(operations: Callable[..., None], dtype: Any) -> None:
    a, b = numbers(dtype, 1), numbers(dtype, 2)
    found, expected = np.zeros((9, a.size), dtype), np.zeros((9, a.size), dtype)
    by_lanes(operations, a, b, dtype(0.1), found)
    by_number(operations, a, b, dtype(0.1), expected)
    assert same_bits(found, expected), np.flatnonzero((found != expected).any(axis=1))
    assert np.isfinite(found).any(axis=1).sum() >= 7  # the rows that are in use


@jit(**EXACT)
def _inspect(a, bound, out):  # type: ignore[no-untyped-def]
    """Whether any of the first lanes exceeds a bound; and lanes moved one by one."""
    one = lanes.load(a, 0)
    moved = lanes.lane_numbers(a)
    for lane in range(lanes.lane_count(a)):
        moved = lanes.insert(moved, lane, lanes.extract(one, lane) + lanes.extract(moved, lane))
    lanes.store(out, 0, moved)
    return lanes.any_lane(one > bound), lanes.item(a, 1), lanes.lane_count(a)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
def test_a_mask_is_true_anywhere_and_nan_is_not(dtype: Any) -> None:
    count = lanes.lanes_of(dtype)
    for place in range(count):
        a, out = np.zeros(count, dtype), np.zeros(count, dtype)
        a[place] = 2.0
        assert _inspect(a, 1.0, out) == (True, a[1], count)
        assert np.array_equal(out, a + np.arange(count, dtype=dtype))
        a[place] = np.nan
        assert not _inspect(a, 1.0, out)[0]


@jit(**EXACT)
def _place(word):  # type: ignore[no-untyped-def]
    return trailing_zeros(word)


def test_trailing_zeros_of_words() -> None:
    for bit in (0, 1, 5, 31, 32, 62, 63):
        assert _place(np.uint64((1 << 63) | (1 << bit))) == bit


@jit(**EXACT)
def slopes(evaluate, law, a, p, out):  # type: ignore[no-untyped-def]
    """U' of lanes."""
    lanes.store(out, 0, evaluate(law, lanes.load(a, 0), p)[1])


@pointwise_kernel
def branching(u, p):  # type: ignore[no-untyped-def]
    """A law with a branch."""
    if u > p[0]:
        return u, 1.0, 0.0
    return p[0], 0.0, 0.0


def test_a_law_with_a_branch_is_evaluated_lane_by_lane() -> None:
    assert evaluation(twelve_six, (1.0,) * 6, np.float64) is of_lanes
    assert evaluation(branching, (1.0,), np.float64) is of_each_lane
    assert not lanes.can_use_lanes(lambda u, p: (u, u, u), (), np.float64)  # not compiled

    a = np.linspace(0.1, 2.0, lanes.lanes_of(np.float64))
    out = np.zeros_like(a)
    slopes(of_each_lane, branching, a, (1.0,), out)
    assert np.array_equal(out, (a > 1.0).astype(float))
