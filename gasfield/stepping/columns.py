"""The particles of a block as columns of a scratch array: coordinate j of particle i is at work[row + j, i].

All rows of a block are in one array of one dimension, at a constant distance, so that LLVM sees that they do not
overlap, and takes loops over particles in vectors wherever the law of a force allows. The distance is not a power of
two, so that the coordinates of a particle are in different sets of the cache.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.core import cgutils

from gasfield.kernels.intrinsic import intrinsic

BYTES = 1024
"""Of the numbers in a row: 128 particles in float64, 256 in float32."""
APART = BYTES + 64
"""Bytes from one row to the next."""

_INTERPRETED: bool = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]


@intrinsic
def _column_compiled(typing_context: Any, work: Any, row: Any, i: Any, coordinates: Any) -> Any:
    view = types.Array(work.dtype, 1, "A")
    size = work.dtype.bitwidth // 8

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.make_array(signature.args[0])(context, builder, arguments[0])
        first, number, count = (
            context.cast(builder, value, given, types.intp)
            for value, given in zip(arguments[1:], signature.args[1:], strict=True)
        )
        word = ir.IntType(64)
        place = builder.add(builder.mul(first, ir.Constant(word, APART // size)), number)
        return _view(context, builder, view, whole, place, count, APART)

    return view(work, row, i, coordinates), generate


@intrinsic
def _row_compiled(typing_context: Any, work: Any, number: Any, n: Any) -> Any:
    view = types.Array(work.dtype, 1, "C")
    size = work.dtype.bitwidth // 8

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.make_array(signature.args[0])(context, builder, arguments[0])
        first, count = (
            context.cast(builder, value, given, types.intp)
            for value, given in zip(arguments[1:], signature.args[1:], strict=True)
        )
        word = ir.IntType(64)
        place = builder.mul(first, ir.Constant(word, APART // size))
        return _view(context, builder, view, whole, place, count, size)

    return view(work, number, n), generate


@intrinsic
def _span_compiled(typing_context: Any, array: Any, begin: Any, n: Any) -> Any:
    view = types.Array(array.dtype, 1, "C")
    size = array.dtype.bitwidth // 8

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.make_array(signature.args[0])(context, builder, arguments[0])
        place, count = (
            context.cast(builder, value, given, types.intp)
            for value, given in zip(arguments[1:], signature.args[1:], strict=True)
        )
        return _view(context, builder, view, whole, place, count, size)

    return view(array, begin, n), generate


@intrinsic
def _line_compiled(typing_context: Any, array: Any, number: Any) -> Any:
    view = types.Array(array.dtype, array.ndim - 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.make_array(signature.args[0])(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        lengths, strides = (cgutils.unpack_tuple(builder, each) for each in (whole.shape, whole.strides))  # type: ignore[no-untyped-call]
        count = ir.Constant(ir.IntType(64), 1)
        for length in lengths[1:]:
            count = builder.mul(count, length)
        made = context.make_array(view)(context, builder)
        made.data = builder.gep(whole.data, [builder.mul(index, count)])
        made.nitems, made.itemsize = count, whole.itemsize
        made.shape, made.strides = (cgutils.pack_array(builder, each[1:]) for each in (lengths, strides))  # type: ignore[no-untyped-call]
        made.meminfo, made.parent = (cgutils.get_null_value(each.type) for each in (made.meminfo, made.parent))  # type: ignore[no-untyped-call]
        return made._getvalue()

    return view(array, number), generate


def _view(context: Any, builder: Any, view: Any, whole: Any, place: Any, count: Any, stride: int) -> Any:
    """An array of one dimension in the memory of another one, which it does not keep alive."""
    word = ir.IntType(64)
    made = context.make_array(view)(context, builder)
    made.data = builder.gep(whole.data, [place])
    made.nitems, made.itemsize = count, ir.Constant(word, view.dtype.bitwidth // 8)
    made.shape, made.strides = (cgutils.pack_array(builder, [each]) for each in (count, ir.Constant(word, stride)))  # type: ignore[no-untyped-call]
    made.meminfo, made.parent = (cgutils.get_null_value(each.type) for each in (made.meminfo, made.parent))  # type: ignore[no-untyped-call]
    return made._getvalue()


def _row_of_numpy(work: Any, number: int, n: int) -> Any:
    """The first n numbers of a row, as an array that can be written to."""
    begin = number * (APART // work.itemsize)
    return work[begin : begin + n]


def _column_of_numpy(work: Any, row: int, i: int, coordinates: int) -> Any:
    """The D numbers of particle i from a row on, as an array that can be written to."""
    length = APART // work.itemsize
    return work[row * length + i : (row + coordinates) * length : length]


row: Any = _row_of_numpy if _INTERPRETED else _row_compiled
column: Any = _column_of_numpy if _INTERPRETED else _column_compiled


def _span_of_numpy(array: Any, begin: int, n: int) -> Any:
    """The entries begin to begin + n - 1 of a contiguous array of one dimension."""
    return array[begin : begin + n]


def _line_of_numpy(array: Any, number: int) -> Any:
    """array[number] of a contiguous array of several dimensions."""
    return array[number]


# Views that do not keep the whole array alive: slices of Numba count references, and a count that two threads change
# all the time costs each of them a tenth of a microsecond.
span: Any = _span_of_numpy if _INTERPRETED else _span_compiled
line: Any = _line_of_numpy if _INTERPRETED else _line_compiled
