"""Operations on 64-bit words for which Numba has no name."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from gasfield.kernels.intrinsic import intrinsic


@intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Position of the lowest bit that is set in a uint64 other than 0; for kernels."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate
