"""The stability monitor: finds that the state became non-finite, and the step and the particle with which it began.

Kernels do not look for NaN; the monitor does at every event. When one is found, the state of the last event is restored
and the simulation steps again, looking after every step. The same state gives the same bits: the first bad step is
found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import BlowUp
from gasfield.operations.base import Operation, SimulationLike
from gasfield.operations.triggers import STRIDE, Every

JUMP = 100.0
"""A rise of the mean energy by so many times its own scale between two events is an instability of the scheme."""


class StabilityMonitor(Operation):
    """Looks at a gas at every event, and remembers its state at the last one."""

    def __init__(self) -> None:
        """Looks every `STRIDE` steps at least."""
        self.trigger = Every(steps=STRIDE)
        self._scale: NDArray[np.float64] | None = None

    def fire(self, simulation: SimulationLike) -> None:
        """Nothing: `guard` has looked already."""

    def begin(self, simulation: SimulationLike) -> None:
        """Notes the energy scale of the start, unless it was restored."""
        self._simulation = simulation
        self._judges_energy = simulation.gas.velocities is not None or simulation.bath is not None
        if self._scale is None:
            self._scale = np.array(self._energy_scale() if self._judges_energy else 0.0)

    def state(self) -> dict[str, NDArray[Any]]:
        """The energy scale of the start."""
        return {} if self._scale is None else {"watch/scale": self._scale}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what `state` gave."""
        self._scale = np.array(state["watch/scale"])

    def prepare(self, simulation: SimulationLike) -> None:
        """The gas is good as it is."""
        gas = simulation.gas
        self._good = (gas.positions.copy(), None if gas.velocities is None else gas.velocities.copy())
        self._clock, self._law = (gas.step, gas.time), simulation.dynamics.state()
        self._energy = self._mean_energy()

    def guard(self, simulation: SimulationLike) -> None:
        """Raises if something is wrong with the gas.

        Raises:
            BlowUp: it says when, where and why; the gas is left as it was one step before.
        """
        if self._fault():
            raise self._blow_up()

    def _fault(self) -> str | None:
        """What is wrong with the gas now; None if nothing is."""
        gas = self._simulation.gas
        if not np.isfinite(gas.positions).all():
            return "is no longer at a finite position"
        if gas.velocities is not None and not np.isfinite(gas.velocities).all():
            return "no longer has a finite velocity"
        energy = self._mean_energy()
        if not np.isfinite(energy):
            return "no longer has a finite energy"
        if self._scale is not None and self._scale > 0 and energy - self._energy > JUMP * self._scale:
            return f"has the most energy in a gas whose mean energy jumped from {self._energy:.4g} to {energy:.4g}"
        return None

    def _blow_up(self) -> BlowUp:
        """The error, after the steps since the last event were taken again one by one."""
        gas = self._simulation.gas
        self._take_back()
        energy = self._energy
        fault = None
        while fault is None:
            before = (gas.positions.copy(), gas.step)
            self._simulation.dynamics.advance(gas)
            self._energy = energy
            fault = self._fault()
        worst = self._worst()
        name = gas.names[int(gas.species[worst])]
        others = int(np.sum(~np.isfinite(gas.positions).all(axis=1))) - 1
        bad_step, gas.step = gas.step, before[1]
        force = self._simulation.forces.force(gas.at(before[0]))[worst]
        gas.step = bad_step
        return BlowUp(
            f"step {bad_step}: particle {int(gas.ids[worst])} (group '{name}') {fault}"
            f"{f', and {others} others with it' if others > 0 else ''}. The force on it one step before was "
            f"{_short(force)}, of size {np.linalg.norm(force):.4g}.",
            last_good_step=self._clock[0],
        )

    def _take_back(self) -> None:
        gas = self._simulation.gas
        gas.positions[...] = self._good[0]
        if gas.velocities is not None and self._good[1] is not None:
            gas.velocities[...] = self._good[1]
        gas.step, gas.time = self._clock
        self._simulation.dynamics.restore(self._law)

    def _worst(self) -> int:
        """The particle whose state became non-finite, or the one with the most energy."""
        gas = self._simulation.gas
        bad = ~np.isfinite(gas.positions).all(axis=1)
        if gas.velocities is not None:
            bad |= ~np.isfinite(gas.velocities).all(axis=1)
        if bad.any():
            return int(np.argmax(bad))
        return int(np.argmax(np.nan_to_num(self._energies(), nan=np.inf)))

    def _energies(self) -> NDArray[np.float64]:
        """(N,) energy of each particle, as far as it has one."""
        gas = self._simulation.gas
        energies = np.zeros(gas.count)
        if gas.velocities is not None:
            energies += gas.kinetic_energies()
        if self._simulation.forces.conservative:
            energies += self._simulation.forces.energy(gas)
        return energies

    def _mean_energy(self) -> float:
        """What is watched; 0 for dynamics without an energy."""
        if not self._judges_energy:
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            return float(self._energies().mean())

    def _energy_scale(self) -> float:
        """What the energy of a particle is like at the start: potential, kinetic, or that of the bath."""
        gas = self._simulation.gas
        scale = gas.dimensions * float(self._simulation.bath.at(gas.step).max()) if self._simulation.bath else 0.0
        if gas.velocities is not None:
            scale = max(scale, float(gas.kinetic_energies().mean()))
        if self._simulation.forces.conservative:
            scale = max(scale, float(np.abs(self._simulation.forces.energy(gas)).mean()))
        return scale


def _short(vector: NDArray[np.float64]) -> str:
    """The first few components."""
    shown = ", ".join(f"{component:.4g}" for component in vector[:4])
    return f"({shown}{', ...' if len(vector) > 4 else ''})"
