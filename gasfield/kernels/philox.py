"""Counter-based random numbers: Philox4x32-10, with normals by the Box-Muller transform.

There is no state between numbers. Each is a function of its address (seed, stream, step, draw, id, column) only, so a
trajectory does not depend on the number of threads, on the other particles, or on where a run was resumed. Source:
Salmon, Moraes, Dror and Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3".

One call of the generator maps a counter of four 32-bit words with a key of two to 128 bits: two words of 64 bits, and
from them two normals, or one uniform. The address is laid out as

    counter  pair of columns | id | low 32 bits of step | high 16 bits of step, stream, draw (16 + 8 + 8 bits)
    key      low 32 bits of seed | high 32 bits of seed

Pairs are generated in blocks that fit the L1 cache, with a loop for each stage: a single loop over all stages does not
vectorise, and takes several times as long. A block is always generated as a whole, so that no number depends on how
many are requested. Additions, products, quotients and roots are rounded individually, as in IEEE 754: no fused
multiply-add, no vendor's logarithm. So bits are the same on every machine, at a cost of a tenth of the speed.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np
from numba import config, prange, types
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.intrinsic import intrinsic
from gasfield.kernels.jit import jit

_LOOP: dict[str, Any] = EXACT | {"error_model": "numpy"}
_TASKS: dict[str, Any] = EXACT_PARALLEL | {"error_model": "numpy"}
_ELEMENT: dict[str, Any] = _LOOP | {"forceinline": True}

_INTERPRETED: bool = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]

_BLOCK = 256
"""Pairs in a block, in 8 KiB: two words and two normals each."""
_TASK = 16 * _BLOCK
"""Pairs that one thread generates with the same scratch arrays."""

# Typed constants: uint64 combined with an untyped literal becomes float64.
_LOW = np.uint64(0xFFFFFFFF)
_HALF_WORD = np.uint64(32)
_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)


# --- public functions -------------------------------------------------------------------------------------------------


def normals(out: NDArray[np.float64], ids: NDArray[np.int64], seed: int, stream: int, step: int, draw: int = 0) -> None:
    """Fills an array with independent standard normals, in parallel; bits do not depend on the number of threads.

    Row i depends on (seed, stream, step, draw, ids[i]) only, and its columns do not depend on their number. Normals and
    uniforms of the same address use the same words: they are not independent.

    Args:
        out: (N, D) float64, contiguous; overwritten.
        ids: (N,) int64, contiguous; the particle of each row, at least 0 and below 2**32.
        seed: below 2**64.
        stream: below 256; the purpose of the numbers.
        step: below 2**48.
        draw: below 256; the index of the draw within a step.

    Raises:
        ValueError: if a number is out of its range, or an array has another type, shape or layout. Nothing is
            written then.
        TypeError: if seed, stream, step or draw is not an integer.
    """
    require_rows(out, ids)
    if out.ndim != 2:
        raise ValueError(f"normals go to an array of shape (N, D), not {out.shape}")
    pairs = ids.size * ((out.shape[1] + 1) // 2)
    _run(_normals_task, _normals_tasks, out, ids, address_of(seed, stream, step, draw), pairs)


def uniforms(
    out: NDArray[np.float64], ids: NDArray[np.int64], seed: int, stream: int, step: int, draw: int = 0
) -> None:
    """Fills an array with independent uniforms in the open interval (0, 1): odd multiples of 2**-53.

    Entry i depends on (seed, stream, step, draw, ids[i]) only.

    Args:
        out: (N,) float64, contiguous; overwritten.
        ids, seed, stream, step, draw: as for `normals`.

    Raises:
        ValueError, TypeError: as for `normals`.
    """
    require_rows(out, ids)
    if out.ndim != 1:
        raise ValueError(f"uniforms go to an array of shape (N,), not {out.shape}")
    _run(_uniforms_task, _uniforms_tasks, out, ids, address_of(seed, stream, step, draw), ids.size)


class Address(NamedTuple):
    """The upper half of the counter and the key, shared by all numbers of a call; 32-bit words."""

    c2: np.uint64
    c3: np.uint64
    k0: np.uint64
    k1: np.uint64


def address_of(seed: int, stream: int, step: int, draw: int) -> Address:
    """The address without id and columns."""
    seed, step = _within("seed", seed, 64), _within("step", step, 48)
    stream, draw = _within("stream", stream, 8), _within("draw", draw, 8)
    low = 2**32 - 1
    words = (step & low, (step >> 32) << 16 | stream << 8 | draw, seed & low, seed >> 32)
    return Address(*map(np.uint64, words))


@jit(**_ELEMENT)
def address_at(seed, stream, step, draw):  # type: ignore[no-untyped-def]
    """The address without id and columns, in a kernel: of a uint64 seed, and other numbers that are in their range."""
    step, purpose = np.uint64(step), (np.uint64(stream) << np.uint64(8)) | np.uint64(draw)
    high = ((step >> _HALF_WORD) << np.uint64(16)) | purpose
    return Address(step & _LOW, high, seed & _LOW, seed >> _HALF_WORD)


def _within(name: str, value: int, bits: int) -> int:
    """The value as an int, if it has at most that many bits."""
    number = operator.index(value)
    if not 0 <= number < 2**bits:
        raise ValueError(f"{name} must be at least 0 and below 2**{bits}, not {number}")
    return number


def require_rows(out: NDArray[Any], ids: NDArray[np.int64], kind: type[np.floating[Any]] = np.float64) -> None:
    """Refuses arrays of another form than that of the kernels, and ids beyond the range of the counter."""
    if ids.dtype != np.int64 or ids.ndim != 1 or not ids.flags.c_contiguous:
        raise ValueError(f"ids must be a contiguous int64 array of shape (N,), not {ids.dtype} of shape {ids.shape}")
    if out.dtype != kind or out.shape[:1] != ids.shape or not out.flags.carray:
        raise ValueError(
            f"random numbers go to a writable contiguous {kind.__name__} array of {ids.size} rows, "
            f"not {out.dtype} of shape {out.shape}"
        )
    # One pass: all are in range if no bit above the lower 32, including the sign, is set in any.
    if np.bitwise_or.reduce(ids) >> 32:
        raise ValueError(f"ids must be at least 0 and below 2**32, not from {ids.min()} to {ids.max()}")


def _run(one: Any, many: Any, out: NDArray[np.float64], ids: NDArray[np.int64], address: Address, pairs: int) -> None:
    """Runs all tasks; a single one on this thread, since it ends before another would have started."""
    tasks = -(-pairs // _TASK)
    if tasks == 1:
        one(out, ids, address, 0)
    elif tasks > 1:
        many(out, ids, address, tasks)


# --- the generator ---------------------------------------------------------------------------------------------------


@jit(**_ELEMENT)
def _round(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """One round. Words are in 64-bit lanes, whose upper halves are arbitrary: only products need to mask them."""
    product0 = _MULTIPLIER_0 * (c0 & _LOW)
    product1 = _MULTIPLIER_1 * (c2 & _LOW)
    return (product1 >> _HALF_WORD) ^ c1 ^ k0, product1, (product0 >> _HALF_WORD) ^ c3 ^ k1, product0


@jit(**_ELEMENT)
def _next_key(k0, k1):  # type: ignore[no-untyped-def]
    """The key of the next round."""
    return (k0 + _WEYL_0) & _LOW, (k1 + _WEYL_1) & _LOW


@jit(**_ELEMENT)
def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Scalar, for kernels: Philox4x32-10 of a counter and a key of 32-bit words, each in a uint64.

    Returns:
        The four 32-bit results as two uint64: the first and second, and the third and fourth, lower half first.
    """
    # Unrolled manually: the loop unrolled by LLVM is an eighth slower.
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = _next_key(k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    return (c0 & _LOW) | (c1 << _HALF_WORD), (c2 & _LOW) | (c3 << _HALF_WORD)


# --- from words to numbers -------------------------------------------------------------------------------------------


@intrinsic
def _bits_of_compiled(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.uint64))

    return types.uint64(types.float64), generate


