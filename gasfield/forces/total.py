"""The sum of all forces of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gasfield.forces.base import Array, Force
from gasfield.gas import Gas


class TotalForce:
    """Forces added up, in the order in which they are given. Without any, the gas is ideal.

    Attributes:
        conservative: whether all of them have a potential energy.
        interacting: whether any of them lets particles feel each other.
        mutual: whether all of them act between particles only, action being reaction.
    """

    def __init__(self, forces: Sequence[Force]) -> None:
        """Takes the forces of a run."""
        self._forces = tuple(forces)
        self.conservative = all(force.conservative for force in forces)
        self.interacting = any(force.interacting for force in forces)
        self.mutual = all(force.mutual for force in forces)

    def __len__(self) -> int:
        """How many forces there are; none in an ideal gas."""
        return len(self._forces)

    def force(self, gas: Gas) -> Array:
        """A new array (N, D) [energy/length]."""
        gas, total = _in_float64(gas), np.zeros(gas.positions.shape)
        for force in self._forces:
            force.add(gas, total)
        return total

    def energy(self, gas: Gas) -> Array:
        """(N,) potential energy of each particle.

        Raises:
            ValueError: if one of the forces has none.
        """
        gas, total = _in_float64(gas), np.zeros(gas.count)
        for force in self._forces:
            total += force.energy(gas)
        return total

    def laplacian(self, gas: Gas) -> Array:
        """(N,) sum of the second derivatives of the total energy by the coordinates of each particle [energy/length^2].

        Raises:
            ValueError: if one of the forces has no energy.
        """
        gas, total = _in_float64(gas), np.zeros(gas.count)
        for force in self._forces:
            total += force.laplacian(gas)
        return total

    def virial(self, gas: Gas) -> float:
        """Sum over particles of x . F, over pairs of r . F by nearest images [energy]."""
        gas = _in_float64(gas)
        return float(sum(force.virial(gas) for force in self._forces))

    def check_steps(self, start: int, stop: int) -> None:
        """Says beforehand whether all forces are known at every step in [start, stop).

        Raises:
            InputError: if one is not.
        """
        for force in self._forces:
            force.check_steps(start, stop)


def _in_float64(gas: Gas) -> Gas:
    """Kernels are compiled for contiguous float64 positions only."""
    positions = np.ascontiguousarray(gas.positions, np.float64)
    return gas if positions is gas.positions else gas.at(positions)
