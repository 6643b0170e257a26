"""Three coordinates of a gas of many dimensions, along its principal axes, for programs limited to three."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.trajectory import schema
from gasfield.trajectory.element import Element
from gasfield.trajectory.frames import Frames

_BITS = 12
_MANY = 512
"""Dimensions beyond which the axes of fewer points are computed from the points, not from the moments."""
_LOOKED_AT = 1 << 21
"""Numbers from which the axes are computed, from at least twelve frames of any size."""
PLACE = f"{schema.PROJECTION}/{schema.POSITION}"


def keep_mantissa(values: ArrayLike, bits: int) -> NDArray[np.float32]:
    """Rounds float32 to `bits` explicit mantissa bits (nearest, ties to even); the zeroed bits compress well."""
    pattern = np.asarray(values, np.float32).view(np.uint32)
    if bits >= 23:
        return pattern.view(np.float32)
    drop = np.uint32(23 - bits)
    half = (np.uint32(1) << (drop - np.uint32(1))) - np.uint32(1) + ((pattern >> drop) & np.uint32(1))
    return (((pattern + half) >> drop) << drop).view(np.float32)


def moderate(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Finite values times a power of two, so that sums of their squares stay within float64 and so have eigenvectors;
    the values themselves, to the bit, where they do anyway."""
    most = float(np.max(np.abs(values), initial=0.0))
    if most == 0.0 or 1e-140 < most < 1e140:
        return values.astype(np.float64, copy=False)
    scaled: NDArray[np.float64] = np.ldexp(values.astype(np.float64), -int(np.frexp(most)[1]))
    return scaled


def principal_axes(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(3, D) orthonormal rows, largest spread first; in three dimensions or fewer the coordinate axes.

    Non-finite points (n, D) are ignored.
    """
    dimensions = points.shape[1]
    points = points[np.isfinite(points).all(axis=1)].astype(np.float64)
    if dimensions <= 3 or not len(points):
        return np.eye(3, dimensions)
    points = moderate(points)
    centred = points - points.mean(axis=0)
    if dimensions > max(_MANY, len(points)) and len(points) >= 3:  # from the smaller of the two matrices
        axes = np.linalg.svd(centred, full_matrices=False)[2][:3]
    else:
        _, vectors = np.linalg.eigh(centred.T @ centred)
        axes = vectors[:, ::-1].T[:3]
    return axes * np.where(axes[np.arange(3), np.abs(axes).argmax(axis=1)] < 0, -1.0, 1.0)[:, None]


def project(positions: NDArray[np.floating], axes: NDArray[np.float64]) -> NDArray[np.float32]:
    """(..., D) -> (..., 3).

    Without BLAS: this runs beside a training, and idle BLAS threads busy-wait.
    """
    precision = np.float32 if positions.dtype == np.float32 else np.float64
    points: NDArray[Any] = positions.astype(precision, copy=False)
    directions: NDArray[Any] = np.ascontiguousarray(
        axes, precision
    )  # eigenvectors are stored by columns, which is five times slower
    return keep_mantissa(np.einsum("...d,kd->...k", points, directions), _BITS)


def turn_projection(source: h5py.File, element: Element) -> NDArray[np.float64]:
    """Projects all frames of `source` onto their common principal axes (3, D), which are returned, into an element.

    The axes of the first frame do not reflect the flow that follows; those of the whole trajectory do.
    """
    frames = Frames(source.get, f"{schema.VECTORS}/{schema.POSITION}")
    count, dimensions = frames.shape[1:]
    looked_at = int(np.clip(_LOOKED_AT // max(1, count * dimensions), 12, 100))
    chosen = range(0, len(frames), max(1, len(frames) // looked_at))
    stride = max(
        1, len(chosen) * count * dimensions // (4 * _LOOKED_AT)
    )  # of a whole vocabulary, a sample of rows suffices
    axes = principal_axes(np.concatenate([frames[i][::stride] for i in chosen]))
    for start in range(0, len(frames), frames.block):
        block = slice(start, min(start + frames.block, len(frames)))
        element.extend(frames.steps[block], frames.times[block], project(frames.read(block), axes))
    return axes
