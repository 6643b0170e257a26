"""One H5MD time-dependent element: `step`, `time` and `value`, three data sets that grow together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.hdf5 import Column, Entry, GrowingFile
from gasfield.trajectory.frames import Frames

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
    """The three data sets of one element.

    Attributes:
        shape: of a value.
    """

    def __init__(
        self,
        file: GrowingFile,
        place: str,
        shape: tuple[int, ...],
        dtype: Any,
        chunks: tuple[int, ...] | None = None,
    ) -> None:
        """A new element without frames.

        Args:
            file: the file.
            place: of the group inside the file.
            shape: of a value.
            dtype: of the values.
            chunks: shape of the chunks of `value`.
        """
        counts, self.shape = (_CHUNK_COUNTS,), tuple(shape)
        self._step = file.column(f"{place}/step", (), "<i8", counts)
        self._time = file.column(f"{place}/time", (), "<f8", counts)
        self._value = file.column(
            f"{place}/value", shape, dtype, chunks or chunk_shape(shape, np.dtype(dtype).itemsize)
        )

    def __len__(self) -> int:
        """Number of frames so far."""
        return len(self._value)

    def append(self, step: int, time: float, value: ArrayLike) -> None:
        """Adds a frame.

        Raises:
            OSError: if the disk is full.
        """
        self._step.append(step)
        self._time.append(time)
        self._value.append(value)

    def extend(self, steps: NDArray[np.int64], times: NDArray[np.float64], values: NDArray[Any]) -> None:
        """Adds frames.

        Raises:
            OSError: if the disk is full.
        """
        self._step.extend(steps)
        self._time.extend(times)
        self._value.extend(values)

    def adopt(self, group: h5py.Group, length: int) -> None:
        """Continues after the first frames of the same element, whose chunks are in the file already.

        Raises:
            KeyError, OSError, ValueError: if frames are missing or damaged.
        """
        for name, column in self._columns():
            dataset, block = group[name], column.chunk[0]
            whole = length // block * block
            entries = [entry for entry in chunks_of(dataset) if entry.origin[0] < whole]
            if len(dataset) < length or len(entries) != whole // block * column.chunks_in_block:
                raise ValueError(f"{dataset.name} has fewer than {length} frames")
            for entry in entries:
                column.add_chunk(entry, block)
            column.extend(dataset[whole:length])

    def copy(self, file: GrowingFile, group: h5py.Group, frames: Frames, length: int | None = None) -> None:
        """Copies the first frames of an element of another file.

        Args:
            file: that of this element.
            group: the other element.
            frames: its frames.
            length: how many of them; all by default.

        Raises:
            KeyError, OSError, ValueError: if it is damaged or has fewer frames.
        """
        count = len(frames) if length is None else length
        if len(frames) < count:
            raise ValueError(f"{group.name} has {len(frames)} frames, not {count}")
        dataset, block = group["value"], self._value.chunk[0]
        whole = count // block * block if is_packed(dataset) else 0
        with open(group.file.filename, "rb") as source:
            for entry in chunks_of(dataset):
                if entry.origin[0] < whole:
                    source.seek(entry.chunk_address)
                    self._value.add_chunk(replace(entry, address=file.append_chunk(source.read(entry.size))), block)
        for start in range(whole, count, block):
            self._value.extend(frames.read(slice(start, min(start + block, count))))
        self._step.extend(frames.steps[:count])
        self._time.extend(frames.times[:count])

    def _columns(self) -> tuple[tuple[str, Column], ...]:
        return (("step", self._step), ("time", self._time), ("value", self._value))


def is_packed(dataset: h5py.Dataset) -> bool:
    """Whether its chunks are compressed in the way of a growing data set."""
    return bool(dataset.chunks and dataset.compression == "gzip" and dataset.shuffle and not dataset.fletcher32)


def chunks_of(dataset: h5py.Dataset) -> list[Entry]:
    """All chunks of a data set within its extent, in the order of their origins."""
    found: list[Entry] = []

    def note(chunk: Any) -> None:
        found.append(Entry(tuple(chunk.chunk_offset), int(chunk.byte_offset), int(chunk.size), int(chunk.filter_mask)))

    dataset.id.chunk_iter(note)
    return [entry for entry in found if entry.origin[0] < len(dataset)]
