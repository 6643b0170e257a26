"""The part of a run whose averages mean something: the bath no longer changes, and the gas has equilibrated.

That part is tested: a series with a trend in it (`statistics/stationarity.py`) has no mean that could be reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gasfield.diagnostics.group import Group, once
from gasfield.statistics.correlation import equilibrated_from
from gasfield.statistics.stationarity import Trend, trend
from gasfield.trajectory import Series

CHANGING = "the temperature of the bath changes until the end: there is no steady part"


@dataclass(frozen=True)
class Steady:
    """From which step on a run is steady.

    Attributes:
        step: the first step of the steady part.
        time: its time.
        temperature: of the bath from there to the end [energy]; None where there is no bath.
        late: whether equilibration was found at the latest step that is considered, so that it may be incomplete.
    """

    step: int
    time: float
    temperature: float | None
    late: bool
    drifting: Mapping[str, Trend] = field(default_factory=dict)
    """Series of energies that have a trend in the steady part, by name: it is not steady."""

    @property
    def drift(self) -> str | None:
        """Which energies drift, in words; None if none does."""
        return next((f"not stationary: {_drifts(name, own)}" for name, own in self.drifting.items()), None)

    def drift_of(self, *names: str) -> str | None:
        """The same of some series only."""
        found = [_drifts(name, self.drifting[name]) for name in names if name in self.drifting]
        return f"not stationary: {found[0]}" if found else None

    def part(self, series: Series) -> Series:
        """What a series holds of the steady part."""
        kept = series.steps >= self.step
        return Series(series.steps[kept], series.times[kept], series.values[kept])

    def frames(self, group: Group) -> slice:
        """The frames of a group in the steady part: the last ones."""
        return slice(int(np.searchsorted(group.steps, self.step)), None)


def _drifts(name: str, trend: Trend) -> str:
    return (
        f"the {name.replace('_', ' ')} drifts from {trend.start:.4g} to {trend.end:.4g} in the part of the run that "
        f"would be averaged (a stationary one would do so with a probability of {trend.p_value:.1g})"
    )


def known(group: Group, name: str) -> Series | None:
    """A series of a group without what is not finite (a structure before it is planted); None if nothing is left."""
    series = group.series.get(name)
    if series is None:
        return None
    kept = np.isfinite(series.values)
    if not kept.any():
        return None
    return Series(series.steps[kept], series.times[kept], series.values[kept].astype(np.float64))


@once
def steady_part(group: Group) -> Steady | None:
    """The steady part of a run; None if the temperature of the bath changes until the end."""
    bath = known(group, "temperature")
    begin, temperature = 0, None
    if bath is not None:
        temperature = float(bath.values[-1])
        begin = _unchanged_from(bath)
        if begin < 0:
            return None
    begin = max(begin, _settled(group))
    watched = _watched(group)
    step, late = _equilibrated_from(list(watched.values()), begin)
    trends = {name: trend(series.values[series.steps >= step]) for name, series in watched.items()}
    return Steady(
        step,
        _time_at(step, [*watched.values(), *([bath] if bath else [])]),
        temperature,
        late,
        {name: own for name, own in trends.items() if own.drifts},
    )


def _settled(group: Group) -> int:
    """The first step from which no operation changes the model; 0 where nothing is known of the run."""
    operations = () if group.origin.context is None else group.origin.context.operations
    settles = max((operation.settles for operation in operations), default=0)
    return int(group.steps[0]) + settles if settles and len(group.steps) else 0


def _watched(group: Group) -> dict[str, Series]:
    """The series that must have equilibrated, by name: the energies; without any, the heat of each interval."""
    names = ("potential_energy", "kinetic_energy")
    energies = {name: series for name in names if (series := known(group, name)) is not None}
    heat = known(group, "heat")
    if energies or heat is None:
        return energies
    return {"heat given off": Series(heat.steps[1:], heat.times[1:], np.diff(heat.values))}


def _unchanged_from(bath: Series) -> int:
    """The first step since which the temperature is what it is at the end; -1 if that is the last observation."""
    changes = np.flatnonzero(bath.values != bath.values[-1])
    if not len(changes):
        return int(bath.steps[0])
    return -1 if changes[-1] + 2 == len(bath.values) else int(bath.steps[changes[-1] + 1])


def _equilibrated_from(watched: Sequence[Series], begin: int) -> tuple[int, bool]:
    """The step from which every series has equilibrated, and whether that is half way to the end."""
    step, late = begin, False
    for series in watched:
        kept = np.flatnonzero(series.steps >= begin)
        if len(kept):
            start = equilibrated_from(series.values[kept])
            step = max(step, int(series.steps[kept[start]]))
            late = late or start >= 0.45 * len(kept)
    return step, late


def _time_at(step: int, series: Sequence[Series]) -> float:
    """The time of a step, as far as some series knows it."""
    for one in series:
        at = np.flatnonzero(one.steps >= step)
        if len(at):
            return float(one.times[at[0]])
    return float(step)
