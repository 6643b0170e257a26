"""The 8-bit dynamic map with a scale for each block of 256 numbers, in which 8-bit optimisers keep their moments.

A block is divided by its largest size, and each number becomes the nearest of 256 values between -1 (or 0) and 1: in
each of seven decades, the midpoints of 2^k equal intervals between a tenth and the whole of a power of ten, and besides
0 and 1 (Dettmers, 2016, arXiv 1511.04561; Dettmers et al., 2022, arXiv 2110.02861, section 2.1, which bitsandbytes and
torchao implement). Here every value of the map is computed exactly and rounded once to float32; implementations that
accumulate them in float32 differ from it by a unit in the last place.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit

BLOCK = 256
"""Numbers with one scale, in the order of a flattened matrix."""

_DECADES = 7
_SMALLEST_SCALE = np.float32(1e-12)
_HALF = np.float32(0.5)


def _map(signed: bool) -> NDArray[np.float32]:
    """(256,) the values of the map, ascending."""
    values = [Fraction(0), Fraction(1)]
    for decade in range(_DECADES):
        count = 2 ** (decade + (not signed))
        scale = Fraction(10) ** (decade - _DECADES + 1)
        width = Fraction(9, 10) / count
        middles = [scale * (Fraction(1, 10) + width * (index + Fraction(1, 2))) for index in range(count)]
        values += middles + ([-middle for middle in middles] if signed else [])
    return np.array([float(value) for value in sorted(values)], np.float32)


SIGNED = _map(signed=True)
"""For the first moment."""
UNSIGNED = _map(signed=False)
"""For the second moment."""


@jit(**EXACT, error_model="numpy")
def store_block(values, start, count, signed):  # type: ignore[no-untyped-def]
    """Replaces `count` numbers from `start` on by what an 8-bit code and the scale of their block can hold.

    Args:
        values: (n,) float32; overwritten.
        start, count: the block.
        signed: whether numbers may be negative.
    """
    scale = _SMALLEST_SCALE
    for i in range(start, start + count):
        size = abs(values[i])
        if size > scale or size != size:
            scale = size
    for i in range(start, start + count):
        number = values[i] / scale
        code = SIGNED[_nearest(SIGNED, number)] if signed else UNSIGNED[_nearest(UNSIGNED, number)]
        values[i] = code * scale


@jit(**EXACT, error_model="numpy")
def _nearest(levels, number):  # type: ignore[no-untyped-def]
    """Index of the nearest of 256 ascending levels; the upper one of two at the same distance."""
    lower, stride = 0, 128
    while stride:
        if number >= levels[lower + stride]:
            lower += stride
        stride >>= 1
    upper = min(lower + 1, 255)
    return upper if number - levels[lower] >= (levels[upper] - levels[lower]) * _HALF else lower
