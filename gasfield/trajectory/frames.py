"""Reads the frames of an element: the compressed ones, and those whose chunk is not full yet."""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.trajectory import schema
from gasfield.trajectory.chunks import ChunkReader


class OutrunError(Exception):
    """The writer went on while the file was being opened: what was read first is older than what was read last."""


class Frames:
    """The frames that an element had when it was opened.

    Attributes:
        steps: (T,) step of each.
        times: (T,) time of each.
        shape: (T, ...).
        block: frames in a chunk.
        dtype: type of the numbers.
    """

    def __init__(self, file: h5py.File, place: str) -> None:
        """Looks at what is there.

        Raises:
            OutrunError: if the writer was faster; open the file again.
            KeyError: if something of it is missing.
        """
        group = file[place]
        whole = len(group["step"])
        self.steps: NDArray[np.int64] = group["step"][:whole]
        self.times: NDArray[np.float64] = group["time"][:whole]
        self._chunks = ChunkReader(group["value"])
        self._whole = whole
        self._tail: NDArray[Any] = np.empty((0, *group["value"].shape[1:]), group["value"].dtype)
        if (tail := file.get(f"{schema.UNFINISHED}/{place}")) is not None:
            self._read_tail(tail)
        self.shape: tuple[int, ...] = (len(self.steps), *group["value"].shape[1:])
        self.block: int = (group["value"].chunks or (1,))[0]
        self.dtype: np.dtype[Any] = group["value"].dtype

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def ndim(self) -> int:
        """Number of axes, with that of time."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of all frames in memory."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __getitem__(self, index: int) -> NDArray[Any]:
        """One frame; negative indices count from the end."""
        at = range(len(self))[index]
        frame: NDArray[Any] = self.read(slice(at, at + 1))[0]
        return frame

    def read(self, frames: slice = slice(None), rows: slice | None = None) -> NDArray[Any]:
        """Some frames, of all rows or of those from start to stop.

        Raises:
            OSError: if they are damaged.
        """
        span = range(len(self))[frames]
        if not len(span):
            return np.empty((0, *self._tail[:, rows or slice(None)].shape[1:]), self.dtype)
        low, high = min(span[0], span[-1]), max(span[0], span[-1]) + 1
        parts = []
        if low < self._whole:
            parts.append(self._chunks.read(slice(low, min(high, self._whole)), rows))
        if high > self._whole:
            late = self._tail[max(low, self._whole) - self._whole : high - self._whole]
            parts.append(late if rows is None else late[:, rows])
        block = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return block if span.step == 1 else block[:: span.step]

    def _read_tail(self, tail: h5py.Group) -> None:
        """The frames that wait. They are read past HDF5, which would remember what the writer has replaced."""
        first, count = (int(number) for number in _fresh(tail["extent"], 2))
        if first > self._whole:
            raise OutrunError
        if first < self._whole or not count:
            return
        steps, times, values = (_fresh(tail[name], count) for name in ("step", "time", "value"))
        if _fresh(tail["extent"], 2)[0] != first:
            raise OutrunError
        self.steps, self.times = np.concatenate([self.steps, steps]), np.concatenate([self.times, times])
        self._tail = values


def _fresh(dataset: h5py.Dataset, count: int) -> NDArray[Any]:
    """The first `count` entries of an array of fixed place, as they are on the disk now."""
    offset = dataset.id.get_offset()
    if offset is None:
        raise KeyError(f"{dataset.name} has no fixed place")
    shape = (count, *dataset.shape[1:])
    with open(dataset.file.filename, "rb") as file:
        file.seek(offset)
        values = np.fromfile(file, dataset.dtype, int(np.prod(shape)))
    if values.size < np.prod(shape):
        raise OSError(f"{dataset.name}: {os.fspath(dataset.file.filename)} is cut short")
    return values.reshape(shape)
