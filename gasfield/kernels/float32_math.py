"""The functions of `math` that the twin of a law in float32 uses.

Every other name is that of `math`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gasfield.kernels.jit import jit

_INLINED: dict[str, Any] = {"nopython": True, "nogil": True, "forceinline": True, "error_model": "numpy"}

pi = np.float32(math.pi)
e = np.float32(math.e)
tau = np.float32(math.tau)
inf = np.float32(math.inf)
nan = np.float32(math.nan)


@jit(**_INLINED)
def sqrt(x):  # type: ignore[no-untyped-def]
    """Square root."""
    return np.sqrt(np.float32(x))


@jit(**_INLINED)
def exp(x):  # type: ignore[no-untyped-def]
    """Exponential."""
    return math.exp(np.float32(x))


@jit(**_INLINED)
def log(x):  # type: ignore[no-untyped-def]
    """Natural logarithm."""
    return math.log(np.float32(x))


def __getattr__(name: str) -> Any:
    return getattr(math, name)
