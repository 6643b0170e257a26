"""Reads the frames of an element: compressed ones, and the tail of a file that grows or whose writer was killed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.hdf5 import tail
from gasfield.hdf5.chunks import ChunkReader
from gasfield.trajectory import schema
from gasfield.trajectory.former import former_tail

Find = Callable[[str], Any]
"""Gives the object at a path of a file, or None."""


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

    def __init__(
        self,
        find: Find,
        place: str,
        *,
        salvage: bool = False,
        origin: str = "",
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Reads steps, times and the frames that are not in compressed chunks yet.

        Args:
            find: gives the object at a path of the open file, or None.
            place: of the element.
            salvage: whether to stop before damaged frames at the end.
            origin: file and element, for messages: with it, frames that are damaged are an `InputError`.
            check: called before the index of the chunks of values is used for the first time.

        Raises:
            OutrunError: if the file changed meanwhile, or frames at the end are damaged; open it again.
            KeyError: if part of the element is missing.
        """
        step, time, value = (find(f"{place}/{name}") for name in ("step", "time", "value"))
        if step is None or value is None:
            raise KeyError(f"{place} has no steps or no values")
        self._origin, self._check = origin, check
        self._chunks = ChunkReader(value)
        self.block: int = (value.chunks or (1,))[0]
        self.dtype: np.dtype[Any] = value.dtype.newbyteorder("=")
        self.lost = 0
        self.steps: NDArray[np.int64]
        self.times: NDArray[np.float64]
        self._tail: NDArray[Any]
        unfinished = find(schema.UNFINISHED)
        if unfinished is not None and place not in unfinished:
            check()
            self._read_tails(step, time, value, salvage)
        else:
            self.steps = _clock(step, len(value))
            self.times = self.steps.astype(np.float64) if time is None else _clock(time, len(value))
            self._whole = len(self.steps)
            self.times = self.times[: self._whole]
            self._tail = np.empty((0, *value.shape[1:]), value.dtype)
            if unfinished is not None:
                self._read_former_tail(unfinished[place])
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
        except (KeyError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as fault:
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
            self._check()
            parts.append(self._chunks.read(slice(low, min(high, self._whole)), rows))
        if high > self._whole:
            late = self._tail[max(low, self._whole) - self._whole : high - self._whole]
            parts.append(late if rows is None else late[:, rows])
        block = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return block if span.step == 1 else block[:: span.step]

    def _read_tails(self, step: h5py.Dataset, time: h5py.Dataset, value: h5py.Dataset, salvage: bool) -> None:
        """Reads what the writer may overwrite soon, and verifies it."""
        length = min(map(len, (step, time, value)))
        tails = [_tail_of(part, length, salvage) for part in (step, time, value)]
        valid = min(first + len(values) for first, values in tails)
        self.lost = length - valid
        counts = [
            np.concatenate([part[:first], values])[:valid]
            for part, (first, values) in zip((step, time), tails, strict=False)
        ]
        self.steps, self.times = counts
        self._whole, self._tail = tails[2]
        self._tail = self._tail[: max(0, valid - self._whole)]
        self._whole = min(self._whole, valid)

    def _read_former_tail(self, group: h5py.Group) -> None:
        found = former_tail(group, self._whole)
        if found is None:
            raise OutrunError
        steps, times, self._tail = found
        self.steps, self.times = np.concatenate([self.steps, steps]), np.concatenate([self.times, times])


def _clock(dataset: h5py.Dataset, count: int) -> NDArray[Any]:
    """Steps or times (T,) of so many values. H5MD allows one number for all, the distance from each to the next, with
    an `offset`."""
    if dataset.shape:
        return np.asarray(dataset[:])
    offset = np.asarray(dataset.attrs.get("offset", 0)).reshape(())
    return np.asarray(offset + dataset[()] * np.arange(count))


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
