"""The pressure of a gas: counted at its walls, from the virial, and what an ideal gas would have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Scope, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.equilibrium import equilibrium_part, require_equilibrium
from gasfield.registry import kind_of, register
from gasfield.spaces import Space
from gasfield.statistics.correlation import correlated_mean, correlated_rate, correlated_ratio
from gasfield.statistics.estimate import Estimate, exact, missing, stated
from gasfield.trajectory import Series

_POINTS = 200
"""Places of a curve in the picture."""


@dataclass(frozen=True)
class Accumulated:
    """A mean over the run so far, or the momentum given to the walls so far divided by the time that it took.

    Attributes:
        times: (P,) [time].
        values: (P,) [energy/length^D].
        errors: (P,) one standard error: that of the whole run, larger by the root of how much shorter the time is.
    """

    times: Values
    values: Values
    errors: Values


@dataclass(frozen=True, kw_only=True)
class PressureResult(Result):
    """Pressures in the steady part of a run.

    Attributes:
        wall, virial: as they add up over the steady part; None where there is none.

    Keys: `pressure.wall`, the momentum that walls took up by time and area; `pressure.virial`, (2<K> + <W>)/(D V) with
    the kinetic energy K and the virial W = sum of x.F (or of r.F over pairs); `pressure.ideal`, N T/V; and
    `pressure.wall_over_ideal`, `pressure.virial_over_ideal`.

    The two agree in a steady state by the virial theorem (Clausius 1870) in a ball and in a box of equal sides, also
    under a field, where the pressure at the wall is a mean over places; in a box of unequal sides only where it is the
    same at all walls. T is the temperature of the bath, without one the kinetic temperature 2<K>/N_f. Errors have the
    correlation in time in them (`correlation.py`).
    """

    wall: Accumulated | None
    virial: Accumulated | None

    def draw(self, ax: Axes | None = None) -> Axes:
        """Both pressures as they add up over the run, with shrinking errors, about that of an ideal gas."""
        from gasfield.plots.distributions import accumulating

        curves = {"at the walls": self.wall, "from the virial": self.virial}
        lines = {label: (line.times, line.values, line.errors) for label, line in curves.items() if line is not None}
        ideal = self.estimates["pressure.ideal"]
        unit = ideal.unit.replace("^", "$^{") + "}$"
        title = f"{self.group}: pressure"
        return accumulating(lines, float(ideal.value), "ideal gas, N T / V", title, f"pressure [{unit}]", ax)


@register
class Pressure(Diagnostic[PressureResult]):
    """Pressure at the walls, from the virial, and of an ideal gas at the same temperature."""

    scope: ClassVar[Scope] = Scope.WHOLE
    needs_run: ClassVar[bool] = True
    throughout: ClassVar[bool] = False
    telling: ClassVar[tuple[str, ...] | None] = ("pressure.wall_over_ideal", "pressure.virial_over_ideal")

    kind: Literal["pressure"] = "pressure"

    def objection(self, group: Group) -> str | None:
        """Needs a finite flat volume, velocities, and a part of the run that can be in equilibrium."""
        require_equilibrium(group)
        run = group.run
        if run.space.curved:
            return "a curved space has no walls, and no virial that would be a pressure"
        if not np.isfinite(run.space.volume):
            return "the space has no finite volume"
        if not run.dynamics.has_velocities or "kinetic_energy" not in group.series:
            return f"{kind_of(type(run.dynamics))} has no velocities, so no momentum transfer"
        return None

    def measure(self, group: Group, notes: list[str]) -> PressureResult:
        """The pressures of the whole gas."""
        gas = _PushingGas.of(group)
        notes += [] if gas.bath is not None else ["no bath: the ideal gas has the kinetic temperature"]
        ideal, (wall, wall_curve), (virial, virial_curve) = gas.ideal(), gas.wall(notes), gas.virial(notes)
        return PressureResult(
            group=group.name,
            estimates={
                "pressure.wall": wall,
                "pressure.virial": virial,
                "pressure.ideal": ideal,
                "pressure.wall_over_ideal": _ratio(wall, ideal),
                "pressure.virial_over_ideal": gas.virial_over_ideal(virial, ideal),
            },
            notes=tuple(notes),
            wall=wall_curve,
            virial=virial_curve,
        )


@dataclass(frozen=True)
class _PushingGas:
    """What pressures are made of.

    Attributes:
        space: where the gas is.
        count: number of particles N.
        freedom: degrees of freedom N_f.
        bath: its temperature [energy]; None where there is none.
        kinetic: the kinetic energy K of the gas over time [energy].
        impulse, work: momentum that the walls took up, and the virial, over time; None where they were not kept.
    """

    space: Space
    count: int
    freedom: int
    bath: float | None
    kinetic: Series
    impulse: Series | None
    work: Series | None

    @classmethod
    def of(cls, group: Group) -> Self:
        """The steady part of a run, since the last particle joined."""
        steady = equilibrium_part(group)
        count, joined = _newest_count(group)
        late = {
            name: group.series[name].since(max(steady.step, joined))
            for name in ("kinetic_energy", "virial", "wall_impulse")
            if name in group.series
        }
        mean = late["kinetic_energy"]
        return cls(
            space=group.run.space,
            count=count,
            freedom=group.run.degrees_of_freedom or count * group.dimensions,
            bath=steady.temperature,
            kinetic=Series(mean.steps, mean.times, count * mean.values),
            impulse=late.get("wall_impulse"),
            work=late.get("virial"),
        )

    @property
    def unit(self) -> str:
        """Of a pressure."""
        return f"energy/length^{self.space.dimensions}"

    @property
    def ideal_over_time(self) -> Values:
        """(T,) N T/V with the kinetic temperature."""
        ideal: Values = 2.0 * self.kinetic.values * self.count / (self.freedom * self.space.volume)
        return ideal

    @property
    def virial_over_time(self) -> Values:
        """(T,) (2 K + W)/(D V)."""
        assert self.work is not None
        pushing: Values = 2.0 * self.kinetic.values + self.work.values
        return pushing / (self.space.dimensions * self.space.volume)

    def ideal(self) -> Estimate:
        """N T/V."""
        if self.bath is not None:
            return exact(self.count * self.bath / self.space.volume, self.unit)
        return correlated_mean(self.ideal_over_time, self.unit)

    def wall(self, notes: list[str]) -> tuple[Estimate, Accumulated | None]:
        """What the walls feel; `notes` grows where there are none."""
        if not self.space.wall_area or self.impulse is None:
            notes.append("nothing was counted at walls" if self.space.wall_area else "the space has no walls")
            return missing(self.unit), None
        times, sums = self.impulse.times, self.impulse.values / self.space.wall_area
        estimate = correlated_rate(times, sums, self.unit)
        places = _places(len(times))
        passed = times[places] - times[0]
        return estimate, Accumulated(times[places], (sums[places] - sums[0]) / passed, _shrinking(estimate, passed))

    def virial(self, notes: list[str]) -> tuple[Estimate, Accumulated | None]:
        """The pressure by the virial theorem; `notes` grows where there is no virial."""
        if self.work is None:
            notes.append("the run has no virial")
            return missing(self.unit), None
        times, values = self.work.times, self.virial_over_time
        estimate = correlated_mean(values, self.unit)
        places = _places(len(times))
        means = np.cumsum(values)[places] / (places + 1)
        return estimate, Accumulated(times[places], means, _shrinking(estimate, times[places] - times[0]))

    def virial_over_ideal(self, virial: Estimate, ideal: Estimate) -> Estimate:
        """Their ratio; without a bath both come from the same velocities, and only the virial leaves an error."""
        if self.bath is not None or self.work is None:
            return _ratio(virial, ideal)
        return correlated_ratio(self.virial_over_time, self.ideal_over_time, "1")


def _newest_count(group: Group) -> tuple[int, int]:
    """How many particles there are at the end, and the first step since which there were as many."""
    steps = group.steps[:, None]
    counts = np.sum((group.appears <= steps) & (steps < group.disappears), axis=1)
    fewer = np.flatnonzero(counts != counts[-1])
    return int(counts[-1]), int(group.steps[fewer[-1] + 1 if len(fewer) else 0])


def _ratio(numerator: Estimate, denominator: Estimate) -> Estimate:
    """A ratio of numbers whose errors are independent; undefined where one of them is, or the denominator is 0."""
    if not denominator.value > 0 or not np.isfinite(numerator.value):
        return missing("1")
    ratio = numerator.value / denominator.value
    above, below = (0.0 if part.error is None else float(part.error) for part in (numerator, denominator))
    error = np.nan if numerator.error is None else np.hypot(above, ratio * below) / denominator.value
    return stated(ratio, error, "1")


def _places(count: int) -> NDArray[np.int64]:
    """At most `_POINTS` indices from 1 to the last."""
    return np.unique(np.linspace(1, count - 1, _POINTS).astype(np.int64)) if count > 1 else np.empty(0, np.int64)


def _shrinking(whole: Estimate, passed: Values) -> Values:
    """The error (P,) after the times (P,) that passed, from the one at the end."""
    error = np.nan if whole.error is None else float(whole.error)
    return error * np.sqrt(passed[-1:] / passed)
