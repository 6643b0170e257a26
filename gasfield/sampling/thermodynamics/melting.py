"""When a peak of the heat capacity is called melting.

Any finite spectrum has a peak of C(T), so a peak alone says nothing. A context has a melting point if

1. the peak is higher than those of both nulls, bare Zipf and Gaussian energies, fitted to the same energies; and
2. its height grows by more than 1% at every step of the number V' of likeliest tokens kept, from 100 over 1,000 and
   10,000 to all V, as that of a transition does and that of a few separate levels does not.

The melting point is the place of the peak with all V. Both conditions are about exact sums and have no statistical
error. Gaussian energies are compared at their expected order statistics (`laws.Gaussian`); of random draws 3.5 +- 1.3%
with V = 49,152 and 8 +- 1% with 4,096 have a peak above bare Zipf, where their lowest state happens to lie deep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.sampling.thermodynamics.laws import Gaussian, Zipf
from gasfield.sampling.thermodynamics.peak import Peak, peak_of

SIZES = (100, 1_000, 10_000)
GROWTH = 0.01
"""The least relative growth of the height at a step of V'."""
CRITERION = (
    "the peak of C(T) is higher than the peaks of both nulls (bare Zipf, Gaussian energies) fitted to the same "
    "energies, and grows by more than 1% at every step of the number of likeliest tokens kept: 100, 1,000, 10,000, all"
)


@dataclass(frozen=True)
class Scaling:
    """Peaks of C with the V' likeliest tokens of a context, and of the nulls fitted to them.

    Attributes:
        states: V', ascending; the last is all of them.
        peaks: of the context.
        zipf: of bare Zipf.
        gaussian: of Gaussian energies.
    """

    states: tuple[int, ...]
    peaks: tuple[Peak, ...]
    zipf: tuple[Peak, ...]
    gaussian: tuple[Peak, ...]

    @property
    def melting_point(self) -> float | None:
        """The place of the peak if it meets the criterion of this module."""
        return None if self.objection else self.peaks[-1].temperature

    @property
    def objection(self) -> str | None:
        """Why there is no melting point, with the numbers; None if there is one."""
        if len(self.states) < 2:
            return f"of {self.states[-1]} states, no scaling with their number can be told"
        height = self.peaks[-1].height
        for name, null in (("bare Zipf", self.zipf[-1]), ("Gaussian energies", self.gaussian[-1])):
            if not height > null.height:
                return f"the peak is {height:.2f} high, that of {name} {null.height:.2f}"
        for few, many, lower, higher in zip(
            self.states[:-1], self.states[1:], self.peaks[:-1], self.peaks[1:], strict=True
        ):
            if not higher.height > (1.0 + GROWTH) * lower.height:
                heights = f"{lower.height:.2f}, {higher.height:.2f}"
                return f"the peak does not grow by 1% from {few:,} to {many:,} tokens ({heights})"
        return None


def scaling_of(energies: NDArray[np.float64]) -> Scaling:
    """Peaks over V' of ascending energies (V,)."""
    states = (*(size for size in SIZES if size < len(energies)), len(energies))
    kept = [energies[:size] for size in states]
    return Scaling(
        states,
        tuple(peak_of(each) for each in kept),
        tuple(Zipf.fit(each).peak() for each in kept),
        tuple(Gaussian.fit(each).peak() for each in kept),
    )
