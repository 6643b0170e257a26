"""Floating-point formats of at most 24 significant bits as lattices inside float32: rounding and integer coordinates.

Every value of bfloat16, float16, float8_e4m3fn and float8_e5m2 is a float32, so a float32 array holds an array of any
of them exactly, and arithmetic "in" a format is float32 arithmetic followed by a rounding. The formats are data: one
kernel rounds onto all of them, with the constants of a `Format` as arguments.

| format          | significand | smallest normal | smallest | largest | beyond                       |
|-----------------|-------------|-----------------|----------|---------|------------------------------|
| `float32`       | 24 bits     | 2^-126          | 2^-149   | 3.4e38  | infinity                     |
| `bfloat16`      | 8 bits      | 2^-126          | 2^-133   | 3.4e38  | infinity                     |
| `float16`       | 11 bits     | 2^-14           | 2^-24    | 65504   | infinity                     |
| `float8_e4m3fn` | 4 bits      | 2^-6            | 2^-9     | 448     | 448: there is no infinity    |
| `float8_e5m2`   | 3 bits      | 2^-14           | 2^-16    | 57344   | infinity                     |

The 8-bit formats are those of Micikevicius et al., 2022, "FP8 formats for deep learning"; values that round beyond the
largest become what a cast in PyTorch 2.13 makes of them.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.kernels.bfloat16 import float_of, is_on_lattice, keys, nearest_bfloat16, word_of
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit

Precision = Literal["float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"]
"""A format in which a number is stored. All are held in float32 arrays."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_ELEMENT: dict[str, Any] = EXACT | {"forceinline": True, "error_model": "numpy"}

_SIGN = np.uint32(0x80000000)
_SIZE = np.uint32(0x7FFFFFFF)
_QUIET_NAN = np.uint32(0x00400000)
_WORD_BITS = np.uint32(32)
_UNIT_BITS = np.uint32(8)
_UNIT = np.float32(2.0**-24)
_ONE = np.float32(1.0)
_GRID = np.float32(2.0**23)


class Format(NamedTuple):
    """The constants of a rounding of float32 numbers onto a format.

    A float32 word is rounded as an integer where the format is normal, and by multiples of the smallest positive value
    below. The second is not needed, and `smallest_normal` is 0, where the range of exponents is that of float32.
    """

    shift: np.uint32 | None
    """Bits of a float32 significand that the format has not; None for bfloat16 as a constant of compiled code."""
    below_half: np.uint32
    """Half a cell minus one, in the word of a float32."""
    odd: np.uint32
    """Selects the last kept bit after a shift: 1, or 0 where nothing is rounded."""
    cell: np.uint32
    """A cell, in the word of a float32."""
    kept: np.uint32
    """Selects the kept bits."""
    smallest_normal: np.float32
    quantum: np.float32
    """The smallest positive value; a power of two."""
    largest: np.float32
    beyond: np.float32
    """What is stored of larger numbers: infinity, or the largest where a format has none."""


class _Shape(NamedTuple):
    """What defines a format."""

    fraction: int
    """Stored bits of the significand."""
    smallest_exponent: int
    """Of the smallest normal number."""
    largest: float
    beyond: float


_SHAPES: dict[str, _Shape] = {
    "float32": _Shape(23, -126, float(np.finfo(np.float32).max), np.inf),
    "bfloat16": _Shape(7, -126, (2 - 2.0**-7) * 2.0**127, np.inf),
    "float16": _Shape(10, -14, 65504.0, np.inf),
    "float8_e4m3fn": _Shape(3, -6, 448.0, 448.0),
    "float8_e5m2": _Shape(2, -14, 57344.0, np.inf),
}


