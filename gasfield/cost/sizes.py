"""Runs whose single step takes long: smaller copies of the gas are measured, and all costs are extrapolated in N.

With N particles in the same space every cost is a + b N + c N^2: loops over particles, and over pairs, whether all of
them are visited or, at a density N/V, those within a cut-off. The coefficients are not negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy

from gasfield.scenario import Scenario
from gasfield.schedules import ByGroup

_MOST_WORK = 1e10
"""Numbers that a step may touch: some ten seconds."""
_WORK = 1e9
"""Those that a step of the largest copy touches: about one second."""
_SHARES = (0.25, 0.5, 1.0)
"""Sizes of the copies, relative to the largest one."""


def without_events(scenario: Scenario) -> Scenario:
    """The scenario with what its events plant there from the start: miniatures end before most of them."""
    planted = [event.plant for event in scenario.events if event.plant is not None]
    temperature = scenario.temperature
    if isinstance(temperature, ByGroup):
        own = {plant.name: plant.temperature for plant in planted if plant.temperature is not None}
        temperature = ByGroup(groups={**temperature.groups, **own})
    tracers = (*scenario.tracers, *(plant.at(0) for plant in planted))
    return scenario.model_copy(update={"events": (), "tracers": tracers, "temperature": temperature})


def particles_of(scenario: Scenario) -> int:
    """Particles whose number the scenario states; others are in files."""
    return sum(group.source.size or 0 for group in scenario.gas)


def copies(scenario: Scenario, *, interacting: bool) -> list[Scenario]:
    """Smaller copies of a scenario, or the scenario itself where a step is fast enough or its size cannot be changed.

    Args:
        scenario: the whole.
        interacting: whether its particles interact.
    """
    count = particles_of(scenario)
    work = float(count) * scenario.space.dimensions * (count if interacting else 1)
    drawn = all(isinstance(getattr(group.source, "count", None), int) for group in scenario.gas)
    if work <= _MOST_WORK or not drawn or not count:
        return [scenario]
    largest = (_WORK / work) ** (0.5 if interacting else 1.0)
    return [shrunk(scenario, largest * share) for share in _SHARES]


def shrunk(scenario: Scenario, factor: float) -> Scenario:
    """The scenario with fewer particles in each group, at least one."""
    groups = []
    for group in scenario.gas:
        count = max(1, round(factor * (group.source.size or 0)))
        groups.append(group.model_copy(update={"source": group.source.model_copy(update={"count": count})}))
    return scenario.model_copy(update={"gas": tuple(groups)})


def at_size(counts: Sequence[int], values: Sequence[float], count: int, *, powers: int = 2) -> float:
    """The value at a size, by a + b N + c N^2 (a + b N for `powers` = 1) fitted to those at others."""
    if len(counts) == 1:
        return values[0]
    sizes = np.array(counts, float) / count
    scale = max(map(abs, values)) or 1.0
    fitted = scipy.optimize.nnls(np.vander(sizes, powers + 1), np.maximum(values, 0.0) / scale)[0]
    return float(fitted.sum() * scale)


def combine(found: Sequence[Mapping[str, Any]], counts: Sequence[int], count: int) -> dict[str, Any]:
    """What the miniatures of the whole would have found, from those of its copies."""
    whole = dict(found[-1])
    by_name = [{tuple(line["names"]): line for line in each["lines"]} for each in found]
    whole["lines"] = [
        {**line, "seconds": at_size(counts, [_seconds(lines, names) for lines in by_name], count)}
        for names, line in by_name[-1].items()
    ]
    for key in ("file", "memory", "growth"):
        whole[key] = at_size(counts, [each[key] for each in found], count, powers=1)
    whole["loop"] = [at_size(counts, values, count) for values in zip(*(each["loop"] for each in found), strict=True)]
    whole["once"], whole["copies"] = max(each["once"] for each in found), list(counts) if len(counts) > 1 else []
    whole["compiled"] = sum(each["compiled"] for each in found)
    return whole


def _seconds(lines: Mapping[tuple[str, ...], Mapping[str, Any]], names: tuple[str, ...]) -> float:
    return float(lines[names]["seconds"]) if names in lines else 0.0
