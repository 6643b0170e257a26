"""Screened charges: U(r) = k q q' exp(-R/l) / R with R = sqrt(r^2 + s^2) (Yukawa, 1935; Debye and Hueckel, 1923).

With respect to u = r^2, a = 1/l + 1/R gives  U' = -U a / 2R  and  U'' = U (a^2 + a/R + 1/R^2) / 4R^2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Force, Surroundings
from gasfield.forces.charges import ChargeForce
from gasfield.forces.pairs.softened import SoftenedLaw
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register


@register
class Yukawa(SoftenedLaw):
    """Like charges repel, unlike ones attract, over a screening length; `strength` is k."""

    kind: Literal["yukawa"] = "yukawa"
    screening: float = Field(gt=0.0, allow_inf_nan=False)
    """l [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force between charges.

        Raises:
            InputError: if a periodic side is less than twice the cutoff, or an error bound is given.
        """
        if self.error is not None:
            raise InputError("yukawa: there is no tree for screened charges; leave it out.", parameter="error")
        reach, periods = self.reach_in("yukawa", surroundings)
        return ChargeForce(screened, (self.strength, self.screening, self.softening**2), periods, reach=reach)


@pointwise_kernel
def screened(u, p):  # type: ignore[no-untyped-def]
    """k exp(-R/l)/R, R^2 = u + s^2."""
    strength, length, softening2 = p
    r = np.sqrt(u + softening2)
    near, rate = 1.0 / r, 1.0 / length
    energy, a = strength * np.exp(-r * rate) * near, rate + near
    return energy, -0.5 * energy * a * near, 0.25 * energy * (a * a + a * near + near * near) * (near * near)
