"""Cases of `yukawa`."""

from __future__ import annotations

import math

from force_cases.case import Case, between_pairs, cloud, half_passive, weighted
from gasfield.spaces import Free


def screened(r: float) -> tuple[float, float, float]:
    """f(R) = 1.5 exp(-R/0.7)/R with R^2 = r^2 + 0.09: slope f' r/R, bend f'' r^2/R^2 + f' (1/R - r^2/R^3)."""
    away = math.hypot(r, 0.3)
    f = 1.5 * math.exp(-away / 0.7) / away
    first = -f * (1 / 0.7 + 1 / away)
    second = f * ((1 / 0.7 + 1 / away) ** 2 + 1 / away**2)
    return f, first * r / away, second * r**2 / away**2 + first * (1 / away - r**2 / away**3)


CASES = [
    Case("yukawa", about, space, gas, between_pairs(screened, space, lambda gas: gas.charges),
         {"strength": 1.5, "screening": 0.7, "softening": 0.3}, {"screening": 0.71})
    for about, space, gas in (
        ("1D", Free(dimensions=1), weighted(cloud(1))),
        ("passive 3D", Free(dimensions=3), half_passive(weighted(cloud(3)))),
    )
]  # fmt: skip
