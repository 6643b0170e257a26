"""Whether a group of a run can be in equilibrium with a bath, and those of its frames that can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.group import WHOLE, Group
from gasfield.diagnostics.thermodynamics.steady import CHANGING, Steady, steady_part
from gasfield.schedules import ByGroup, Schedule
from gasfield.trajectory import Series


def why_no_equilibrium(group: Group) -> str | None:
    """Why no part of a run can be in equilibrium; None if one can."""
    if group.experiment is None:
        return "no simulation stands behind it, so that it has no bath"
    scenario = group.experiment.scenario
    law = scenario.dynamics
    if not law.thermal and not law.has_velocities:
        return f"{law.kind} has no temperature"
    if isinstance(scenario.temperature, ByGroup) and _schedule(group) is None:
        return "the groups have different temperatures"
    if not len(group.steps) or not group.present().count:
        return "no row has a position throughout"
    part = steady_part(_with_bath(group))
    if part is None or part.step > group.steps[-1]:
        return CHANGING
    return "the bath is at temperature zero" if part.temperature == 0.0 else None


def equilibrium_part(group: Group) -> Steady:
    """The steady part of a run to which `why_no_equilibrium` objects nothing.

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
    return of_frames(group, kept[(len(kept) - 1) % stride :: stride])


def of_frames(group: Group, frames: NDArray[np.int64]) -> Group:
    """A group in some of its frames, given by index."""
    velocities = None if group.velocities is None else group.velocities[frames]
    return replace(
        group,
        steps=group.steps[frames],
        times=group.times[frames],
        positions=group.positions[frames],
        velocities=velocities,
    )


def _schedule(group: Group) -> Schedule | None:
    """The temperature over the steps for this group, or for the whole gas; None where there is no single one."""
    assert group.experiment is not None
    temperature = group.experiment.scenario.temperature
    if not isinstance(temperature, ByGroup):
        return temperature
    if group.name != WHOLE:
        return temperature.groups.get(group.name)
    schedules = list(temperature.groups.values())
    return schedules[0] if all(schedule == schedules[0] for schedule in schedules) else None


def _with_bath(group: Group) -> Group:
    """The group with a series `temperature`, which the whole gas does not have of its own."""
    schedule = None if "temperature" in group.series else _schedule(group)
    if schedule is None:
        return group
    timed = next(iter(group.series.values()), Series(group.steps, group.times, group.times))
    temperatures = np.array([schedule.at(int(step)) for step in timed.steps])
    return replace(group, series={**group.series, "temperature": Series(timed.steps, timed.times, temperatures)})
