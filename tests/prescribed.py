"""A force field prescribed by a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gasfield.dynamics import Conditions
from gasfield.gas import Gas
from gasfield.spaces import Free


@dataclass(frozen=True)
class Prescribed:
    """A force field given as a function of positions (N, D) and step."""

    pull: Callable[[np.ndarray, int], np.ndarray]
    conservative: bool = False
    interacting: bool = False
    mutual: bool = False
    steady: bool = True
    rotates_velocities: bool = False

    def force(self, gas: Gas) -> np.ndarray:
        return self.pull(gas.positions, gas.step)

    def energy(self, gas: Gas) -> np.ndarray:
        raise ValueError("a prescribed field has no energy")


def under(field: Prescribed, dimensions: int) -> Conditions:
    """A prescribed field in free space, without a bath."""
    return Conditions(Free(dimensions=dimensions), field)
