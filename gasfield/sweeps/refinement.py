"""Points that a scan adds to its grid where a result changes most. They follow from the results of the points before
them and from nothing else, so that a sweep that was interrupted adds the same ones."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

from gasfield.scenario.scan import Scan
from gasfield.sweeps.points import Point, points_of

Found = Callable[[Point, str], float | None]
"""A point and the name of a result -> its value there; NaN if the point has none, None if it is still to be run."""


@dataclass
class _Line:
    """One combination of the other keys.

    Attributes:
        rest: their values.
        pending: shares of the range whose results are still unknown.
        means: share -> mean of the result over the seeds; NaN if it has none.
    """

    rest: Mapping[str, Any]
    pending: deque[float]
    means: dict[float, float] = field(default_factory=dict)
    _steps: list[tuple[float, float, float]] | None = None
    _halved: tuple[float, float, float] | None = None

    def enter(self, mean: float) -> None:
        """The mean at the first share that is pending."""
        self.means[self.pending.popleft()] = mean

    def next_share(self) -> float | None:
        """The middle of the neighbours that differ most, the first ones of equals; None if no two are known."""
        if self._steps is None:
            self._steps = []
            known = sorted(share for share, mean in self.means.items() if math.isfinite(mean))
            for start, end in pairwise(known):
                self._put(start, end)
        elif self._halved is not None and math.isfinite(self.means[self._halved[1]]):
            for start, end in pairwise(self._halved):
                self._put(start, end)
        self._halved = None
        while self._steps:  # each pair is taken out once
            _, start, end = heappop(self._steps)
            middle = 0.5 * (start + end)
            if middle not in self.means:
                self._halved = start, middle, end
                return middle
        return None

    def _put(self, start: float, end: float) -> None:
        assert self._steps is not None
        heappush(self._steps, (-abs(self.means[end] - self.means[start]), start, end))


class Refiner:
    """Adds points to a scan as their results become known. What is known is never asked for again, so that the cost of
    each point does not grow with their number.

    Attributes:
        added: the points so far: one more for each combination of the other keys, with all seeds, whenever all before
            it have been run.
    """

    def __init__(self, scan: Scan, first_seed: int) -> None:
        """Nothing is added yet.

        Args:
            scan: what is varied, one range refined.
            first_seed: the scenario's own seed.
        """
        assert scan.refined is not None
        self.added: list[Point] = []
        self._scan, self._seeds = scan, scan.seeds_from(first_seed)
        self._path, self._along, self._refinement = scan.refined
        self._left = self._refinement.points
        count = self._along.count or 2
        lines: dict[str, _Line] = {}
        for point in points_of(scan, first_seed):
            if point.seed == self._seeds[0]:
                rest = {key: value for key, value in point.values.items() if key != self._path}
                shares = deque(index / (count - 1) for index in range(count))
                lines.setdefault(json.dumps(rest), _Line(rest, shares))
        self._lines = list(lines.values())

    def advance(self, found: Found) -> list[Point]:
        """Adds what is determined by now; returns what is new.

        Args:
            found: what has been run.
        """
        before = len(self.added)
        while self._left and all(self._entered(line, found) for line in self._lines):
            self._left -= 1
            for line in self._lines:
                middle = line.next_share()
                if middle is not None:
                    line.pending.append(middle)
                    self.added += self._points(line, middle)
        return self.added[before:]

    def _entered(self, line: _Line, found: Found) -> bool:
        """Enters what is known of a line; whether that is all."""
        while line.pending:
            points = self._points(line, line.pending[0])
            mean = _mean([found(point, self._refinement.result) for point in points])
            if mean is None:
                return False
            line.enter(mean)
        return True

    def _points(self, line: _Line, share: float) -> list[Point]:
        """One place with all seeds, its keys in the order of the scan."""
        values = {**line.rest, self._path: self._along.at(share)}
        return [Point({key: values[key] for key in self._scan.along}, seed) for seed in self._seeds]


def added_points(scan: Scan, first_seed: int, found: Found) -> list[Point]:
    """The points that are added to a scan, as far as they are determined; see `Refiner`."""
    return Refiner(scan, first_seed).advance(found) if scan.refined is not None else []


def _mean(values: list[float | None]) -> float | None:
    """Of what is known; None if a point is still to be run."""
    if any(value is None for value in values):
        return None
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else math.nan
