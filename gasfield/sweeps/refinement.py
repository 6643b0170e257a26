"""Points that a scan adds to its grid where a result changes most. They follow from the results of the points before
them and from nothing else, so that a sweep that was interrupted adds the same ones."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gasfield.scenario.scan import Range, Scan
from gasfield.sweeps.points import Point, points_of

Found = Callable[[Point, str], float | None]
"""A point and the name of a result -> its value there; NaN if the point has none, None if it is still to be run."""


@dataclass
class _Line:
    """One combination of the other keys.

    Attributes:
        rest: their values.
        means: share of the range -> mean of the result over the seeds; NaN if it is unknown.
    """

    rest: Mapping[str, Any]
    means: dict[float, float] = field(default_factory=dict)

    def next_share(self) -> float | None:
        """The middle of the neighbours that differ most, the first ones of equals; None if no two are known."""
        known = sorted((share, mean) for share, mean in self.means.items() if math.isfinite(mean))
        steps = [(abs(high - low), -start, 0.5 * (start + end)) for (start, low), (end, high) in pairwise(known)]
        middles = [step for step in steps if step[2] not in self.means]
        return max(middles)[2] if middles else None


def added_points(scan: Scan, first_seed: int, found: Found) -> list[Point]:
    """The points that are added to a scan, as far as they are determined: one more for each combination of the other
    keys, with all seeds, whenever all before it have been run.

    Args:
        scan: what is varied.
        first_seed: the scenario's own seed.
        found: what has been run.
    """
    if scan.refined is None:
        return []
    path, along, refinement = scan.refined
    seeds = scan.seeds_from(first_seed)
    lines: dict[str, _Line] = {}
    for point in points_of(scan, first_seed):
        if point.seed == seeds[0]:
            rest = {key: value for key, value in point.values.items() if key != path}
            lines.setdefault(json.dumps(rest), _Line(rest))
    count = along.count or 2
    shares = {key: [index / (count - 1) for index in range(count)] for key in lines}
    added: list[Point] = []
    for _ in range(refinement.points):
        for key, line in lines.items():
            for share in shares[key]:
                mean = _mean(
                    [found(each, refinement.result) for each in _points(scan, line, path, along, share, seeds)]
                )
                if mean is None:
                    return added
                line.means[share] = mean
            shares[key] = []
        for key, line in lines.items():
            middle = line.next_share()
            if middle is not None:
                shares[key] = [middle]
                added += _points(scan, line, path, along, middle, seeds)
    return added


def _points(scan: Scan, line: _Line, path: str, along: Range, share: float, seeds: tuple[int, ...]) -> list[Point]:
    """One place with all seeds, its keys in the order of the scan."""
    values = {**line.rest, path: along.at(share)}
    return [Point({key: values[key] for key in scan.along}, seed) for seed in seeds]


def _mean(values: list[float | None]) -> float | None:
    """Of what is known; None if a point is still to be run."""
    if any(value is None for value in values):
        return None
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else math.nan
