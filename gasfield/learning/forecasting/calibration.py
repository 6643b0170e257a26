"""Calibration of "frozen by step t": what a forecaster says of a row against what happened.

At an origin a forecaster says that a row is frozen by the target step t if the motion that it forecasts from t to the
next frame changes no bit of the row's position on its lattice at t. What happened is decided by the last motion of the
row: no bit changes after t as long as the recording lasts. Targets in the last tenth of the recording are left out,
where almost every row is frozen by definition.

A decision is a probability of 0 or 1. Brier's score is the mean of (p - y)^2 (Monthly Weather Review 78:1, 1950), here
the share of wrong decisions; to be compared with that of always stating the share of rows that were frozen. The
reliability is the share that was frozen of the rows said to be, and said not to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.base import spread_over
from gasfield.diagnostics.lattice.freezing import horizon_of, last_frame, rows_moved
from gasfield.kernels.bfloat16 import round_to_bfloat16
from gasfield.learning.forecasting.errors import OriginBlocks, ratio
from gasfield.learning.forecasting.protocol import History, Predictor, Task, Values, tasks_of
from gasfield.learning.forecasting.scores import Test
from gasfield.quantity import Quantity

QUIET = 0.1
"""Share of the recording, at its end, in which "frozen" is not decided."""
_MOST = 48
"""Origins of each horizon that are judged."""


@dataclass(frozen=True)
class Calibration:
    """Of one forecaster at one horizon.

    Attributes:
        brier: share of wrong decisions.
        frozen_if_said: share that was frozen of the rows said to be; undefined if none was.
        frozen_if_denied: the same of the rows said not to be.
        said: share of rows said to be frozen.
        frozen: share of rows that were.
        climatology: Brier's score of always stating that share.
    """

    brier: Quantity
    frozen_if_said: Quantity
    frozen_if_denied: Quantity
    said: Quantity
    frozen: Quantity
    climatology: Quantity


@dataclass(frozen=True)
class FrozenTest:
    """The origins of one horizon at which decisions are judged, and what happened.

    Attributes:
        history: all frames.
        horizon: frames ahead.
        tasks: with two targets each: t and the next frame.
        blocks: of origins.
        frozen: (O, N) whether each row is frozen at the target of each origin of the tasks.
    """

    history: History
    horizon: int
    tasks: tuple[Task, ...]
    blocks: OriginBlocks
    frozen: NDArray[np.bool_]


def frozen_tests(test: Test) -> tuple[list[FrozenTest | None], str]:
    """One for each horizon, None where no target is early enough; and why there are none at all."""
    group = test.history.group
    last = last_motions(group)
    latest = int(np.searchsorted(group.steps, horizon_of(group.steps, QUIET)))
    found: list[FrozenTest | None] = []
    for horizon in test.horizons:
        first = test.origins[0].first
        count = min(latest, len(group.steps) - 2) - horizon - first + 1
        if count < 1:
            found.append(None)
            continue
        origins = first + spread_over(count, _MOST)
        tasks = tuple(tasks_of(test.history, origins, (horizon, horizon + 1)))
        frozen = last[None] <= (origins + horizon)[:, None]
        found.append(FrozenTest(test.history, horizon, tasks, OriginBlocks(first, count, horizon), frozen))
    if not any(found):
        return found, "no target is before the last tenth of the recording"
    return found, ""


def last_motions(group: Group) -> NDArray[np.int64]:
    """(N,) frame from which on no bit of each row changes."""
    last = np.zeros(group.count, np.int64)
    for part in group.row_blocks():
        last[part] = last_frame(rows_moved(np.asarray(group.positions[:, part])))
    return last


def calibrate(predictor: Predictor, case: FrozenTest, parts: NDArray[np.int64]) -> Calibration:
    """The calibration of a forecaster; parts (N,) of rows are as for the scores.

    Raises:
        Unavailable: if it cannot forecast.
    """
    precision = case.history.group.precision
    said = [at_rest(found[:, 0], found[:, 1], precision) for found in predictor.forecasts(case.history, case.tasks)]
    origins = np.concatenate([task.origins for task in case.tasks])
    told, frozen = np.concatenate(said).astype(np.float64), case.frozen.astype(np.float64)

    everyone = np.ones(told.shape)

    def share(values: Values, among: Values = everyone) -> Quantity:
        over, under = (_sums(part, origins, parts, case.blocks) for part in (values * among, among))
        return ratio(over, under, case.blocks)

    mean = float(frozen.mean())
    return Calibration(
        brier=share((told - frozen) ** 2),
        frozen_if_said=share(frozen, told),
        frozen_if_denied=share(frozen, 1.0 - told),
        said=share(told),
        frozen=share(frozen),
        climatology=share((frozen - mean) ** 2),
    )


def at_rest(there: Values, later: Values, precision: str) -> NDArray[np.bool_]:
    """(b, N) whether no coordinate on the lattice changes on the way from positions (b, N, D) to later ones."""
    place = on_lattice(there, precision)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = on_lattice(place + (later - there), precision) != place
    return np.asarray(~moved.any(axis=2))


def on_lattice(values: Values, precision: str) -> Values:
    """Values rounded to a lattice, in float64."""
    if precision == "bfloat16":
        return np.asarray(round_to_bfloat16(np.asarray(values, np.float32)), np.float64)
    if precision == "float32":
        return np.asarray(np.asarray(values, np.float32), np.float64)
    return values


def _sums(values: Values, origins: NDArray[np.int64], parts: NDArray[np.int64], blocks: OriginBlocks) -> Values:
    """(B, P)."""
    count = int(parts.max()) + 1
    place = blocks.block_of(origins)[:, None] * count + parts
    return np.bincount(place.ravel(), values.ravel(), blocks.blocks * count).reshape(blocks.blocks, count).astype(float)
