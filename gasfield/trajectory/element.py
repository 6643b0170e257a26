"""One H5MD time-dependent element, written so that a kill at any moment preserves the frames counted before.

`value` grows by whole chunks of frames, each compressed once, appended to the file and never modified: a chunk that is
rewritten while it fills would be lost if the writer were killed in the middle. Frames whose chunk is not full are kept
in a plain array of fixed size, `unfinished/...`, which is written in place; `Frames` reads both.
"""

from __future__ import annotations

from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.trajectory import schema
from gasfield.trajectory.chunks import FILTERS, write_block

_CHUNK_BYTES = 1 << 19
_CHUNK_FRAMES = 100
_MOST_WAITING = 1 << 27
"""Limit of the bytes of an element that wait for a full chunk: 100 frames of a whole vocabulary would exceed memory."""
_CHUNK_COUNTS = 256


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Chunks long in time and narrow in rows suit slices along both axes, and are redundant enough to compress."""
    frame_bytes = max(1, int(np.prod(shape)) * itemsize)
    frames = int(np.clip(_CHUNK_BYTES // frame_bytes, 1, _CHUNK_FRAMES))
    if len(shape) < 2 or frames == _CHUNK_FRAMES:
        return (frames, *shape)
    frames = int(np.clip(_MOST_WAITING // frame_bytes, 1, _CHUNK_FRAMES))
    row_bytes = max(1, int(np.prod(shape[1:])) * itemsize)
    rows = int(np.clip(_CHUNK_BYTES // (row_bytes * frames), 1, shape[0]))
    return (frames, rows, *shape[1:])


class Element:
    """`step`, `time` and `value` of one element, all growing along the first axis.

    Writing has two halves, with a flush of the file between them: the values, then the count that makes them visible.

    Attributes:
        block: frames in a chunk.
        value: the data set.
    """

    def __init__(self, file: h5py.File, place: str) -> None:
        """Continues an existing element of the file."""
        group = file[place]
        self._step, self._time, self.value = group["step"], group["time"], group["value"]
        self.block: int = int(self.value.chunks[0])
        self._steps = np.empty(self.block, np.int64)
        self._times = np.empty(self.block, np.float64)
        self._values = np.empty((self.block, *self.value.shape[1:]), self.value.dtype)
        self._filled = self._kept = 0
        self._tail: h5py.Group | None = file.get(f"{schema.UNFINISHED}/{place}")
        if self._tail is not None:
            self._filled = self._kept = int(self._tail["extent"][1])
            for name, array in (("step", self._steps), ("time", self._times), ("value", self._values)):
                array[: self._kept] = self._tail[name][: self._kept]

    @classmethod
    def create(
        cls,
        file: h5py.File,
        place: str,
        shape: tuple[int, ...],
        dtype: str,
        chunks: tuple[int, ...] | None = None,
        *,
        live: bool = True,
    ) -> Self:
        """A new element without frames, for values of `shape`; `live` if it can be read before it is finished."""
        group = file.create_group(place)
        layout = chunks or chunk_shape(shape, np.dtype(dtype).itemsize)
        group.create_dataset("step", (0,), "i8", maxshape=(None,), chunks=(_CHUNK_COUNTS,))
        group.create_dataset("time", (0,), "f8", maxshape=(None,), chunks=(_CHUNK_COUNTS,))
        group.create_dataset("value", (0, *shape), dtype, maxshape=(None, *shape), chunks=layout, **FILTERS)
        if live and layout[0] > 1:
            tail = file.create_group(f"{schema.UNFINISHED}/{place}")
            _in_place(tail, "value", (layout[0], *shape), dtype)
            _in_place(tail, "step", layout[:1], "i8")
            _in_place(tail, "time", layout[:1], "f8")
            _in_place(tail, "extent", (2,), "i8")
            tail["extent"][:] = 0
        return cls(file, place)

    def __len__(self) -> int:
        """Number of frames so far."""
        return len(self._step) + self._filled

    @property
    def is_full(self) -> bool:
        """Whether a full block waits to be written."""
        return self._filled == self.block

    @property
    def has_tail(self) -> bool:
        """Whether frames of an incomplete block wait."""
        return self._filled > 0

    @property
    def block_bytes(self) -> int:
        """Size of the block in memory, an upper bound of its size on disk."""
        return int(self._values.nbytes)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that a flush would write, before compression."""
        return int((self._filled - self._kept) * self._values[:1].nbytes)

    def append(self, step: int, time: float, value: ArrayLike) -> None:
        """Adds a frame. A full block must be written first."""
        self._steps[self._filled], self._times[self._filled], self._values[self._filled] = step, time, value
        self._filled += 1

    def extend(self, steps: NDArray[np.int64], times: NDArray[np.float64], values: NDArray[Any]) -> None:
        """Adds a block of frames or the beginning of one, and writes and counts it if it is full.

        For files without readers only: nothing is flushed between the two halves.
        """
        for frame in zip(steps, times, values, strict=True):
            self.append(*frame)
        if self.is_full:
            self.write_block()
            self.count_block()

    def finish(self) -> None:
        """Writes the waiting frames as the last chunk, full or not; no frames can follow."""
        if self._filled:
            self.write_block()
            self.count_block()

    def write_block(self) -> None:
        """Writes the block as compressed chunks; not counted yet."""
        start = self.value.shape[0]
        self.value.resize(start + self._filled, axis=0)
        write_block(self.value, start, self._values[: self._filled])

    def count_block(self) -> None:
        """Makes the block visible and starts the next one."""
        for dataset, column in ((self._time, self._times), (self._step, self._steps)):
            start = dataset.shape[0]
            dataset.resize(start + self._filled, axis=0)
            dataset[start:] = column[: self._filled]
        self._filled = self._kept = 0

    def write_tail(self) -> None:
        """Writes the frames of an incomplete block in place; not counted yet."""
        if self._tail is None or self._kept == self._filled:
            return
        new = slice(self._kept, self._filled)
        for name, array in (("step", self._steps), ("time", self._times), ("value", self._values)):
            self._tail[name][new] = array[new]

    def count_tail(self) -> None:
        """Makes the frames of the incomplete block visible."""
        if self._tail is not None and self._kept != self._filled:
            self._tail["extent"][:] = len(self._step), self._filled
            self._kept = self._filled


def _in_place(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str) -> None:
    """An array at a fixed offset: allocated in advance, so that writing to it changes nothing else in the file."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space, numbers = h5py.h5s.create_simple(shape), h5py.h5t.py_create(np.dtype(dtype))
    h5py.h5d.create(group.id, name.encode(), numbers, space, layout)
