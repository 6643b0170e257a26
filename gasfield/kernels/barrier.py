"""A barrier between threads that run the same compiled kernel, each on its own part of the data.

Waiting costs a tenth of a microsecond where each thread has a processor: a parallel loop of Numba costs up to ten. A
thread that waits for long lets others run, so that a busy machine is not blocked.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numpy.typing import NDArray

from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.intrinsic import intrinsic
from gasfield.kernels.jit import jit

_SPINS = 2_000
"""Looks at the barrier before a thread lets others run: some microseconds."""
_LEFT = 9
"""The word that says that a thread will not come, so that nobody waits for it."""
_LINE = 8
"""Words in a line of the cache: the two numbers are in different ones."""
_POSIX = os.name == "posix"


def new_barrier() -> NDArray[np.int64]:
    """A barrier that no thread has reached."""
    return np.zeros(2 * _LINE, np.int64)


def leave(barrier: NDArray[np.int64]) -> None:
    """Lets all others pass from now on: a thread has failed. What they compute is of no use."""
    barrier[_LEFT] = 1


def _word(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.gep(data, [arguments[1]])


@intrinsic
def _add(typing_context: Any, array: Any, index: Any, number: Any) -> Any:
    """Adds to a word at once, for all threads; returns what it was."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", _word(context, builder, signature, arguments), arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def _read(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_word(context, builder, signature, arguments), "seq_cst", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def _let_others_run(typing_context: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _POSIX:
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(
                builder.module.globals.get("sched_yield") or ir.Function(builder.module, kind, "sched_yield"), []
            )
        return context.get_dummy_value()

    return types.void(), generate


@jit(**IN_PLACE)
def wait(barrier, threads):  # type: ignore[no-untyped-def]
    """Returns when so many threads have called it; what they have written before can be read then."""
    if threads == 1:
        return
    round_ = _read(barrier, _LINE)
    if _add(barrier, 0, 1) == threads - 1:
        _add(barrier, 0, -threads)
        _add(barrier, _LINE, 1)
        return
    spins = 0
    while _read(barrier, _LINE) == round_:
        spins += 1
        if spins > _SPINS:
            if _read(barrier, _LEFT):
                return
            _let_others_run()
