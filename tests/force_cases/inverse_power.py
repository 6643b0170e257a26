"""Cases of `inverse_power`."""

from __future__ import annotations

from force_cases.case import Case, between_pairs, half_passive, spread_out
from gasfield.spaces import Free, Periodic


def power(exponent: float, reach: float, r: float) -> tuple[float, float, float]:
    """2 (0.9/r)^n, less its value at the reach."""
    if r >= reach:
        return 0.0, 0.0, 0.0
    energy = 2 * (0.9 / r) ** exponent
    return energy - 2 * (0.9 / reach) ** exponent, -exponent * energy / r, exponent * (exponent + 1) * energy / r**2


CASES = [
    Case("inverse_power", f"{exponent:g} {about}", space, gas,
         between_pairs(lambda r, n=exponent, reach=reach: power(n, reach, r), space),
         {"strength": 2.0, "diameter": 0.9, "exponent": exponent, "cutoff": reach}, {"diameter": 0.905})
    for about, space, gas, exponent, reach in (
        ("1D", Free(dimensions=1), spread_out(1), 14.0, 1.3),
        ("passive 3D", Free(dimensions=3), half_passive(spread_out(3, 20)), 12.0, 1.7),
        ("periodic 2D", Periodic(dimensions=2, sides=(4.5, 5.0)), spread_out(2), 11.0, 2.0),
    )
]  # fmt: skip
