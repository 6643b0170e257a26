"""A trajectory in the making, laid out again: without its last frames, or for a gas that has gained or lost rows at its
end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.files import draft_of
from gasfield.gas import Gas
from gasfield.hdf5.reading import open_hdf5
from gasfield.trajectory import schema
from gasfield.trajectory.frames import Frames
from gasfield.trajectory.projection import PLACE
from gasfield.trajectory.writer import TrajectoryWriter

_BLOCK_BYTES = 1 << 24
_OF_ROWS = (f"{schema.VECTORS}/{schema.POSITION}", f"{schema.VECTORS}/{schema.VELOCITY}", PLACE)


def lengths_before(writer: TrajectoryWriter, step: int) -> dict[str, int]:
    """Path of each element -> its frames before a step; elements of observables without any are left out."""
    lengths = writer.lengths()
    with open_hdf5(writer.path) as file:
        for place, length in lengths.items():
            lengths[place] = int(np.searchsorted(Frames(file.get, place).steps[:length], step))
    return {place: length for place, length in lengths.items() if length or not place.startswith(schema.OBSERVABLES)}


def cut_back(writer: TrajectoryWriter, step: int) -> TrajectoryWriter:
    """The writer of the same file with its frames before a step; the one given is at its end, unless it has no others.

    Raises:
        WriteError: if the file cannot be written.
    """
    lengths, all_of = lengths_before(writer, step), writer.lengths()
    if lengths == all_of:
        return writer
    writer.abandon()
    return TrajectoryWriter.go_on(writer.path, lengths)


def laid_out_for(
    writer: TrajectoryWriter,
    gas: Gas,
    lengths: Mapping[str, int],
    *,
    precision: str,
    provenance: Mapping[str, Any],
    periods: NDArray[np.float64] | None,
) -> TrajectoryWriter:
    """The writer of the same file anew, for a gas with other rows at its end: new ones are NaN in the frames so far.
    The one given is at its end.

    Args:
        writer: of the file.
        gas, precision, provenance, periods: see `TrajectoryWriter`.
        lengths: frames of each element that are kept; other elements are left out.

    Raises:
        WriteError: if it cannot be written; the file stays as it is.
    """
    writer.abandon()
    with draft_of(writer.path) as draft:
        new = TrajectoryWriter(
            draft, gas, precision=precision, provenance=provenance, periods=periods, axes=writer.axes
        )
        try:
            with open_hdf5(writer.path) as source:
                for place, length in lengths.items():
                    _take_over(new, place, Frames(source.get, place), length, gas.count)
            new.flush()
        finally:
            new.abandon()
    return TrajectoryWriter.go_on(writer.path, lengths)


def _take_over(new: TrajectoryWriter, place: str, frames: Frames, length: int, rows: int) -> None:
    """Appends the first frames of an element of another file, with so many rows where it has one for each particle."""
    of_rows = place in _OF_ROWS
    shape = (rows, *frames.shape[2:]) if of_rows else frames.shape[1:]
    element = new.elements.get(place) or new.element(place, shape, frames.dtype)
    block = max(1, _BLOCK_BYTES // max(1, int(np.prod(shape)) * frames.dtype.itemsize))
    block = min(max(frames.block, block // frames.block * frames.block), max(length, 1))
    for start in range(0, length, block):
        span = slice(start, min(start + block, length))
        values = frames.read(span)
        if of_rows:
            kept, values = values[:, :rows], np.full((len(values), *shape), np.nan, values.dtype)
            values[:, : kept.shape[1]] = kept
        element.extend(frames.steps[span], frames.times[span], values)
