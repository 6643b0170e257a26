"""Is the gas in equilibrium with its bath, and what does equilibrium say of it: energies, temperatures, entropy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import ClassVar, Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.confinement import UNCONFINED, is_confined
from gasfield.diagnostics.thermodynamics.entropy import entropy_of_places, maxwell_entropy, memory_of_places
from gasfield.diagnostics.thermodynamics.steady import CHANGING, Steady, known, steady_part
from gasfield.registry import register
from gasfield.statistics.correlation import (
    FEWEST,
    correlated_mean,
    correlated_ratio,
    correlated_variance,
    correlation_time,
)
from gasfield.statistics.estimate import Estimate, exact, missing, stated
from gasfield.statistics.r_hat import RHat
from gasfield.trajectory import Series

UNITS = {
    "energy.potential": "energy",
    "energy.kinetic": "energy",
    "energy.total": "energy",
    "temperature.bath": "energy",
    "temperature.kinetic": "energy",
    "temperature.configurational": "energy",
    "heat_capacity": "1",
    "entropy": "1",
    "free_energy": "energy",
    "correlation.time": "time",
    "correlation.effective_size": "1",
    "correlation.r_hat.bulk": "1",
    "correlation.r_hat.tail": "1",
}
"""Keys of the diagnostic, and their units; energies, heat capacity, entropy and free energy are per particle."""

_ROUGH = 50
"""Independent observations below which errors are seen to be too small."""
_SLOWER = 4.0
"""How much longer than the energy places remember beyond doubt; in a harmonic well it is twice as long."""
_VISITS = 4.0
"""Memories of places that a run must be long to have seen all basins."""


@dataclass(frozen=True, kw_only=True)
class ThermodynamicsResult(Result):
    """Averages over the steady part of a run: the bath has its last temperature, and the gas has equilibrated.

    Attributes:
        energies: "potential", "kinetic", "total", as far as they are there: mean per particle over time [energy].
        start: time at which the steady part begins; NaN if there is none.

    Keys, all per particle:

    * `energy.potential`, `energy.kinetic`, `energy.total`;
    * `temperature.bath`; `temperature.kinetic`, 2 <K> / f with f degrees of freedom; `temperature.configurational`,
      <|grad U|^2> / <laplacian U> (Rugh 1997, Physical Review Letters 78:772; Butler, Ayton, Jepps and Evans 1998,
      Journal of Chemical Physics 109:6519);
    * `heat_capacity`, N Var(e) / T^2 of the mean energy e: the total where there are velocities, the potential where
      there are none;
    * `entropy` (k_B = 1, Planck's constant 1, distinguishable particles) and `free_energy`, <E> - T S of the same
      energy;
    * `correlation.time` of the potential energy (of the kinetic where there is no potential), 1 + 2 sum rho, and
      `correlation.effective_size`, the observations of the steady part divided by it; `correlation.r_hat.bulk` and
      `.tail` (`RHat`) of the two halves of the same series.
    """

    energies: Mapping[str, Series] = field(default_factory=dict)
    start: float = np.nan

    def draw(self, ax: Axes | None = None) -> Axes:
        """Energies over time, pale before the steady part; beside them the temperatures and the bath."""
        from gasfield.plots.thermal import energies_over_time, temperatures_beside

        axes = energies_over_time(self.energies, self.start, f"{self.group}: energy per particle", ax)
        marks = {
            name: (float(estimate.value), None if estimate.error is None else float(estimate.error))
            for name in ("kinetic", "configurational")
            if np.isfinite((estimate := self.estimates[f"temperature.{name}"]).value)
        }
        bath = float(self.estimates["temperature.bath"].value)
        if marks or np.isfinite(bath):
            temperatures_beside(axes, marks, bath if np.isfinite(bath) else None)
        return axes


@register
class Thermodynamics(Diagnostic[ThermodynamicsResult]):
    """Energies, temperatures, heat capacity, entropy and free energy of a group."""

    throughout: ClassVar[bool] = False
    telling: ClassVar[tuple[str, ...] | None] = (
        "temperature.configurational",
        "temperature.kinetic",
        "energy.potential",
    )

    kind: Literal["thermodynamics"] = "thermodynamics"

    def objection(self, group: Group) -> str | None:
        """Applies where something has a temperature that has come to rest."""
        bath, kinetic = known(group, "temperature"), known(group, "kinetic_energy")
        if bath is None and kinetic is None:
            return "neither a bath nor velocities: the temperature is undefined"
        if not _energies(group):
            return "no energy was observed: the field has no potential, and its particles no velocities"
        if steady_part(group) is None:
            return CHANGING
        return None

    def measure(self, group: Group, notes: list[str]) -> ThermodynamicsResult:
        """The results for one group."""
        reason, steady = self.objection(group), steady_part(group)
        if reason is not None or steady is None:
            nothing = {key: missing(unit) for key, unit in UNITS.items()}
            return ThermodynamicsResult(
                group=group.name, estimates=nothing, notes=(*group.notes, reason or CHANGING), energies=_energies(group)
            )
        equilibrium = _Equilibrium(group, steady)
        return ThermodynamicsResult(
            group=group.name,
            estimates={key: equilibrium.estimates.get(key, missing(unit)) for key, unit in UNITS.items()},
            notes=(*group.notes, *equilibrium.notes),
            energies=equilibrium.energies,
            start=steady.time,
        )


class _Equilibrium:
    """The estimates of one group in its steady part, and the notes that belong to them."""

    def __init__(self, group: Group, steady: Steady) -> None:
        self.group, self.steady = group, steady
        self.forces, self.unknown = group.known_forces
        self.space = group.origin.context.space if group.origin.context else None
        self.energies = _energies(group)
        self.parts = {name: steady.part(series) for name, series in self.energies.items()}
        self.estimates: dict[str, Estimate] = {}
        self.notes: list[str] = []
        self._add_energies()
        self._add_correlation()
        self._look_for_slow_places()
        self._add_temperatures()
        temperature, fault = steady.temperature, self._no_equilibrium() or self._drift(self.energy)
        if temperature is None or temperature <= 0 or fault:
            reason = fault or ("no bath" if temperature is None else "the bath is at temperature 0")
            self.notes.append(f"{reason}: heat capacity, entropy and free energy are undefined")
        else:
            self._add_heat_capacity(temperature)
            self._add_entropy(temperature)

    @property
    def energy(self) -> str:
        """The energy that fluctuations, entropy and free energy are about."""
        return "total" if "kinetic" in self.parts else "potential"

    def _drift(self, *names: str) -> str | None:
        """Which of some energies drifts, so that nothing that is made of them is reported."""
        both = ("potential", "kinetic")
        watched = [name for own in names for name in (both if own == "total" else (own,))]
        return self.steady.drift_of(*(f"{name}_energy" for name in watched))

    def _add_energies(self) -> None:
        for name, part in self.parts.items():
            if self._drift(name) is None:
                self.estimates[f"energy.{name}"] = correlated_mean(part.values, "energy")
        if self.steady.drift is not None:
            self.notes.append(f"{self.steady.drift}: equilibrium values of it are undefined")
        if "kinetic" not in self.parts:
            self.notes.append(
                "no velocities: kinetic and total energy are undefined; heat capacity, entropy and free energy are "
                "those of the places alone"
            )
        elif "potential" not in self.parts:
            self.notes.append("no potential energy: the total energy is undefined")
        if self.steady.late:
            self.notes.append("the run may not have equilibrated by its midpoint: averages may still drift")

    def _add_correlation(self) -> None:
        """From the potential energy, unless there is none or it never changes."""
        for name in ("potential", "kinetic"):
            part = self.parts.get(name)
            if part is None or self._drift(name) or (time := correlation_time(part.values)).error is None:
                continue
            interval = (part.times[-1] - part.times[0]) / (len(part.times) - 1)
            relative, size = float(time.error / time.value), len(part.values) / float(time.value)
            self.estimates["correlation.time"] = stated(time.value * interval, time.error * interval, "time")
            self.estimates["correlation.effective_size"] = stated(size, size * relative, "1")
            mixing = RHat.of(part.values)
            self.estimates |= mixing.estimates("correlation")
            if (note := mixing.note("correlation", f"the two halves of the {name} energy")) is not None:
                self.notes.append(note)
            if name == "kinetic":
                self.notes.append("the correlation time is that of the kinetic energy")
            if size < _ROUGH:
                self.notes.append(f"only {size:.0f} independent observations: errors are rough, and rather too small")
            return
        if self.steady.drift is not None:
            return  # its note says so
        short = any(len(part.values) < FEWEST for part in self.parts.values())
        reason = (
            f"fewer than {FEWEST} observations: errors are" if short else "no energy changes: the correlation time is"
        )
        self.notes.append(f"{reason} undefined")

    def _look_for_slow_places(self) -> None:
        """Exchange between basins may be far slower than the energy remembers, and of little weight in it: errors of
        energies then miss it. Particles that do not interact tell by their places."""
        energy, frames = self.estimates.get("correlation.time"), self.steady.frames(self.group)
        late = self.group.at_frames(frames)
        times, present = late.times, late.finite_rows()
        alone = self.forces is not None and self.forces.conservative and not self.forces.interacting
        quiet = "potential" not in self.parts or np.ptp(self.parts["potential"].values) == 0
        if energy is None or not alone or quiet or self.space is None or len(times) < FEWEST or not present.any():
            return
        span = float(times[-1] - times[0])
        memory = memory_of_places(late.positions[:, present], self.space.periods) * span / (len(times) - 1)
        if memory > span / _VISITS:
            self.notes.append(
                f"the correlation time of positions is {memory:.3g} in a run of {span:.3g}: basins may not be "
                "explored, and averages may be those of a metastable state"
            )
        elif memory > _SLOWER * float(energy.value):
            self.notes.append(
                f"the correlation time of positions is {memory:.3g}, much longer than that of energies, whose "
                "errors do not include slow exchange between basins, and may be too small"
            )

    def _add_temperatures(self) -> None:
        if self.steady.temperature is None:
            self.notes.append("no bath: its temperature is undefined")
        else:
            self.estimates["temperature.bath"] = exact(self.steady.temperature, "energy")
        if "kinetic" in self.parts and self._drift("kinetic") is None:
            doubled = 2.0 * self.parts["kinetic"].values / freedom(self.group)
            self.estimates["temperature.kinetic"] = correlated_mean(doubled, "energy")
        self._add_configurational_temperature()
        self._compare_temperatures()

    def _add_configurational_temperature(self) -> None:
        """<|grad U|^2> = T <laplacian U>: the integral of a divergence, where nothing flows out of the borders."""
        gradient, laplacian = (known(self.group, name) for name in ("gradient_squared", "laplacian"))
        fault, space = self._no_equilibrium() or self._drift("potential"), self.space
        if fault is None and space is not None and (space.curved or space.wall_area > 0):
            fault = "at hard walls and on curved spaces the average of the Laplacian has a boundary term"
        if fault is None and (gradient is None or laplacian is None):
            fault = "gradient and Laplacian were not observed"
        if fault is None and gradient is not None and laplacian is not None:
            above, below = (self.steady.part(series).values for series in (gradient, laplacian))
            if len(below) == len(above) and len(below) and below.mean() > 0:
                self.estimates["temperature.configurational"] = correlated_ratio(above, below, "energy")
                return
            fault = "the mean Laplacian is not positive"
        self.notes.append(f"{fault}: the configurational temperature is undefined")

    def _compare_temperatures(self) -> None:
        """Says which temperatures agree; the bath's has no error."""
        names = ("bath", "kinetic", "configurational")
        found = {name: self.estimates[key] for name in names if (key := f"temperature.{name}") in self.estimates}
        apart: list[str] = []
        together: list[str] = []
        for (a, first), (b, second) in combinations(found.items(), 2):
            error = float(np.hypot(0.0 if a == "bath" else _error(first), _error(second)))
            if np.isfinite(error):
                distance = float(abs(first.value - second.value))
                close = distance <= max(3.0 * error, 1e-12 * float(abs(first.value)))
                (together if close else apart).append(f"{a} and {b}" + (f" ({distance / error:.1f})" if error else ""))
        if apart:
            self.notes.append(f"temperatures differ, by more than 3 combined standard errors: {', '.join(apart)}")
        elif together:
            self.notes.append(f"temperatures agree within 3 combined standard errors: {', '.join(together)}")

    def _no_boltzmann(self) -> str | None:
        """Why a steady state here is not exp(-U / T)."""
        if self.forces is None:
            return f"the forces are not known ({self.unknown})"
        if not self.forces.conservative:
            return "a steady state of a non-conservative field is not called Boltzmann"
        return None if self.forces.steady else "the forces change with time: the driven state is not an equilibrium"

    def _no_equilibrium(self) -> str | None:
        """Why there is no equilibrium of the places here. Where no force acts, momenta alone have one."""
        fault = self._no_boltzmann()
        if fault is None and self.forces is not None and len(self.forces) and not is_confined(self.group):
            return UNCONFINED
        return fault

    def _add_heat_capacity(self, temperature: float) -> None:
        if self.forces is not None and self.forces.interacting and is_part_of_gas(self.group):
            self.notes.append("the group exchanges energy with others: the heat capacity is undefined")
            return
        values = self.parts[self.energy].values if self.energy in self.parts else np.empty(0)
        variance = correlated_variance(values, "1")
        if not np.isfinite(variance.value):
            self.notes.append("too few energies: the heat capacity is undefined")
            return
        scale = self.group.count / temperature**2
        self.estimates["heat_capacity"] = stated(variance.value * scale, _error(variance) * scale, "1")
        self.notes.append(f"the heat capacity is that of the {self.energy} energy")

    def _add_entropy(self, temperature: float) -> None:
        """Entropy of places and, where there are velocities, of momenta; then the free energy.

        Errors of energy and entropy are added in squares, which is cautious: places of high energy make both larger.
        """
        if self.space is None or self.forces is None or self.forces.interacting:
            self.notes.append(
                "particles interact, so the one-particle entropy is insufficient: entropy and free energy are undefined"
            )
            return
        if not is_confined(self.group):
            self.notes.append(f"{UNCONFINED}: entropy and free energy are undefined")
            return
        entropy, notes = entropy_of_places(self.group, self.steady, self.space)
        self.notes.extend(notes)
        if not np.isfinite(entropy.value):
            self.notes.append("the free energy is undefined with the entropy")
            return
        if "kinetic" in self.parts:
            momenta = maxwell_entropy(self.group.masses, temperature, freedom(self.group))
            entropy = stated(entropy.value + momenta, _error(entropy), "1")
        self.estimates["entropy"] = entropy
        energy = self.estimates.get(f"energy.{self.energy}")
        if energy is None:
            self.notes.append("no energy: the free energy is undefined")
            return
        error = np.hypot(_error(energy), temperature * _error(entropy))
        self.estimates["free_energy"] = stated(energy.value - temperature * entropy.value, error, "energy")


def _error(estimate: Estimate) -> Values:
    """Its error; NaN where it is not known."""
    return np.full(estimate.value.shape, np.nan) if estimate.error is None else estimate.error


def freedom(group: Group) -> float:
    """Degrees of freedom of a particle of the group: its velocity components and, if the group is the whole gas, its
    share of what the dynamics conserve. Of a part of the gas that share, below 1 / N of it, is unknown."""
    run = group.origin.context
    if run is None:
        return float(group.dimensions)
    total = run.degrees_of_freedom
    if total is None or not group.count or is_part_of_gas(group):
        return float(run.space.freedom)
    return total / group.count


def is_part_of_gas(group: Group) -> bool:
    """Whether it is one of several groups."""
    names = group.origin.context.groups if group.origin.context else ()
    return group.name in names and len(names) > 1


def _energies(group: Group) -> dict[str, Series]:
    """Potential, kinetic and total energy per particle over time, as far as they were observed."""
    potential, kinetic = (known(group, f"{name}_energy") for name in ("potential", "kinetic"))
    found = {name: s for name, s in (("potential", potential), ("kinetic", kinetic)) if s is not None}
    if potential is not None and kinetic is not None:
        _, at, other = np.intersect1d(potential.steps, kinetic.steps, return_indices=True)
        if len(at):
            total = potential.values[at] + kinetic.values[other]
            found["total"] = Series(potential.steps[at], potential.times[at], total)
    return found
