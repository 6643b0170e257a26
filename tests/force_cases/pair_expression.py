"""Cases of `pair_expression`."""

from __future__ import annotations

import math

from force_cases.case import Case, between_pairs, cloud, half_passive, spread_out
from gasfield.spaces import Free, Periodic


def screened(r: float) -> tuple[float, float, float]:
    """q exp(-r/l)/r with q = 1.5, l = 0.6."""
    u = 1.5 * math.exp(-r / 0.6) / r
    a = 1.0 / r + 1.0 / 0.6
    return u, -u * a, u * (a * a + 1.0 / r**2)


def hill(r: float) -> tuple[float, float, float]:
    """h exp(-(r^2 + s^2)/(2 w^2)) with h = 2, w = 0.7, s = 0.3, cut off at 1.4."""
    if r >= 1.4:
        return 0.0, 0.0, 0.0
    u, end = (2.0 * math.exp(-(d**2 + 0.09) / 0.98) for d in (r, 1.4))
    return u - end, -u * r / 0.49, u * (r * r / 0.49 - 1.0) / 0.49


GAUSS = {"energy": "h*exp(-r**2/(2*w**2))", "parameters": {"h": 2.0, "w": 0.7}, "cutoff": 1.4, "softening": 0.3}
YUKAWA = {"energy": "q*exp(-r/l)/r", "parameters": {"q": 1.5, "l": 0.6}, "core": 0.05}
CASES = [
    Case("pair_expression", "Yukawa 3D", Free(dimensions=3), half_passive(spread_out(3)),
         between_pairs(screened, Free(dimensions=3)), YUKAWA, {"parameters": {"q": 1.5, "l": 0.606}}),
    Case("pair_expression", "Gauss 1D", Free(dimensions=1), cloud(1), between_pairs(hill, Free(dimensions=1)),
         GAUSS, {"cutoff": 1.39, "parameters": {"h": 2.02, "w": 0.7}}),
    Case("pair_expression", "Gauss periodic 2D", Periodic(dimensions=2, side=2.9), cloud(2),
         between_pairs(hill, Periodic(dimensions=2, side=2.9)), GAUSS, {"parameters": {"h": 2.0, "w": 0.707}}),
]  # fmt: skip