@intrinsic
def _double_of_compiled(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.uint64), generate


def _bits_of_numpy(value: np.float64) -> np.uint64:
    """The 64 bits of a float64."""
    return np.float64(value).view(np.uint64)


def _double_of_numpy(word: np.uint64) -> np.float64:
    """The float64 with these 64 bits."""
    return np.uint64(word).view(np.float64)


_bits_of: Any = _bits_of_numpy if _INTERPRETED else _bits_of_compiled
_double_of: Any = _double_of_numpy if _INTERPRETED else _double_of_compiled

_ONE_BITS = np.uint64(0x3FF0000000000000)
_TWO_52_BITS = np.uint64(0x4330000000000000)
_ROOT_HALF_BITS = np.uint64(0x3FE6A09E667F3BCD)
_ONE_OVER_ROOT_HALF = _ONE_BITS - _ROOT_HALF_BITS
_SIGNIFICAND = np.uint64(0x000FFFFFFFFFFFFF)
_SIGNIFICAND_BITS = np.uint64(52)
_SIGN = np.uint64(0x8000000000000000)
_UNIT = np.uint64(1)
_TOP_TWO = np.uint64(62)
_BELOW_TOP_TWO = np.uint64(10)
_BELOW_TOP = np.uint64(12)
_BIAS = 2.0**52 + 1023.0
_LN2_UPPER = float.fromhex("0x1.62e42fefa3800p-1")  # 42 bits, so that its products with exponents are exact
_LN2_LOWER = 5.497923018708371e-14


