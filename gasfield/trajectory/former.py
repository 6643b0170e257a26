"""Reads growing files of a version before: there the frames whose chunk is not full are in `unfinished/...`, arrays of
fixed size with an `extent` (first frame, count)."""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Tail = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[Any]]
"""Steps, times and values of some frames."""


def former_tail(tail: h5py.Group, whole: int) -> Tail | None:
    """The frames behind the first `whole` ones, read without HDF5, whose cache may hold data that the writer has
    replaced; None if the file changed meanwhile.

    Raises:
        KeyError: if it is not an array at a fixed offset.
        OSError: if the file is cut short.
    """
    first, count = (int(number) for number in _fresh(tail["extent"], 2))
    if first > whole:
        return None
    if first < whole:
        count = 0
    steps, times, values = (_fresh(tail[name], count) for name in ("step", "time", "value"))
    return None if _fresh(tail["extent"], 2)[0] != first else (steps, times, values)


def _fresh(dataset: h5py.Dataset, count: int) -> NDArray[Any]:
    """The first `count` entries of an array at a fixed offset, as they are on disk now."""
    offset = dataset.id.get_offset()
    if offset is None:
        raise KeyError(f"{dataset.name} has no fixed offset")
    shape = (count, *dataset.shape[1:])
    numbers = int(np.prod(shape, dtype=object))
    with open(dataset.file.filename, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not 0 <= numbers * dataset.dtype.itemsize <= size - offset:
            raise OSError(f"{dataset.name}: {os.fspath(dataset.file.filename)} is cut short")
        file.seek(offset)
        values = np.fromfile(file, dataset.dtype, numbers)
    if values.size < numbers:
        raise OSError(f"{dataset.name}: {os.fspath(dataset.file.filename)} is cut short")
    return values.reshape(shape)
