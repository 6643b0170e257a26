"""The stability monitor: finds that the state became non-finite or the scheme unstable, with the step and the particle.

Kernels do not look for NaN; the monitor does at every event. When one is found, the state of the last event is restored
and the simulation steps again, looking after every step. The same state gives the same bits: the first bad step is
found.

An instability can also grow without end and stay finite. With conservative forces that do not depend on time, the mean
energy per particle is bounded over the whole run, in units of its scale: the largest of |U| and K at the start, of D T
of the hottest bath so far, and of K where the total energy is kept.

* Newton: a symplectic scheme conserves a shadow energy H + O(h^2) (Hairer, Lubich and Wanner, 2006, chapter IX), so the
  total energy departs from its start by a bounded amount: in a harmonic well by a factor 1/(1 - (omega h/2)^2) at most,
  which is 10 at omega h = 1.9, close to the limit of 2. Bound: `DEPARTURE`.
* With a bath: the equilibrium has kinetic energy D T/2, and a potential energy above the start of the same order. The
  total energy minus the heat is bounded by nothing: every step does some shadow work, which adds up. Bound: `RISE`.
* SGD: steps go down, and momentum cannot climb above its start. Bound: `RISE` of loss plus penalty.

Nothing is bounded by a law, and only jumps between neighbouring events are refused, where a force does work without end
(no potential, or one that depends on time, a recorded field included). AdamW moves by about its learning rate,
whatever the gradient, so it does not grow exponentially; advection follows any field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import BlowUp
from gasfield.gas import all_are_finite, are_finite
from gasfield.operations.base import Operation, SimulationLike
from gasfield.operations.triggers import STRIDE, Every

JUMP = 100.0
"""A rise of the mean energy by so many times its own scale between two events is an instability of the scheme."""
RISE = 100.0
"""So is a rise by so many times the scale since the start, in equilibrium with a bath or in a descent."""
DEPARTURE = 10.0
"""So is a departure of a conserved energy from that of the start, up or down, by so many times the scale."""
_ROUNDING = 1e-12


class StabilityMonitor(Operation):
    """Looks at a gas at every event, and remembers its state at the last one."""

    def __init__(self) -> None:
        """Looks every `STRIDE` steps at least."""
        self.trigger = Every(steps=STRIDE)
        self._scale: float | None = None
        self._origin = self._last = self._total = np.nan
        self._count = 0.0

    def fire(self, simulation: SimulationLike) -> None:
        """Nothing: `guard` has looked already."""

    def begin(self, simulation: SimulationLike) -> None:
        """Notes the energy scale of the start, unless it was restored."""
        self._simulation = simulation
        self._judges_jumps = simulation.gas.velocities is not None or simulation.bath is not None
        self._limit = self._find_limit()
        if self._scale is None:
            self._scale = self._energy_scale() if self._judges_jumps or self._limit else 0.0

    def touched(self, simulation: SimulationLike) -> None:
        """The scale and the origin of the energy are those after the event."""
        self._limit = self._find_limit()
        self._scale = self._energy_scale() if self._judges_jumps or self._limit else 0.0
        self._origin = self._last = np.nan

    def _find_limit(self) -> float | None:
        """How far the energy may be from that of the start, in units of its scale; None where no law bounds it."""
        simulation = self._simulation
        if not (simulation.forces.conservative and simulation.forces.steady):
            return None
        if simulation.bath is not None or simulation.law.descends is not None:
            return RISE
        return DEPARTURE if simulation.law.conserves_energy else None

    def state(self) -> dict[str, NDArray[Any]]:
        """The energy scale so far; the energies of the start and of the last event, and the particles counted then."""
        if self._scale is None:
            return {}
        return {"watch/scale": np.array(self._scale), "watch/energy": np.array([self._origin, self._last, self._count])}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what `state` gave; without energies, as in earlier versions, the present one becomes the first."""
        self._scale = float(state["watch/scale"])
        self._origin, self._last, self._count = map(float, state.get("watch/energy", (np.nan, np.nan, 0)))

    def prepare(self, simulation: SimulationLike) -> None:
        """The gas is good as it is. What operations did to its energy is not held against the dynamics."""
        gas = simulation.gas
        self._good = gas.copy()
        self._clock, self._law = (gas.step, gas.time), simulation.dynamics.state()
        if gas.count != self._count:
            self._count, self._last = gas.count, self._last if self._judges_jumps else np.nan
        if self._judges_jumps or self._looks() or np.isnan(self._last):
            self._energy = self._mean_energy()
            change = self._total - self._last
            if np.isnan(change):
                self._origin = self._total
            elif abs(change) > _ROUNDING * abs(self._total):  # sums may differ in the last bit after a restart
                self._origin, self._scale = self._origin + change, max(self._scale or 0.0, abs(change))
            self._last = self._total

    def guard(self, simulation: SimulationLike) -> None:
        """Raises if something is wrong with the gas.

        Raises:
            BlowUp: it says when, where and why; the gas is left as it was one step before.
        """
        looks = self._judges_jumps or self._looks()
        if self._fault(looks):
            raise self._blow_up()
        self._good, self._law = self._simulation.gas, {}  # frees the copies; `prepare` makes new ones
        if looks:
            self._last, self._scale = self._total, self._present_scale()

    def _looks(self) -> bool:
        """Whether the energy of a descent is computed now: only every `STRIDE` steps, since nothing else needs it."""
        gas = self._simulation.gas
        return self._limit is not None and (gas.step - self._simulation.start) % STRIDE == 0

    def _fault(self, looks: bool = True) -> str | None:
        """What is wrong with the gas now; None if nothing is."""
        gas = self._simulation.gas
        if not all_are_finite(gas.positions):
            return "is no longer at a finite position"
        if gas.velocities is not None and not all_are_finite(gas.velocities):
            return "no longer has a finite velocity"
        for name, sums in self._simulation.dynamics.accumulators().items():
            if not np.isfinite(sums).all():
                return f"no longer has a finite {name}"
        if not looks:
            return None
        energy = self._mean_energy()
        if not np.isfinite(energy):
            return "no longer has a finite energy"
        scale = self._present_scale()
        if self._judges_jumps and 0 < JUMP * scale < energy - self._energy:
            return f"has the most energy in a gas whose mean energy jumped from {self._energy:.4g} to {energy:.4g}"
        if self._limit is not None and 0 < self._limit * scale < self._departure():
            return f"has the most energy in a gas whose mean energy went from {self._origin:.4g} to {self._total:.4g}"
        return None

    def _departure(self) -> float:
        """How far the energy is from that of the start: above it or, where it is conserved, either way."""
        departure = self._total - self._origin
        return abs(departure) if self._limit == DEPARTURE else departure

    def _present_scale(self) -> float:
        """The energy scale, which grows with the bath, and with kinetic energy that came from the potential."""
        gas, scale = self._simulation.gas, self._scale or 0.0
        if self._limit == RISE and self._simulation.bath is not None:
            return max(scale, gas.dimensions * float(self._simulation.bath.at(gas.step).max()))
        if self._limit == DEPARTURE and gas.count:
            kinetic = float(gas.kinetic_energies().mean())
            return max(scale, kinetic) if self._departure() < 0.5 * kinetic else scale
        return scale

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
        others = int(np.sum(~are_finite(gas.positions))) - 1
        bad_step, gas.step = gas.step, before[1]
        force = self._simulation.forces.force(gas.at(before[0]))[worst]
        gas.step = bad_step
        with np.errstate(over="ignore", invalid="ignore"):
            size = float(np.linalg.norm(force))
        return BlowUp(
            f"step {bad_step}: particle {int(gas.ids[worst])} (group '{name}') {fault}"
            f"{f', and {others} others with it' if others > 0 else ''}. The force on it one step before was "
            f"{_short(force)}, of size {size:.4g}.",
            last_good_step=self._clock[0],
        )

    def _take_back(self) -> None:
        gas = self._simulation.gas
        gas.positions[...] = self._good.positions
        if gas.velocities is not None and self._good.velocities is not None:
            gas.velocities[...] = self._good.velocities
        if gas.images is not None and self._good.images is not None:
            gas.images[...] = self._good.images
        gas.step, gas.time = self._clock
        self._simulation.dynamics.restore(self._law)

    def _worst(self) -> int:
        """The particle whose state became non-finite, or the one with the most energy."""
        gas = self._simulation.gas
        bad = ~are_finite(gas.positions)
        if gas.velocities is not None:
            bad |= ~are_finite(gas.velocities)
        for sums in self._simulation.dynamics.accumulators().values():
            bad |= ~np.isfinite(sums)
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
        """The mean energy of the particles; that of the sources, which passive ones do not change, goes to `_total`."""
        if not self._judges_jumps and self._limit is None:
            return 0.0
        gas, decay = self._simulation.gas, self._simulation.law.descends
        if not gas.count:  # all of it is planted later
            self._total = 0.0
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            energies = self._energies()
            sources = gas.is_source if gas.is_source.any() else ~gas.is_source
            self._total = float((energies if sources.all() else energies[sources]).mean())
            if decay:
                self._total += (
                    0.5 * decay * float(np.mean(np.sum(np.square(gas.positions[sources], dtype=float), axis=1)))
                )
            return float(energies.mean())

    def _energy_scale(self) -> float:
        """What the energy of a particle is like at the start: potential, kinetic, or that of the bath."""
        gas = self._simulation.gas
        scale = gas.dimensions * float(self._simulation.bath.at(gas.step).max()) if self._simulation.bath else 0.0
        if gas.velocities is not None and gas.count:
            scale = max(scale, float(gas.kinetic_energies().mean()))
        if self._simulation.forces.conservative and gas.count:
            scale = max(scale, float(np.abs(self._simulation.forces.energy(gas)).mean()))
        return scale


def _short(vector: NDArray[np.float64]) -> str:
    """The first few components."""
    shown = ", ".join(f"{component:.4g}" for component in vector[:4])
    return f"({shown}{', ...' if len(vector) > 4 else ''})"
