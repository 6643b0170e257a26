"""bfloat16 as a lattice inside float32: rounding onto it, and integer coordinates along it.

A bfloat16 is the upper half of a float32: 1 sign bit, 8 exponent bits, 7 stored significand bits. Its 65,536 values are
float32 values whose lower 16 bits are zero, so a float32 array holds a bfloat16 array exactly, and arithmetic "in
bfloat16" is float32 arithmetic followed by a rounding.

Scalar functions are for use inside kernels; array functions are plain NumPy. Everything that needs an LLVM intrinsic is
in this file and has a NumPy equivalent, which replaces it if Numba's compiler is disabled (`NUMBA_DISABLE_JIT=1`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import config, types
from numpy.typing import ArrayLike, NDArray

from gasfield.kernels.flags import EXACT
from gasfield.kernels.intrinsic import intrinsic
from gasfield.kernels.jit import jit

# Without forceinline LLVM does not inline the calls in kernels that round often, and does not vectorise the loop around
# them: measured, 12.5 instead of 1.5 ns per element in the bfloat16 AdamW.
_SCALAR: dict[str, Any] = EXACT | {"forceinline": True}

_INTERPRETED: bool = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]

# Typed constants: with an untyped literal, Numba would widen the 32-bit words to 64 bits.
_SHIFT = np.uint32(16)
_ONE = np.uint32(1)
_JUST_BELOW_HALF = np.uint32(0x7FFF)
_UPPER_HALF = np.uint32(0xFFFF0000)
_LOWER_HALF = np.uint32(0x0000FFFF)
_QUIET_NAN = np.uint32(0x00400000)


# --- LLVM intrinsics and their NumPy equivalents ---------------------------------------------------------------------


@intrinsic
def _word_of_compiled(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.uint32))

    return types.uint32(types.float32), generate


@intrinsic
def _float_of_compiled(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.uint32), generate


@intrinsic
def _fused_multiply_add_compiled(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


def _word_of_numpy(value: np.float32) -> np.uint32:
    """The 32 bits of a float32."""
    return np.float32(value).view(np.uint32)


def _float_of_numpy(word: np.uint32) -> np.float32:
    """The float32 with these 32 bits."""
    return np.uint32(word).view(np.float32)


def _fused_multiply_add_numpy(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """a * b + c with one rounding.

    The product is exact in float64. The sum is rounded to odd there, which prevents double rounding in the final
    conversion to float32 (Boldo and Melquiond, 2008, "Emulation of FMA and correctly rounded sums").
    """
    product, addend = float(a) * float(b), float(c)
    total = product + addend
    if math.isfinite(total):
        shifted = total - product
        error = (product - (total - shifted)) + (addend - shifted)
        if error != 0.0 and not int(np.float64(total).view(np.uint64)) & 1:
            total = math.nextafter(total, math.copysign(math.inf, error))
    with np.errstate(over="ignore"):
        return np.float32(total)


word_of: Any = _word_of_numpy if _INTERPRETED else _word_of_compiled
"""Scalar, for kernels: the 32 bits of a float32 as uint32."""

float_of: Any = _float_of_numpy if _INTERPRETED else _float_of_compiled
"""Scalar, for kernels: the float32 with these 32 bits (uint32)."""

fused_multiply_add: Any = _fused_multiply_add_numpy if _INTERPRETED else _fused_multiply_add_compiled
"""Scalar, for kernels: (a, b, c) float32 -> a * b + c with one rounding, also on machines without that instruction."""


# --- scalar, for kernels ---------------------------------------------------------------------------------------------


@jit(**_SCALAR)
def nearest_bfloat16(value):  # type: ignore[no-untyped-def]
    """Rounds a float32 to the nearest bfloat16, ties to even, and returns it as float32.

    Adding just under half a cell, or exactly half if the kept part is odd, makes truncation round to nearest even; the
    carry propagates from the significand into the exponent and, beyond the largest finite value, to infinity. A NaN is
    made quiet and truncated (the carry could otherwise turn it into infinity or zero).
    """
    word = word_of(value)
    if value != value:
        return float_of((word | _QUIET_NAN) & _UPPER_HALF)
    return float_of((word + _JUST_BELOW_HALF + ((word >> _SHIFT) & _ONE)) & _UPPER_HALF)


@jit(**_SCALAR)
def store(value, as_bfloat16):  # type: ignore[no-untyped-def]
    """A float32 as stored: itself, or the nearest bfloat16 if `as_bfloat16` is true."""
    return nearest_bfloat16(value) if as_bfloat16 else value


# --- arrays ----------------------------------------------------------------------------------------------------------


def round_to_bfloat16(values: ArrayLike) -> NDArray[np.float32]:
    """Rounds to the nearest bfloat16, ties to even.

    Args:
        values: any shape. Other types are rounded to float32 first, as in a framework's cast through float.

    Returns:
        A new float32 array of the same shape, on the lattice. Infinities and NaN are unchanged; values beyond the
        largest finite bfloat16 by half a cell or more become infinity.
    """
    words = np.asarray(values, dtype=np.float32).view(np.uint32)
    # An int64 constant would widen the type; one array is allocated and then modified in place.
    rounded = np.asarray(words >> _SHIFT)
    rounded &= _ONE
    rounded += _JUST_BELOW_HALF
    rounded += words
    rounded &= _UPPER_HALF
    is_nan = np.isnan(words.view(np.float32))
    if is_nan.any():
        rounded[is_nan] = (words[is_nan] | _QUIET_NAN) & _UPPER_HALF
    return rounded.view(np.float32)


def is_on_lattice(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Elementwise: is this float32 a bfloat16? (Infinities are; a NaN is if its lower 16 bits are zero.)

    Raises:
        TypeError: if `values` is not float32.
    """
    return np.asarray((_words(values) & _LOWER_HALF) == 0)


def bits(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The 16 bits of each bfloat16, as a new array of the same shape.

    Raises:
        TypeError: if `values` is not float32.
        ValueError: if a value is not on the lattice (its lower bits would be lost silently).
    """
    if not is_on_lattice(values).all():
        raise ValueError("not every value is a bfloat16; round with round_to_bfloat16 first")
    return np.asarray(_words(values) >> _SHIFT).astype(np.uint16)


def from_bits(patterns: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The bfloat16 values with these 16 bits, as a new float32 array of the same shape: the inverse of `bits`.

    Raises:
        TypeError: if `patterns` is not uint16.
    """
    patterns = np.asarray(patterns)
    if patterns.dtype != np.uint16:
        raise TypeError(f"bit patterns are uint16, not {patterns.dtype}")
    return np.asarray(patterns.astype(np.uint32) << _SHIFT).view(np.float32)


def keys(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Integer coordinate of each value along the lattice [cells], in the order of the values.

    The bits are a sign and a magnitude; read as a signed integer they count cells from zero. Neighbouring values differ
    by 1 everywhere (across binades, subnormals and zero), +0 and -0 share key 0, the infinities have keys +-32,640. NaN
    is unordered: its keys are beyond the infinities and have no meaning.

    Raises:
        TypeError, ValueError: as `bits`.
    """
    patterns = bits(values).astype(np.int32)
    magnitudes = patterns & 0x7FFF
    return np.asarray(np.where(patterns & 0x8000, -magnitudes, magnitudes))


def _words(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The 32-bit words of a float32 array, as a view. Other types are refused: a cast might put them on the lattice."""
    values = np.asarray(values)
    if values.dtype != np.float32:
        raise TypeError(f"bfloat16 values are kept as float32, not {values.dtype}")
    return values.view(np.uint32)
