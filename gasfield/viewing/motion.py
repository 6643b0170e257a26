"""One pass over the positions of a group, by blocks of rows: where each row is in the projection, and how it moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.viewing.outline import Outline
from gasfield.viewing.projection import LARGEST, Drawn


@dataclass(frozen=True)
class Motion:
    """F frames of n rows.

    Attributes:
        places: (F, K, n) projected; NaN where a row has no position.
        step_length: (F, n) distance from the frame before, NaN in the first [length].
        last: (n,) the frame in which each row was first at its last place, by bits.
        displacement: (F, n) distance from the first frame; None where only the places were wanted.
        norm: (F, n) |x|; likewise.
    """

    places: NDArray[np.float32]
    step_length: NDArray[np.float32]
    last: NDArray[np.int64]
    displacement: NDArray[np.float32] | None
    norm: NDArray[np.float32] | None

    @classmethod
    def of(cls, group: Group, projection: Drawn, outline: Outline | None, *, distances: bool) -> Self:
        """Reads a group once.

        Args:
            group: rows and frames.
            projection: of what is drawn.
            outline: of the space whose own coordinates are drawn; None for others.
            distances: whether displacement and norm are wanted.
        """
        frames, count = len(group.steps), group.count
        places = np.empty((frames, len(projection.labels), count), np.float32)
        lengths, displacement, norm = (np.full((frames, count), np.nan, np.float32) for _ in range(3))
        last = np.zeros(count, np.int64)
        for rows in group.row_blocks(parts=4):
            stored = np.asarray(group.positions[:, rows])
            moved = (stored[1:] != stored[:-1]).any(axis=2)
            last[rows] = np.where(moved, np.arange(1, frames)[:, None], 0).max(axis=0, initial=0)
            positions = stored.astype(np.float64)
            positions[~(np.abs(positions) <= LARGEST)] = np.nan
            drawn = positions if outline is None else outline.wrapped(positions)
            places[:, :, rows] = projection.places(drawn, rows).swapaxes(1, 2)
            lengths[1:, rows] = _lengths(positions[1:] - positions[:-1])
            if distances:
                displacement[:, rows] = _lengths(positions - positions[:1])
                norm[:, rows] = _lengths(positions)
        return cls(places, lengths, last, displacement if distances else None, norm if distances else None)


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=-1).astype(np.float32)
    return lengths
