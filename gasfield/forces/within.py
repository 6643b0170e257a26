"""A force within groups: it acts among the particles of some groups as if there were no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForcePrecision
from gasfield.forces.trainable import TrainedForce
from gasfield.gas import Gas
from gasfield.kernels.threads import threads_worth


class Within(Force):
    """A force restricted to some groups, together or each separately."""

    def __init__(self, force: Force, groups: Sequence[str] | Literal["each"]) -> None:
        """Restricts a force to the named groups; `each` for every group separately."""
        self._force, self._groups = force, groups
        self.conservative, self.interacting = force.conservative, force.interacting
        self.separate = groups == "each" or len(groups) == 1
        self.moved = force.moved
        self.mutual, self.rotates_velocities, self.steady = force.mutual, force.rotates_velocities, force.steady
        self._species: NDArray[np.int64] | None = None
        self._families: list[NDArray[np.int64]] = []
        self._forces: list[Force] = []

    @property
    def trained(self) -> TrainedForce | None:
        return self._force.trained

    def with_precision(self, precision: ForcePrecision) -> Within:
        force = self._force.with_precision(precision)
        return self if force is self._force else Within(force, self._groups)

    def acts_on(self, group: str) -> bool:
        return self._groups == "each" or group in self._groups

    def list_builders(self) -> Sequence[tuple[object, str]]:
        return self._force.list_builders()

    def add(self, gas: Gas, force: Array) -> None:
        for rows, part, alone in self._parts(gas):
            felt = np.zeros(part.positions.shape)
            with threads_worth(felt.size * (part.count if self.interacting else 1)):
                alone.add(part, felt)
            force[rows] += felt

    def energy(self, gas: Gas) -> Array:
        return self._spread(gas, lambda force, part: force.energy(part))

    def laplacian(self, gas: Gas) -> Array:
        return self._spread(gas, lambda force, part: force.laplacian(part))

    def virial(self, gas: Gas) -> float:
        return sum(alone.virial(part) for _, part, alone in self._parts(gas))

    def rotate_velocities(self, gas: Gas, span: float) -> None:
        for rows, part, _ in self._parts(gas):
            self._force.rotate_velocities(part, span)
            if gas.velocities is not None and part.velocities is not None:
                gas.velocities[rows] = part.velocities

    def check_gas(self, gas: Gas) -> None:
        unknown = [name for name in self._groups if name not in gas.names] if self._groups != "each" else []
        if unknown:
            raise InputError(f"there is no group '{unknown[0]}'; there are {', '.join(gas.names)}.", parameter="groups")
        for _, part, _ in self._parts(gas):
            self._force.check_gas(part)

    def outside(self, gas: Gas) -> NDArray[np.bool_] | None:
        outside = np.zeros(gas.count, np.bool_)
        for rows, part, _ in self._parts(gas):
            found = self._force.outside(part)
            if found is None:
                return None
            outside[rows] = found
        return outside

    def measures(self, gas: Gas) -> dict[str, float]:
        return largest(alone.measures(part) for _, part, alone in self._parts(gas))

    def data_digest(self) -> str | None:
        return self._force.data_digest()

    def check_steps(self, start: int, stop: int) -> None:
        self._force.check_steps(start, stop)

    def _parts(self, gas: Gas) -> list[tuple[NDArray[np.int64], Gas, Force]]:
        """(rows, gas, force) of the sets of particles that interact."""
        if gas.species is not self._species:  # another gas, or one that has grown
            self._species, self._families = gas.species, self._sort(gas)
            others = len(self._families) - 1
            self._forces = [self._force, *(self._force.for_another_gas() for _ in range(others))]
        return [(rows, gas.select(rows), force) for rows, force in zip(self._families, self._forces, strict=False)]

    def _sort(self, gas: Gas) -> list[NDArray[np.int64]]:
        """The rows of the sets of particles that interact."""
        if self._groups == "each":
            families = [np.flatnonzero(gas.species == number) for number in range(len(gas.names))]
        else:
            numbers = [number for number, name in enumerate(gas.names) if name in self._groups]
            families = [np.flatnonzero(np.isin(gas.species, numbers))]
        return [rows for rows in families if len(rows)]

    def _spread(self, gas: Gas, values: Callable[[Force, Gas], Array]) -> Array:
        """(N,) values for the particles that feel the force; zero for the others."""
        spread = np.zeros(gas.count)
        for rows, part, force in self._parts(gas):
            spread[rows] = values(force, part)
        return spread


def largest(measured: Iterable[dict[str, float]]) -> dict[str, float]:
    """The largest of each number."""
    found: dict[str, float] = {}
    for numbers in measured:
        for name, value in numbers.items():
            found[name] = max(value, found.get(name, value))
    return found
