"""Cases of `gravity`."""

from __future__ import annotations

import math

from force_cases.case import Case, between_pairs, cloud, half_passive, on_sphere, weighted
from gasfield.spaces import Free, Periodic, Sphere

LAW = {"strength": 2.0, "softening": 0.3}


def softened(r: float, strength: float, softening: float = 0.3) -> tuple[float, float, float]:
    """c/R, its slope -c r/R^3 and its bend c (2 r^2 - s^2)/R^5, with R^2 = r^2 + s^2."""
    away = math.hypot(r, softening)
    return strength / away, -strength * r / away**3, strength * (2 * r**2 - softening**2) / away**5


def newton(r: float) -> tuple[float, float, float]:
    return softened(r, -2.0)


def cut(r: float) -> tuple[float, float, float]:
    energy, slope, bend = softened(r, -2.0)
    return (energy - softened(1.2, -2.0)[0], slope, bend) if r < 1.2 else (0.0, 0.0, 0.0)


CASES = [
    Case("gravity", about, space, gas, between_pairs(law, space, lambda gas: gas.masses), right, {"softening": 0.31})
    for about, space, gas, law, right in (
        ("1D", Free(dimensions=1), weighted(cloud(1)), newton, LAW),
        ("passive 3D", Free(dimensions=3), half_passive(weighted(cloud(3))), newton, LAW),
        ("sphere", Sphere(dimensions=3), weighted(on_sphere), newton, LAW),
        ("cut off", Periodic(dimensions=2, side=2.5), weighted(cloud(2, 2.0)), cut, LAW | {"cutoff": 1.2}),
    )
]
