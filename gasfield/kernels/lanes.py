"""Lanes: several numbers side by side in one vector register, as a type of Numba.

A kernel written for numbers works on lanes as it stands: `u = dx * dx + dy * dy` computes a vector of squares if `dx`
and `dy` are lanes. Every operation is that of IEEE 754 on each lane, so a lane has the bits that a number alone would
have. LLVM's own vectoriser is not needed; whether it would find such a loop depends on details of the loop.

A law (`pointwise_kernel`) without branches can be called with lanes. Numbers beside lanes take their type: a literal in
a law of float32 lanes does not turn it into float64. Compiled code only: with `NUMBA_DISABLE_JIT=1` there are no lanes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.core.errors import NumbaError
from numba.extending import models, overload, register_model

from gasfield.kernels.intrinsic import intrinsic

_FULL_WIDTH, _HALF_WIDTH = 64, 32


def _register_bytes() -> int:
    """Bytes of the vectors that this processor computes with at full speed. Zen 4 splits 64 bytes into halves: blocks
    of fewer particles have shorter neighbour lists at the same speed. Bits do not depend on it."""
    name = str(binding.get_host_cpu_name())
    features = binding.get_host_cpu_features()
    return _FULL_WIDTH if features.get("avx512f") and name != "znver4" else _HALF_WIDTH


REGISTER = _register_bytes()


def lanes_of(dtype: Any) -> int:
    """Number of lanes of a type of NumPy: 4 or 8 of float64, twice as many of float32."""
    return REGISTER // int(np.dtype(dtype).itemsize)


# --- types -----------------------------------------------------------------------------------------------------------


class Lanes(types.Type):
    """Numbers of type `dtype`, `count` of them."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.count = dtype, REGISTER // (dtype.bitwidth // 8)
        super().__init__(name=f"Lanes({dtype}, {self.count})")  # type: ignore[no-untyped-call]


class Mask(types.Type):
    """Truth values, `count` of them."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Mask({count})")  # type: ignore[no-untyped-call]


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        element = ir.DoubleType() if kind.dtype == types.float64 else ir.FloatType()
        super().__init__(manager, kind, ir.VectorType(element, kind.count))  # type: ignore[no-untyped-call]


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), kind.count))  # type: ignore[no-untyped-call]


def can_use_lanes(law: Any, parameters: Any, dtype: Any) -> bool:
    """Whether a law of one argument can be called with lanes: not if it has a branch, or a function without lanes."""
    compiled = getattr(law, "compile", None)
    if compiled is None:
        return False
    from numba import from_dtype, typeof

    try:
        compiled((Lanes(from_dtype(np.dtype(dtype))), typeof(parameters)))  # type: ignore[no-untyped-call]
    except NumbaError:
        return False
    return True


# --- to and from arrays ----------------------------------------------------------------------------------------------


def _vector(kind: Lanes) -> Any:
    return ir.VectorType(ir.DoubleType() if kind.dtype == types.float64 else ir.FloatType(), kind.count)


def _splat(context: Any, builder: Any, value: Any, given: Any, kind: Lanes) -> Any:
    """One number in all lanes."""
    number = context.cast(builder, value, given, kind.dtype)
    vector = _vector(kind)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    order = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), order)


def _pointer(context: Any, builder: Any, array: Any, given: Any, index: Any, kind: Lanes) -> Any:
    data = context.make_array(array)(context, builder, given).data
    return builder.bitcast(builder.gep(data, [index]), _vector(kind).as_pointer())


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """The lanes array[index], array[index + 1], ... of a contiguous array of one dimension."""
    kind = Lanes(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = context.cast(builder, arguments[1], signature.args[1], types.intp)
        value = builder.load(_pointer(context, builder, signature.args[0], arguments[0], place, kind))
        value.align = array.dtype.bitwidth // 8
        return value

    return kind(array, index), generate


@intrinsic
def store(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Writes lanes to array[index], array[index + 1], ..."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = _pointer(context, builder, signature.args[0], arguments[0], place, lanes)
        builder.store(arguments[2], pointer).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, index, lanes), generate


@intrinsic
def item(typing_context: Any, array: Any, index: Any) -> Any:
    """array[index] of a contiguous array of one dimension, for an index that is not negative: Python's meaning of
    negative indices costs four instructions."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = context.cast(builder, arguments[1], signature.args[1], types.intp)
        return builder.load(builder.gep(data, [place]))

    return array.dtype(array, index), generate


