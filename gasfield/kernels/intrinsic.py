"""Numba's `intrinsic`, with the type that its result has for a type checker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import extending


def intrinsic(define: Callable[..., Any]) -> Any:
    """An operation of compiled code. Its definition takes the typing context and the types of the arguments, and
    returns a signature with a function that generates code; kernels call it with the arguments alone."""
    return extending.intrinsic(define)
