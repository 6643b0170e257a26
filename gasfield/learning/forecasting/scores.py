"""Squared errors of a forecaster, summed over blocks of origins, parts of rows, and phases of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.base import spread_over
from gasfield.diagnostics.lattice.cells import no_cells
from gasfield.diagnostics.lattice.lifecycle import PHASES, last_exits
from gasfield.learning.forecasting.apart import Apart
from gasfield.learning.forecasting.errors import MOST_PARTS, OriginBlocks
from gasfield.learning.forecasting.protocol import History, Predictor, Task, Values, tasks_of

CLASSES = ("all", *PHASES)


@dataclass(frozen=True)
class Test:
    """What forecasts are judged on.

    Attributes:
        history: all frames.
        horizons: frames ahead, ascending.
        origins: for each horizon.
        tasks: the origins of the shortest horizon in blocks.
        parts: (N,) part of each row.
        phase: (O, N) 1 + the index in `PHASES` of each row at each origin; None where there are no phases.
        apart: what of the cloud is scored besides its rows.
    """

    __test__ = False  # not a test case of pytest

    history: History
    horizons: tuple[int, ...]
    origins: tuple[OriginBlocks, ...]
    tasks: tuple[Task, ...]
    parts: NDArray[np.int64]
    phase: NDArray[np.int64] | None
    apart: Apart

    def some_tasks(self, most: int | None) -> list[Task]:
        """The tasks, with at most so many of the origins, evenly spaced over those of the longest horizon."""
        if most is None:
            return list(self.tasks)
        longest = self.origins[-1]
        return tasks_of(self.history, longest.first + spread_over(longest.count, most), self.horizons)

    @property
    def part_count(self) -> int:
        """P."""
        return int(self.parts.max()) + 1


def parts_of(count: int) -> NDArray[np.int64]:
    """(N,) part of each row: rows next to each other are in different parts."""
    return np.arange(count) % min(count, MOST_PARTS)


def phases_at_origins(group: Group, origins: NDArray[np.int64]) -> tuple[NDArray[np.int64] | None, str]:
    """(O, N) 1 + phase of each row at each origin, by its last exits in the whole recording; or None and the reason."""
    objection = no_cells(group)
    if objection is not None:
        return None, objection
    try:
        exits = last_exits(group, "keys")
    except ValueError as fault:
        return None, str(fault)
    return 1 + np.sum(origins[:, None, None] >= exits[None], axis=1), ""


@dataclass(frozen=True)
class Scores:
    """Sums of one forecaster over the origins at which it is scored.

    Attributes:
        origins: how many of each horizon.
        squares: for each horizon (C, B, P), the squared error averaged over coordinates, summed over rows and origins,
            by `CLASSES`, block of origins and part of rows.
        still: the same of persistence.
        weights: how many rows and origins each sum has.
        apart: name -> for each horizon (O,) the squared error of what is forecast apart; NaN where not scored.
    """

    origins: tuple[int, ...]
    squares: tuple[Values, ...]
    still: tuple[Values, ...]
    weights: tuple[Values, ...]
    apart: dict[str, tuple[Values, ...]]

    @classmethod
    def of(cls, predictor: Predictor, test: Test, most_origins: int | None) -> Scores:
        """The scores of a forecaster, from at most so many origins.

        Raises:
            Unavailable: if it cannot forecast.
        """
        squares, still, weights = (tuple(_empty(test, blocks) for blocks in test.origins) for _ in range(3))
        scored = [0] * len(test.origins)
        tasks = test.some_tasks(most_origins)
        apart = {name: tuple(np.full(blocks.count, np.nan) for blocks in test.origins) for name in test.apart.names}
        first = test.origins[0].first
        for task, forecast in zip(tasks, predictor.forecasts(test.history, tasks), strict=True):
            here = test.history.places(task.origins)
            for at, blocks in enumerate(test.origins):
                inside = task.origins < blocks.first + blocks.count
                if not inside.any():
                    continue
                origins = task.origins[inside]
                real = test.history.places(origins + blocks.horizon)
                with np.errstate(over="ignore", invalid="ignore"):
                    own = np.mean((forecast[inside, at] - real) ** 2, axis=2)
                squares[at][...] += summed(own, origins, test, blocks)
                still[at][...] += summed(np.mean((here[inside] - real) ** 2, axis=2), origins, test, blocks)
                weights[at][...] += summed(np.ones_like(own), origins, test, blocks)
                scored[at] += len(origins)
                found = test.apart.errors(origins, here[inside], forecast[inside, at], real)
                for name, values in found.items():
                    apart[name][at][origins - first] = values
        return cls(tuple(scored), squares, still, weights, apart)


def summed(values: Values, origins: NDArray[np.int64], test: Test, blocks: OriginBlocks) -> Values:
    """(C, B, P) sums of values (b, N) of some origins."""
    parts, shape = test.part_count, (len(CLASSES), blocks.blocks, test.part_count)
    place = blocks.block_of(origins)[:, None] * parts + test.parts
    size = blocks.blocks * parts
    sums = np.zeros(shape)
    sums[0] = np.bincount(place.ravel(), values.ravel(), size).reshape(shape[1:])
    if test.phase is not None:
        phase = test.phase[origins - test.origins[0].first]
        found = np.bincount((phase * size + place).ravel(), values.ravel(), len(CLASSES) * size)
        sums[1:] = found.reshape(shape)[1:]
    return sums


def blocked(values: Values, blocks: OriginBlocks) -> tuple[Values, Values]:
    """Sums (B, 1) over the blocks of values of origins (O,), NaN left out, and how many there are."""
    known = np.isfinite(values)
    place = blocks.block_of(blocks.first + np.flatnonzero(known))
    return (
        np.bincount(place, values[known], blocks.blocks)[:, None].astype(np.float64),
        np.bincount(place, minlength=blocks.blocks)[:, None].astype(np.float64),
    )


def _empty(test: Test, blocks: OriginBlocks) -> Values:
    return np.zeros((len(CLASSES), blocks.blocks, test.part_count))


def names_of(values: Sequence[int]) -> str:
    """Numbers as text: "1, 10 and 100"."""
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