@intrinsic
def splat(typing_context: Any, array: Any, number: Any) -> Any:
    """One number in all lanes of the type of an array."""
    kind = Lanes(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splat(context, builder, arguments[1], signature.args[1], kind)

    return kind(array, number), generate


@intrinsic
def lane_count(typing_context: Any, array: Any) -> Any:
    """Number of lanes of the type of an array, or of lanes: a constant."""
    count = Lanes(array.dtype).count

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.intp, count)

    return types.intp(array), generate


@intrinsic
def lane_numbers(typing_context: Any, array: Any) -> Any:
    """The numbers 0, 1, 2, ... of the lanes, in the type of an array."""
    kind = Lanes(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(_vector(kind), [float(lane) for lane in range(kind.count)])

    return kind(array), generate


@intrinsic
def extract(typing_context: Any, lanes: Any, index: Any) -> Any:
    """One of the lanes, a number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.extract_element(arguments[0], builder.trunc(arguments[1], ir.IntType(32)))

    return lanes.dtype(lanes, types.intp), generate


@intrinsic
def insert(typing_context: Any, lanes: Any, index: Any, number: Any) -> Any:
    """Lanes of which one is replaced by a number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = context.cast(builder, arguments[2], number, lanes.dtype)
        return builder.insert_element(arguments[0], value, builder.trunc(arguments[1], ir.IntType(32)))

    return lanes(lanes, types.intp, number), generate


# --- arithmetic ------------------------------------------------------------------------------------------------------


def _common(first: Any, second: Any) -> Lanes | None:
    """The type of a result of lanes with lanes or with a number; None if neither has lanes."""
    kinds = [kind for kind in (first, second) if isinstance(kind, Lanes)]
    if not kinds or any(not isinstance(kind, (Lanes, types.Number)) for kind in (first, second)):
        return None
    return kinds[0] if all(kind == kinds[0] for kind in kinds) else None


def _binary(emit: Callable[[Any, Any, Any], Any], result: Callable[[Lanes], Any]) -> Any:
    """An intrinsic of two arguments, lanes or numbers."""

    @intrinsic
    def operation(typing_context: Any, first: Any, second: Any) -> Any:
        kind = _common(first, second)
        if kind is None:
            return None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values = [
                value if isinstance(given, Lanes) else _splat(context, builder, value, given, kind)
                for value, given in zip(arguments, signature.args, strict=True)
            ]
            return emit(builder, *values)

        return result(kind)(first, second), generate

    return operation


def _define(function: Any, emit: Callable[[Any, Any, Any], Any], result: Callable[[Lanes], Any]) -> Any:
    """Lets an operator take lanes."""
    operation = _binary(emit, result)

    def implementation(first, second):  # type: ignore[no-untyped-def]
        if _common(first, second) is None:
            return None
        return lambda first, second: operation(first, second)

    overload(function)(implementation)
    return operation


def _same(kind: Lanes) -> Any:
    return kind


def _truth(kind: Lanes) -> Any:
    return Mask(kind.count)


def _arithmetic(method: str) -> Callable[[Any, Any, Any], Any]:
    """Emits the operation of a method of LLVM's builder."""
    return lambda builder, a, b: getattr(builder, method)(a, b)


def _ordered(sign: str) -> Callable[[Any, Any, Any], Any]:
    """Emits a comparison that is false where a number is NaN."""
    return lambda builder, a, b: builder.fcmp_ordered(sign, a, b)


for _method, *_operators in (
    ("fadd", operator.add, operator.iadd), ("fsub", operator.sub, operator.isub),
    ("fmul", operator.mul, operator.imul), ("fdiv", operator.truediv, operator.itruediv),
):  # fmt: skip
    for _operator in _operators:
        _define(_operator, _arithmetic(_method), _same)
for _sign, _comparison in (
    ("<", operator.lt), ("<=", operator.le), (">", operator.gt), (">=", operator.ge), ("==", operator.eq),
):  # fmt: skip
    _define(_comparison, _ordered(_sign), _truth)
_define(operator.ne, lambda builder, a, b: builder.fcmp_unordered("!=", a, b), _truth)


@intrinsic
def _both(typing_context: Any, first: Any, second: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.and_(*arguments)

    return first(first, second), generate


@overload(operator.and_)
def _and(first, second):  # type: ignore[no-untyped-def]
    if isinstance(first, Mask) and first == second:
        return lambda first, second: _both(first, second)
    return None


@intrinsic
def _select_lanes(typing_context: Any, mask: Any, chosen: Any, other: Any) -> Any:
    kind = _common(chosen, other)
    if kind is None:
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = [
            value if isinstance(given, Lanes) else _splat(context, builder, value, given, kind)
            for value, given in zip(arguments[1:], signature.args[1:], strict=True)
        ]
        return builder.select(arguments[0], *values)

    return kind(mask, chosen, other), generate


def select(mask: Any, chosen: Any, other: Any) -> Any:
    """`chosen` where the mask is true, else `other`; of numbers as well."""
    return chosen if mask else other


@overload(select)
def _select(mask, chosen, other):  # type: ignore[no-untyped-def]
    if isinstance(mask, Mask):
        return lambda mask, chosen, other: _select_lanes(mask, chosen, other)
    return lambda mask, chosen, other: chosen if mask else other


def larger(first: Any, second: Any) -> Any:
    """The larger of two, `second` where `first` is NaN; lanes or numbers."""
    return first if first > second else second


@overload(larger)
def _larger(first, second):  # type: ignore[no-untyped-def]
    if isinstance(first, Lanes):
        return lambda first, second: _select_lanes(first > second, first, second)
    return lambda first, second: first if first > second else second


@intrinsic
def _any_lane(typing_context: Any, mask: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = ir.IntType(mask.count)
        return builder.icmp_unsigned("!=", builder.bitcast(arguments[0], whole), ir.Constant(whole, 0))

    return types.boolean(mask), generate


def any_lane(mask: Any) -> bool:
    """Whether a mask is true anywhere."""
    return bool(mask)


@overload(any_lane)
def _any(mask):  # type: ignore[no-untyped-def]
    if isinstance(mask, Mask):
        return lambda mask: _any_lane(mask)
    return lambda mask: bool(mask)


@intrinsic
def _negative(typing_context: Any, lanes: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fneg(arguments[0])

    return lanes(lanes), generate


@overload(operator.neg)
def _neg(lanes):  # type: ignore[no-untyped-def]
    return (lambda lanes: _negative(lanes)) if isinstance(lanes, Lanes) else None


def _unary(name: str) -> Any:
    """An intrinsic of LLVM for each lane, exactly rounded."""

    @intrinsic
    def operation(typing_context: Any, lanes: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vector = _vector(lanes)
            full_name = f"{name}.v{lanes.count}f{lanes.dtype.bitwidth}"
            kind = ir.FunctionType(vector, [vector])
            function = cgutils.get_or_insert_function(builder.module, kind, full_name)  # type: ignore[no-untyped-call]
            return builder.call(function, arguments)

        return lanes(lanes), generate

    return operation


def _define_unary(name: str, *functions: Any) -> None:
    operation = _unary(name)

    def implementation(lanes):  # type: ignore[no-untyped-def]
        return (lambda lanes: operation(lanes)) if isinstance(lanes, Lanes) else None

    for function in functions:
        overload(function)(implementation)


_define_unary("llvm.sqrt", math.sqrt, np.sqrt)
_define_unary("llvm.fabs", abs, np.abs, math.fabs)


def _define_by_lane(*functions: Any) -> None:
    """Lets functions take lanes, one lane after the other: they have the bits that they have of numbers."""
    for function in functions:
        overload(function)(_by_lane(function))


def _by_lane(function: Any) -> Any:
    def implementation(lanes):  # type: ignore[no-untyped-def]
        if not isinstance(lanes, Lanes):
            return None

        def each(lanes):  # type: ignore[no-untyped-def]
            out = lanes
            for index in range(lane_count(lanes)):
                out = insert(out, index, function(extract(lanes, index)))
            return out

        return each

    return implementation


_define_by_lane(np.exp, np.expm1, np.log, np.log1p, np.sin, np.cos, np.tan, np.tanh, np.sinh, np.cosh, np.arctan)
_define_by_lane(math.exp, math.expm1, math.log, math.log1p, math.sin, math.cos, math.tanh)


@overload(operator.pow)
def _power(lanes, exponent):  # type: ignore[no-untyped-def]
    if not isinstance(lanes, Lanes):
        return None

    def each(lanes, exponent):  # type: ignore[no-untyped-def]
        out = lanes
        for index in range(lane_count(lanes)):
            out = insert(out, index, extract(lanes, index) ** exponent)
        return out

    return each
