"""Numbers of a gas that is played with: their value now, and their mean and its error since the last touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gasfield.diagnostics.structure.clusters import cluster_sizes
from gasfield.kernels.threads import threads_worth
from gasfield.playing.structures import Structures
from gasfield.simulation import Simulation
from gasfield.statistics.correlation import correlated_mean

_KEPT = 4096
"""Values of a number since the last touch; of more, neighbours are averaged."""
_FEWEST = 16
"""Values from which there is an error."""
_MOST_CLUSTERED = 3000
"""Particles whose clusters are counted."""
_REACH = 0.1
"""How near counts as near, in parts of the root mean square distance of two particles at the start."""


@dataclass
class Running:
    """A mean that grows; neighbours are averaged where there are many values, which leaves mean and error as they
    are."""

    values: list[float] = field(default_factory=list)
    together: int = 1
    _waiting: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        """One more value."""
        self._waiting.append(value)
        if len(self._waiting) < self.together:
            return
        self.values.append(sum(self._waiting) / self.together)
        self._waiting.clear()
        if len(self.values) >= _KEPT:
            self.values = [0.5 * (a + b) for a, b in zip(self.values[::2], self.values[1::2], strict=True)]
            self.together *= 2

    def mean(self) -> tuple[float | None, float | None]:
        """Mean and standard error, which allows for correlation in time; None where there are too few values."""
        if not self.values:
            return (sum(self._waiting) / len(self._waiting) if self._waiting else None), None
        if len(self.values) < _FEWEST:
            return float(np.mean(self.values)), None
        error = correlated_mean(self.values, "1").error
        found = None if error is None or not np.isfinite(error) else float(error)
        return float(np.mean(self.values)), found


@dataclass(frozen=True)
class Number:
    """A number of a gas.

    Attributes:
        name, label, unit: of it.
        value: computes it now.
        law: computes what it should be; None where that is not known.
    """

    name: str
    label: str
    unit: str
    value: Callable[[], float]
    law: Callable[[], float | None] = lambda: None

    def described(self) -> dict[str, Any]:
        """For `hello`."""
        law = self.law()
        return {"name": self.name, "label": self.label, "unit": self.unit, "law": _finite(law)}


class Numbers:
    """The numbers of a simulation, with running means since the last touch."""

    def __init__(self, simulation: Simulation, structures: Structures) -> None:
        """Those that its law and space have."""
        self._simulation, self._structures = simulation, structures
        self._reach = _reach(simulation)
        self._lattice: str | None = None
        self._running: dict[str, Running] = {}
        self._now: dict[str, dict[str, float | None]] = {}
        self.numbers = list(self._all())

    def choose(self, lattice: str | None) -> None:
        """The structure whose stretches are among them."""
        self._lattice = lattice
        self.look()

    @property
    def lattice(self) -> str | None:
        """The structure whose stretches are among them."""
        return self._lattice

    def look(self) -> None:
        """Finds out anew which there are."""
        if self._lattice is not None and self._lattice not in self._structures:
            self._lattice = None
        self.numbers = list(self._all())

    def restart(self) -> None:
        """Means begin anew."""
        self._running.clear()
        self._now.clear()

    def take(self) -> None:
        """Computes all of them now."""
        if not self._simulation.forces_known():
            return
        now: dict[str, dict[str, float | None]] = {}
        with np.errstate(all="ignore"):
            for number in self.numbers:
                value = number.value()
                running = self._running.setdefault(number.name, Running())
                if np.isfinite(value):
                    running.add(value)
                mean, error = running.mean()
                now[number.name] = {"value": _finite(value), "mean": _finite(mean), "error": _finite(error)}
        self._now = now

    def described(self) -> list[dict[str, Any]]:
        """What they are."""
        return [number.described() for number in self.numbers]

    @property
    def now(self) -> dict[str, dict[str, float | None]]:
        """Name -> value, mean and error, as they were taken last."""
        return self._now

    # --- which -------------------------------------------------------------------------------------------------------

    def _all(self) -> Iterator[Number]:
        simulation = self._simulation
        gas, forces, space = simulation.gas, simulation.forces, simulation.space
        if gas.velocities is not None and not simulation.law.is_optimiser:
            yield Number("temperature", "kinetic temperature", "energy", self._kinetic_temperature, self._bath)
        elif forces.conservative and len(forces) and simulation.bath is not None and not space.curved:
            yield Number("temperature", "configurational temperature", "energy", self._configurational, self._bath)
        if forces.conservative and len(forces):
            yield Number("energy", "energy of a particle", "energy", self._energy)
        if gas.velocities is not None and np.isfinite(space.volume) and not space.curved:
            unit = f"energy/length^{space.dimensions}" if space.dimensions > 1 else "energy/length"
            yield Number("pressure", "pressure (virial)", unit, self._pressure, self._ideal)
        if space.curved:
            yield Number("order", "polar order", "1", self._order)
        if self._reach is not None:
            yield Number("clusters", "clusters", "1", self._clusters)
        if self._lattice is not None:
            name, rank = self._lattice, self._structures[self._lattice].frame.shape[1]
            for place in range(rank):
                yield Number(f"stretch_{place + 1}", f"stretch {place + 1} of {name}", "1", self._stretch(place))
            if rank:
                yield Number("ftle", f"exponent (FTLE) of {name}", "1/time", self._exponent)

    def _bath(self) -> float | None:
        bath = self._simulation.bath
        return float(bath.at(self._simulation.gas.step)[0]) if bath is not None and bath.uniform else None

    def _kinetic_temperature(self) -> float:
        gas = self._simulation.gas
        freedom = self._simulation.dynamics.degrees_of_freedom(gas)
        each = self._simulation.space.freedom
        return 2.0 * float(gas.kinetic_energies().sum()) / max(each * gas.count if freedom is None else freedom, 1)

    def _configurational(self) -> float:
        gas, forces = self._simulation.gas, self._simulation.forces
        with threads_worth(gas.positions.size * (gas.count if forces.interacting else 1)):
            force, laplacian = forces.force(gas), float(forces.laplacian(gas).mean())
        return float(np.einsum("ij,ij->", force, force)) / gas.count / laplacian if laplacian else float("nan")

    def _energy(self) -> float:
        return self._simulation.energy() / self._simulation.gas.count

    def _pressure(self) -> float:
        gas, space = self._simulation.gas, self._simulation.space
        with threads_worth(gas.positions.size * (gas.count if self._simulation.forces.interacting else 1)):
            virial = self._simulation.forces.virial(gas)
        kinetic = float(gas.kinetic_energies().sum())
        return (2.0 * kinetic + virial) / (space.dimensions * space.volume)

    def _ideal(self) -> float | None:
        """N T / V, where nothing acts."""
        temperature = self._bath()
        if len(self._simulation.forces) or temperature is None:
            return None
        return self._simulation.gas.count * temperature / self._simulation.space.volume

    def _order(self) -> float:
        positions = self._simulation.gas.positions
        radius = self._simulation.space.outer_radius or 1.0
        return float(np.linalg.norm(positions.mean(axis=0))) / radius

    def _clusters(self) -> float:
        assert self._reach is not None
        places = np.asarray(self._simulation.gas.positions, np.float64)
        return float(len(cluster_sizes(places, self._reach)))

    def _stretch(self, place: int) -> Callable[[], float]:
        return lambda: float(self._structures.stretches(self._simulation, self._lattice or "")[0][place])

    def _exponent(self) -> float:
        stretches, span = self._structures.stretches(self._simulation, self._lattice or "")
        return float(np.log(np.abs(stretches).max())) / span if span > 0.0 else float("nan")


def _reach(simulation: Simulation) -> float | None:
    """How near counts as near, where clusters are counted."""
    gas = simulation.gas
    if not simulation.forces.interacting or simulation.space.periods.any() or not 1 < gas.count <= _MOST_CLUSTERED:
        return None
    reach = _REACH * float(np.sqrt(2.0 * np.sum(np.var(gas.positions, axis=0))))
    return reach if reach > 0.0 else None


def _finite(number: float | None) -> float | None:
    return None if number is None or not np.isfinite(number) else float(number)
