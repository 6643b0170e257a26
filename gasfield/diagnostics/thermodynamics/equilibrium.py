"""Whether a group of a run can be in equilibrium with a bath, and those of its frames that can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group, once
from gasfield.diagnostics.thermodynamics.steady import CHANGING, Steady, known, steady_part
from gasfield.registry import kind_of
from gasfield.schedules import ByGroup, Schedule
from gasfield.trajectory import Series


def require_equilibrium(group: Group, *energies: str) -> None:
    """Refuses a group no part of whose run can be in equilibrium, one whose energies drift among them; of energies
    that are named (`kinetic_energy`) only these.

    Raises:
        NotApplicable: if so; the text says why.
    """
    part = require_bath(group)
    drift = part.drift_of(*energies) if energies else part.drift
    if drift is not None:
        raise NotApplicable(drift)


def require_bath(group: Group) -> Steady:
    """The part of a run in which a group has one temperature, whether or not its energies drift.

    Raises:
        NotApplicable: if there is none; the text says why.
    """
    law = group.run.dynamics
    if not law.thermal and not law.has_velocities:
        raise NotApplicable(f"{kind_of(type(law))} has no temperature")
    if isinstance(group.run.temperature, ByGroup) and _schedule(group) is None:
        raise NotApplicable("the groups have different temperatures")
    if not len(group.steps) or not group.present().count:
        raise NotApplicable("no row has a position throughout")
    part = steady_part(_with_bath(group))
    if part is None or part.step > group.steps[-1]:
        raise NotApplicable(CHANGING)
    if part.temperature == 0.0:
        raise NotApplicable("the bath is at temperature zero")
    return part


def bath_temperature(group: Group) -> float | None:
    """The temperature of the bath at the end [energy]; None where there is no bath, or several temperatures."""
    bath = known(_with_bath(group), "temperature")
    return None if bath is None else float(bath.values[-1])


def equilibrium_part(group: Group) -> Steady:
    """The steady part of a run that `require_equilibrium` does not refuse.

    Raises:
        ValueError: if the temperature of the bath changes until the end.
    """
    part = steady_part(_with_bath(group))
    if part is None:
        raise ValueError(f"{group.name}: {CHANGING}")
    return part


def equilibrium_frames(group: Group, most: int) -> Group:
    """The frames of the steady part, at least the last one; if they hold more than `most` rows in all, every k-th."""
    kept = np.flatnonzero(group.steps >= min(equilibrium_part(group).step, group.steps[-1]))
    stride = max(1, -(-len(kept) * group.count // most))
    return group.at_frames(kept[(len(kept) - 1) % stride :: stride])


def _schedule(group: Group) -> Schedule | None:
    """The temperature over the steps for this group, or for the whole gas; None where there is no single one."""
    temperature = group.run.temperature
    if not isinstance(temperature, ByGroup):
        return temperature
    if not group.is_whole:
        return temperature.groups.get(group.name)
    schedules = list(temperature.groups.values())
    return schedules[0] if all(schedule == schedules[0] for schedule in schedules) else None


@once
def _with_bath(group: Group) -> Group:
    """The group with a series `temperature`, which the whole gas does not have of its own."""
    schedule = None if "temperature" in group.series else _schedule(group)
    if schedule is None:
        return group
    timed = next(iter(group.series.values()), Series(group.steps, group.times, group.times))
    temperatures = np.array([schedule.at(int(step)) for step in timed.steps])
    return replace(group, series={**group.series, "temperature": Series(timed.steps, timed.times, temperatures)})
