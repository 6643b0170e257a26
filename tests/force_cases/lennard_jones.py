"""Cases of `lennard_jones`."""

from __future__ import annotations

from force_cases.case import Case, between_pairs, half_passive, spread_out
from gasfield.spaces import Free, Periodic


def twelve_six(r: float) -> tuple[float, float, float]:
    """4 e ((a/r)^12 - (a/r)^6) with e = 1.5, a = 0.9, less its value at 2.25, where it is cut off."""
    if r >= 2.25:
        return 0.0, 0.0, 0.0
    b = (0.9 / r) ** 6
    shift = 6.0 * (0.4**12 - 0.4**6)
    return 6.0 * (b**2 - b) - shift, 6.0 * (6 * b - 12 * b**2) / r, 6.0 * (156 * b**2 - 42 * b) / r**2


CASES = [
    Case("lennard_jones", about, space, gas, between_pairs(twelve_six, space),
         {"strength": 1.5, "diameter": 0.9, "cutoff": 2.25}, {"diameter": 0.909})
    for about, space, gas in (
        ("1D", Free(dimensions=1), spread_out(1)),
        ("passive 3D", Free(dimensions=3), half_passive(spread_out(3, 20))),
        ("periodic 2D", Periodic(dimensions=2, sides=(4.5, 5.0)), spread_out(2)),
    )
]  # fmt: skip
