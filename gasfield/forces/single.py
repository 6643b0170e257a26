"""Pair laws in single precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, typeof
from numba.core.errors import NumbaError

from gasfield.errors import InputError
from gasfield.kernels.pointwise import PointwiseKernel, in_float32, parameters_in_float32

_TINY, _LARGE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


def twin_of(law: PointwiseKernel, parameters: tuple[Any, ...]) -> PointwiseKernel | None:
    """The law `law(u, p)` in float32; None if it has none, so that it is computed in float64."""
    twin = in_float32(law)
    compiled = getattr(twin, "compile", None)
    if compiled is None:
        return None
    try:
        kind = typeof(parameters_in_float32(parameters))  # type: ignore[no-untyped-call]
        compiled((from_dtype(np.dtype(np.float32)), kind))
    except (NumbaError, TypeError):
        return None
    return twin


def require_range(parameters: tuple[Any, ...], *squares: float) -> None:
    """Refuses numbers that float32 has not: products of a specification in SI units, for instance.

    Args:
        parameters: of the law.
        squares: of its lengths; infinite where there is none.

    Raises:
        InputError: if one is out of range.
    """
    numbers = [np.ravel(p) for p in parameters if np.asarray(p).dtype == np.float64]
    sizes = np.abs(np.concatenate([*numbers, [s for s in squares if np.isfinite(s)]]))
    sizes = sizes[sizes > 0.0]
    if not np.all((sizes >= _TINY) & (sizes <= _LARGE)):
        raise InputError(
            "its numbers, or squares and products of them, are out of the range of float32, 1.2e-38 to 3.4e38; use "
            "units in which lengths and energies are nearer to 1, or dynamics.precision float64."
        )
