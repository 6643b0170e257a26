"""Laws as arguments: a kernel takes the law of one particle or one pair, and is compiled with it inlined.

Numba compiles a kernel for each law and caches the result on disk, but identifies a law by a random number in every
process, so that the cache would never be hit by another process. Here a law is identified by its qualified name and a
digest of its file.

A law has one source for both precisions. Numba takes every literal as a float64, and a float64 turns whatever it is
combined with into one, so that `in_float32` makes a twin with literals, constants and functions of single precision.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import jit
from numba.core.dispatcher import Dispatcher

from gasfield.kernels import float32_math, float32_numpy

PointwiseKernel = Dispatcher
"""A compiled law, as `pointwise_kernel` returns it."""

_INLINED: dict[str, Any] = {"nopython": True, "nogil": True, "forceinline": True, "error_model": "numpy"}
_STAND_INS: dict[str, ModuleType] = {"math": float32_math, "numpy": float32_numpy}
"""Name of a module -> its functions in float32."""


def pointwise_kernel(function: Callable[..., Any]) -> PointwiseKernel:
    """Compiles a function of numbers into a law, which kernels inline.

    It must not be parallel and must not depend on variables of its module that may change. A division by zero gives
    infinity or NaN, as in arrays, because an exception cannot leave a parallel loop.
    """
    return _named(function, _name(function))


def in_float32(law: PointwiseKernel) -> PointwiseKernel:
    """The same law in single precision, for float32 positions and parameters (`parameters_in_float32`).

    Literals, constants of the module, `float`, the functions of `math`, and `np.zeros`, `np.empty`, `np.ones` and
    `np.full` without a type are replaced; so are those of the functions that it calls. An integer combined with a
    float32 is still a float64 in Numba: a law writes `float(x.size)` and `2.0`, and not `x.size` and `2`, beside
    numbers.
    """
    function = getattr(law, "py_func", law)  # the function itself where Numba's compiler is disabled
    return _twin_law(law, function)


@cache
def one_after_another(laws: tuple[PointwiseKernel, ...]) -> PointwiseKernel:
    """The law of a sum of fields: laws `law(x, p, force)` in turn, with a tuple of their parameters each."""
    if not laws:
        return _nothing
    first, *others = laws
    if not others:
        return _alone(first)
    rest = one_after_another(tuple(others))

    def both(x, p, force):  # type: ignore[no-untyped-def]
        first(x, p[0], force)
        rest(x, p[1:], force)

    return _named(both, "+".join(str(getattr(law, "_uuid", law)) for law in laws))


def _alone(law: PointwiseKernel) -> PointwiseKernel:
    def alone(x, p, force):  # type: ignore[no-untyped-def]
        law(x, p[0], force)

    return _named(alone, f"{getattr(law, '_uuid', law)} alone")


def parameters_in_float32(parameters: tuple[Any, ...]) -> tuple[Any, ...]:
    """Parameters of a law in the types for its twin: float64 numbers and arrays as float32, all others unchanged."""
    return tuple(_rounded(parameter) for parameter in parameters)


@cache
def _twin_law(law: Any, function: Callable[..., Any]) -> PointwiseKernel:
    return _named(_twin(function), f"{getattr(law, '_uuid', _name(function))}:float32")


def _named(function: Callable[..., Any], name: str) -> PointwiseKernel:
    """A law that is identified by a name."""
    law: PointwiseKernel = jit(**_INLINED)(function)
    give_name = getattr(law, "_set_uuid", None)  # internal to Numba; without it every process compiles anew
    if give_name is not None:
        give_name(name)
    return law


def _name(function: Callable[..., Any]) -> str:
    source = Path(inspect.getfile(function))
    text = source.read_bytes() if source.is_file() else function.__code__.co_code
    return f"{function.__module__}.{function.__qualname__}:{hashlib.sha256(text).hexdigest()[:16]}"


@pointwise_kernel
def _nothing(x, p, force):  # type: ignore[no-untyped-def]
    """No field."""


# --- twins in float32 -------------------------------------------------------------------------------------------------


def _twin(function: Any) -> FunctionType:
    """A function with every float64 of its source as a float32."""
    code = function.__code__.replace(co_consts=tuple(_single(each) for each in function.__code__.co_consts))
    used = {name: function.__globals__[name] for name in _names_in(code) if name in function.__globals__}
    names = {"__name__": function.__module__, "float": np.float32, **{k: _replaced(v) for k, v in used.items()}}
    twin = FunctionType(code, names, function.__name__, function.__defaults__, function.__closure__)
    twin.__module__, twin.__qualname__ = function.__module__, function.__qualname__
    return twin


def _names_in(code: CodeType) -> tuple[str, ...]:
    """Global names that a code refers to, those of its parts included."""
    inner = (name for part in code.co_consts if isinstance(part, CodeType) for name in _names_in(part))
    return (*code.co_names, *inner)


def _single(constant: Any) -> Any:
    """A literal in single precision."""
    if isinstance(constant, CodeType):
        return constant.replace(co_consts=tuple(_single(each) for each in constant.co_consts))
    if isinstance(constant, tuple):
        return tuple(_single(each) for each in constant)
    return np.float32(constant) if isinstance(constant, float) else constant


def _replaced(value: Any) -> Any:
    """A global variable of a law, as its twin finds it."""
    if isinstance(value, ModuleType):
        return _STAND_INS.get(value.__name__, value)
    if isinstance(value, Dispatcher):
        return _twin_helper(value)
    return _single(value)


@cache
def _twin_helper(kernel: Any) -> Any:
    """A compiled function that a law calls, in float32; without a cache, since it becomes a part of its caller."""
    options = {name: option for name, option in kernel.targetoptions.items() if name not in ("cache", "boundscheck")}
    return jit(**options)(_twin(kernel.py_func))


def _rounded(parameter: Any) -> Any:
    if isinstance(parameter, tuple):
        return parameters_in_float32(parameter)
    if isinstance(parameter, float):
        return np.float32(parameter)
    if isinstance(parameter, np.ndarray) and parameter.dtype == np.float64:
        return parameter.astype(np.float32)
    return parameter
