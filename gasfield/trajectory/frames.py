"""Reads the frames of an element: compressed ones, and the tail of a file that grows or whose writer was killed."""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.hdf5 import tail
from gasfield.hdf5.chunks import ChunkReader
from gasfield.trajectory import schema
from gasfield.trajectory.former import former_tail


class OutrunError(Exception):
    """The file changed while it was being opened: the parts read belong to different states. Or its last frames are
    damaged."""


class Frames:
    """The frames of an element at the time of opening.

    Attributes:
        steps: (T,) step of each frame.
        times: (T,) time of each frame.
        shape: (T, ...).
        block: frames in a chunk.
        dtype: type of the values, in the byte order of the machine.
        lost: number of frames at the end that are left out because they are damaged.
    """

    def __init__(self, file: h5py.File, place: str, *, salvage: bool = False, origin: str = "") -> None:
        """Reads steps, times and the frames that are not in compressed chunks yet.

        Args:
            file: the open file.
            place: of the element.
            salvage: whether to stop before damaged frames at the end.
            origin: file and element, for messages: with it, frames that are damaged are an `InputError`.

        Raises:
            OutrunError: if the file changed meanwhile, or frames at the end are damaged; open it again.
            KeyError: if part of the element is missing.
        """
        group = file[place]
        value = group["value"]
        self._origin = origin
        self._chunks = ChunkReader(value)
        self.block: int = (value.chunks or (1,))[0]
        self.dtype: np.dtype[Any] = value.dtype.newbyteorder("=")
        self.lost = 0
        self.steps: NDArray[np.int64]
        self.times: NDArray[np.float64]
        self._tail: NDArray[Any]
        grows = schema.UNFINISHED in file
        if grows and place not in file[schema.UNFINISHED]:
            length = min(len(group[name]) for name in ("step", "time", "value"))
            self._read_tails(group, length, salvage)
        else:
            self.steps, self.times = clocks(group, len(value))
            self._whole = len(self.steps)
            self._tail = np.empty((0, *value.shape[1:]), value.dtype)
            if grows:
                self._read_former_tail(file[schema.UNFINISHED][place])
        self.shape: tuple[int, ...] = (len(self.steps), *value.shape[1:])

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
            InputError: if they are damaged and the frames have an origin for the message.
            OSError: if they are damaged.
        """
        try:
            return self._read(frames, rows)
        except (KeyError, OSError, RuntimeError, TypeError, ValueError) as fault:
            if not self._origin:
                raise OSError(str(fault)) from fault
            raise InputError(f"{self._origin} cannot be read; the file is damaged ({fault}).") from None

    def _read(self, frames: slice, rows: slice | None) -> NDArray[Any]:
        span = range(len(self))[frames]
        if not len(span):
            inner = self.shape[1:] if rows is None else (len(range(self.shape[1])[rows]), *self.shape[2:])
            return np.empty((0, *inner), self.dtype)
        low, high = min(span[0], span[-1]), max(span[0], span[-1]) + 1
        parts = []
        if low < self._whole:
            parts.append(self._chunks.read(slice(low, min(high, self._whole)), rows))
        if high > self._whole:
            late = self._tail[max(low, self._whole) - self._whole : high - self._whole]
            parts.append(late if rows is None else late[:, rows])
        block = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return block if span.step == 1 else block[:: span.step]

    def _read_tails(self, group: h5py.Group, length: int, salvage: bool) -> None:
        """Reads what the writer may overwrite soon, and verifies it."""
        parts = {name: _tail_of(group[name], length, salvage) for name in ("step", "time", "value")}
        valid = min(first + len(values) for first, values in parts.values())
        self.lost = length - valid
        counts = [np.concatenate([group[name][: parts[name][0]], parts[name][1]])[:valid] for name in ("step", "time")]
        self.steps, self.times = counts
        self._whole, self._tail = parts["value"]
        self._tail = self._tail[: max(0, valid - self._whole)]
        self._whole = min(self._whole, valid)

    def _read_former_tail(self, group: h5py.Group) -> None:
        found = former_tail(group, self._whole)
        if found is None:
            raise OutrunError
        steps, times, self._tail = found
        self.steps, self.times = np.concatenate([self.steps, steps]), np.concatenate([self.times, times])


def clocks(group: h5py.Group, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps and times (T,) of an element with so many values.

    H5MD allows one number for all, the distance from each value to the next, with an `offset`, and no times.
    """
    steps = _clock(group["step"], count)
    return steps, _clock(group["time"], count) if "time" in group else steps.astype(np.float64)


def _clock(dataset: h5py.Dataset, count: int) -> NDArray[Any]:
    if dataset.shape:
        return np.asarray(dataset[:])
    return np.asarray(dataset.attrs.get("offset", 0)).reshape(()) + dataset[()] * np.arange(count)


def _tail_of(dataset: h5py.Dataset, length: int, salvage: bool) -> tuple[int, NDArray[Any]]:
    """First frame of the block that is not full, and its frames; only the valid ones if they are to be salvaged."""
    chunk = dataset.chunks
    first = length // chunk[0] * chunk[0]
    shape = dataset.shape[1:]
    if first == length:
        return first, np.empty((0, *shape), dataset.dtype)
    info = dataset.id.get_chunk_info_by_coord((first, *(0 for _ in shape)))
    if info.byte_offset is None or not info.filter_mask:
        raise OutrunError
    place = info.byte_offset - tail.header_size(chunk[0])
    descriptor = os.open(dataset.file.filename, os.O_RDONLY)
    end = os.fstat(descriptor).st_size

    def pread(offset: int, size: int) -> bytes:
        return os.pread(descriptor, min(size, max(0, end - offset)), offset)

    try:
        count = length - first
        if place < 0 or count * int(np.prod(shape, dtype=object)) * dataset.dtype.itemsize > end:
            raise OutrunError  # a file has no room for them
        try:
            return first, tail.read(pread, place, first, count, shape, chunk, dataset.dtype)
        except tail.TornTailError as fault:
            if not salvage:
                raise OutrunError(str(fault)) from None
            if not fault.valid:
                return first, np.empty((0, *shape), dataset.dtype)
            return first, tail.read(pread, place, first, fault.valid, shape, chunk, dataset.dtype)
    finally:
        os.close(descriptor)
