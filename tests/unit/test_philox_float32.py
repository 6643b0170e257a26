"""Normals in float32 by address: an oracle in whole numbers, accuracy, and their distribution out to the tails.

Chance is fixed by the seeds; four standard errors are what a sound generator misses once in 16,000 comparisons.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numba import config, jit
from scipy import stats

from gasfield.kernels import philox_float32
from gasfield.kernels.flags import EXACT
from gasfield.kernels.philox import normals
from gasfield.kernels.philox_float32 import normals_float32

MANY = 1_000_000
ERRORS = 4.0
P_VALUE = 2 * stats.norm.sf(ERRORS)

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="too many numbers for an interpreter")


@jit(**EXACT)
def radius_each(words, result):
    for i in range(words.size):
        result[i] = philox_float32._radius(words[i])


@jit(**EXACT)
def turn_each(words, cosine, sine):
    for i in range(words.size):
        cosine[i], sine[i] = philox_float32._direction(words[i])


def some_normals(ids: Any, dimensions: int = 2, seed: int = 5, stream: int = 7, step: int = 11, draw: int = 0) -> Any:
    ids = np.asarray(ids, np.int64)
    out = np.full((ids.size, dimensions), np.nan, np.float32)
    normals_float32(out, ids, seed, stream, step, draw)
    return out


def random_words(count: int = 300_000) -> np.ndarray:
    """Of every length alike, with the extremes."""
    chance = np.random.default_rng(0)
    words = chance.integers(0, 2**32, count, dtype=np.uint32)
    short = words[: count // 2] >> chance.integers(0, 32, count // 2, dtype=np.uint32)
    return np.concatenate([words, short, ~short, np.array([0, 1, 2, 2**30, 2**31, 2**32 - 1], np.uint32)])


def ulps(actual: np.ndarray, exact: np.ndarray) -> float:
    """The largest error in units in the last place of float32."""
    return float(np.max(np.abs(actual - exact) / np.spacing(np.abs(exact).astype(np.float32))))


# --- oracle -----------------------------------------------------------------------------------------------------------


def oracle(number: int, column: int, seed: int, stream: int, step: int, draw: int) -> float:
    """A normal from the layout of its address, with the functions of NumPy in float64."""
    c = [2**31 + column // 2, number // 2, step % 2**32, (step // 2**32) * 2**16 + stream * 2**8 + draw]
    k = [seed % 2**32, seed // 2**32]
    for _ in range(10):
        upper0, lower0 = divmod(0xD2511F53 * c[0], 2**32)
        upper1, lower1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [upper1 ^ c[1] ^ k[0], lower1, upper0 ^ c[3] ^ k[1], lower0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    radius, turn = c[2 * (number % 2)], c[2 * (number % 2) + 1]
    u = np.float64((np.float32(radius) + np.float32(0.5)) * np.float32(2.0**-32))
    part = turn % 2**30 - (2**30 if turn & 2**29 else 0)  # of a quarter turn, in two's complement
    angle = 0.5 * np.pi * (turn // 2**30 + part / 2**30)
    return float(np.sqrt(-2.0 * np.log(u)) * (np.sin if column % 2 else np.cos)(angle))


@pytest.mark.parametrize(
    "address",
    [
        {"seed": 0, "stream": 0, "step": 0, "draw": 0},
        {"seed": 2**32 + 5, "stream": 9, "step": 2**32 - 1, "draw": 3},
        {"seed": 2**64 - 1, "stream": 255, "step": 2**48 - 1, "draw": 255},
    ],
)
def test_normals_are_those_of_the_oracle(address: dict[str, int]) -> None:
    ids = [0, 1, 2, 41, 2**16 + 1, 2**31, 2**32 - 1]
    expected = [[oracle(number, column, **address) for column in range(5)] for number in ids]
    assert np.allclose(some_normals(ids, 5, **address), expected, rtol=1e-6, atol=1e-6)


def test_a_normal_depends_on_its_address_only() -> None:
    """Not on the order of the ids, their number, the number of columns or of threads."""
    ids, wide = np.arange(20_001), some_normals(np.arange(20_001), 3)
    order = np.random.default_rng(1).permutation(ids)
    assert np.array_equal(some_normals(order, 3), wide[order])
    assert np.array_equal(some_normals(ids[7:900], 2), wide[7:900, :2])
    assert np.array_equal(some_normals(ids, 1), wide[:, :1])
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    assert np.array_equal(some_normals(ids, 3), wide)
    numba.set_num_threads(threads)
    for other in ({"seed": 6}, {"stream": 8}, {"step": 12}, {"draw": 1}):
        assert not np.any(some_normals(ids[:100], 3, **other) == wide[:100])


# --- accuracy ---------------------------------------------------------------------------------------------------------


def test_the_radius_is_within_two_units_in_the_last_place() -> None:
    words = random_words()
    radii = np.empty(words.size, np.float32)
    radius_each(words, radii)
    u = ((words.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)).astype(np.float64)
    below = u < 1.0
    assert ulps(radii[below], np.sqrt(-2.0 * np.log(u[below]))) < 2
    assert not radii[~below].any()
    assert radii.max() == pytest.approx(np.sqrt(66 * np.log(2.0)), rel=1e-6)


def test_cosine_and_sine_are_within_two_units_in_the_last_place() -> None:
    words = random_words()
    cosine, sine = np.empty(words.size, np.float32), np.empty(words.size, np.float32)
    turn_each(words, cosine, sine)
    r = ((words << np.uint32(2)).view(np.int32).astype(np.float32) * np.float32(2.0**-32)).astype(np.float64)
    c, s, quarter = np.cos(0.5 * np.pi * r), np.sin(0.5 * np.pi * r), (words >> np.uint32(30)).astype(int)
    assert ulps(cosine, np.choose(quarter, [c, -s, -c, s])) < 2
    assert ulps(sine, np.choose(quarter, [s, c, -s, -c])) < 2


# --- distribution -----------------------------------------------------------------------------------------------------


def misses(sample: np.ndarray) -> dict[str, float]:
    """How many standard errors the moments and the numbers beyond 3, 4 and 5 sigma of (N, D) normals are off, and the
    same for correlations of the columns."""
    x, count = sample.astype(np.float64), sample.size
    exact = {1: (0.0, 1.0), 2: (1.0, 2.0), 3: (0.0, 15.0), 4: (3.0, 96.0)}  # mean and variance of x^k
    found = {f"moment {k}": abs((x**k).mean() - mean) / np.sqrt(var / count) for k, (mean, var) in exact.items()}
    for far in (3.0, 4.0, 5.0):
        expected = 2.0 * stats.norm.sf(far) * count
        found[f"beyond {far}"] = abs((np.abs(x) > far).sum() - expected) / np.sqrt(expected)
    found["columns"] = abs((x[:, 0] * x[:, 1]).mean()) * np.sqrt(len(x))
    found["radii of columns"] = abs(((x[:, 0] ** 2 - 1) * (x[:, 1] ** 2 - 1)).mean()) * np.sqrt(len(x)) / 2.0
    found["neighbours"] = abs((x[0::2, 0] * x[1::2, 0]).mean()) * np.sqrt(len(x) / 2)
    return found


def test_normals_are_normal_out_to_the_tails() -> None:
    sample = some_normals(np.arange(MANY))
    assert max(misses(sample).values()) < ERRORS
    assert stats.kstest(sample[: MANY // 8].ravel(), "norm").pvalue > P_VALUE
    double = np.empty((MANY, 2))
    normals(double, np.arange(MANY), 5, 7, 11)
    assert abs((double[:, 0] * sample[:, 0]).mean()) < ERRORS / np.sqrt(MANY)  # of the same address in float64


def test_what_is_not_normal_is_noticed() -> None:
    sample = some_normals(np.arange(MANY))
    sums = np.random.default_rng(0).random((MANY // 10, 2, 12)).sum(axis=2) - 6.0  # twelve uniforms: tails too light
    assert misses(sums)["moment 4"] > ERRORS
    assert misses(1.005 * sample)["moment 2"] > ERRORS
    assert misses(np.minimum(sample, np.float32(4.0)))["beyond 4.0"] > ERRORS
    assert stats.kstest((sample[: MANY // 8] + np.float32(0.01)).ravel(), "norm").pvalue < P_VALUE


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"stream": 256}, {"step": 2**48}, {"draw": 256}])
def test_an_address_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 0"):
        some_normals([0], **wrong)


def test_arrays_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match="contiguous float32"):
        normals_float32(np.empty((3, 2)), np.arange(3), 0, 0, 0)  # type: ignore[arg-type]
