"""Which rows of a group a UMAP embeds, where it begins, and what a reader must know of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.errors import InputError
from gasfield.extras import require_packages
from gasfield.memory import require_memory
from gasfield.viewing.aligned import NEIGHBOURS, aligned
from gasfield.viewing.projection import NATIVE, UMAP, Drawn, Projection, Wanted, is_embedding

LARGEST_EMBEDDING = 40_000
"""Rows times frames; see docs/view.md for the time that they take."""
_BASE_BYTES = 600_000_000
"""Of the compiled packages."""
_BYTES_OF_PLACE = 4096
"""Of one row in one frame: graph, relations, epochs of its edges."""
_WARNING = (
    "distances in a UMAP are not distances: it keeps who is near whom, neither lengths nor the size of clusters nor "
    "the gaps between them, and part of what moves in it has not moved; colours, neighbours and strains are those of "
    "the space"
)


@dataclass(frozen=True)
class AlignedUmap:
    """Places of the rows of a group in the plane, frame by frame.

    Attributes:
        embedded: (F, n, 2) places; NaN for rows that are not embedded.
        notes: what places mean, and which rows have none.
    """

    embedded: NDArray[np.float32]
    notes: tuple[str, ...]
    labels: tuple[str, ...] = ("UMAP 1", "UMAP 2")
    variances: None = None
    native: bool = False
    unit: str = "of the embedding"

    @classmethod
    def of(cls, group: Group) -> Self:
        """Embeds the rows that have a position in all frames, beginning at the first two principal axes of them all.

        Raises:
            InputError: if umap-learn is missing, or there are too few or too many rows, frames or dimensions.
        """
        frames, count = len(group.steps), group.count
        if group.dimensions <= NATIVE:
            message = f"is for more than {NATIVE} dimensions; of {group.dimensions}, the space itself is drawn."
            raise InputError(message, parameter="projection", value=UMAP)
        _check_size(frames, count)
        require_packages((UMAP,), UMAP, "the projection umap", "projection")
        start = _start(group)
        there = np.asarray(np.isfinite(start).all(axis=(0, 2)))
        rows = int(there.sum())
        if rows <= NEIGHBOURS:
            message = f"needs more than {NEIGHBOURS} rows with a position in every frame; there are {rows}."
            raise InputError(message, parameter="projection", value=UMAP)
        size = _BASE_BYTES + _BYTES_OF_PLACE * frames * count + 24 * count * group.dimensions
        require_memory(size, f"a UMAP of {count:,} rows in {frames:,} frames", "projection")
        embedded = np.full((frames, count, 2), np.nan, np.float32)
        embedded[:, there] = aligned(_positions(group, there), start[:, there])
        left_out = f"{count - rows:,} rows do not have a position in every frame, and are not embedded"
        return cls(embedded, (_WARNING, *([left_out] if rows < count else [])))

    def places(self, positions: NDArray[np.float64], rows: slice) -> NDArray[np.float32]:
        """(F, b, 2): those of some rows in all frames, whatever their positions (F, b, D)."""
        return self.embedded[:, rows]


def drawn(group: Group, wanted: Wanted) -> Drawn:
    """What the rows of a group are drawn in: an `AlignedUmap` where that is wanted, else a `Projection`.

    Raises:
        InputError: as these.
    """
    return AlignedUmap.of(group) if is_embedding(wanted) else Projection.of(group, wanted)


def _check_size(frames: int, count: int) -> None:
    if frames < 2:
        message = "is aligned over time and needs at least two frames; use all, random, or coordinates."
        raise InputError(message, parameter="projection", value=UMAP)
    if frames * count > LARGEST_EMBEDDING:
        message = (
            f"of {count:,} rows in {frames:,} frames would take too long: at most {LARGEST_EMBEDDING:,} rows times "
            f"frames. Show at most {LARGEST_EMBEDDING // frames:,} rows, evenly spaced (rows, groups), or fewer frames."
        )
        raise InputError(message, parameter="projection", value=UMAP)


def _start(group: Group) -> NDArray[np.float64]:
    """(F, n, 2) along the first two principal axes of all frames, the same ones in each; NaN without a position."""
    try:
        axes = Projection.of(group)
    except InputError as fault:
        raise InputError(f"begins at principal axes, and {fault.message}", parameter="projection", value=UMAP) from None
    start = np.empty((len(group.steps), group.count, 2))
    for rows in group.row_blocks(parts=3):
        start[:, rows] = axes(group.places(rows=rows))[..., :2]
    return start


def _positions(group: Group, rows: NDArray[np.bool_]) -> Iterator[NDArray[np.floating[Any]]]:
    """(m, D) of some rows, frame by frame."""
    for frame in range(len(group.steps)):
        yield np.asarray(group.positions[frame])[rows]