@jit(**_ELEMENT)
def _open_unit(word):  # type: ignore[no-untyped-def]
    """Uniform in (0, 1), from the upper 52 bits of a word: the midpoint of one of 2**52 equal cells, exactly."""
    return _double_of((word >> _BELOW_TOP) | _ONE_BITS) - (1.0 - 2.0**-53)


@jit(**_ELEMENT)
def _logarithm(x):  # type: ignore[no-untyped-def]
    """Natural logarithm of a positive, normal float64.

    x = 2**e m with m within a factor sqrt(2) of 1; log m = 2 artanh s, s = (m - 1) / (m + 1), as a minimax polynomial
    (relative error 2**-59). The sum is ordered so that x near 1 keeps its relative accuracy.
    """
    shifted = _bits_of(x) + _ONE_OVER_ROOT_HALF
    exponent = _double_of((shifted >> _SIGNIFICAND_BITS) | _TWO_52_BITS) - _BIAS
    f = _double_of((shifted & _SIGNIFICAND) + _ROOT_HALF_BITS) - 1.0
    s = f / (2.0 + f)
    z = s * s
    series = 0.15314035847062213 + z * 0.14796105340634194
    series = 0.18183564866130517 + z * series
    series = 0.22222198563497944 + z * series
    series = 0.28571428742474725 + z * series
    series = 0.3999999999941432 + z * series
    series = 0.6666666666666734 + z * series
    half_square = 0.5 * f * f
    small = s * (half_square + z * series)
    return exponent * _LN2_UPPER - ((half_square - (small + exponent * _LN2_LOWER)) - f)


@jit(**_ELEMENT)
def _radius(word):  # type: ignore[no-untyped-def]
    """sqrt(-2 log u), u the midpoint of one of 2**63 equal cells of (0, 1), rounded: at most 9.4."""
    return np.sqrt(-2.0 * _logarithm(np.float64(word | _UNIT) * 2.0**-64))


@jit(**_ELEMENT)
def _direction(word):  # type: ignore[no-untyped-def]
    """Cosine and sine of an angle in [-pi/4, 7 pi/4), uniform over 2**54 steps.

    The upper two bits choose a quadrant of the circle, the next 52 the angle from its middle in quarter turns, exactly.
    Minimax polynomials: relative error 2**-58 of the sine, 2**-64 of the cosine.
    """
    r = _double_of(((word >> _BELOW_TOP_TWO) & _SIGNIFICAND) | _ONE_BITS) - 1.5
    z = r * r
    odd = -3.5986477755555385e-06 + z * 5.6344631352244624e-08
    odd = 0.00016044115216847803 + z * odd
    odd = -0.004681754132562595 + z * odd
    odd = 0.0796926262460598 + z * odd
    odd = -0.6459640975062448 + z * odd
    sine = 1.5707963267948966 * r + (r * z) * odd
    even = 4.7106096694422595e-07 + z * -6.321202078869099e-09
    even = -2.5202036788292468e-05 + z * even
    even = 0.0009192602741910676 + z * even
    even = -0.02086348076331257 + z * even
    even = 0.2536695079010468 + z * even
    even = -1.2337005501361697 + z * even
    cosine = 1.0 + z * even
    # Rotated by quarter turns: (c, s), (-s, c), (-c, -s), (s, -c).
    odd_quarter = (word >> _TOP_TWO) & _UNIT != np.uint64(0)
    upper = sine if odd_quarter else cosine
    other = cosine if odd_quarter else sine
    flip_x = (word ^ (word << _UNIT)) & _SIGN
    flip_y = word & _SIGN
    return _double_of(_bits_of(upper) ^ flip_x), _double_of(_bits_of(other) ^ flip_y)


# --- blocks ----------------------------------------------------------------------------------------------------------


