"""Standard normals in float32: four of them from the four words of one call of Philox4x32-10.

Each normal is a function of its address (seed, stream, step, draw, id, column) only, as in float64 (`philox.py`). One
call serves the same pair of columns of two neighbouring ids, 2 n and 2 n + 1:

    counter  2**31 + pair of columns | n | low 32 bits of step | high 16 bits of step, stream, draw (16 + 8 + 8 bits)
    key      low 32 bits of seed | high 32 bits of seed

Its first two words are radius and direction of the even id, the other two those of the odd one. The top bit of the
counter keeps these calls apart from those of float64: normals of the two precisions with the same address are
independent of each other.

The Box-Muller transform is computed in float32, each operation rounded individually, so that bits are the same on every
machine: u = (w + 1/2) / 2**32 gives radii up to 6.76; functions of it are accurate to a few units in the last place. Of
the words, 2**-25 round to u = 1, where both normals are zero.

Calls are made in 64-bit lanes, and transformed in 32-bit lanes, in separate loops over a block in the L1 cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.float32_math import bits_of, single_of
from gasfield.kernels.jit import jit
from gasfield.kernels.philox import address_of, philox, require_rows

_LOOP: dict[str, Any] = EXACT | {"error_model": "numpy"}
_TASKS: dict[str, Any] = EXACT_PARALLEL | {"error_model": "numpy"}
_ELEMENT: dict[str, Any] = _LOOP | {"forceinline": True}

BLOCK = 256
"""Particles in a block of the plain loop."""
_TASK = 16 * BLOCK

_LOW = np.uint64(0xFFFFFFFF)
_HALF_WORD = np.uint64(32)
_APART = np.uint64(0x80000000)


def normals_float32(
    out: NDArray[np.float32], ids: NDArray[np.int64], seed: int, stream: int, step: int, draw: int = 0
) -> None:
    """Fills an array with independent standard normals, in parallel; bits do not depend on the number of threads.

    Row i depends on (seed, stream, step, draw, ids[i]) only, and its columns do not depend on their number.

    Args:
        out: (N, D) float32, contiguous; overwritten.
        ids, seed, stream, step, draw: as for `gasfield.kernels.philox.normals`.

    Raises:
        ValueError, TypeError: as for `normals`.
    """
    require_rows(out, ids, np.float32)
    if out.ndim != 2:
        raise ValueError(f"normals go to an array of shape (N, D), not {out.shape}")
    tasks = -(-ids.size // _TASK)
    if tasks == 1:
        _task(out, ids, address_of(seed, stream, step, draw), 0)
    elif tasks > 1:
        _tasks(out, ids, address_of(seed, stream, step, draw), tasks)


@jit(**_TASKS)
def _tasks(out, ids, address, tasks):  # type: ignore[no-untyped-def]
    """All rows, in parallel."""
    for task in prange(tasks):
        _task(out, ids, address, np.int64(task))


@jit(**_LOOP)
def _task(out, ids, address, task):  # type: ignore[no-untyped-def]
    """The rows of one task."""
    radii, angles = np.empty(BLOCK // 2, np.uint64), np.empty(BLOCK // 2, np.uint64)
    first_of_pair, second_of_pair = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for first in range(task * _TASK, min((task + 1) * _TASK, ids.size), BLOCK):
        mine = ids[first : min(first + BLOCK, ids.size)]
        together = are_together(mine)
        for j in range(0, out.shape[1], 2):
            make_words(mine, together, j // 2, address, radii, angles)
            make_normals(radii, angles, first_of_pair, second_of_pair)
            for i in range(mine.size):
                out[first + i, j] = first_of_pair[i]
            if j + 1 < out.shape[1]:
                for i in range(mine.size):
                    out[first + i, j + 1] = second_of_pair[i]


# --- words of a block -------------------------------------------------------------------------------------------------


@jit(**_LOOP)
def are_together(ids):  # type: ignore[no-untyped-def]
    """Whether ids ascend one by one from an even one, so that every call of the generator serves two of them."""
    apart = ids.size > 0 and ids[0] & 1 == 1
    for i in range(ids.size):
        apart |= ids[i] != ids[0] + i
    return not apart


@jit(**_LOOP)
def make_words(ids, together, pair, address, radii, angles):  # type: ignore[no-untyped-def]
    """Words of a pair of columns of some ids: (B/2,) uint64, each with those of two, the lower half first."""
    if together:
        first = np.uint64(ids[0] >> 1) if ids.size else np.uint64(0)
        for c in range((ids.size + 1) // 2):
            radii[c], angles[c] = _call(first + np.uint64(c), pair, address)
        return
    for c in range((ids.size + 1) // 2):
        radii[c], angles[c] = _words_of_one(ids[2 * c], pair, address)
        if 2 * c + 1 < ids.size:
            radius, angle = _words_of_one(ids[2 * c + 1], pair, address)
            radii[c] |= radius << _HALF_WORD
            angles[c] |= angle << _HALF_WORD


@jit(**_ELEMENT)
def _call(n, pair, address):  # type: ignore[no-untyped-def]
    """Radii and angles of the ids 2 n and 2 n + 1, the lower half first."""
    first, second = philox(np.uint64(pair) | _APART, n, address.c2, address.c3, address.k0, address.k1)
    return (first & _LOW) | (second << _HALF_WORD), (first >> _HALF_WORD) | (second & ~_LOW)


@jit(**_LOOP)
def _words_of_one(number, pair, address):  # type: ignore[no-untyped-def]
    """Radius and angle of one id, each in the lower half."""
    radii, angles = _call(np.uint64(number >> 1), pair, address)
    half = np.uint64(32 * (number & 1))
    return (radii >> half) & _LOW, (angles >> half) & _LOW


# --- from words to normals --------------------------------------------------------------------------------------------


_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_SCALE = np.float32(2.0**-32)
_ROOT_HALF_BITS = np.int32(0x3F3504F3)
_SIGNIFICAND = np.int32(0x007FFFFF)
_SIGNIFICAND_BITS = np.int32(23)
_SIGN = np.int32(-(2**31))
_ODD_QUARTER = np.int32(2**30)
_LOG_2 = np.float32(-2.0 * np.log(2.0))
_LOG = tuple(
    np.float32(c)
    for c in (
        *(-2.0, 0.9999997615814209, -0.6666837334632874, 0.5000414848327637, -0.39913666248321533),
        *(0.33124783635139465, -0.2990453541278839, 0.28733697533607483, -0.1744472086429596),
    )
)
_SIN = tuple(map(np.float32, (1.5707963705062866, -0.6459634900093079, 0.07968003302812576, -0.00460165785625577)))
_COS = tuple(map(np.float32, (-1.2336976528167725, 0.2536032199859619, -0.020417282357811928)))


@jit(**_ELEMENT)
def _radius(word):  # type: ignore[no-untyped-def]
    """sqrt(-2 log u), u the midpoint of one of 2**32 equal cells of (0, 1), rounded to float32.

    u = 2**e m with m within a factor sqrt(2) of 1; -2 log m as a minimax polynomial in m - 1 (relative error 2**-25).
    """
    u = (np.float32(word) + _HALF) * _SCALE
    shifted = np.int32(bits_of(u) - _ROOT_HALF_BITS)
    exponent = np.float32(np.int32(shifted >> _SIGNIFICAND_BITS))
    f = single_of(np.int32((shifted & _SIGNIFICAND) + _ROOT_HALF_BITS)) - _ONE
    series = _LOG[7] + f * _LOG[8]
    series = _LOG[6] + f * series
    series = _LOG[5] + f * series
    series = _LOG[4] + f * series
    series = _LOG[3] + f * series
    series = _LOG[2] + f * series
    series = _LOG[1] + f * series
    series = _LOG[0] + f * series
    return np.sqrt(exponent * _LOG_2 + f * series)


@jit(**_ELEMENT)
def _direction(word):  # type: ignore[no-untyped-def]
    """Cosine and sine of an angle, uniform over 2**32 steps of a circle.

    The upper two bits choose a quadrant, the others (in two's complement) the angle from its middle in quarter turns,
    rounded to float32.
    Minimax polynomials: relative error 2**-28 of the sine, 2**-24 of the cosine.
    """
    turns = np.int32(word)
    r = np.float32(np.int32(turns << np.int32(2))) * _SCALE
    z = r * r
    sine = r * (_SIN[0] + z * (_SIN[1] + z * (_SIN[2] + z * _SIN[3])))
    cosine = _ONE + z * (_COS[0] + z * (_COS[1] + z * _COS[2]))
    odd_quarter = np.int32(turns & _ODD_QUARTER) != np.int32(0)
    upper = sine if odd_quarter else cosine
    other = cosine if odd_quarter else sine
    flip_x = np.int32((turns ^ (turns << np.int32(1))) & _SIGN)
    flip_y = np.int32(turns & _SIGN)
    return single_of(np.int32(bits_of(upper) ^ flip_x)), single_of(np.int32(bits_of(other) ^ flip_y))


@jit(**_LOOP)
def make_normals(radii, angles, first, second):  # type: ignore[no-untyped-def]
    """Both normals (B,) of the words of a block."""
    words, directions = radii.view(np.uint32), angles.view(np.uint32)
    for i in range(first.size):
        radius = _radius(words[i])
        cosine, sine = _direction(directions[i])
        first[i] = radius * cosine
        second[i] = radius * sine
