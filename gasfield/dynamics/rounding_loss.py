"""What rounding takes from an optimiser: updates below half a cell of its lattice, and so a small decay."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.lattices import round_to, spacing

if TYPE_CHECKING:
    from gasfield.dynamics.optimiser import Optimiser

_BLOCK = 1 << 20
"""Coordinates that are looked at together."""


@dataclass(frozen=True)
class RoundingLoss:
    """What rounding takes from an optimiser at given weights.

    Attributes:
        decayed: (N, D) whether the decay alone, an update without gradient and moments in the arithmetic of the
            optimiser, changes a coordinate. Coordinates of 0 have nothing to decay.
        lost: (N, D) size below which an update of a coordinate is rounded away: half the spacing of the lattice
            [length]. Towards 0 it is half of that at a power of two.
        nonzero: (N, D) whether a coordinate is not 0.
    """

    decayed: NDArray[np.bool_]
    lost: NDArray[np.float64]
    nonzero: NDArray[np.bool_]

    @classmethod
    def of(cls, law: Optimiser, positions: NDArray[Any]) -> Self:
        """That of an optimiser at positions (N, D), which are rounded to its lattice."""
        before = round_to(positions, law.weight_dtype)
        after, moments = before.copy(), law.start(before)
        if "second_moment" in moments:  # 1, so that a vanishing epsilon does not divide 0 by 0
            moments["second_moment"] += np.float32(1)
        law.update(after, np.zeros_like(before), moments, 1)
        return cls(after != before, spacing(before, law.weight_dtype) / 2, before != 0)


def note_on_decay(law: Optimiser, positions: NDArray[Any]) -> str | None:
    """What the user should know of a decay that rounding takes from some coordinates; None if it takes nothing.

    Looks at blocks of rows, so that the memory it needs does not grow with the matrix.
    """
    if not law.weight_decay or not law.loses_updates or not positions.size:
        return None
    rows = max(1, _BLOCK // positions.shape[1])
    felt = nonzero = 0
    lost: Counter[float] = Counter()  # few different values: powers of two
    for start in range(0, len(positions), rows):
        loss = RoundingLoss.of(law, positions[start : start + rows])
        felt += int(np.count_nonzero(loss.decayed & loss.nonzero))
        nonzero += int(np.count_nonzero(loss.nonzero))
        values, counts = np.unique(loss.lost[loss.nonzero], return_counts=True)
        lost.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    if felt == nonzero:
        return None
    low, middle, high = (_quantile(lost, share) for share in (0.1, 0.5, 0.9))
    product = law.learning_rate * law.weight_decay
    return (
        f"weight decay: {felt / nonzero:.1%} of the coordinates feel it at the start. Each step multiplies weights by "
        f"1 - learning_rate x weight_decay = 1 - {product:.3g}; where that changes a weight by less than half a cell "
        f"of the {law.weight_dtype} lattice, it is rounded away. An update smaller than {middle:.3g} is lost "
        f"(median; 10% to 90% of the coordinates: {low:.3g} to {high:.3g})"
    )


def _quantile(counted: Counter[float], share: float) -> float:
    """The quantile of values that occur so many times each, interpolated linearly as by `numpy.quantile`."""
    values = np.array(sorted(counted))
    last = np.cumsum([counted[value] for value in values.tolist()]) - 1
    place = share * last[-1]
    low, high = values[np.searchsorted(last, [np.floor(place), np.ceil(place)])]
    return float(low + (high - low) * (place - np.floor(place)))
