"""Reads the frames of an element: compressed ones, and those whose chunk is not full yet."""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.trajectory import schema
from gasfield.trajectory.chunks import ChunkReader


class OutrunError(Exception):
    """The file changed while it was being opened: the parts read belong to different states."""


class Frames:
    """The frames of an element at the time of opening.

    Attributes:
        steps: (T,) step of each frame.
        times: (T,) time of each frame.
        shape: (T, ...).
        block: frames in a chunk.
        dtype: type of the values.
    """

    def __init__(self, file: h5py.File, place: str) -> None:
        """Reads steps, times and the frames that are not in chunks yet.

        Raises:
            OutrunError: if the file changed meanwhile; open it again.
            KeyError: if part of the element is missing.
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
        """Number of axes, including time."""
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
        """A slice of frames, of all rows or of a slice of them.

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
        """Reads frames not in chunks yet, bypassing HDF5, whose cache may hold data that the writer has replaced."""
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
    """The first `count` entries of an array at a fixed offset, as they are on disk now."""
    offset = dataset.id.get_offset()
    if offset is None:
        raise KeyError(f"{dataset.name} has no fixed offset")
    shape = (count, *dataset.shape[1:])
    with open(dataset.file.filename, "rb") as file:
        file.seek(offset)
        values = np.fromfile(file, dataset.dtype, int(np.prod(shape)))
    if values.size < np.prod(shape):
        raise OSError(f"{dataset.name}: {os.fspath(dataset.file.filename)} is cut short")
    return values.reshape(shape)
