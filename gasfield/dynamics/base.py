"""What a law of motion is: it moves a gas by one step in a force field, and can say and take back its own state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.gas import Gas

ForceField = Callable[[NDArray[np.floating[Any]], int], NDArray[np.float64]]
"""(positions (N, D), step) -> force (N, D), the sum over all forces of a simulation [energy/length]."""


class Dynamics(ABC):
    """One law of motion, built from its specification for one gas."""

    @abstractmethod
    def advance(self, gas: Gas, field: ForceField) -> None:
        """Moves `gas` by one step in place and counts the step; time grows by the law's own time step."""

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """What the law remembers between steps besides positions (moments, velocities), as copies."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what `state` gave."""

    def project(self, gas: Gas) -> None:
        """Brings positions to where this law lets them live (a floating-point lattice); default: leaves them."""
        return None
