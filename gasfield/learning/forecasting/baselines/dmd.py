"""Dynamic mode decomposition of rank r of the flattened state (Schmid, Journal of Fluid Mechanics 656:5, 2010; Tu,
Rowley, Luchtenburg, Brunton and Kutz, Journal of Computational Dynamics 1:391, 2014).

With the training frames as columns, X without the last and Y without the first, and X ~ U S V^T cut to rank r, the map
of a frame to the next within the span of U is A = U^T Y V S^-1. Forecasts are

    x(o + n) = x_o + U (A^n - 1) U^T x_o,

so that the part of the state outside of the span stays as it is. One map for every frame needs even frames. The rank
is given, or that with the smallest error over displacement, averaged over the horizons, on the last quarter of the
training span when the first three are fitted. All training frames are columns of Q R (orthonormal Q, triangular R,
computed block of rows by block of rows), so the search happens in as many dimensions as there are frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field
from scipy.linalg import qr

from gasfield.learning.forecasting.protocol import (
    Forecaster,
    Frames,
    History,
    Predictor,
    Task,
    Unavailable,
    Values,
)
from gasfield.quantity import Quantity
from gasfield.registry import register

_MOST_FRAMES = 400
"""Training frames used, the last ones."""
_MODES_BYTES = 1 << 28
"""Most memory of the modes U."""
_RANKS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 64)
"""Ranks that are tried."""
_NEGLIGIBLE = 1e-12
"""Singular value, over the largest, below which a direction is rounding noise."""


@register
class DMD(Forecaster):
    """A linear map of the whole state, of low rank."""

    kind: Literal["dmd"] = "dmd"
    rank: int | None = Field(default=None, ge=1)
    """r; chosen by the error on the last quarter of the training span if left out."""

    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        steps = past.steps[-_MOST_FRAMES:]
        interval = _interval(steps)
        frames = slice(len(past.steps) - len(steps), None)
        triangle = _triangle(past, frames)
        most = _MODES_BYTES // (8 * past.group.count * past.group.dimensions)
        if self.rank is not None and self.rank > (possible := min(most, _resolved(triangle[:, :-1]))):
            raise Unavailable(f"the training frames have rank {possible}, less than the rank {self.rank} asked for")
        rank = self.rank or _best_rank(triangle, horizons, most)
        values, basis, right = _svd(triangle[:, :-1], rank)
        linear = basis.T @ triangle[:, 1:] @ right / values
        modes = _modes(past, frames, right / values)
        return _Linear(interval, rank, linear, modes)


@dataclass(frozen=True)
class _Linear(Predictor):
    """A map A (r, r) over `interval` steps in the span of U (N, D, r)."""

    interval: int
    rank: int
    linear: Values
    modes: Values

    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        powers: dict[int, Values] = {}
        for task in tasks:
            if np.any(task.spans % self.interval):
                raise Unavailable(f"frames are not all {self.interval} steps apart, as those of the fit")
            here = history.places(task.origins)
            inside = np.tensordot(here, self.modes, axes=([1, 2], [0, 1]))
            moved = np.empty((*task.spans.shape, self.rank))
            for span in np.unique(task.spans).tolist():
                if span not in powers:
                    powers[span] = np.linalg.matrix_power(self.linear, span // self.interval) - np.eye(self.rank)
                block, horizon = np.nonzero(task.spans == span)
                moved[block, horizon] = inside[block] @ powers[span].T
            yield here[:, None] + np.tensordot(moved, self.modes, axes=([2], [2]))

    def quantities(self) -> Mapping[str, Quantity]:
        largest = float(np.abs(np.linalg.eigvals(self.linear)).max())
        return {"rank": Quantity(self.rank, "1"), "largest_eigenvalue": Quantity(largest, "1")}


def _interval(steps: Frames) -> int:
    """The steps between frames."""
    spacings = np.unique(np.diff(steps))
    if len(spacings) == 1 and len(steps) > 3:
        return int(spacings[0])
    if len(steps) <= 3:
        raise Unavailable(f"{len(steps)} training frames are too few for a map from frame to frame")
    raise Unavailable(
        f"training frames are {spacings[0]} to {spacings[-1]} steps apart: one map from frame to frame needs even ones"
    )


def _triangle(past: History, frames: slice) -> Values:
    """R (k, K) of the training frames as columns Q R."""
    triangle: Values | None = None
    for rows in past.group.row_blocks(parts=2):
        block = past.group.places(frames, rows)
        columns = block.reshape(len(block), -1).T
        joined = columns if triangle is None else np.vstack([triangle, columns])
        triangle = qr(joined, mode="r", overwrite_a=True, check_finite=False)[0][: joined.shape[1]]
    assert triangle is not None
    return triangle


def _svd(columns: Values, rank: int) -> tuple[Values, Values, Values]:
    """Singular values (r,), left (k, r) and right (K, r) vectors."""
    left, values, right = np.linalg.svd(columns, full_matrices=False)
    return values[:rank], left[:, :rank], right[:rank].T


def _resolved(columns: Values) -> int:
    """The numerical rank."""
    values = np.linalg.svd(columns, compute_uv=False)
    return int(np.sum(values > _NEGLIGIBLE * values[0])) if values[0] > 0 else 0


def _modes(past: History, frames: slice, weights: Values) -> Values:
    """U (N, D, r): the training frames but the last, summed with weights (K, r)."""
    modes = np.empty((past.group.count, past.group.dimensions, weights.shape[1]))
    for rows in past.group.row_blocks(parts=2):
        modes[rows] = np.tensordot(past.group.places(frames, rows)[:-1], weights, axes=([0], [0]))
    return modes


def _best_rank(triangle: Values, horizons: tuple[int, ...], most: int) -> int:
    """The rank with the smallest error on the last quarter of the training span."""
    count = triangle.shape[1]
    inner = max(count - max(count // 4, 1), 3)
    resolved = _resolved(triangle[:, : inner - 1])
    if not resolved:
        raise Unavailable("all training frames are zero")
    used = [h for h in horizons if h < count - inner] or [1]
    values, basis, right = _svd(triangle[:, : inner - 1], resolved)
    errors = {}
    for rank in (r for r in _RANKS if r <= min(resolved, most)):
        linear = basis[:, :rank].T @ triangle[:, 1:inner] @ right[:, :rank] / values[:rank]
        ratios = []
        for horizon in used:
            origins = np.arange(min(inner - 1, count - 1 - horizon), count - horizon)
            moved = triangle[:, origins + horizon] - triangle[:, origins]
            power = np.linalg.matrix_power(linear, horizon) - np.eye(rank)
            forecast = basis[:, :rank] @ power @ basis[:, :rank].T @ triangle[:, origins]
            size = float(np.sum(moved**2))
            ratios.append(float(np.sum((moved - forecast) ** 2)) / size if size > 0 else 1.0)
        errors[rank] = float(np.mean(ratios))
    if not errors:
        raise Unavailable(f"modes of {triangle.shape[0]} frames do not fit into memory")
    return min(errors, key=lambda rank: errors[rank] if np.isfinite(errors[rank]) else np.inf)
