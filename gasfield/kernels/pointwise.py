"""Laws as arguments: a kernel takes the law of one particle or one pair, and is compiled with it inlined.

Numba compiles a kernel for each law and caches the result on disk, but identifies a law by a random number in every
process, so that the cache would never be hit by another process. Here a law is identified by its qualified name and a
digest of its file.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import jit
from numba.core.dispatcher import Dispatcher

PointwiseKernel = Dispatcher
"""A compiled law, as `pointwise_kernel` returns it."""


def pointwise_kernel(function: Callable[..., Any]) -> PointwiseKernel:
    """Compiles a function of numbers into a law, which kernels inline.

    It must not be parallel and must not depend on variables of its module that may change. A division by zero gives
    infinity or NaN, as in arrays, because an exception cannot leave a parallel loop.
    """
    law: PointwiseKernel = jit(nopython=True, nogil=True, forceinline=True, error_model="numpy")(function)
    give_name = getattr(law, "_set_uuid", None)  # internal to Numba; without it every process compiles anew
    if give_name is not None:
        give_name(_name(function))
    return law


def _name(function: Callable[..., Any]) -> str:
    source = Path(inspect.getfile(function))
    text = source.read_bytes() if source.is_file() else function.__code__.co_code
    return f"{function.__module__}.{function.__qualname__}:{hashlib.sha256(text).hexdigest()[:16]}"
