"""What a force is: it adds to the force on each particle and, where it has one, gives its potential energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]


@dataclass(frozen=True)
class Surroundings:
    """What a force may need to know of the run that it is built for.

    Attributes:
        dimensions: D of the space.
        find: a file named in the scenario -> its path; raises InputError where there is none.
    """

    dimensions: int
    find: Callable[[str], Path]


class Force(ABC):
    """One force, built from its specification. Positions come as C-contiguous float64 (N, D)."""

    conservative: bool
    """Whether the force is minus the gradient of `energy` at each step."""

    @abstractmethod
    def add(self, positions: Positions, step: int, force: NDArray[np.float64]) -> None:
        """Adds the force (N, D) at a step to `force` in place [energy/length]."""

    def check_steps(self, start: int, stop: int) -> None:
        """Says beforehand whether the force is known at every step in [start, stop); default: it always is.

        Raises:
            InputError: if it is not.
        """
        return None

    @abstractmethod
    def energy(self, positions: Positions, step: int) -> NDArray[np.float64]:
        """Potential energy (N,) of each particle at a step.

        Raises:
            ValueError: if the force is not conservative.
        """
