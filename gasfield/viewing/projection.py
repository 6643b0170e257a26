"""Projections that are fixed over time: one set of axes for all frames, so that what moves in the picture has moved.

In three dimensions or fewer the axes are those of the space itself. Beyond, they are principal axes (over all frames,
or of the last one), random ones, or given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.errors import InputError
from gasfield.memory import require_memory

Values = NDArray[np.floating[Any]]
UMAP = "umap"
KINDS = ("all", "last", "random", UMAP)
"""Principal axes over all frames, principal axes of the last frame, random axes, a UMAP aligned over time."""
Wanted = str | Sequence[int] | Values
"""One of `KINDS`, numbers of coordinates, or axes (K, D)."""
NATIVE = 3
"""Most dimensions of a space that is drawn itself."""
LARGEST = 1e30
"""Larger coordinates are not drawn."""
_SEED = 0x9A5F
_MOST_DIMENSIONS = 4096
"""Dimensions up to which the covariance (D, D) is diagonalised."""


class Drawn(Protocol):
    """Where rows are drawn, in K coordinates.

    Attributes:
        labels: (K,) what each coordinate is.
        variances: (K,) share of the variance of the points along each; None where they are no principal axes.
        native: whether they are those of a space of at most three dimensions.
        unit: in which they are measured.
        notes: what a reader must know of them.
    """

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def variances(self) -> tuple[float, ...] | None: ...
    @property
    def native(self) -> bool: ...
    @property
    def unit(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

    def places(self, positions: NDArray[np.float64], rows: slice) -> NDArray[np.floating[Any]]:
        """(F, b, K) of some rows, whose positions are (F, b, D); NaN where a row has no place."""
        ...


@dataclass(frozen=True)
class Projection:
    """x -> axes x.

    Attributes:
        axes: (K, D) orthonormal rows, K = 2 or 3; one row is zero where D = 1.
        labels: (K,) what each axis is.
        variances: (K,) share of the variance of the points along each axis; None where the axes are no principal ones.
        native: whether the axes are those of a space of at most three dimensions.
    """

    axes: NDArray[np.float64]
    labels: tuple[str, ...]
    variances: tuple[float, ...] | None = None
    native: bool = False
    unit: str = "length"
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, group: Group, wanted: Wanted = "all") -> Self:
        """The projection of the rows and frames of a group.

        Raises:
            InputError: if the axes are not as described, there are too many dimensions for principal ones, or a UMAP is
                wanted, which is no set of axes.
        """
        dimensions = group.dimensions
        if not isinstance(wanted, str):
            return cls(*_given(wanted, dimensions))
        if is_embedding(wanted):
            raise InputError("is an embedding, and no set of axes.", parameter="projection", value=wanted)
        if wanted not in KINDS:
            message = f"is none of {', '.join(KINDS)}, and no list of coordinates such as 0,1,2."
            raise InputError(message, parameter="projection", value=wanted)
        if dimensions <= NATIVE:
            count = max(2, dimensions)
            return cls(np.eye(count, dimensions), tuple(f"x{i}" for i in range(count)), native=True)
        if wanted == "random":
            normal = np.random.default_rng(_SEED).standard_normal((dimensions, 3))
            return cls(np.linalg.qr(normal)[0].T, ("random axis 1", "random axis 2", "random axis 3"))
        return cls._principal(group if wanted == "all" else group.at_frames(np.array([len(group.steps) - 1])), wanted)

    @classmethod
    def _principal(cls, group: Group, wanted: str) -> Self:
        if group.dimensions > _MOST_DIMENSIONS:
            message = f"principal axes of {group.dimensions:,} dimensions are not computed; use random, or coordinates."
            raise InputError(message, parameter="projection", value=wanted)
        covariance = _covariance(group)
        values, vectors = np.linalg.eigh(covariance)
        axes = vectors[:, :-4:-1].T
        largest = axes[np.arange(3), np.abs(axes).argmax(axis=1)]
        total = max(float(np.trace(covariance)), np.finfo(float).tiny)
        shares = tuple(float(max(value, 0.0) / total) for value in values[:-4:-1])
        where = "" if wanted == "all" else " of the last frame"
        labels = tuple(f"principal axis {i + 1}{where}" for i in range(3))
        return cls(np.ascontiguousarray(axes * np.where(largest < 0, -1.0, 1.0)[:, None]), labels, shares)

    def places(self, positions: NDArray[np.float64], rows: slice) -> NDArray[np.float64]:
        """(F, b, K) of positions (F, b, D): axes are the same for all rows."""
        return self(positions)

    def __call__(self, positions: Values) -> NDArray[np.float64]:
        """(..., D) -> (..., K); NaN where a coordinate is not finite or beyond `LARGEST`."""
        known = np.asarray((np.abs(positions) <= LARGEST).all(axis=-1))
        placed: NDArray[np.float64] = np.where(known[..., None], positions, 0.0) @ self.axes.T
        placed[~known] = np.nan
        return placed


def is_embedding(wanted: Wanted) -> bool:
    """Whether places belong to the rows of one trajectory, and are no linear map of positions."""
    return isinstance(wanted, str) and wanted == UMAP


def _given(wanted: Sequence[int] | Values, dimensions: int) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    axes = np.asarray(wanted)
    if axes.ndim == 1 and axes.dtype.kind in "iu":
        if (
            len(axes) not in (2, 3)
            or len(set(axes.tolist())) < len(axes)
            or not ((axes >= 0) & (axes < dimensions)).all()
        ):
            message = f"needs two or three different coordinates from 0 to {dimensions - 1}."
            raise InputError(message, parameter="projection", value=",".join(map(str, axes.tolist()[:8])))
        return np.eye(dimensions)[axes], tuple(f"x{i}" for i in axes.tolist())
    shaped = axes.ndim == 2 and axes.shape[0] in (2, 3) and axes.shape[1] == dimensions and axes.dtype.kind in "iuf"
    if not shaped or not np.isfinite(axes).all() or np.linalg.matrix_rank(axes) < len(axes):
        message = f"must be two or three linearly independent axes of {dimensions} numbers, an array (2 or 3, D)."
        raise InputError(message, parameter="projection")
    orthonormal, triangular = np.linalg.qr(axes.astype(np.float64).T)
    signed = orthonormal * np.sign(np.diag(triangular))
    return np.ascontiguousarray(signed.T), tuple(f"given axis {i + 1}" for i in range(len(axes)))


def _covariance(group: Group) -> NDArray[np.float64]:
    """(D, D) of all rows in all frames that have a finite position, read block by block.

    Moments are taken about one of the points, so that a distant cloud loses no digits; not divided by their number.
    """
    dimensions = group.dimensions
    require_memory(3 * 8 * dimensions**2, f"the covariance of {dimensions:,} dimensions", "projection")
    reference: NDArray[np.float64] | None = None
    count, first = 0, np.zeros(dimensions)
    second = np.zeros((dimensions, dimensions))
    for points in _known_points(group):
        reference = points[0].copy() if reference is None else reference
        points = points - reference
        count += len(points)
        first += points.sum(axis=0)
        second += points.T @ points
    return second - np.outer(first, first) / max(count, 1)


def _known_points(group: Group) -> Iterator[NDArray[np.float64]]:
    for rows in group.row_blocks(parts=3):
        points = group.places(rows=rows).reshape(-1, group.dimensions)
        known = points[(np.abs(points) <= LARGEST).all(axis=1)]
        if len(known):
            yield known
