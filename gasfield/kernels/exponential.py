"""Exponentials for loops that vectorise: 2^x, exp(x) and exp(x) - 1 in float32 and float64.

    x = n ln 2 + r with an integer n and |r| <= ln 2 / 2,    exp(x) = 2^n (1 + q(r)),    q(r) = r + r^2 P(r)

P is the polynomial whose largest error, relative to exp, is least (Remez): 3e-9 of degree 4 in float32, 4e-18 of degree
9 in float64. Products and sums are fused where written, so that a scalar and a vectorised loop give the same bits on
every processor; those of a mathematical library differ between machines and are called one by one.

Errors: at most 1.2 units in the last place for 2^x and exp(x), 2.2 for exp(x) - 1, as a
test measures. Results below the smallest normal number are 0, where a library returns subnormal ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import config, types
from numba.extending import overload

from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.intrinsic import intrinsic
from gasfield.kernels.jit import jit

_INTERPRETED: bool = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]
_INLINED: dict[str, Any] = IN_PLACE | {"forceinline": True, "cache": False}

_FRACTION = {32: 23, 64: 52}
"""Bits of a number -> bits of its fraction."""


@intrinsic
def _fused_compiled(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, a, a), generate


@intrinsic
def _raised_compiled(typing_context: Any, value: Any, shifted: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = context.get_value_type(types.int32 if value.bitwidth == 32 else types.int64)
        bits, exponent = (builder.bitcast(argument, word) for argument in arguments)
        sum_of_bits = builder.add(bits, builder.shl(exponent, word(_FRACTION[value.bitwidth])))
        return builder.bitcast(sum_of_bits, context.get_value_type(value))

    return value(value, value), generate


def _fused_numpy(a: Any, b: Any, c: Any) -> Any:
    return a * b + c


def _raised_numpy(value: Any, shifted: Any) -> Any:
    real, n = type(value), shifted - _shift(type(value))
    return real(np.ldexp(value, int(n))) if abs(n) < 5000 else value


_fused: Any = _fused_numpy if _INTERPRETED else _fused_compiled
"""a * b + c, rounded once."""
_raised: Any = _raised_numpy if _INTERPRETED else _raised_compiled
"""value * 2^n, where `shifted` is n + `_shift`: n is added to the bits of the exponent. The result must be normal."""


def _shift(real: Any) -> Any:
    """1.5 * 2^23 or 1.5 * 2^52: added to a small number, it leaves its nearest integer in the lowest bits."""
    return real(1.5 * 2.0 ** _FRACTION[8 * np.dtype(real).itemsize])


class _Exponentials(NamedTuple):
    """The functions of one precision, described below."""

    power: Callable[[Any], Any]
    weight: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    expm1: Callable[[Any], Any]


@jit(**_INLINED)
def _growth_32(r):  # type: ignore[no-untyped-def]
    """q(r) in float32."""
    p = _fused(_P32[4], r, _P32[3])
    p = _fused(p, r, _P32[2])
    p = _fused(p, r, _P32[1])
    p = _fused(p, r, _P32[0])
    return _fused(r * r, p, r)


@jit(**_INLINED)
def _growth_64(r):  # type: ignore[no-untyped-def]
    """q(r) in float64."""
    p = _fused(_P64[9], r, _P64[8])
    p = _fused(p, r, _P64[7])
    p = _fused(p, r, _P64[6])
    p = _fused(p, r, _P64[5])
    p = _fused(p, r, _P64[4])
    p = _fused(p, r, _P64[3])
    p = _fused(p, r, _P64[2])
    p = _fused(p, r, _P64[1])
    p = _fused(p, r, _P64[0])
    return _fused(r * r, p, r)


def _exponentials(real: Any, growth: Callable[[Any], Any], ln2_parts: tuple[float, float]) -> _Exponentials:
    """The functions for numbers of a type.

    Args:
        real: the type.
        growth: q.
        ln2_parts: ln 2 as a number of few bits, whose products with n are exact, and the rest.
    """
    limits = np.finfo(real)
    shift, zero, one, infinite = _shift(real), real(0.0), real(1.0), real(np.inf)
    ln2, per_ln2 = real(math.log(2.0)), real(1.0 / math.log(2.0))
    minus_high, minus_low = real(-ln2_parts[0]), real(-ln2_parts[1])
    bottom, top = real(limits.minexp), real(limits.maxexp)
    bottom_exp, top_exp = real(0.99995 * limits.minexp * math.log(2.0)), np.nextafter(np.log(limits.max), zero)
    top_expm1 = real((limits.maxexp - 0.6) * math.log(2.0))

    @jit(**_INLINED)
    def within(x):  # type: ignore[no-untyped-def]
        """2^x where it is finite and normal."""
        shifted = x + shift
        return _raised(one + growth((x - (shifted - shift)) * ln2), shifted)

    @jit(**_INLINED)
    def power(x):  # type: ignore[no-untyped-def]
        value = within(x)
        value = zero if x < bottom else value
        value = infinite if x >= top else value
        return value if x == x else x

    @jit(**_INLINED)
    def weight(x):  # type: ignore[no-untyped-def]
        value = within(x)
        return value if x >= bottom else zero

    @jit(**_INLINED)
    def exp(x):  # type: ignore[no-untyped-def]
        shifted = _fused(x, per_ln2, shift)
        n = shifted - shift
        value = _raised(one + growth(_fused(n, minus_low, _fused(n, minus_high, x))), shifted)
        value = zero if x < bottom_exp else value
        value = infinite if x > top_exp else value
        return value if x == x else x

    @jit(**_INLINED)
    def expm1(x):  # type: ignore[no-untyped-def]
        shifted = _fused(x, per_ln2, shift)
        n = shifted - shift
        scale = _raised(one, shifted)
        value = _fused(scale, growth(_fused(n, minus_low, _fused(n, minus_high, x))), scale - one)
        value = -one if x < bottom_exp else value
        value = infinite if x > top_expm1 else value
        return value if x == x else x

    return _Exponentials(power, weight, exp, expm1)


_P32 = tuple(np.float32(c) for c in (
    0.49999993432129290, 0.16666520399042531, 0.041668390783547914, 0.0083687451089425907, 0.0013814540176801306,
))  # fmt: skip
_P64 = (
    0.50000000000000106687, 0.16666666666666411507, 0.041666666666529728401, 0.008333333333494978276,
    0.0013888888943759919138, 0.00019841269505771317365, 0.000024801492949677831503, 2.7557586806200695995e-6,
    2.7630306236259960738e-7, 2.5000018094703842568e-8,
)  # fmt: skip
"""The coefficients of P, from the constant on."""

_IN_32 = _exponentials(np.float32, _growth_32, (0.693145751953125, 1.428606820309417232e-6))
_IN_64 = _exponentials(np.float64, _growth_64, (0.693147180559663, 2.823529056303157712e-13))


def _of_either_precision(name: str) -> Callable[[Any], Any]:
    """The function of a name that takes a float32 or a float64, chosen when a kernel is compiled: a function that is
    passed to a kernel as an argument costs several microseconds at each call of the kernel."""
    single, double = getattr(_IN_32, name), getattr(_IN_64, name)

    def function(x: Any) -> Any:
        return single(x) if isinstance(x, np.float32) else double(x)

    @overload(function, jit_options={"forceinline": True})
    def choose(x: Any) -> Any:
        chosen = single if x == types.float32 else double

        def call(x: Any) -> Any:
            return chosen(x)

        return call

    return function


power = _of_either_precision("power")
"""2^x."""
weight = _of_either_precision("weight")
"""2^x for x <= 0, and 0 for NaN: the weight of a score relative to the largest one."""
exp = _of_either_precision("exp")
"""exp(x); 0 below -87.3 in float32, -708.3 in float64."""
expm1 = _of_either_precision("expm1")
"""exp(x) - 1; infinite above 88.3 in float32, 709.4 in float64."""
