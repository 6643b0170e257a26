"""Cases of `expression`."""

from __future__ import annotations

from collections.abc import Callable

import naive
import numpy as np

from force_cases.case import Case, Felt, cloud, external
from gasfield.gas import Gas
from gasfield.spaces import Ball, Free, Periodic


def ring(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """k (|x| - a)^2 / 2 with k = 3, a = 0.5, and a Gaussian hill of height 2 and width 0.8 in the middle."""
    s = np.linalg.norm(x, axis=1)
    hill = 2.0 * np.exp(-0.5 * (s / 0.8) ** 2)
    slope = 3.0 * (s - 0.5) - hill * s / 0.64
    return 1.5 * (s - 0.5) ** 2 + hill, -(slope / s)[:, None] * x


def leaning(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """b x1 |x|^3: both a coordinate and the distance."""
    s = np.linalg.norm(x, axis=1)
    return 0.3 * x[:, 1] * s**3, -0.9 * (x[:, 1] * s)[:, None] * x - 0.3 * s[:, None] ** 3 * np.eye(3)[1]


def waves(gas: Gas) -> Felt:
    """a cos(2 pi x0/3) sin(4 pi x1/3), which repeats itself with sides of 3."""
    k, (x, y) = 2 * np.pi / 3, gas.positions.T
    along = 0.7 * k * np.sin(k * x) * np.sin(2 * k * y)
    across = -1.4 * k * np.cos(k * x) * np.cos(2 * k * y)
    return Felt(np.column_stack([along, across]), 0.7 * np.cos(k * x) * np.sin(2 * k * y), 0.0)


def case(about: str, space: Free | Ball, gas: Callable[[], Gas], law: Callable, right: dict, wrong: dict) -> Case:
    return Case("expression", about, space, gas, external(law), right, wrong, conservative="energy" in right)


WELL = {"a": 1.5, "b": 4.0, "c": -1.0}
TILTED = {"b": 2.0, "w": 1.3, "t0": -0.4, "k": 0.7}
CASES = [
    case("harmonic 3D", Ball(dimensions=3, radius=9.0), cloud(3),
         lambda x: naive.harmonic(x, [1.5, 0.0, 4.0], [0.0, 0.0, -1.0]),
         {"energy": "0.5*a*x0**2 + 0.5*b*(x2 - c)**2", "parameters": WELL}, {"parameters": {**WELL, "b": 4.04}}),
    case("double well 2D", Free(dimensions=2), cloud(2), lambda x: naive.double_well(x, *TILTED.values()),
         {"energy": "b*((x0/w)**2 - 1)**2 + t0*x0 + 0.5*k*x1**2", "parameters": TILTED},
         {"parameters": {**TILTED, "w": 1.313}}),
    case("ring 5D", Free(dimensions=5), cloud(5), ring,
         {"energy": "k*(|x| - a)**2/2 + h*exp(-0.5*(|x|/0.8)**2)", "parameters": {"k": 3.0, "a": 0.5, "h": 2.0}},
         {"parameters": {"k": 3.03, "a": 0.5, "h": 2.0}}),
    case("leaning 3D", Free(dimensions=3), cloud(3), leaning,
         {"energy": "b*x1*|x|**3", "parameters": {"b": 0.3}}, {"parameters": {"b": 0.303}}),
    case("turning 2D", Free(dimensions=2), cloud(2), lambda x: (None, naive.circulation(x, 0.7)),
         {"force": ["-w*x1", "w*x0"], "parameters": {"w": 0.7}}, {"parameters": {"w": 0.707}}),
    Case("expression", "periodic 2D", Periodic(dimensions=2, side=3.0), cloud(2), waves,
         {"energy": "a*cos(2*pi*x0/3)*sin(4*pi*x1/3)", "parameters": {"a": 0.7}}, {"parameters": {"a": 0.707}}),
]  # fmt: skip
