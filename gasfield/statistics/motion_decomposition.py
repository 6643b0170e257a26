"""Decomposition of a displacement: translation, rotation, dilation, shear and a non-affine remainder.

N rows are at centred positions x_i in the reference and are displaced by u_i. In an orthonormal frame V (D x k) of the
reference they have coordinates a_i. Least squares gives the linear map F = V + G that minimises the sum over rows of
|u_i - c - G a_i|^2 (c: the mean displacement), and its polar decomposition F = R U gives an isometry R (D x k) and a
symmetric U (k x k) with determinant J. Then

    u = c + (R - V) a + (J^(1/k) - 1) R a + R (U - J^(1/k)) a + r      translation, rotation, dilation, shear, remainder

The rotation is extracted first: if the dilation were fitted first, a rotation would appear as a contraction by its
cosine. If the map reverses the orientation (J < 0: the rows have folded over), it is no rotation followed by a positive
stretch (see `polar`), and rotation, dilation and shear are undetermined. With k = D and V the identity this is F acting
on positions. With fewer rows than a map of all D dimensions needs, k is small: the affine motion is that of the leading
principal axes, and everything else is remainder.

Of the remainder, breathing is the coherent radial part and convection the coherent tangential part, relative to the
positions after the rotation; the residual is what is left (see `smoothing`).

The share of a part p is <u_p, u>/<u, u>. Parts are not orthogonal, so that shares sum to 1 but may be negative. Shares
of the thermal motion are relative to u - c. A linear map fits noise too: of independent noise on u it explains
k/(N - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.statistics.polar import polar
from gasfield.statistics.smoothing import Neighbours, coherent_parts

Values = NDArray[np.float64]

KINDS = ("translation", "rotation", "dilation", "shear", "breathing", "convection", "residual")
"""The parts of a motion, in the order of reporting; the thermal motion has all but the first."""

_WORST = 1e6
"""Condition number of the coordinates beyond which the map is dominated by rounding."""
_SINGULAR = 1e8
"""Condition number of the map beyond which an axis has collapsed and its rotation is undetermined."""


@dataclass(frozen=True)
class Reference:
    """The reference configuration.

    Attributes:
        places: (N, D) centred positions [length].
        frame: (D, k) orthonormal columns V.
        coordinates: (N, k) of the positions in the frame.
        gram: (k, k) coordinates^T coordinates.
    """

    places: Values
    frame: Values
    coordinates: Values
    gram: Values

    @classmethod
    def of(cls, points: NDArray[np.floating[Any]], frame: Values) -> Self:
        """Rows at points (N, D), in a frame (D, k) that they span."""
        places = points.astype(np.float64)
        places -= places.mean(axis=0)
        coordinates = places @ frame
        return cls(places, frame, coordinates, coordinates.T @ coordinates)

    def rows(self, kept: NDArray[np.bool_]) -> Reference:
        """The reference of a subset of the rows."""
        return Reference.of(self.places[kept], self.frame)

    @property
    def condition(self) -> float:
        """Condition number of the coordinates: largest over smallest singular value."""
        if not len(self.gram):
            return 1.0
        squares = np.linalg.eigvalsh(self.gram)
        return float(np.sqrt(squares[-1] / squares[0])) if squares[0] > 0 else np.inf


@dataclass(frozen=True)
class LinearParts:
    """Parts of the linear map of a displacement: matrices (D, k) that act on coordinates in the frame, the principal
    stretches (k,), of descending magnitude, and whether the map reverses the orientation."""

    rotation: Values
    dilation: Values
    shear: Values

    stretches: Values
    reversed: bool

    @property
    def whole(self) -> Values:
        """G, their sum."""
        return self.rotation + self.dilation + self.shear

    @property
    def condition(self) -> float:
        """Largest over smallest stretch, in magnitude."""
        if not len(self.stretches):
            return 1.0
        largest, smallest = np.abs(self.stretches[[0, -1]])
        return float(largest / smallest) if smallest > 0 else np.inf

    @property
    def determined(self) -> bool:
        """Whether rotation, dilation and shear are: no axis has collapsed, and the orientation is kept."""
        return self.condition < _SINGULAR and not self.reversed


def linear_parts(reference: Reference, thermal: Values) -> LinearParts:
    """The parts of the least-squares map of a centred displacement (N, D); k = 0 gives empty matrices."""
    moments = reference.coordinates.T @ thermal
    try:
        gradient = np.linalg.solve(reference.gram, moments).T
    except np.linalg.LinAlgError:  # the rows span fewer axes than the frame: the least of all maps that fit
        gradient = (np.linalg.pinv(reference.gram) @ moments).T
    found = polar(reference.frame + gradient, reference.frame)
    with np.errstate(divide="ignore"):
        mean_stretch = float(np.exp(np.mean(np.log(np.abs(found.stretches))))) if len(found.stretches) else 1.0
    dilation = (mean_stretch - 1.0) * found.isometry
    rotation = found.isometry - reference.frame
    return LinearParts(rotation, dilation, gradient - rotation - dilation, found.stretches, bool(found.reversed))


@dataclass(frozen=True)
class Moments:
    """<u_p, u> summed over rows [length^2].

    Attributes:
        parts: (..., 7) in the order of `KINDS`; NaN where a part is undetermined.
        thermal: (...,) <u - c, u - c>, the sum of all parts except the translation.
        reversed: (...,) whether the linear map reverses the orientation.
    """

    parts: Values
    thermal: Values
    reversed: NDArray[np.bool_]

    @property
    def whole(self) -> Values:
        """(...,) <u, u>."""
        whole: Values = self.parts[..., 0] + self.thermal
        return whole

    @classmethod
    def of(cls, reference: Reference, displacement: Values, neighbours: Neighbours) -> Self:
        """Of a displacement (N, D). There is no linear map if the rows do not span the frame; rotation, dilation and
        shear are undetermined if it is singular (the rows end in fewer dimensions) or reverses the orientation."""
        mean = displacement.mean(axis=0)
        thermal = displacement - mean
        square, found = np.array(np.sum(thermal**2)), np.full(len(KINDS), np.nan)
        found[0] = len(displacement) * float(mean @ mean)
        if reference.condition > _WORST:
            return cls(found, square, np.array(False))
        parts = linear_parts(reference, thermal)
        crossed = thermal.T @ reference.coordinates
        if parts.determined:
            found[1:4] = [np.sum(part * crossed) for part in (parts.rotation, parts.dilation, parts.shear)]
        remainder = thermal - reference.coordinates @ parts.whole.T
        turned = reference.places + reference.coordinates @ parts.rotation.T
        coherent = coherent_parts(turned, remainder, neighbours)
        found[4:6] = [np.sum(part * thermal) for part in coherent]
        found[6] = np.sum(remainder * thermal) - found[4:6].sum()
        return cls(found, square, np.array(parts.reversed))

    @classmethod
    def stacked(cls, several: Sequence[Moments]) -> Self:
        """Of several displacements, along a first axis."""
        return cls(*(np.array([getattr(one, name) for one in several]) for name in ("parts", "thermal", "reversed")))

    def without_noise(self, rows: int, dimensions: int, axes: int) -> Moments:
        """Moments corrected for noise, if the remainder is independent noise to which the map was fitted too.

        Noise of variance s^2 on each coordinate contributes s^2 D (N - k - 1) to the remainder, which determines s^2,
        and s^2 for each parameter of the map: Dk - k(k + 1)/2 of rotation, one of dilation, k(k + 1)/2 - 1 of shear
        (for an isotropic cloud), and D of translation.
        """
        freedom = dimensions * (rows - axes - 1)
        variance = self.parts[..., 4:].sum(axis=-1) / freedom
        symmetric = axes * (axes + 1) // 2
        numbers = np.array([dimensions, dimensions * axes - symmetric, min(axes, 1), max(symmetric - 1, 0), 0, 0, 0])
        numbers[6] = -numbers.sum()
        parts, thermal = self.parts - variance[..., None] * numbers, self.thermal + variance * dimensions
        return replace(self, parts=parts, thermal=thermal)

    def shares(self) -> tuple[Values, Values]:
        """Shares (..., 7) of the motion and (..., 6) of the thermal motion; NaN without motion."""
        with np.errstate(divide="ignore", invalid="ignore"):
            total = self.parts / self.whole[..., None]
            thermal = self.parts[..., 1:] / self.thermal[..., None]
        return total, thermal
