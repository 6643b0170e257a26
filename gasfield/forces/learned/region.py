"""The region of space that was sampled while a field was learned; outside it, the field is an extrapolation.

The sample is described by its mean, its leading principal axes and its extent: a place is inside if its distance from
the mean in units of the spread along these axes, and its distance from the plane that they span, are not larger than
those of any sampled place. That is a cylinder about an ellipsoid, cheap in any number of dimensions; a hole in the
sample (a ring, two separate clusters) is not found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from gasfield.errors import InputError
from gasfield.forces.base import Array

_AXES = 16
"""Most principal axes that are told apart."""
_NUMBERS = 1 << 24
"""Most numbers of a sample from which the axes are found."""
_NEGLIGIBLE = 1e-7
"""Spread along an axis, relative to the largest, below which nothing but rounding was sampled."""
_SLACK = 1e-6
"""Relative margin for rounding."""


@dataclass(frozen=True)
class Region:
    """Where a field was learned.

    Attributes:
        mean: (D,) of the sampled places [length].
        axes: (r, D) orthonormal principal axes.
        scales: (r,) standard deviation along each [length].
        reach: largest sampled distance from the mean in units of the scales [1].
        rest: largest sampled distance from the plane of the axes through the mean [length].
    """

    mean: Array
    axes: Array
    scales: Array
    reach: float
    rest: float

    @classmethod
    def of(cls, places: Array) -> Self:
        """The region of sampled places (M, D), M >= 1, with their principal axes."""
        mean = places.mean(axis=0)
        away = places - mean
        axes = _principal_axes(away[:: -(-away.size // _NUMBERS)])
        scales = np.linalg.norm(away @ axes.T, axis=0) / np.sqrt(max(len(places) - 1, 1))
        kept = scales > _NEGLIGIBLE * max(float(scales.max()), 1e-300)
        return cls(mean, np.ascontiguousarray(axes[kept]), scales[kept], 0.0, 0.0).including(places)

    def including(self, places: Array) -> Self:
        """The same axes with an extent that includes more places (M, D), so that a large sample can be gone through
        piece by piece."""
        distance, rest = self._distances(places)
        reach, rest_most = float(distance.max(initial=self.reach)), float(rest.max(initial=self.rest))
        return type(self)(self.mean, self.axes, self.scales, reach, rest_most)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], dimensions: int) -> Self:
        """The inverse of `arrays`.

        Raises:
            InputError: if they are not those of a region in D dimensions.
        """
        count = len(arrays["scales"])
        shapes = {"mean": (dimensions,), "axes": (count, dimensions), "scales": (count,), "extent": (2,)}
        fits = all(arrays[name].shape == shape and np.isfinite(arrays[name]).all() for name, shape in shapes.items())
        if not (fits and np.all(arrays["scales"] > 0.0)):
            raise InputError(f"its region is not one in {dimensions} dimensions.")
        reach, rest = arrays["extent"].tolist()
        return cls(arrays["mean"], arrays["axes"], arrays["scales"], reach, rest)

    def arrays(self) -> dict[str, Array]:
        """As arrays for a file: `extent` is (reach, rest)."""
        return {
            "mean": self.mean,
            "axes": self.axes,
            "scales": self.scales,
            "extent": np.array([self.reach, self.rest]),
        }

    def outside(self, places: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """(N,) which places (N, D) lie outside."""
        distance, rest = self._distances(places)
        size = float(self.scales[0]) if len(self.scales) else 1.0
        margin = _SLACK * max(size * self.reach, float(np.abs(self.mean).max(initial=0.0)), 1e-300)
        return np.asarray((distance > self.reach * (1.0 + _SLACK)) | (rest > self.rest * (1.0 + _SLACK) + margin))

    def _distances(self, places: NDArray[np.floating[Any]]) -> tuple[Array, Array]:
        """(N,) distances from the mean in units of the scales, and from the plane of the axes [length]."""
        away = np.asarray(places, np.float64) - self.mean
        along = away @ self.axes.T
        left = away - along @ self.axes
        return np.linalg.norm(along / self.scales, axis=1), np.linalg.norm(left, axis=1)


def _principal_axes(away: Array) -> Array:
    """(r, D) the leading ones of places relative to their mean, the first the longest; at most `_AXES`."""
    d = away.shape[1]
    few = (max(d - _AXES, 0), d - 1)
    _, axes = linalg.eigh(away.T @ away, subset_by_index=few, check_finite=False)
    return np.asarray(axes[:, ::-1].T)
