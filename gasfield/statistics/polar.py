"""The polar decomposition F = R U of linear maps, with a rotation R that is proper.

F (D x k) maps coordinates in an orthonormal frame V (D x k) to space; its singular value decomposition L S W^T gives
the isometry R = L W^T and the stretches S. If the map stays within the span of V and det(V^T F) < 0, it reverses the
orientation: a structure has folded over, and L W^T is a reflection, which is no rotation by any angle. Then the last
column of L changes its sign, so that R is the proper rotation closest to F, and with it the smallest stretch (Kabsch
1976, Acta Crystallographica A 32:922; Umeyama 1991, IEEE Trans. PAMI 13:376). While F passes through a singular map
both are continuous: the stretch passes through zero, and nothing has turned.

A map that leaves the span of V can be a rotation whatever the sign of det(V^T F), as that of a sheet that is turned
over in three dimensions.

R is unique if the sum of the two smallest signed stretches is positive (within the span), or the smallest itself
(beyond it): a reflection that stretches two axes alike has no closest rotation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_OUTSIDE = 1e-6
"""Share of the norm of a map outside the span of the frame, below which it stays within."""
_SINGULAR = 1e-8
"""Stretch, over the largest, below which it is not distinguished from zero."""


@dataclass(frozen=True)
class Polar:
    """The decomposition of maps (..., D, k).

    Attributes:
        isometry: (..., D, k) R.
        stretches: (..., k) of descending magnitude; the last is negative where the orientation is reversed.
        reversed: (...) whether the map stays within the span of the frame and reverses the orientation.
        unique: (...) whether R is determined.
    """

    isometry: Values
    stretches: Values
    reversed: NDArray[np.bool_]
    unique: NDArray[np.bool_]


def polar(maps: Values, frame: Values) -> Polar:
    """Decomposes maps (..., D, k) of coordinates in a frame (D, k); k = 0 gives empty arrays. Maps must be finite."""
    k = frame.shape[1]
    left, stretches, right = np.linalg.svd(maps, full_matrices=False)
    if not k:
        nothing = np.zeros(maps.shape[:-2], np.bool_)
        return Polar(left @ right, stretches, nothing, ~nothing)
    inside = _inside(maps, frame)
    improper = inside & (np.linalg.det(frame.T @ left @ right) < 0)
    sign = np.where(improper, -1.0, 1.0)
    left[..., -1] *= sign[..., None]
    stretches[..., -1] *= sign
    visible = _SINGULAR * stretches[..., 0] if k > 1 else 0.0
    pair = stretches[..., -2:].sum(axis=-1) if k > 1 else np.abs(stretches[..., 0])
    unique = np.where(inside, pair, stretches[..., -1]) > visible
    return Polar(left @ right, stretches, improper & (-stretches[..., -1] > visible), unique)


def _inside(maps: Values, frame: Values) -> NDArray[np.bool_]:
    """Whether maps stay within the span of the frame; all do if it spans the whole space."""
    if frame.shape[0] == frame.shape[1]:
        return np.ones(maps.shape[:-2], np.bool_)
    outside = np.linalg.norm(maps - frame @ (frame.T @ maps), axis=(-2, -1))
    within: NDArray[np.bool_] = outside <= _OUTSIDE * np.linalg.norm(maps, axis=(-2, -1))
    return within


def tilts(isometry: Values, frame: Values) -> Values:
    """Principal angles (..., k) between the oriented spans of the frame (D, k) and of R (..., D, k) [degrees].

    Descending; at most 90 degrees but for the largest, which is between 90 and 180 where R has turned the structure
    over. Cosines are inaccurate for small angles and sines near right angles; each angle is taken from the accurate one
    (Knyazev and Argentati 2002, SIAM J. Sci. Comput. 23:2008).
    """
    inside = frame.T @ isometry
    cosines = np.linalg.svd(inside)[1][..., ::-1]  # ascending: the angles descend
    sines = np.linalg.svd(isometry - frame @ inside)[1][..., : frame.shape[1]]
    angles = np.where(cosines**2 > 0.5, np.arcsin(np.clip(sines, 0, 1)), np.arccos(np.clip(cosines, 0, 1)))
    if frame.shape[1]:
        over = np.linalg.det(inside) < 0
        angles[..., 0] = np.where(over, np.pi - angles[..., 0], angles[..., 0])
    degrees: Values = np.degrees(angles)
    return degrees


def turns(isometry: Values, frame: Values) -> Values:
    """Angles (..., k // 2) of the rotation within the span of the frame (D, k) by R (..., D, k) [degrees].

    The rotation is the proper orthogonal factor of V^T R; the other factor contains the tilts. With k = 2 it is signed,
    positive from the first axis of the frame to the second, in (-180, 180]. With more it has several planes without a
    common sense of rotation, and their angles are in [0, 180], descending.
    """
    k = frame.shape[1]
    if k < 2:
        return np.zeros((*isometry.shape[:-2], 0))
    turned = polar(frame.T @ isometry, np.eye(k)).isometry
    if k == 2:
        return np.asarray(np.degrees(np.arctan2(turned[..., 1, :1], turned[..., 0, :1])), np.float64)
    phases = np.sort(np.abs(np.angle(np.linalg.eigvals(turned))), axis=-1)[..., ::-1]
    return np.asarray(np.degrees(phases[..., : 2 * (k // 2) : 2]), np.float64)


def unwrapped(angles: Values) -> Values:
    """Signed angles (T, ...) over time without jumps by a whole turn [degrees]; each follows the last known one (NaN
    where unknown). Correct while no turn from one frame to the next exceeds 180 degrees."""
    found = np.array(angles)
    flat = found.reshape(len(found), -1)
    for series in flat.T:
        known = np.isfinite(series)
        series[known] = np.unwrap(series[known], period=360.0)
    return found
