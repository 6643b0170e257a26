"""Do the seeds of a point agree? Where they do not, its runs are too short, and its errors too small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.resources import TRAJECTORY
from gasfield.statistics.between_runs import scatter_ratio
from gasfield.statistics.r_hat import RHat
from gasfield.sweeps.points import Point
from gasfield.sweeps.store import run_directory
from gasfield.sweeps.table import Table
from gasfield.trajectory import Trajectory

LEVEL = 1e-3
"""Probability with which one disagreement at least is found in a table whose seeds all agree."""


@dataclass(frozen=True)
class Disagreement:
    """A result whose seeds scatter more than their errors explain.

    Attributes:
        result: its name in the table.
        values: of the point.
        ratio: scatter between the seeds in units of their errors.
        p: probability of so large a ratio if they agree.
    """

    result: str
    values: Mapping[str, Any]
    ratio: float
    p: float


@dataclass(frozen=True)
class Agreement:
    """How far the seeds of a sweep agree.

    Attributes:
        tests: results of points with errors of two seeds at least.
        disagreements: with a probability below `LEVEL` for all tests together, the largest ratio first.
    """

    tests: int
    disagreements: tuple[Disagreement, ...]


def agreement_of(table: Table) -> Agreement:
    """Tests every result of every point (chi-squared test of `scatter_ratio`, at a level that is divided by their
    number; Bonferroni)."""
    number = table.point_of_rows()
    first = np.unique(number, return_index=True)[1]
    found: list[Disagreement] = []
    tests = 0
    for name, column in sorted(table.columns.items()):
        ratio, p = scatter_ratio(np.asarray(column.value), np.asarray(column.error), number)
        tests += int(np.isfinite(p).sum())
        for point in np.flatnonzero(p < LEVEL):
            values = table.points[first[point]].values
            found.append(Disagreement(name, values, float(ratio[point]), float(p[point])))
    kept = [each for each in found if each.p * tests < LEVEL]
    return Agreement(tests, tuple(sorted(kept, key=lambda each: -each.ratio)))


def r_hat(directory: Path, table: Table, observable: str, skip: float = 0.5) -> list[tuple[Point, RHat]]:
    """Split R-hat over the seeds of each point, from the histories in their trajectories.

    Args:
        directory: of the sweep.
        table: of its rows.
        observable: one number at each step, by its name in the trajectory: "gas/radius".
        skip: share of every history that is left out at its start.

    Returns:
        The first row of each point with finished runs, and R-hat: over one run it compares its halves only.

    Raises:
        InputError: if the observable was not recorded, or the share is not below 1.
    """
    if not 0.0 <= skip < 1.0:
        raise InputError("is not between 0 and 1.", parameter="skip", value=skip)
    found = []
    for rows in table.same_values().values():
        done = [row for row in rows if table.status[row] == "done"]
        histories = [_history(run_directory(directory, table.keys[row]), observable, skip) for row in done]
        if histories:
            shortest = min(map(len, histories))
            found.append((table.points[done[0]], RHat.of(np.array([each[-shortest:] for each in histories]).T)))
    return found


def _history(directory: Path, observable: str, skip: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    with Trajectory(directory / TRAJECTORY) as trajectory:
        values = np.asarray(trajectory.observable(observable).values, np.float64)
    if values.ndim != 1:
        raise InputError("is not one number at each step.", parameter="observable", value=observable)
    return values[int(skip * len(values)) :]