def _format(shape: _Shape) -> Format:
    shift = 23 - shape.fraction
    wide = shape.smallest_exponent == -126
    return Format(
        shift=np.uint32(shift),
        below_half=np.uint32((1 << shift >> 1) - 1 if shift else 0),
        odd=np.uint32(shift > 0),
        cell=np.uint32(1 << shift),
        kept=np.uint32((0xFFFFFFFF << shift) & 0xFFFFFFFF),
        smallest_normal=np.float32(0.0 if wide else 2.0**shape.smallest_exponent),
        quantum=np.float32(2.0 ** (shape.smallest_exponent - shape.fraction)),
        largest=np.float32(shape.largest),
        beyond=np.float32(shape.beyond),
    )


FORMATS: dict[str, Format] = {name: _format(shape) for name, shape in _SHAPES.items()}
"""Name -> constants of every `Precision`."""

OF_OPERATIONS: dict[str, Format] = {
    "bfloat16": FORMATS["bfloat16"]._replace(shift=None),
    "float16": FORMATS["float16"],
}
"""The same for kernels in which the result of every operation is rounded, compiled for each of the two kinds."""


def fraction_bits(precision: str) -> int:
    """Stored bits of the significand."""
    return _SHAPES[precision].fraction


# --- scalar, for kernels ---------------------------------------------------------------------------------------------


@jit(**_ELEMENT)
def nearest(value, form):  # type: ignore[no-untyped-def]
    """Rounds a float32 to the nearest value of a format, ties to even; to itself if the format is None.

    Below the smallest normal number, adding and subtracting 2^23 quanta rounds to a multiple of the quantum: float32
    numbers of that size are one quantum apart.
    """
    if form is None:
        return value
    return _nearest(value, form, form.shift)


@jit(**_ELEMENT)
def _nearest(value, form, shift):  # type: ignore[no-untyped-def]
    if shift is None:
        return nearest_bfloat16(value)
    word = word_of(value)
    rounded = float_of((word + form.below_half + ((word >> shift) & form.odd)) & form.kept)
    rounded = _in_range(word, rounded, form.smallest_normal, form.quantum, form.largest, form.beyond)
    return rounded if value == value else float_of((word | _QUIET_NAN) & form.kept)


@jit(**_ELEMENT)
def _in_range(word, rounded, smallest_normal, quantum, largest, beyond):  # type: ignore[no-untyped-def]
    """A rounded number, where a format has fewer exponents than float32."""
    size, rounded_size = float_of(word & _SIZE), float_of(word_of(rounded) & _SIZE)
    grid = quantum * _GRID
    rounded_size = (size + grid) - grid if size < smallest_normal else rounded_size
    rounded_size = beyond if rounded_size > largest else rounded_size
    return float_of(word_of(rounded_size) | (word & _SIGN))


@jit(**_ELEMENT)
def stochastic(value, form, draw):  # type: ignore[no-untyped-def]
    """Rounds a float32 to one of the two values of a format next to it, away from zero with probability (|value| -
    lower) / cell, so that the mean is the value.

    Args:
        value: float32.
        form: of a format other than float32.
        draw: uint32, uniform. Where the format is normal the probability is exact, from as many of the upper bits as
            the format drops; below, it is a multiple of 2^-24.
    """
    word = word_of(value)
    size = float_of(word & _SIZE)
    lower = word & form.kept & _SIZE
    if (draw >> (_WORD_BITS - form.shift)) < (word & ~form.kept):
        lower += form.cell
    rounded = float_of(lower)
    if size < form.smallest_normal:
        quanta = size * (_ONE / form.quantum)
        whole = np.floor(quanta)
        if np.float32(draw >> _UNIT_BITS) * _UNIT < quanta - whole:
            whole += _ONE
        rounded = whole * form.quantum
    if rounded > form.largest:
        rounded = form.beyond
    if value != value:
        return float_of((word | _QUIET_NAN) & form.kept)
    return float_of(word_of(rounded) | (word & _SIGN))


# --- arrays ----------------------------------------------------------------------------------------------------------


