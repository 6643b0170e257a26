"""Laws as arguments: a kernel takes the law of one particle or one pair and is compiled around it, loops and all.

Numba compiles a kernel anew for each law that it is given and keeps the result on disk, but names a law by a number
drawn at random in every process, so that no second process would find it. Here a law is named by where it stands and by
the text of its file.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import jit
from numba.core.dispatcher import Dispatcher

Law = Dispatcher
"""A compiled law, as `leaf` makes it."""


def leaf(function: Callable[..., Any]) -> Law:
    """Makes a law of numbers out of a function; kernels call it as if it were written in them.

    It must not be parallel and not depend on variables of its module that may change. A division by zero gives infinity
    or NaN, as in arrays: an exception could not leave a parallel loop.
    """
    law: Law = jit(nopython=True, nogil=True, forceinline=True, error_model="numpy")(function)
    give_name = getattr(law, "_set_uuid", None)  # of Numba's insides: without it every process compiles for itself
    if give_name is not None:
        give_name(_name(function))
    return law


def _name(function: Callable[..., Any]) -> str:
    source = Path(inspect.getfile(function))
    text = source.read_bytes() if source.is_file() else function.__code__.co_code
    return f"{function.__module__}.{function.__qualname__}:{hashlib.sha256(text).hexdigest()[:16]}"
