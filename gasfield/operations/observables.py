"""Observables: energies and other numbers of a gas, from which temperatures and pressures are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics import Bath, Dynamics
from gasfield.forces import TotalForce
from gasfield.gas import Gas
from gasfield.operations.base import Operation, SimulationLike
from gasfield.operations.triggers import Trigger, trigger_of
from gasfield.spaces import Space


def observe(gas: Gas, space: Space, forces: TotalForce, dynamics: Dynamics, bath: Bath | None) -> dict[str, float]:
    """All observables that are defined for this simulation now; `GROUP/name` for those of a group.

    Means over the particles of the gas and of each group:
    * `potential_energy`, `kinetic_energy` [energy];
    * `gradient_squared` |grad U|^2 and `laplacian` of U, for the configurational temperature;
    * `heat` that went to the bath since the start [energy];
    * `outside`: the share outside the region in which a learned field was sampled.

    Of the gas as a whole, and of each group where it has its own:
    * `temperature` of the bath [energy];
    * `virial`: sum of x . F where the space has a volume and particles have momentum [energy].
    * `force_error`, `force_error_median`: relative error of forces summed by a tree, of 99 in 100 and of half of a
      sample.
    * those of the dynamics: `conserved`, `wall_impulse`, `acceptance`.
    """
    of_particles = _of_particles(gas, space, forces, bath) | dynamics.accumulators()
    numbers = {name: float(values.mean()) for name, values in of_particles.items() if gas.count}
    if gas.velocities is not None and np.isfinite(space.volume) and not space.curved:
        numbers["virial"] = forces.virial(gas)
    numbers |= forces.measures(gas)
    numbers |= dynamics.measures(gas)
    counts = np.bincount(gas.species, minlength=len(gas.names))
    for name, values in of_particles.items():
        sums = np.bincount(gas.species, values, minlength=len(gas.names))
        for species, group in enumerate(gas.names):
            if counts[species]:
                numbers[f"{group}/{name}"] = float(sums[species] / counts[species])
    if bath and bath.uniform:
        numbers["temperature"] = float(bath.at(gas.step)[0])
    if bath:
        for group, temperature in zip(gas.names, bath.at(gas.step), strict=True):
            numbers[f"{group}/temperature"] = float(temperature)
    return numbers


def _of_particles(gas: Gas, space: Space, forces: TotalForce, bath: Bath | None) -> dict[str, NDArray[np.float64]]:
    """Numbers (N,) of each particle."""
    found: dict[str, NDArray[np.float64]] = {}
    if forces.conservative:
        found["potential_energy"] = forces.energy(gas)
    if gas.velocities is not None:
        found["kinetic_energy"] = gas.kinetic_energies()
    if forces.conservative and bath and not space.curved:
        gradient = forces.force(gas)
        found["gradient_squared"] = np.einsum("ij,ij->i", gradient, gradient)
        found["laplacian"] = forces.laplacian(gas)
    outside = forces.outside(gas)
    if outside is not None:
        found["outside"] = outside.astype(np.float64)
    return found


class Observables(Operation):
    """Keeps all observables over time in memory.

    Attributes:
        steps: at which they were recorded.
    """

    def __init__(self, trigger: Trigger | int | Sequence[int] | dict[str, Any] = 1) -> None:
        """Records them by a trigger or its shorthand (every n steps, or a list of steps)."""
        self.trigger = trigger_of(trigger)
        self.steps: list[int] = []
        self._taken: list[dict[str, float]] = []

    def fire(self, simulation: SimulationLike) -> None:
        """Records them now, if the forces are known at this step."""
        if simulation.forces_known():
            self.steps.append(simulation.gas.step)
            self._taken.append(simulation.observe())

    @property
    def series(self) -> dict[str, NDArray[np.float64]]:
        """Name -> (T,) values at `steps`; NaN where an observable had none."""
        names = dict.fromkeys(name for taken in self._taken for name in taken)
        return {name: np.array([taken.get(name, np.nan) for taken in self._taken]) for name in names}