def round_to(values: ArrayLike, precision: str) -> NDArray[np.float32]:
    """Rounds to the nearest value of a format, ties to even.

    Args:
        values: any shape. Other types are rounded to float32 first, as in a framework's cast through float.
        precision: name of the format.

    Returns:
        A new float32 array of the same shape, on the lattice.
    """
    with np.errstate(over="ignore"):
        single = np.array(values, np.float32, order="C")
    form = FORMATS[precision]
    if form.shift:
        _round_all(single.reshape(-1), form)
    return single


@jit(**EXACT, error_model="numpy")
def _round_all(values, form):  # type: ignore[no-untyped-def]
    """Rounds all values (n,) in place."""
    for i in range(values.shape[0]):
        values[i] = nearest(values[i], form)


def is_on(values: NDArray[np.float32], precision: str) -> NDArray[np.bool_]:
    """Elementwise: is this float32 a value of the format? A NaN is.

    Raises:
        TypeError: if `values` is not float32.
    """
    _require_float32(values)
    if precision == "bfloat16":
        return is_on_lattice(values) | np.isnan(values)
    return np.asarray((round_to(values, precision) == values) | np.isnan(values))


def lattice_keys(values: NDArray[np.float32], precision: str) -> NDArray[np.signedinteger[Any]]:
    """Integer coordinate of each value along the lattice of a format [cells], in the order of the values.

    Neighbouring values differ by 1 everywhere, across binades and among subnormals too; +0 and -0 share key 0. NaN has
    no place in the order: its key has no meaning.

    Raises:
        TypeError: if `values` is not float32.
        ValueError: if a value is not on the lattice.
    """
    if precision == "bfloat16":
        return keys(values)
    if not is_on(values, precision).all():
        raise ValueError(f"not every value is a {precision}; round with round_to first")
    form, shape = FORMATS[precision], _SHAPES[precision]
    words = np.asarray(values).view(np.uint32)
    sizes = np.abs(values)
    offset = (shape.smallest_exponent + 126) << shape.fraction
    normal = ((words & _SIZE) >> np.uint32(23 - shape.fraction)).astype(np.int64) - offset
    with np.errstate(invalid="ignore", over="ignore"):
        small = (sizes.astype(np.float64) / float(form.quantum)).astype(np.int64)
    places = np.where(sizes < form.smallest_normal, small, normal)
    return np.asarray(np.where(words & _SIGN, -places, places))


def lattice_numbers(places: NDArray[np.signedinteger[Any]], precision: str) -> NDArray[np.float64]:
    """The numbers at integer coordinates of the lattice of a format: the inverse of `lattice_keys`.

    One cell beyond the largest number follows what the format would hold with a larger exponent, from which half a cell
    is where rounding to infinity begins (bfloat16: infinity).
    """
    form, shape = FORMATS[precision], _SHAPES[precision]
    magnitudes = np.abs(np.asarray(places, np.int64))
    offset = (shape.smallest_exponent + 126) << shape.fraction
    normal = ((magnitudes + offset) << (23 - shape.fraction)).astype(np.uint32).view(np.float32).astype(np.float64)
    sizes = np.where(magnitudes >> shape.fraction, normal, magnitudes * float(form.quantum))
    return np.asarray(np.where(np.asarray(places) < 0, -sizes, sizes))


def spacing(values: NDArray[np.floating[Any]], precision: str) -> NDArray[np.float64]:
    """The distance from each value of the lattice to the next one away from zero; 0 at zero."""
    shape = _SHAPES[precision]
    sizes = np.asarray(values, np.float64)
    exponent = np.maximum(np.frexp(sizes)[1] - 1, shape.smallest_exponent)
    return np.where(sizes == 0.0, 0.0, np.ldexp(1.0, exponent - shape.fraction))


def _require_float32(values: NDArray[np.float32]) -> None:
    if np.asarray(values).dtype != np.float32:
        raise TypeError(f"values of a format are kept as float32, not {np.asarray(values).dtype}")
