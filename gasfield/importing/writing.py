"""Writes a source into a trajectory file, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.importing.memory import memory_available
from gasfield.importing.source import LATTICES, Piece, Source
from gasfield.provenance import versions
from gasfield.trajectory import TrajectoryWriter, schema
from gasfield.trajectory.element import Element

Progress = Callable[[int, int], None]
"""Hears of frames written, and of how many there are."""
_MOST_WAITING = 1 << 26
"""Bytes of an element that wait for a chunk to be full: a hundred frames of a whole vocabulary would not fit."""
_CHUNK_BYTES = 1 << 19


def write_source(
    source: Source, groups: Mapping[str, NDArray[np.int64]], path: Path, every: int, progress: Progress
) -> None:
    """Writes the rows of some groups.

    Args:
        source: where the frames come from.
        groups: rows (n,) by name, ascending, none in two.
        path: to create.
        every: take each k-th frame.
        progress: hears of each frame.
    """
    index = np.concatenate(list(groups.values()))
    steps = source.steps[::every]
    _check_memory(len(steps), len(index), source)
    with _Writer(
        path, _gas(source, groups, index), len(steps), precision=source.lattice, provenance=_provenance(source)
    ) as writer:
        for name, numbers in source.precisions.items():
            kind = "f8" if LATTICES[numbers] == "float64" else "f4"
            writer.element(f"{schema.VECTORS}/{name}", (len(index), source.shape[1]), kind)
        frames = source.frames(every)
        companions = {name: pieces(every) for name, pieces in source.companions.items()}
        losses: Iterator[Piece] = iter(()) if source.loss is None else source.loss(every)
        for done, step in enumerate(int(step) for step in steps):
            writer.frame(step, step, next(frames).rows(index))
            for name, pieces in companions.items():
                if (piece := next(pieces, None)) is not None:
                    writer.append(f"{schema.VECTORS}/{name}", step, step, piece.rows(index))
            if (loss := next(losses, None)) is not None:
                writer.observe("loss", step, step, loss.number())
            progress(done + 1, len(steps))


def _check_memory(frames: int, rows: int, source: Source) -> None:
    """Frames are written one at a time, but a file is finished by looking at many of them at once.

    It is turned to the principal axes of twelve frames, which are copied to float64 twice. Then it is read a hundred
    frames at a time: as they are packed, unpacked, and once more (measured: 4.7 GB for 110 frames of 16 MB).
    """
    if source.shape[1] <= 3:
        return
    size = rows * source.shape[1] * (8 if source.lattice == "float64" else 4)
    needed, there = size * max(4 * min(frames, 12), 3 * min(frames, 100)), memory_available()
    if needed > there:
        raise InputError(
            f"{source.origin}: {frames} frames of {rows} x {source.shape[1]} need {needed / 1e9:.1f} GB when the file "
            f"is finished, more than the memory that is available ({there / 1e9:.1f} GB); take fewer rows (--rows) or "
            "frames (--every)."
        )


class _Writer(TrajectoryWriter):
    """A writer that knows how many frames will come, and holds no more than some megabytes of them."""

    def __init__(self, path: Path, gas: Gas, frames: int, *, precision: str, provenance: Mapping[str, Any]) -> None:
        self._frames = frames
        super().__init__(path, gas, precision=precision, provenance=provenance)

    def element(
        self, location: str, shape: tuple[int, ...], dtype: str = "f8", chunks: tuple[int, ...] | None = None
    ) -> Element:
        """Adds an element; its chunks are shorter in time and wider where frames are large."""
        return super().element(location, shape, dtype, chunks or _chunks(shape, np.dtype(dtype).itemsize, self._frames))


def _chunks(shape: tuple[int, ...], itemsize: int, frames: int) -> tuple[int, ...] | None:
    """Layout of (frames, rows, coordinates) in the file; None where the usual one does."""
    if len(shape) != 2 or 100 * int(np.prod(shape)) * itemsize <= _MOST_WAITING:
        return None
    long = int(np.clip(_MOST_WAITING // (int(np.prod(shape)) * itemsize), 1, frames))
    rows = int(np.clip(_CHUNK_BYTES // (long * shape[1] * itemsize), 1, shape[0]))
    return (long, rows, shape[1])


def _gas(source: Source, groups: Mapping[str, NDArray[np.int64]], index: NDArray[np.int64]) -> Gas:
    """Who the particles are. Where they stand the frames will say."""
    ids = (np.arange(source.shape[0]) if source.token_ids is None else source.token_ids)[index]
    padding = source.shape[0] if source.padding is None else source.padding
    return Gas(
        positions=np.broadcast_to(np.float32(np.nan), (len(index), source.shape[1])),
        species=np.repeat(np.arange(len(groups)), [len(rows) for rows in groups.values()]),
        names=list(groups),
        token_ids=ids,
        tokens=[
            f"<padding {row}>" if row >= padding else source.tokens.get(int(token), "")
            for row, token in zip(index, ids, strict=True)
        ],
    )


def _provenance(source: Source) -> dict[str, Any]:
    """Ours, and what the source says of itself; what goes by one of our names is kept as `stated_NAME`."""
    ours = {"source": "import", "title": Path(source.origin).name or source.origin, **versions()}
    taken = {*ours, "precision"}
    theirs = {f"stated_{name}" if name in taken else name: value for name, value in source.provenance.items()}
    return {**theirs, **ours}
