"""A data set that grows along its first axis.

Full blocks of frames are compressed and appended to the file as chunks, which never change. The frames of the block
that is not full are kept in memory and, at each commit, added to its tail in the file. Two places take the tails of
successive blocks in turn, so that the tail of the last commit stays as it is.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.hdf5 import tail
from gasfield.hdf5.chunks import FILTERS, UNFILTERED, pack_block
from gasfield.hdf5.headers import UNDEFINED
from gasfield.hdf5.tree import ChunkIndex, Entry, Space

Shape = tuple[int, ...]


class Column:
    """One data set of a growing file.

    Attributes:
        shape: of a frame.
        dtype: of the numbers.
        chunk: (block, ...) shape of a chunk.
        extent: number of frames in the file at the next commit, after `write`.
        index: address of the root of the chunk index at the next commit, after `write`.
    """

    def __init__(self, space: Space, shape: Shape, dtype: Any, chunk: Shape) -> None:
        self.shape, self.dtype, self.chunk = shape, np.dtype(dtype), chunk
        self.extent, self.index = 0, UNDEFINED
        self._space, self._chunks = space, ChunkIndex(space)
        self._parts = tail.columns(shape, chunk[1:])
        self._chunk_bytes = int(np.prod(chunk)) * self.dtype.itemsize
        self._block = np.empty((chunk[0], *shape), self.dtype)
        self._start = self._filled = 0
        self._places: list[int] = []
        self._begin_tail()

    def __len__(self) -> int:
        return self._start + self._filled

    @property
    def chunks_in_block(self) -> int:
        """Number of chunks that a block of frames is divided into."""
        return len(self._parts)

    def create_in(self, group: h5py.Group, place: str) -> h5py.Dataset:
        """The data set without frames, for the library to write."""
        return group.create_dataset(
            place, (0, *self.shape), self.dtype, maxshape=(None, *self.shape), chunks=self.chunk, **FILTERS
        )

    def append(self, value: ArrayLike) -> None:
        """Adds a frame.

        Raises:
            OSError: if a block was completed and cannot be written.
        """
        self._block[self._filled] = value
        self._filled += 1
        if self._filled == self.chunk[0]:
            self.complete()

    def extend(self, values: NDArray[Any]) -> None:
        """Adds frames (n, *shape).

        Raises:
            OSError: as for `append`.
        """
        while len(values):
            room = self.chunk[0] - self._filled
            here, values = values[:room], values[room:]
            self._block[self._filled : self._filled + len(here)] = here
            self._filled += len(here)
            if self._filled == self.chunk[0]:
                self.complete()

    def add_chunk(self, entry: Entry, frames: int) -> None:
        """Adds a chunk that is in the file already; they come in order of their origins.

        Args:
            entry: the chunk.
            frames: how many frames of its block there are; only the last block may have fewer than it could.
        """
        self._chunks.add(entry)
        self._start = entry.origin[0] + frames

    def complete(self) -> None:
        """Writes the block, full or not, as chunks that stay; if it is not full, no frame can follow.

        Raises:
            OSError: if they cannot be written; the block stays in memory, from where `write` can bring it to its tail.
        """
        if not self._filled:
            return
        packed = pack_block(self._block[: self._filled], self.chunk, self._parts)
        chunks = [(self._space.append_chunk(data), len(data)) for data in packed]  # all, before one of them is counted
        for where, (address, size) in zip(self._parts, chunks, strict=True):
            self._chunks.add(Entry((self._start, *(piece.start for piece in where)), address, size))
        self._start += self._filled
        self._filled = 0
        self._begin_tail()

    def write(self) -> bool:
        """Brings all frames to the file for the next commit; whether there were new ones.

        Raises:
            OSError: if they cannot be written.
        """
        if len(self) == self.extent:
            return False
        moved = self._write_tail()
        if moved or self._start > self._indexed:
            self.index = self._chunks.write(self._tail_chunks(), self._end())
            self._indexed = self._start
        self.extent = len(self)
        return True

    def write_index(self) -> None:
        """Writes the chunk index once and for all, when no frame will follow."""
        self.index, self.extent = self._chunks.write((), self._end()), len(self)

    _indexed = -1
    """First frame of the block that was incomplete when the index was written."""

    def _end(self) -> Shape:
        block = self.chunk[0]
        return ((self._start // block + 1) * block, *(0 for _ in self.shape))

    def _begin_tail(self) -> None:
        self._written = self._times = 0

    def _write_tail(self) -> bool:
        """Adds the new frames of the incomplete block to its tail; whether the tail is in another place than before."""
        new = self._block[self._written : self._filled]
        if not len(new):
            return False
        moved = not self._written
        if moved:
            self._take_place()
        place = self._places[0]
        frame_bytes = self._chunk_bytes // self.chunk[0]
        for number, where in enumerate(self._parts):
            at = place + tail.header_size(self.chunk[0]) + number * self._chunk_bytes + self._written * frame_bytes
            self._space.write(at, tail.padded(new, where, self.chunk[1:]).tobytes())
        offset, entry = tail.part(self._times, self._filled, new)
        self._space.write(place + offset, entry)
        self._written, self._times = self._filled, self._times + 1
        return moved

    def _take_place(self) -> None:
        """The place that the last commit does not use becomes that of this block."""
        if len(self._places) < 2:
            size = tail.header_size(self.chunk[0]) + len(self._parts) * self._chunk_bytes
            self._places.insert(0, self._space.reserve(size))
        else:
            self._places.reverse()
        self._space.write(self._places[0], tail.header(self._start, self.chunk[0]))

    def _tail_chunks(self) -> list[Entry]:
        if not self._filled:
            return []
        start = self._places[0] + tail.header_size(self.chunk[0])
        return [
            Entry(
                (self._start, *(p.start for p in where)), start + n * self._chunk_bytes, self._chunk_bytes, UNFILTERED
            )
            for n, where in enumerate(self._parts)
        ]
