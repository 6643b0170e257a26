"""Classes of tokens by how often they occur: never, 1 to 3 times, 4 to 15, 16 to 63, ..."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FACTOR = 4


@dataclass(frozen=True)
class CountClass:
    """Tokens that occur about equally often.

    Attributes:
        least, most: the counts that belong to it.
        members: (n,) which tokens these are.
    """

    least: int
    most: int
    members: NDArray[np.int64]

    @property
    def name(self) -> str:
        """ "0", "1-3", "4-15", ..."""
        return str(self.least) if self.least == self.most else f"{self.least}-{self.most}"


def count_classes(counts: NDArray[np.int64], factor: int = FACTOR) -> list[CountClass]:
    """The classes that are not empty, of counts (N,), rarest first; each spans a factor."""
    classes, low, high = [], 0, 1
    while low <= int(counts.max(initial=-1)):
        members = np.flatnonzero((counts >= low) & (counts < high))
        if len(members):
            classes.append(CountClass(low, high - 1, members))
        low, high = high, high * factor
    return classes
