"""Coulomb's law between charges: U(r) = k q q' / sqrt(r^2 + s^2), softened at s as gravity is.

The same in any number of dimensions. In a periodic box it needs a range, beyond which it is cut off; sums over all
images are not taken.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from gasfield.forces.base import Force, ForceLaw, Surroundings
from gasfield.forces.charges import ChargeForce
from gasfield.forces.gravity import softened
from gasfield.forces.pairwise import require_room


class Coulomb(ForceLaw):
    """Like charges repel, unlike ones attract each other. Passive tracers feel it and do not act."""

    kind: Literal["coulomb"] = "coulomb"
    strength: float = Field(1.0, ge=0.0, allow_inf_nan=False)
    """k [energy length/charge^2]."""
    softening: float = Field(gt=0.0, allow_inf_nan=False)
    """s [length]."""
    range: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Distance from which charges do not feel each other [length]; none if left out."""

    def build(self, surroundings: Surroundings) -> Force:
        """The force between charges.

        Raises:
            InputError: if a periodic side is less than twice the range.
        """
        reach, periods = self.range or np.inf, surroundings.space.periods
        require_room("coulomb", reach, periods)
        return ChargeForce(softened, (self.strength, self.softening**2), periods, reach=reach)