@jit(**_LOOP)
def _count(counter0, counter1, ids, in_row, first, count):  # type: ignore[no-untyped-def]
    """The lower halves of the counters of `count` pairs from pair `first` on; the rest of the block is unchanged."""
    if in_row == 1:
        for i in range(count):
            counter0[i] = 0
            counter1[i] = ids[first + i]
        return
    row, pair = divmod(first, in_row)
    for i in range(count):
        counter0[i] = pair
        counter1[i] = ids[row]
        pair += 1
        if pair == in_row:
            pair = 0
            row += 1


@jit(**_LOOP)
def _make_words(counter0, counter1, address):  # type: ignore[no-untyped-def]
    """Replaces the lower halves of the counters by the words, in place."""
    for i in range(_BLOCK):
        counter0[i], counter1[i] = philox(counter0[i], counter1[i], address.c2, address.c3, address.k0, address.k1)


@jit(**_LOOP)
def _make_normals(words0, words1, pairs):  # type: ignore[no-untyped-def]
    """A block of pairs of normals, interleaved, from the words of each."""
    for i in range(_BLOCK):
        radius = _radius(words0[i])
        cosine, sine = _direction(words1[i])
        pairs[2 * i] = radius * cosine
        pairs[2 * i + 1] = radius * sine


@jit(**_LOOP)
def _scatter(out, pairs, first, count):  # type: ignore[no-untyped-def]
    """Copies pairs to their positions in (N, D) normals; if D is odd, half of a row's last pair is discarded."""
    flat = out.reshape(out.size)
    in_row, odd = (out.shape[1] + 1) // 2, out.shape[1] % 2 == 1
    row, pair = divmod(first, in_row)
    place = row * out.shape[1] + 2 * pair
    for i in range(count):
        flat[place] = pairs[2 * i]
        pair += 1
        if odd and pair == in_row:
            place += 1
        else:
            flat[place + 1] = pairs[2 * i + 1]
            place += 2
        if pair == in_row:
            pair = 0


@jit(**_LOOP)
def normals_of_pair(ids, pair, address, words0, words1, first, second):  # type: ignore[no-untyped-def]
    """The normals (n,) of columns 2 p and 2 p + 1 of n ids, by columns; words are scratch (n,)."""
    for i in range(ids.size):
        words0[i], words1[i] = philox(
            np.uint64(pair), np.uint64(ids[i]), address.c2, address.c3, address.k0, address.k1
        )
    for i in range(ids.size):
        radius = _radius(words0[i])
        cosine, sine = _direction(words1[i])
        first[i] = radius * cosine
        second[i] = radius * sine


# --- tasks -----------------------------------------------------------------------------------------------------------


@jit(**_LOOP)
def _normals_task(out, ids, address, task):  # type: ignore[no-untyped-def]
    """The normals of one task. If the pairs of a block are contiguous in the output, they are generated in place."""
    counter0, counter1 = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    scratch = np.empty(2 * _BLOCK)
    flat = out.reshape(out.size)
    in_row, even = (out.shape[1] + 1) // 2, out.shape[1] % 2 == 0
    end = min((task + 1) * _TASK, ids.size * in_row)
    for first in range(task * _TASK, end, _BLOCK):
        count = min(_BLOCK, end - first)
        _count(counter0, counter1, ids, in_row, first, count)
        _make_words(counter0, counter1, address)
        if even and count == _BLOCK:
            _make_normals(counter0, counter1, flat[2 * first : 2 * (first + _BLOCK)])
        else:
            _make_normals(counter0, counter1, scratch)
            _scatter(out, scratch, first, count)


@jit(**_TASKS)
def _normals_tasks(out, ids, address, tasks):  # type: ignore[no-untyped-def]
    """All tasks, in parallel. (An index of prange may be unsigned, and would promote integers to float.)"""
    for task in prange(tasks):
        _normals_task(out, ids, address, np.int64(task))


@jit(**_LOOP)
def _uniforms_task(out, ids, address, task):  # type: ignore[no-untyped-def]
    """The uniforms of one task, each from the first word of its pair."""
    counter0, counter1 = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    end = min((task + 1) * _TASK, ids.size)
    for first in range(task * _TASK, end, _BLOCK):
        count = min(_BLOCK, end - first)
        _count(counter0, counter1, ids, 1, first, count)
        _make_words(counter0, counter1, address)
        for i in range(count):
            out[first + i] = _open_unit(counter0[i])


@jit(**_TASKS)
def _uniforms_tasks(out, ids, address, tasks):  # type: ignore[no-untyped-def]
    """All tasks, in parallel."""
    for task in prange(tasks):
        _uniforms_task(out, ids, address, np.int64(task))
