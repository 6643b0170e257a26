"""The surface of Mueller and Brown (1979, Theor. Chim. Acta 53:75), a benchmark for reaction-path methods.

    U = s sum_k A_k exp(a_k (x - x_k)^2 + b_k (x - x_k)(y - y_k) + c_k (y - y_k)^2)

Three minima lie along a bent valley: (-.558, 1.442) at -146.70, (-.050, .467) at -80.77, (.623, .028) at -108.17, with
saddles (-.822, .624) at -40.66 and (.212, .293) at -72.25, for s = 1. The fourth term overflows far from the minima.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.base import Force, ForceSpec, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import PositiveStrength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register

TERMS = np.array(
    [  # A, a, b, c, x, y
        [-200.0, -1.0, 0.0, -10.0, 1.0, 0.0],
        [-100.0, -1.0, 0.0, -10.0, 0.0, 0.5],
        [-170.0, -6.5, 11.0, -6.5, -0.5, 1.5],
        [15.0, 0.7, 0.6, 0.7, -1.0, 1.0],
    ]
)
"""(4, 6) the table of the paper, one term per row."""


@register
class MuellerBrown(ForceSpec):
    """The Mueller-Brown surface in two dimensions."""

    kind: Literal["mueller_brown"] = "mueller_brown"
    scale: PositiveStrength = 1.0
    """s, the factor of the energy."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the surface.

        Raises:
            InputError: if the space does not have two dimensions, or is periodic.
        """
        surroundings.require_no_period("mueller_brown")
        if surroundings.dimensions != 2:
            raise InputError(f"mueller_brown is a surface over 2 dimensions; the space has {surroundings.dimensions}.")
        scaled = TERMS * np.array([self.scale, 1.0, 1.0, 1.0, 1.0, 1.0])
        return ExternalForce("mueller_brown", mueller_brown, (scaled,), conservative=True)


@pointwise_kernel
def mueller_brown(place, p, force):  # type: ignore[no-untyped-def]
    """A term A e^q has the force -A e^q grad q and the Laplacian A e^q (q_x^2 + q_xx + q_y^2 + q_yy)."""
    (terms,) = p
    energy, laplacian = 0.0, 0.0
    for k in range(terms.shape[0]):
        height, a, b, c = terms[k, 0], terms[k, 1], terms[k, 2], terms[k, 3]
        x, y = place[0] - terms[k, 4], place[1] - terms[k, 5]
        value = height * math.exp(a * x * x + b * x * y + c * y * y)
        along_x, along_y = 2.0 * a * x + b * y, b * x + 2.0 * c * y
        force[0] -= value * along_x
        force[1] -= value * along_y
        energy += value
        laplacian += value * (along_x * along_x + along_y * along_y + 2.0 * (a + c))
    return energy, laplacian
