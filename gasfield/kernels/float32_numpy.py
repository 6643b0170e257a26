"""The functions of NumPy that the twin of a law in float32 uses: new arrays without a type are float32 there.

Every other name is NumPy's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gasfield.kernels.float32_math import e, inf, nan, pi
from gasfield.kernels.jit import jit

__all__ = ["e", "empty", "full", "inf", "nan", "ones", "pi", "zeros"]

_INLINED: dict[str, Any] = {"nopython": True, "nogil": True}


@jit(**_INLINED)
def zeros(shape, dtype=np.float32):  # type: ignore[no-untyped-def]
    """An array of zeros."""
    return np.zeros(shape, dtype)


@jit(**_INLINED)
def empty(shape, dtype=np.float32):  # type: ignore[no-untyped-def]
    """An array of arbitrary numbers."""
    return np.empty(shape, dtype)


@jit(**_INLINED)
def ones(shape, dtype=np.float32):  # type: ignore[no-untyped-def]
    """An array of ones."""
    return np.ones(shape, dtype)


@jit(**_INLINED)
def full(shape, value):  # type: ignore[no-untyped-def]
    """An array of one number, in its type."""
    return np.full(shape, value)


def __getattr__(name: str) -> Any:
    return getattr(np, name)
