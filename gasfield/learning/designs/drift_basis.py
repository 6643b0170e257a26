"""The drift of a linear field as a function of time: constant in windows, or a line from each knot to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.learning.data import TrainingData

Array = NDArray[np.float64]
Profile = Literal["constant", "trend"]


@dataclass(frozen=True)
class DriftBasis:
    """Functions of time whose sum, weighted by coefficients, is the drift.

    Attributes:
        edges: (w + 1,) times at which windows begin, and the end of the last one.
        profile: "constant" in each window, or a "trend" between the edges.
    """

    edges: Array
    profile: Profile

    @classmethod
    def of(cls, data: TrainingData, windows: int, profile: Profile) -> DriftBasis:
        """Windows with about as many frames each; each consists of whole blocks, at least two, so that a block that is
        left out leaves data in its window.

        Raises:
            InputError: if there are fewer blocks.
        """
        count = min(data.blocks, min(len(group.steps) - 1 for group in data.groups))
        if 2 * windows > count and windows > 1:
            raise InputError(
                f"{windows} windows need at least {2 * windows} blocks in time, two each, so that one can be left out; "
                f"there are {count}. Set blocks higher, or use fewer windows.",
                parameter="windows",
            )
        group = max(data.groups, key=lambda each: len(each.steps))
        last = len(group.steps) - 1
        first = -(-np.arange(windows + 1) * count // windows * last // count)  # the first interval of these blocks
        return cls(group.times[np.minimum(first, last)].astype(np.float64), profile)

    @property
    def functions(self) -> int:
        """k."""
        return len(self.edges) - (self.profile == "constant")

    @property
    def knots(self) -> Array:
        """(k,) times of a `DriftLaw` with the coefficients as values."""
        return self.edges[:-1] if self.profile == "constant" else self.edges

    def at(self, times: Array) -> Array:
        """(t, k) the functions at some times."""
        if self.profile == "constant":
            window = np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, self.functions - 1)
            return np.asarray(np.eye(self.functions)[window])
        return np.stack([np.interp(times, self.edges, each) for each in np.eye(self.functions)], axis=1)
