"""Forces between emissions and receptivities with their derivatives, for the inverse problem.

    F = (e - r) (e . r) w(|e - r|),    w(d) = 1/((d + eps) ((d^2 + s^2)^(p/2) + eps))

is homogeneous of degree 2 - p in (e, r) as far as eps and s do not matter: at p = 2 the scale of all poles is free.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class PairForces(NamedTuple):
    """Forces (..., D), and their derivatives by e and by r (..., D, D), the last index that of the pole."""

    force: Array
    by_emission: Array
    by_receptivity: Array


def pair_forces(emissions: Array, receptivities: Array, decay: float, eps: float, softening: float) -> PairForces:
    """Of emissions and receptivities (..., D), which are broadcast."""
    gap = emissions - receptivities
    square = np.sum(gap * gap, axis=-1)
    distance, soft = np.sqrt(square), square + softening**2
    safe_distance, safe = np.maximum(distance, 1e-150), np.maximum(soft, 1e-300)
    power = safe ** (0.5 * decay)
    near, far = 1.0 / (distance + eps), 1.0 / (power + eps)
    weight = near * far
    # dw/dd over d, so that its gradient by e is (e - r) times it
    bend = -(near**2) * far / safe_distance - near * far**2 * decay * power / safe
    product = np.sum(emissions * receptivities, axis=-1)
    force = gap * (product * weight)[..., None]
    straight = (product * weight)[..., None, None] * np.eye(gap.shape[-1])
    bent = (product * bend)[..., None] * gap
    by_emission = straight + gap[..., :, None] * (weight[..., None] * receptivities + bent)[..., None, :]
    by_receptivity = -straight + gap[..., :, None] * (weight[..., None] * emissions - bent)[..., None, :]
    return PairForces(force, by_emission, by_receptivity)
