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
    """The one-dimensional arrays of whole numbers from 0 that may be known, by the last part of their names; none of
    several that differ."""
    found: dict[str, list[NDArray[np.int64]]] = {}
    for tensor in tensors:
        name = tensor.name.rpartition(".")[2]
        if len(tensor.shape or ()) != 1 or (tensor.shape or (0,))[0] > _MOST or tensor.numbers not in _TYPES:
            continue
        if may_be_known(name) and (numbers := _numbers(tensor)) is not None:
            found.setdefault(name, []).append(numbers)
    return {name: same[0] for name, same in found.items() if all(np.array_equal(each, same[0]) for each in same)}


def _numbers(tensor: Tensor) -> NDArray[np.int64] | None:
    values = tensor.load().view(tensor.numbers)
    fits = values.dtype.kind == "i" or values.max(initial=0) <= np.iinfo(np.int64).max
    return values.astype(np.int64) if fits and values.min(initial=0) >= 0 else None
