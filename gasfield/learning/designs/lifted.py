"""The coordinates of a Koopman model: functions of the position of each row, or amplitudes of modes of the gas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.spatial.distance import pdist

from gasfield.errors import InputError
from gasfield.forces.learned.dictionary import Dictionary, evaluate, monomial_count, monomials
from gasfield.learning.data import TrainingData, Transitions
from gasfield.memory import require_memory

Array = NDArray[np.float64]

_MOST_FUNCTIONS = 300
"""Functions beside the coordinates, where the number of axes is not given."""
_SNAPSHOTS = 400
"""Most frames from which the modes of the whole gas are made."""
_NEGLIGIBLE = 1e-13
"""Variance of a mode, relative to the largest, that is rounding."""


class Pairs(NamedTuple):
    """Coordinates at the start and the end of some intervals: blocks (t,), before and after (t, n, p), and the squared
    displacement of the states in each interval (t,)."""

    blocks: NDArray[np.int64]
    before: Array
    after: Array
    squares: Array


@dataclass(frozen=True)
class RowCoordinates:
    """x - centre, and functions of u = axes (x - centre).

    Attributes:
        dictionary: which functions.
        centre: (D,).
        axes: (q, D) principal axes, divided by a scale.
        table: (m, q) see `gasfield.forces.learned.dictionary`.
    """

    dictionary: Dictionary
    centre: Array
    axes: Array
    table: Array

    @classmethod
    def of(
        cls, data: TrainingData, dictionary: Dictionary, *, degree: int, centres: int, width: float, axes: int | None
    ) -> RowCoordinates:
        """Functions on the leading principal axes of the positions.

        Args:
            data: the training data.
            dictionary: which functions.
            degree: of monomials, at most.
            centres: of radial basis functions, drawn from the positions.
            width: of these, in units of the median distance between centres.
            axes: number of axes; if left out, all, or as many as give 300 monomials.

        Raises:
            InputError: if there are not so many axes.
        """
        places = data.sample()
        centre, d = places.mean(axis=0), data.dimensions
        away = places - centre
        values, vectors = linalg.eigh(away.T @ away / len(away))
        known = int(np.sum(values > _NEGLIGIBLE * values[-1]))
        if axes is not None and axes > known:
            raise InputError(f"the positions have a spread along {known} axes of {d}, not {axes}.", parameter="axes")
        if dictionary == "identity":
            return cls(dictionary, centre, np.empty((0, d)), np.empty((0, 0)))
        count = axes or (_most_axes(known, degree) if dictionary == "monomials" else known)
        leading, spread = vectors[:, ::-1][:, :count].T, np.sqrt(values[::-1][:count])
        if dictionary == "monomials":
            return cls(dictionary, centre, leading / spread[:, None], monomials(count, degree))
        generator = np.random.default_rng(data.seed)
        drawn = away[generator.choice(len(away), min(centres, len(away)), replace=False)] @ leading.T
        scale = width * (float(np.median(pdist(drawn))) if len(drawn) > 1 else float(spread[0]))
        return cls(dictionary, centre, leading / scale, drawn / scale)

    @property
    def states(self) -> int:
        """The first coordinates, which are the position."""
        return len(self.centre)

    @property
    def count(self) -> int:
        """p."""
        return self.states + len(self.table)

    def at(self, places: Array) -> Array:
        """(t, n, p) of positions (t, n, D)."""
        away = places - self.centre
        if not len(self.table):
            return away
        flat = away.reshape(-1, self.states)
        functions = evaluate(self.dictionary, self.table, flat @ self.axes.T)
        return np.concatenate([flat, functions], axis=1).reshape(*places.shape[:2], -1)

    def pairs(self, data: TrainingData) -> Iterator[Pairs]:
        """All intervals, in pieces."""
        for part in data.transitions(parts=4 * (1 + 2 * len(self.table) // self.states)):
            both = self.at(np.concatenate([part.start, part.end[-1:]]))
            moved = part.end - part.start
            yield Pairs(part.blocks, both[:-1], both[1:], np.einsum("tij,tij->t", moved, moved))


@dataclass(frozen=True)
class WholeCoordinates:
    """Amplitudes of the leading modes of the whole gas.

    Attributes:
        mean: (N, D) position of each row.
        modes: (r, N, D) orthonormal.
        share: of the variance of the positions that is in them.
    """

    mean: Array
    modes: Array
    share: float

    @classmethod
    def of(cls, data: TrainingData, rank: int) -> WholeCoordinates:
        """The principal modes of at most 400 evenly spaced frames, by the method of snapshots (Sirovich, 1987).

        Raises:
            InputError: if trajectories have different numbers of rows.
        """
        counts = {group.count for group in data.groups}
        if len(counts) > 1:
            raise InputError(f"the trajectories have {', '.join(map(str, sorted(counts)))} rows: use state: rows.")
        chosen = [
            group.at_frames(np.unique(np.linspace(0, len(group.steps) - 1, _SNAPSHOTS // len(data.groups)).astype(int)))
            for group in data.groups
        ]
        rows, d, frames = counts.pop(), data.dimensions, sum(len(group.steps) for group in chosen)
        require_memory(8 * rows * d * (rank + 2), f"{rank} modes of {rows} rows in {d} dimensions")
        gram = np.zeros((frames, frames))
        mean = np.empty((rows, d))
        for span in chosen[0].row_blocks(parts=4):
            histories = np.concatenate([group.places(rows=span) for group in chosen])
            mean[span] = histories.mean(axis=0)
            flat = (histories - mean[span]).reshape(frames, -1)
            gram += flat @ flat.T
        values, vectors = linalg.eigh(gram)
        values, vectors = values[::-1], vectors[:, ::-1]
        kept = min(rank, int(np.sum(values > _NEGLIGIBLE * values[0])))
        modes = np.empty((kept, rows, d))
        for span in chosen[0].row_blocks(parts=4):
            histories = np.concatenate([group.places(rows=span) for group in chosen]) - mean[span]
            modes[:, span] = np.tensordot(vectors[:, :kept].T / np.sqrt(values[:kept, None]), histories, 1)
        return cls(mean, modes, float(values[:kept].sum() / values[values > 0].sum()))

    @property
    def states(self) -> int:
        """All coordinates are the state."""
        return len(self.modes)

    @property
    def count(self) -> int:
        """r."""
        return len(self.modes)

    def pairs(self, data: TrainingData) -> Iterator[Pairs]:
        """All intervals, in pieces."""
        flat = self.modes.reshape(self.count, -1)
        for part in data.transitions():
            both = self._amplitudes(part, flat)
            moved = part.end - part.start
            yield Pairs(part.blocks, both[:-1], both[1:], np.einsum("tij,tij->t", moved, moved))

    def _amplitudes(self, part: Transitions, flat: Array) -> Array:
        places = np.concatenate([part.start, part.end[-1:]]) - self.mean
        amplitudes: Array = (places.reshape(len(places), -1) @ flat.T)[:, None]
        return amplitudes


def _most_axes(known: int, degree: int) -> int:
    count = known
    while count > 1 and monomial_count(count, degree) > _MOST_FUNCTIONS:
        count -= 1
    return count
