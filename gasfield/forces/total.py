"""The sum of all forces of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForceSpec, PairTerm, Pointwise, Surroundings
from gasfield.forces.external import OUT_OF_RANGE
from gasfield.forces.scheduled import ScheduledForce
from gasfield.forces.within import Within, largest
from gasfield.gas import Gas


class Paired(NamedTuple):
    """Laws of one particle, a pair force with a neighbour list, and laws of one particle, in the order of their sum."""

    before: list[Pointwise]
    pairs: PairTerm
    after: list[Pointwise]


class TotalForce:
    """The sum of forces, in the given order. Without forces the gas is ideal.

    Attributes:
        conservative: whether all of them have a potential energy.
        interacting: whether any of them acts between particles.
        mutual: whether all of them act between particles only and obey Newton's third law.
        steady: whether none of them depends on time.
        rotates_velocities: whether any of them also acts on velocities.
    """

    def __init__(self, forces: Sequence[Force], dimensions: int | None = None) -> None:
        """Sums the forces of a run, built for a space of so many dimensions; any number if left out."""
        self._forces, self._dimensions = tuple(forces), dimensions
        self.conservative = all(force.conservative for force in forces)
        self.interacting = any(force.interacting for force in forces)
        self.mutual = all(force.mutual for force in forces)
        self.steady = all(force.steady for force in forces)
        self._turning = [force for force in forces if force.rotates_velocities]
        self.rotates_velocities = bool(self._turning)

    def __iter__(self) -> Iterator[Force]:
        """The forces one by one, in order."""
        return iter(self._forces)

    def __len__(self) -> int:
        """Number of forces; 0 for an ideal gas."""
        return len(self._forces)

    def force(self, gas: Gas) -> Array:
        """A new array (N, D) [energy/length]."""
        gas, total = self._for_kernels(gas), np.zeros(gas.positions.shape)
        for force in self._forces:
            force.add(gas, total)
        return total

    def pointwise(self, gas: Gas) -> list[Pointwise] | None:
        """The laws of one particle of which the force is the sum, in order; None if it is not such a sum."""
        laws = [force.pointwise(gas) for force in self._forces]
        return None if None in laws else [law for law in laws if law is not None]

    def paired(self, gas: Gas) -> Paired | None:
        """One pair force between laws of one particle, of which the force is the sum in this order; None if it is
        not."""
        terms = [force.paired(gas) for force in self._forces]
        here = [number for number, term in enumerate(terms) if term is not None]
        if len(here) != 1:
            return None
        fields = [force.pointwise(gas) for number, force in enumerate(self._forces) if number != here[0]]
        if None in fields:
            return None
        known, term = [law for law in fields if law is not None], terms[here[0]]
        return None if term is None else Paired(known[: here[0]], term, known[here[0] :])

    def rotate_velocities(self, gas: Gas, span: float) -> None:
        """Rotates velocities by the forces over a time; a symmetric splitting, of second order if rotations do not
        commute, and exact for a single force."""
        for force in [*self._turning, *reversed(self._turning)]:
            force.rotate_velocities(gas, 0.5 * span)

    def energy(self, gas: Gas) -> Array:
        """(N,) potential energy of each particle.

        Raises:
            ValueError: if one of the forces has none.
        """
        gas, total = self._for_kernels(gas), np.zeros(gas.count)
        for force in self._forces:
            total += force.energy(gas)
        return total

    def laplacian(self, gas: Gas) -> Array:
        """(N,) sum of the second derivatives of the total energy by the coordinates of each particle [energy/length^2].

        Raises:
            ValueError: if one of the forces has no energy.
        """
        gas, total = self._for_kernels(gas), np.zeros(gas.count)
        for force in self._forces:
            total += force.laplacian(gas)
        return total

    def virial(self, gas: Gas) -> float:
        """Sum over particles of x . F, over pairs of r . F by nearest images [energy]."""
        gas = self._for_kernels(gas)
        return float(sum(force.virial(gas) for force in self._forces))

    def outside(self, gas: Gas) -> NDArray[np.bool_] | None:
        """(N,) which particles are outside the region in which all forces are known; None where they are known
        everywhere."""
        found = [outside for force in self._forces if (outside := force.outside(gas)) is not None]
        return np.logical_or.reduce(found) if found else None

    def measures(self, gas: Gas) -> dict[str, float]:
        """Numbers about the forces themselves; of several with the same number, the largest."""
        return largest(force.measures(gas) for force in self._forces)

    def _for_kernels(self, gas: Gas) -> Gas:
        """The gas with contiguous float64 positions, for which kernels are compiled, after a check of their dimensions:
        kernels check no bounds.

        Raises:
            ValueError: if the gas has other dimensions than the forces.
        """
        if self._dimensions is not None and gas.dimensions != self._dimensions:
            raise ValueError(f"the forces have {self._dimensions} dimensions, the gas {gas.dimensions}")
        positions = np.ascontiguousarray(gas.positions, np.float64)
        return gas if positions is gas.positions else gas.at(positions)

    def check_steps(self, start: int, stop: int) -> None:
        """Checks before the run that all forces are defined at every step in [start, stop).

        Raises:
            InputError: if one is not.
        """
        for force in self._forces:
            force.check_steps(start, stop)


def build_force(law: ForceSpec, surroundings: Surroundings) -> Force:
    """The force of a specification, within the groups that it names.

    Raises:
        InputError: if it is not defined in this space, or its numbers are out of range.
    """
    force = build_alone(law, surroundings)
    return force if law.groups is None else Within(force, law.groups)


def build_alone(law: ForceSpec, surroundings: Surroundings) -> Force:
    """The force of a specification, on all particles of the gas that it is given.

    Raises:
        InputError: as `build_force`.
    """
    try:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # what is not finite is refused
            return ScheduledForce(law, surroundings) if law.schedules else law.build(surroundings)
    except (OverflowError, ZeroDivisionError):
        raise InputError(OUT_OF_RANGE) from None
