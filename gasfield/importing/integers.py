"""Arrays of whole numbers beside a matrix or a trajectory, which may state steps, or ids of tokens."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gasfield.importing.metadata import may_be_known
from gasfield.tensors import Tensor

_TYPES = frozenset(f"{kind}{8 * size}" for kind in ("int", "uint") for size in (1, 2, 4, 8))
_MOST = 10_000_000


def integers_in(tensors: Iterable[Tensor]) -> dict[str, NDArray[np.int64]]:
    """The one-dimensional arrays of whole numbers from 0 that may be known, by the last part of their names."""
    return {
        tensor.name.rpartition(".")[2]: numbers
        for tensor in tensors
        if len(tensor.shape or ()) == 1 and (tensor.shape or (0,))[0] <= _MOST and tensor.numbers in _TYPES
        if may_be_known(tensor.name.rpartition(".")[2]) and (numbers := _numbers(tensor)) is not None
    }


def _numbers(tensor: Tensor) -> NDArray[np.int64] | None:
    values = tensor.load().view(tensor.numbers)
    fits = values.dtype.kind == "i" or values.max(initial=0) <= np.iinfo(np.int64).max
    return values.astype(np.int64) if fits and values.min(initial=0) >= 0 else None
