"""The softened inverse-distance potential of gravity and charges: U(r) = c w w' / sqrt(r^2 + s^2).

Plummer softening s keeps close encounters finite (Aarseth, 1963); beyond a few s the force is c w w'/r^2. The law is
the same in any number of dimensions: it is not the Green's function of D-dimensional space.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.forces.strengths import NotNegative
from gasfield.forces.tree.force import TreeForce, require_tree
from gasfield.kernels.pointwise import pointwise_kernel


class SoftenedLaw(ForceSpec):
    """The keys of a softened pair force."""

    former_keys: ClassVar[Mapping[str, str]] = {"range": "cutoff"}

    strength: NotNegative = 1.0
    """Magnitude of c: the energy of two particles of mass or charge 1 at distance 1 [energy length]."""
    softening: float = Field(gt=0.0, allow_inf_nan=False)
    """s [length]."""
    cutoff: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Cut-off distance [length]; none if left out."""
    error: float | None = Field(None, gt=0.0, lt=1.0)
    """Bound of the relative error of the force on 99 in 100 of the particles: sums are made by a tree; over all pairs
    if left out."""

    def reach_in(self, kind: str, surroundings: Surroundings) -> tuple[float, Array]:
        """The reach, infinite without a range, and the periods (D,) of the space.

        Raises:
            InputError: if a periodic side is less than twice the cutoff.
        """
        reach, periods = self.cutoff or np.inf, surroundings.space.periods
        require_room(kind, reach, periods)
        return reach, periods

    def summed(self, direct: PairForce, strength: float, surroundings: Surroundings) -> Force:
        """A force c / sqrt(r^2 + s^2) as it is, or by a tree if there is an error bound.

        Args:
            direct: the force, summed over all pairs.
            strength: c.
            surroundings: of the run.

        Raises:
            InputError: if the bound is below rounding, or a tree cannot be used in this space or with a cut-off.
        """
        if self.error is None:
            return direct
        require_tree(self.kind, self.error, self.cutoff or np.inf, surroundings.space.periods)
        return TreeForce(direct, strength, self.softening, self.error)


@pointwise_kernel
def softened(u, p):  # type: ignore[no-untyped-def]
    """c / sqrt(u + s^2)."""
    strength, softening2 = p
    near = 1.0 / np.sqrt(u + softening2)
    cube = near * near * near
    return strength * near, -0.5 * strength * cube, 0.75 * strength * (cube * near * near)
