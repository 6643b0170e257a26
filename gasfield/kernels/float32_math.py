"""The functions of `math` that the twin of a law in float32 uses.

Exponential, logarithm, sine and cosine are polynomials with each operation rounded individually, so that bits are the
same on every machine, and without branches, so that loops over particles are taken in vectors. They are within two
units in the last place. Every other name is that of `math`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import config, types

from gasfield.kernels.flags import EXACT
from gasfield.kernels.intrinsic import intrinsic
from gasfield.kernels.jit import jit

_ELEMENT: dict[str, Any] = EXACT | {"forceinline": True, "error_model": "numpy"}
_INTERPRETED: bool = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]

pi = np.float32(math.pi)
e = np.float32(math.e)
tau = np.float32(math.tau)
inf = np.float32(math.inf)
nan = np.float32(math.nan)


# --- bits -------------------------------------------------------------------------------------------------------------


@intrinsic
def _bits_of_compiled(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int32))

    return types.int32(types.float32), generate


@intrinsic
def _single_of_compiled(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


def _bits_of_numpy(value: np.float32) -> np.int32:
    """The 32 bits of a float32."""
    return np.float32(value).view(np.int32)


def _single_of_numpy(word: np.int32) -> np.float32:
    """The float32 with these 32 bits."""
    return np.int32(word).view(np.float32)


bits_of: Any = _bits_of_numpy if _INTERPRETED else _bits_of_compiled
single_of: Any = _single_of_numpy if _INTERPRETED else _single_of_compiled

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
_SIGNIFICAND_BITS = np.int32(23)
_SIGNIFICAND = np.int32(0x007FFFFF)
_ROOT_HALF_BITS = np.int32(0x3F3504F3)
_BIAS = np.int32(127)
_LN2_UPPER = np.float32(0.693359375)  # ten bits, so that its products with exponents are exact
_LN2_LOWER = np.float32(-2.12194440e-4)


@jit(**_ELEMENT)
def sqrt(x):  # type: ignore[no-untyped-def]
    """Square root."""
    return np.sqrt(np.float32(x))


# --- exponential and logarithm ----------------------------------------------------------------------------------------

_INVERSE_LN2 = np.float32(1.0 / math.log(2.0))
_LARGEST, _LEAST = np.float32(88.8), np.float32(-104.5)
_EXP_0, _EXP_1, _EXP_2, _EXP_3, _EXP_4 = map(
    np.float32,
    (0.4999999403953552, 0.1666652113199234, 0.04166838899254799, 0.008368710055947304, 0.001381461275741458),
)


@jit(**_ELEMENT)
def _power_of_two(exponent):  # type: ignore[no-untyped-def]
    """2**n for -126 <= n <= 127."""
    return single_of(np.int32((exponent + _BIAS) << _SIGNIFICAND_BITS))


@jit(**_ELEMENT)
def exp(x):  # type: ignore[no-untyped-def]
    """Exponential: x = n log 2 + r, exp(x) = 2**n (1 + r + r^2 P(r)); 2**n in two factors, which may underflow."""
    y = np.float32(x)
    within = min(max(y, _LEAST), _LARGEST)
    n = np.floor(within * _INVERSE_LN2 + _HALF)
    r = (within - n * _LN2_UPPER) - n * _LN2_LOWER
    series = _EXP_0 + r * (_EXP_1 + r * (_EXP_2 + r * (_EXP_3 + r * _EXP_4)))
    value = _ONE + (r + (r * r) * series)
    exponent = np.int32(n)
    first = np.int32(exponent >> np.int32(1))
    result = value * _power_of_two(first) * _power_of_two(np.int32(exponent - first))
    return result if y == y else y


_LOG_0, _LOG_1, _LOG_2, _LOG_3, _LOG_4, _LOG_5, _LOG_6, _LOG_7 = map(
    np.float32,
    (
        *(0.3333333134651184, -0.2500081956386566, 0.20001226663589478, -0.16623356938362122),
        *(0.14201757311820984, -0.13160182535648346, 0.127615824341774, -0.07634500414133072),
    ),
)
_NORMAL, _INTO_RANGE = np.float32(2.0**-126), np.float32(2.0**23)
_SHIFT = np.float32(23.0)


@jit(**_ELEMENT)
def log(x):  # type: ignore[no-untyped-def]
    """Natural logarithm: x = 2**n m with m within a factor sqrt(2) of 1, f = m - 1, log m = f - f^2/2 + f^3 P(f)."""
    y = np.float32(x)
    small = y < _NORMAL
    scaled = y * _INTO_RANGE if small else y
    shifted = np.int32(bits_of(scaled) - _ROOT_HALF_BITS)
    n = np.float32(np.int32(shifted >> _SIGNIFICAND_BITS)) - (_SHIFT if small else _ZERO)
    f = single_of(np.int32((shifted & _SIGNIFICAND) + _ROOT_HALF_BITS)) - _ONE
    series = _LOG_4 + f * (_LOG_5 + f * (_LOG_6 + f * _LOG_7))
    series = _LOG_0 + f * (_LOG_1 + f * (_LOG_2 + f * (_LOG_3 + f * series)))
    square = f * f
    value = n * _LN2_UPPER + (f + (n * _LN2_LOWER + (square * f * series - _HALF * square)))
    value = value if y < inf else y  # infinity and NaN
    value = value if y != _ZERO else -inf
    return nan if y < _ZERO else value


# --- sine and cosine --------------------------------------------------------------------------------------------------

_QUARTERS = 2.0 / math.pi
_QUARTER = math.pi / 2.0
_FARTHEST = np.float32(2.0**40)
_SIN_0, _SIN_1, _SIN_2 = map(np.float32, (-0.16666655242443085, 0.00833216030150652, -0.00019515282474458218))
_COS_0, _COS_1, _COS_2 = map(np.float32, (0.04166664555668831, -0.0013887316454201937, 2.44331567955669e-05))


@jit(**_ELEMENT)
def _turned(x, ahead):  # type: ignore[no-untyped-def]
    """sin(x + ahead quarter turns). The angle is reduced in float64, where one constant suffices; beyond 2**40, where a
    float32 has no digits within a turn, the result is NaN."""
    y = np.float32(x)
    wide = np.float64(y)
    quarters = np.floor(wide * _QUARTERS + 0.5)
    r = np.float32(wide - quarters * _QUARTER)
    z = r * r
    sine = r + r * z * (_SIN_0 + z * (_SIN_1 + z * _SIN_2))
    cosine = (_ONE - _HALF * z) + z * z * (_COS_0 + z * (_COS_1 + z * _COS_2))
    place = np.int64(quarters) + ahead
    value = cosine if place & 1 else sine
    value = -value if place & 2 else value
    return value if abs(y) <= _FARTHEST else nan


@jit(**_ELEMENT)
def sin(x):  # type: ignore[no-untyped-def]
    """Sine."""
    return _turned(x, np.int64(0))


@jit(**_ELEMENT)
def cos(x):  # type: ignore[no-untyped-def]
    """Cosine."""
    return _turned(x, np.int64(1))


def __getattr__(name: str) -> Any:
    return getattr(math, name)
