"""Random numbers by address: known answers, an oracle in whole numbers and decimals, independence and distribution.

Chance is fixed by the seeds, so nothing here fails now and then; four standard errors are what a sound generator misses
once in 16,000 comparisons.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, getcontext, localcontext
from hashlib import sha256
from math import factorial
from typing import Any

import numba
import numpy as np
import pytest
from numba import config, jit
from scipy import stats

from gasfield.kernels import philox
from gasfield.kernels.flags import EXACT
from gasfield.kernels.philox import normals, uniforms

MANY = 400_000
ERRORS = 4.0
"""Standard errors that a mean may be off."""
P_VALUE = 2 * stats.norm.sf(ERRORS)
"""The same for a test that gives a p-value."""

many_numbers = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="too many numbers for an interpreter")


@jit(**EXACT)
def philox_once(counter, key, words):
    words[0], words[1] = philox.philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1])


@jit(**EXACT)
def log_each(x, result):
    for i in range(x.size):
        result[i] = philox._logarithm(x[i])


@jit(**EXACT)
def turn_each(words, cosine, sine):
    for i in range(words.size):
        cosine[i], sine[i] = philox._direction(words[i])


@jit(**EXACT)
def radius_each(words, result):
    for i in range(words.size):
        result[i] = philox._radius(words[i])


@jit(**EXACT)
def unit_each(words, result):
    for i in range(words.size):
        result[i] = philox._open_unit(words[i])


def some_normals(ids: Any, dimensions: int = 2, seed: int = 5, stream: int = 7, step: int = 11, draw: int = 0) -> Any:
    ids = np.asarray(ids, np.int64)
    out = np.full((ids.size, dimensions), np.nan)
    normals(out, ids, seed, stream, step, draw)
    return out


def some_uniforms(ids: Any, seed: int = 5, stream: int = 7, step: int = 11, draw: int = 0) -> Any:
    ids = np.asarray(ids, np.int64)
    out = np.full(ids.size, np.nan)
    uniforms(out, ids, seed, stream, step, draw)
    return out


def random_words(count: int = 200_000, seed: int = 0) -> np.ndarray:
    """Of every length alike, with the extremes."""
    chance = np.random.default_rng(seed)
    if config.DISABLE_JIT:
        count = 2_000
    words = chance.integers(0, 2**64, count, dtype=np.uint64)
    short = words[: count // 2] >> chance.integers(0, 64, count // 2, dtype=np.uint64)
    return np.concatenate([words, short, ~short, np.array([0, 1, 2, 2**62, 2**63, 2**64 - 1], np.uint64)])


def ulps(actual: np.ndarray, expected: np.ndarray) -> float:
    """The largest error in units in the last place of the expected float64."""
    units = np.spacing(np.abs(expected.astype(np.float64)))
    return float(np.max(np.abs(actual.astype(np.longdouble) - expected) / units))


# --- oracle ----------------------------------------------------------------------------------------------------------


def oracle_words(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 in whole numbers, as figure 2 of the source has it."""
    c, k = list(counter), list(key)
    for _ in range(10):
        upper0, lower0 = divmod(0xD2511F53 * c[0], 2**32)
        upper1, lower1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [upper1 ^ c[1] ^ k[0], lower1, upper0 ^ c[3] ^ k[1], lower0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def oracle_pair(pair: int, who: int, seed: int, stream: int, step: int, draw: int) -> tuple[int, int]:
    """The two 64-bit words of an address."""
    counter = [pair, who, step % 2**32, (step // 2**32) * 2**16 + stream * 2**8 + draw]
    w = oracle_words(counter, [seed % 2**32, seed // 2**32])
    return w[0] + 2**32 * w[1], w[2] + 2**32 * w[3]


def oracle_normal(column: int, *address: int) -> Decimal:
    """Box and Muller to 50 digits; cosine and sine by their series, over the whole circle."""
    first, second = oracle_pair(column // 2, *address)
    with localcontext(getcontext()) as context:
        context.prec = 50
        # Python divides whole numbers with one rounding, as the kernel converts them.
        radius = (-2 * Decimal((first | 1) / 2**64).ln()).sqrt()
        pi = Decimal("3.14159265358979323846264338327950288419716939937510582")
        angle = 2 * pi * (second // 2**10) / 2**54 - pi / 4
        return radius * sum((-1) ** (n // 2) * angle**n / factorial(n) for n in range(column % 2, 70, 2))


ADDRESSES = [
    {"seed": 0, "stream": 0, "step": 0, "draw": 0},
    {"seed": 1, "stream": 7, "step": 123_456, "draw": 0},
    {"seed": 2**32 + 5, "stream": 9, "step": 2**32 - 1, "draw": 3},
    {"seed": 2**63 + 11, "stream": 200, "step": 2**40 + 17, "draw": 77},
    {"seed": 2**64 - 1, "stream": 255, "step": 2**48 - 1, "draw": 255},
]
IDS = [0, 1, 2, 41, 2**16, 2**31, 2**32 - 1]


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([2**32 - 1] * 4, [2**32 - 1] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_the_known_answers_of_random123(counter: list[int], key: list[int], answer: str) -> None:
    words = np.zeros(2, np.uint64)
    philox_once(np.array(counter, np.uint64), np.array(key, np.uint64), words)
    assert " ".join(f"{word:08x}" for word in words.view("<u4")) == answer
    assert " ".join(f"{word:08x}" for word in oracle_words(counter, key)) == answer


@pytest.mark.parametrize("address", ADDRESSES)
def test_normals_are_those_of_the_oracle(address: dict[str, int]) -> None:
    actual = some_normals(IDS, 5, **address)
    for (row, column), value in np.ndenumerate(actual):
        exact = oracle_normal(column, IDS[row], *address.values())
        # The radius is off by one unit in the last place at most, the direction by two, their product by another half.
        assert abs(Decimal(float(value)) - exact) <= 4 * Decimal(float(np.spacing(abs(value))))


@pytest.mark.parametrize("address", ADDRESSES)
def test_uniforms_are_those_of_the_oracle(address: dict[str, int]) -> None:
    words = [oracle_pair(0, who, *address.values())[0] for who in IDS]
    expected = [(2 * (word // 2**12) + 1) / 2**53 for word in words]
    assert some_uniforms(IDS, **address).tolist() == expected


# --- accuracy --------------------------------------------------------------------------------------------------------


def test_the_logarithm_is_within_two_units_in_the_last_place() -> None:
    close = 1.0 - np.arange(2_000) * 2.0**-53
    knees = np.sqrt(0.5) * (1.0 + np.arange(-1_000, 1_000) * 2.0**-52)
    x = np.concatenate([(random_words() | np.uint64(1)).astype(np.float64) * 2.0**-64, close, knees])
    result = np.empty_like(x)
    log_each(x, result)
    assert ulps(result, np.log(x.astype(np.longdouble))) < 2


def test_cosine_and_sine_are_within_three_units_in_the_last_place() -> None:
    middle = np.uint64(2**61) + np.arange(-500, 500).astype(np.uint64) * np.uint64(1024)
    words = np.concatenate([random_words(), middle, middle + np.uint64(2**62), middle + np.uint64(2**63)])
    cosine, sine = np.empty(words.size), np.empty(words.size)
    turn_each(words, cosine, sine)
    quarter = (words >> np.uint64(62)).astype(int)
    r = ((words >> np.uint64(10)) % np.uint64(2**52)).astype(np.float64) * 2.0**-52 - 0.5
    angle = np.longdouble("1.5707963267948966192313216916397514") * r
    c, s = np.cos(angle), np.sin(angle)
    assert ulps(cosine, np.choose(quarter, [c, -s, -c, s])) < 3
    assert ulps(sine, np.choose(quarter, [s, c, -s, -c])) < 3


def test_tails_reach_beyond_nine_sigma_and_end_there() -> None:
    words = np.array([0, 1, 2**64 - 1], np.uint64)
    radii = np.empty(3)
    radius_each(words, radii)
    assert radii[0] == radii[1] == pytest.approx(np.sqrt(128 * np.log(2.0)), rel=1e-15)
    assert radii[0] > 9
    assert radii[2] == 0.0


def test_uniforms_end_half_a_cell_before_zero_and_one() -> None:
    result = np.empty(2)
    unit_each(np.array([0, 2**64 - 1], np.uint64), result)
    assert result.tolist() == [2.0**-53, 1.0 - 2.0**-53]
    unit_each(np.array([2**63 - 1, 2**63], np.uint64), result)
    assert result.tolist() == [0.5 - 2.0**-53, 0.5 + 2.0**-53]


# --- what numbers depend on ------------------------------------------------------------------------------------------


@many_numbers
@pytest.mark.parametrize("dimensions", [1, 2, 3, 64])
def test_one_thread_and_two_make_the_same_bits(one_numba_thread: None, dimensions: int) -> None:
    ids = np.arange(20_001)
    alone, chances = some_normals(ids, dimensions), some_uniforms(ids)
    numba.set_num_threads(2)
    np.testing.assert_array_equal(some_normals(ids, dimensions), alone)
    np.testing.assert_array_equal(some_uniforms(ids), chances)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 6])
def test_a_row_does_not_know_the_other_rows(dimensions: int) -> None:
    ids = np.random.default_rng(3).permutation(2**32 - 1 - np.arange(500 if config.DISABLE_JIT else 10_000))
    together, chances = some_normals(ids, dimensions), some_uniforms(ids)
    np.testing.assert_array_equal(some_normals(ids[::-1].copy(), dimensions), together[::-1])
    np.testing.assert_array_equal(some_normals(ids[5:300:7].copy(), dimensions), together[5:300:7])
    np.testing.assert_array_equal(some_normals(ids[-1:], dimensions), together[-1:])
    np.testing.assert_array_equal(some_uniforms(ids[5:300:7].copy()), chances[5:300:7])


def test_a_column_does_not_know_how_many_columns_there_are() -> None:
    ids = np.arange(700)
    widest = some_normals(ids, 65)
    for dimensions in (1, 2, 3, 4, 5, 64):
        np.testing.assert_array_equal(some_normals(ids, dimensions), widest[:, :dimensions])


def test_every_part_of_the_address_matters() -> None:
    everything = [some_normals(IDS)]
    everything += [some_normals(IDS, **{name: 2**k}) for name in ("stream", "draw") for k in range(8)]
    everything += [some_normals(IDS, step=2**k) for k in range(48)]
    everything += [some_normals(IDS, seed=2**k) for k in range(64)]
    values = np.array(everything)
    assert np.unique(values).size == values.size


def test_bits_are_the_same_on_every_machine() -> None:
    """Part of the promise that a run can be made again. No instruction set and no library may change a bit."""
    digest = sha256()
    for dimensions in (1, 2, 3, 64):
        digest.update(some_normals(np.arange(1_000), dimensions).astype("<f8").tobytes())
    digest.update(some_uniforms(np.arange(1_000)).astype("<f8").tobytes())
    assert digest.hexdigest()[:16] == "8ae3bec9c629b899"


def test_nothing_is_a_size_too() -> None:
    assert some_normals([], 3).shape == (0, 3)
    assert some_normals([1, 2], 0).shape == (2, 0)
    assert some_uniforms([]).shape == (0,)


# --- distribution ----------------------------------------------------------------------------------------------------


def moments_off(x: np.ndarray) -> float:
    """How far the first four moments are from those of a standard normal, in standard errors; the worst of them."""
    expected, variances = (0.0, 1.0, 0.0, 3.0), (1.0, 2.0, 15.0, 96.0)  # E x^k, and E x^2k - (E x^k)^2
    return max(
        abs(np.mean(x**k) - mean) / np.sqrt(variance / x.size)
        for k, mean, variance in zip((1, 2, 3, 4), expected, variances, strict=True)
    )


def correlation_off(x: np.ndarray, y: np.ndarray) -> float:
    """The correlation of independent normals, and of their squares, in standard errors; the worse of the two."""
    squares = (x**2 - 1) * (y**2 - 1) / 2
    return max(abs(np.mean(x * y)), abs(np.mean(squares))) * np.sqrt(x.size)


def almost_normal(count: int) -> np.ndarray:
    """Sums of three uniforms, with the mean and variance of a standard normal, but without its tails."""
    return 2 * sum(some_uniforms(np.arange(count), draw=draw) - 0.5 for draw in range(3))


@many_numbers
@pytest.mark.parametrize("column", [0, 1, 2])
def test_normals_have_the_moments_of_a_normal_law(column: int) -> None:
    assert moments_off(some_normals(np.arange(MANY), 3)[:, column]) < ERRORS
    assert moments_off(almost_normal(MANY)) > ERRORS


@many_numbers
@pytest.mark.parametrize("column", [0, 1, 2])
def test_normals_are_distributed_as_a_normal_law(column: int) -> None:
    assert stats.kstest(some_normals(np.arange(MANY), 3)[:, column], "norm").pvalue > P_VALUE
    assert stats.kstest(almost_normal(MANY), "norm").pvalue < P_VALUE


@many_numbers
@pytest.mark.parametrize("sigmas", [2.0, 3.0, 4.0])
def test_as_many_lie_beyond_some_sigmas_as_should(sigmas: float) -> None:
    def off(x: np.ndarray) -> float:
        expected = x.size * 2 * stats.norm.sf(sigmas)
        return abs(np.count_nonzero(np.abs(x) > sigmas) - expected) / np.sqrt(expected)

    assert off(some_normals(np.arange(MANY), 2).ravel()) < ERRORS
    assert off(almost_normal(MANY)) > ERRORS


@many_numbers
def test_uniforms_are_distributed_evenly() -> None:
    chances = some_uniforms(np.arange(MANY))
    assert 0 < chances.min() < chances.max() < 1
    assert stats.kstest(chances, "uniform").pvalue > P_VALUE
    assert stats.kstest(chances**1.02, "uniform").pvalue < P_VALUE


@many_numbers
@pytest.mark.parametrize(
    "other",
    [
        lambda: some_normals(np.arange(MANY), step=12),
        lambda: some_normals(np.arange(MANY), step=11 + 2**32),
        lambda: some_normals(np.arange(1, MANY + 1)),
        lambda: some_normals(np.arange(MANY), draw=1),
        lambda: some_normals(np.arange(MANY), stream=8),
        lambda: some_normals(np.arange(MANY), seed=6),
        lambda: some_normals(np.arange(MANY), seed=5 + 2**32),
        lambda: some_normals(np.arange(MANY))[:, ::-1],
        lambda: some_normals(np.arange(MANY), 4)[:, 2:],
    ],
    ids=["step", "upper step", "id", "draw", "stream", "seed", "upper seed", "column", "pair of columns"],
)
def test_neighbours_are_independent(other: Callable[[], np.ndarray]) -> None:
    here, there = some_normals(np.arange(MANY)), other()
    assert correlation_off(here[:, 0], there[:, 0]) < ERRORS
    reused = there.copy()
    reused[::50] = here[::50]
    assert correlation_off(here[:, 0], reused[:, 0]) > ERRORS, "one address in fifty used twice must show"


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", 2**64),
        ("stream", -1),
        ("stream", 256),
        ("step", -1),
        ("step", 2**48),
        ("draw", -1),
        ("draw", 256),
    ],
)
def test_an_address_out_of_range_is_refused(name: str, value: int) -> None:
    for make in (some_normals, some_uniforms):
        with pytest.raises(ValueError, match=f"{name} must be at least 0 and below"):
            make([0], **{name: value})


def test_an_address_is_made_of_integers() -> None:
    np.testing.assert_array_equal(some_normals([3], step=np.int64(11), seed=np.uint64(5)), some_normals([3]))
    with pytest.raises(TypeError, match="float"):
        some_normals([0], step=1.0)


@pytest.mark.parametrize("ids", [[0, -1], [2**32, 5], [-(2**63)]])
def test_ids_out_of_range_are_refused(ids: list[int]) -> None:
    for make in (some_normals, some_uniforms):
        with pytest.raises(ValueError, match="ids must be at least 0 and below 2\\*\\*32"):
            make(ids)


@pytest.mark.parametrize(
    "ids",
    [np.arange(4, dtype=np.int32), np.arange(4, dtype=np.uint64), np.arange(8)[::2], np.arange(4)[:, None]],
    ids=["int32", "uint64", "strided", "two axes"],
)
def test_ids_of_another_kind_are_refused(ids: np.ndarray) -> None:
    for make, out in ((normals, np.empty((4, 2))), (uniforms, np.empty(4))):
        with pytest.raises(ValueError, match="ids must be a contiguous int64 array"):
            make(out, ids, 0, 0, 0)


@pytest.mark.parametrize(
    "out",
    [
        np.empty((4, 2), np.float32),
        np.empty((3, 2)),
        np.empty((2, 4)).T,
        np.empty((4, 4))[:, ::2],
        np.broadcast_to(0.0, (4, 2)),
        np.empty((4, 2, 2)),
        np.empty(4),
    ],
    ids=["float32", "too few rows", "columns first", "strided", "read-only", "three axes", "one axis"],
)
def test_an_array_that_cannot_be_filled_is_refused(out: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"random numbers go to|normals go to"):
        normals(out, np.arange(4), 0, 0, 0)


def test_uniforms_go_to_one_axis() -> None:
    with pytest.raises(ValueError, match="uniforms go to an array of shape"):
        uniforms(np.empty((4, 1)), np.arange(4), 0, 0, 0)
