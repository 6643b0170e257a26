"""The picture of a space: the plane, three dimensions, a sphere, or a projection that is fixed over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import spread_over
from gasfield.errors import InputError
from gasfield.spaces import Space

Kind = Literal["plane", "space", "sphere", "projection"]
_ROWS = 2000
"""Particles that principal axes are found from."""
_MOST_STATED = 1024
"""Dimensions up to which a page is given the axes."""
_MARGIN = 0.15
_SEED = 0x9A5F
_MOST_DIMENSIONS = 4096
"""Dimensions up to which axes are principal ones; beyond, they are random."""


@dataclass(frozen=True)
class Picture:
    """Coordinates x -> axes x of what is drawn.

    Attributes:
        kind: what is drawn.
        axes: (K, D) orthonormal rows, K = 2 or 3; the second is zero where D = 1.
        low, high: (K,) corners of what is drawn at first [length].
        periods: (K,) after which coordinates repeat, 0 where they do not [length].
        origin: (D,) what a place of the picture lacks of one in the space: origin + sum of its coordinates times
            `axes` is a place in the middle of the gas [length].
    """

    kind: Kind
    axes: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    periods: NDArray[np.float64]
    origin: NDArray[np.float64]

    @classmethod
    def of(cls, space: Space, positions: NDArray[Any], chosen: Sequence[int] | None = None) -> Self:
        """The picture of a space.

        Args:
            space: the space.
            positions: (N, D) of the gas at the start, for principal axes and corners.
            chosen: coordinates to show instead of the picture's own.

        Raises:
            InputError: if one of the coordinates is none of the space, or is chosen twice.
        """
        dimensions = space.dimensions
        if chosen is not None:
            if len(set(chosen)) < len(chosen) or max(chosen) >= dimensions:
                raise InputError(f"needs different coordinates from 0 to {dimensions - 1}.", parameter="look.axes")
            kind: Kind = "plane" if len(chosen) == 2 else "space"
            axes = np.zeros((len(chosen), dimensions))
            axes[np.arange(len(chosen)), list(chosen)] = 1.0
        elif dimensions <= 3:
            kind = "plane" if dimensions < 3 else "sphere" if space.curved else "space"
            axes = np.eye(max(2, dimensions), dimensions)
        else:
            kind, axes = "projection", _principal(positions)
        single = np.sum(axes != 0, axis=1) == 1  # each axis is a coordinate
        periods = np.where(single, axes @ space.periods, 0.0)
        middle = np.mean(positions, axis=0, dtype=np.float64)
        origin = middle - (axes @ middle) @ axes
        return cls(kind, axes, *_corners(space, axes, positions), periods, origin)

    def __call__(self, positions: NDArray[Any]) -> NDArray[np.float32]:
        """(N, D) -> (K, N)."""
        return np.ascontiguousarray((positions @ self.axes.T).T, np.float32)

    def described(self) -> dict[str, Any]:
        """For a page."""
        projection = None
        if not self.native and self.axes.shape[1] <= _MOST_STATED:
            projection = {"origin": self.origin.tolist(), "axes": self.axes.tolist()}
        return {
            "picture": self.kind, "low": self.low.tolist(), "high": self.high.tolist(),
            "periods": self.periods.tolist(), "projection": projection,
        }  # fmt: skip

    @property
    def native(self) -> bool:
        """Whether places of the picture are places of the space, which can be clicked at."""
        return np.array_equal(self.axes, np.eye(*self.axes.shape)) and len(self.axes) >= self.axes.shape[1]


def _principal(positions: NDArray[Any]) -> NDArray[np.float64]:
    """(3, D) the first principal axes."""
    rows = np.asarray(positions[spread_over(len(positions), _ROWS)], np.float64)
    dimensions = rows.shape[1]
    if dimensions > _MOST_DIMENSIONS or len(rows) < 4:
        normal = np.random.default_rng(_SEED).standard_normal((dimensions, 3))
        return np.ascontiguousarray(np.linalg.qr(normal)[0].T)
    axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:3]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return np.ascontiguousarray(axes * np.where(largest < 0, -1.0, 1.0)[:, None])


def _corners(
    space: Space, axes: NDArray[np.float64], positions: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners (K,) of the walls along the axes of the picture, or of the particles with a margin where there are
    none."""
    shown = np.asarray(positions @ axes.T, np.float64)
    low, high = np.min(shown, axis=0), np.max(shown, axis=0)
    middle, reach = 0.5 * (low + high), 0.5 * max(float(np.max(high - low)), 1e-9) * (1.0 + _MARGIN)
    low, high = middle - reach, middle + reach
    walls = np.full(space.dimensions, np.inf if space.outer_radius is None else space.outer_radius)
    if space.edges is not None:
        walls = np.where(space.edges > 0, 0.5 * space.edges, np.inf)
    if np.all(np.sum(axes != 0, axis=1) <= 1):
        along = np.array([walls[axis != 0].min(initial=np.inf) for axis in axes])
        low, high = np.where(np.isfinite(along), -along, low), np.where(np.isfinite(along), along, high)
    return low, high
