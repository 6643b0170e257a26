"""Positions or velocities that stay in the file: an array of which parts are read on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

Index = NDArray[np.int64] | NDArray[np.bool_] | slice
Read = Callable[[slice, slice], NDArray[np.floating[Any]]]
"""(rows, frames) -> values (t, n, D)."""

_PIECE_BYTES = 1 << 24
"""Most bytes read at once where frames or rows have gaps."""
_CHUNK_FRAMES, _CHUNK_ROWS = 100, 20
"""Approximate size of a compressed chunk."""


class Stored:
    """Values (T, N, D) in a file. Indexing with a slice or an array selects without reading; an integer reads a
    frame.

    `astype` and `numpy.asarray` read all that is selected.
    """

    ndim = 3

    def __init__(
        self, read: Read, frames: NDArray[np.int64], rows: NDArray[np.int64], dimensions: int, dtype: np.dtype[Any]
    ) -> None:
        """Frames (T,) and rows (N,) of the file, in any order."""
        self._read, self._frames, self._rows = read, frames, rows
        self.shape = (len(frames), len(rows), dimensions)
        self.dtype = dtype

    def mapped(self, function: Callable[[NDArray[Any]], NDArray[np.float32]]) -> Stored:
        """The same values after an elementwise function to float32, which is applied to what is read."""
        read = self._read
        return Stored(
            lambda rows, frames: function(read(rows, frames)), self._frames, self._rows, self.shape[2], np.dtype("f4")
        )

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    @overload
    def __getitem__(self, index: int) -> NDArray[np.floating[Any]]: ...

    @overload
    def __getitem__(self, index: Index | tuple[Index, Index]) -> Stored: ...

    def __getitem__(self, index: int | Index | tuple[Index, Index]) -> NDArray[np.floating[Any]] | Stored:
        if isinstance(index, int | np.integer):
            at = range(len(self))[int(index)]
            frame: NDArray[np.floating[Any]] = self[at : at + 1].__array__()[0]
            return frame
        frames, rows = index if isinstance(index, tuple) else (index, slice(None))
        return Stored(self._read, self._frames[frames], self._rows[rows], self.shape[2], self.dtype)

    def __iter__(self) -> Iterator[NDArray[np.floating[Any]]]:
        step = max(1, _PIECE_BYTES // max(1, self.nbytes // max(1, len(self))))
        for start in range(0, len(self), step):
            yield from np.asarray(self[start : start + step])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        frames, rows, dimensions = self.shape
        values = np.empty((rows, frames, dimensions), self.dtype).swapaxes(0, 1)  # the history of a row is contiguous
        if self.size:
            self._fill(values)
        return values if dtype is None else values.astype(dtype, copy=False)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> NDArray[Any]:
        """The values that are selected, read into memory."""
        return self.__array__().astype(dtype, copy=False)

    def _fill(self, values: NDArray[Any]) -> None:
        frame_order, row_order = (np.argsort(part, kind="stable") for part in (self._frames, self._rows))
        frames, rows = self._frames[frame_order], self._rows[row_order]
        row_bytes = self.shape[2] * self.dtype.itemsize
        widest, longest = len(rows), len(frames)
        if not (_gapless(frames) and _gapless(rows)):
            widest = max(_CHUNK_ROWS, _PIECE_BYTES // (_CHUNK_FRAMES * row_bytes))
            longest = max(1, _PIECE_BYTES // (row_bytes * min(widest, int(rows[-1] - rows[0]) + 1)))
        for across in _runs(rows, _CHUNK_ROWS, widest):
            low, high = int(rows[across][0]), int(rows[across][-1]) + 1
            for along in _runs(frames, _CHUNK_FRAMES, longest):
                first, last = int(frames[along][0]), int(frames[along][-1]) + 1
                piece = self._read(slice(low, high), slice(first, last))
                if len(piece) != along.stop - along.start:
                    piece = piece[frames[along] - first]
                if piece.shape[1] != across.stop - across.start:
                    piece = piece[:, rows[across] - low]
                values[np.ix_(frame_order[along], row_order[across])] = piece


def _gapless(numbers: NDArray[np.int64]) -> bool:
    return bool(np.all(np.diff(numbers) == 1))


def _runs(numbers: NDArray[np.int64], chunk: int, widest: int) -> Iterator[slice]:
    """Splits ascending numbers at gaps of more than a chunk, and so that no run spans more than `widest`; at a chunk
    boundary if one is in reach."""
    breaks = np.flatnonzero(np.diff(numbers) > chunk) + 1
    for start, stop in zip([0, *breaks], [*breaks, len(numbers)], strict=True):
        while start < stop:
            end = int(numbers[start]) + widest
            if end <= numbers[stop - 1] and end // chunk * chunk > numbers[start]:
                end = end // chunk * chunk
            cut = start + int(np.searchsorted(numbers[start:stop], end))
            yield slice(int(start), int(cut))
            start = cut
