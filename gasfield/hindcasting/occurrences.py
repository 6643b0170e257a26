"""Errors of live rows by how often their tokens occurred up to the end of a hindcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gasfield.comparison import Pair
from gasfield.quantity import Quantity
from gasfield.statistics.count_classes import CountClass, count_classes
from gasfield.statistics.estimate import Estimate, mean, missing


@dataclass(frozen=True)
class ErrorByCount:
    """The error of the rows whose tokens occurred about equally often.

    Attributes:
        tokens: the class.
        error: displacement error at the last common frame.
    """

    tokens: CountClass
    error: Estimate

    def quantities(self) -> dict[str, Quantity]:
        """The results by key."""
        return {"rows": Quantity(len(self.tokens.members), "rows"), "displacement_error": self.error.quantity()}


def errors_by_count(pair: Pair) -> tuple[ErrorByCount, ...]:
    """Those of a group, rarest tokens first; none where it was not recorded how often they occur."""
    live, steps = pair.real.live, pair.real.steps
    if live is None or not len(steps):
        return ()
    start, real, simulated = (
        np.asarray(each, np.float64)
        for each in (pair.real.positions[0], pair.real.positions[-1], pair.simulated.positions[-1])
    )
    way, apart = np.linalg.norm(real - start, axis=1), np.linalg.norm(simulated - real, axis=1)
    errors = np.divide(apart, way, out=np.full(len(way), np.nan), where=way > 0)
    found = []
    for each in count_classes(live.occurrences(int(steps[0]), int(steps[-1]))):
        own = errors[each.members]
        known = own[np.isfinite(own)]
        found.append(ErrorByCount(each, mean(known, "1") if len(known) else missing("1")))
    return tuple(found)
