"""Cases of `emission_receptivity`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.case import Case, Felt, cloud, half_passive, on_sphere
from gasfield.gas import Gas
from gasfield.spaces import Box, Free, Sphere

PUBLISHED = {"decay": 2.0, "eps": 1e-8, "softening": 1e-3, "on_itself": False}
NOTHING = {"matrix": 1.0, "offsets": None}


def poles(gas: Gas, pole: dict[str, Any]) -> np.ndarray:
    matrix = pole["matrix"]
    matrix = np.array(matrix) if isinstance(matrix, list) else matrix * np.eye(gas.dimensions)
    shift = np.zeros(gas.positions.shape) if pole.get("offsets") is None else np.array(pole["offsets"])[gas.ids]
    return np.array([matrix @ x + a for x, a in zip(gas.positions, shift, strict=True)])


def between(e: np.ndarray, r: np.ndarray, decay: float, eps: float, softening: float) -> np.ndarray:
    """The force of one emission on one receptivity, as it is written."""
    apart = e - r
    distance = float(np.sqrt(np.sum(apart**2)))
    return apart / (distance + eps) * np.dot(e, r) / ((distance**2 + softening**2) ** (decay / 2) + eps)


def pulled(law: dict[str, Any]) -> Callable[[Gas], Felt]:
    whole = PUBLISHED | {"emission": NOTHING, "receptivity": NOTHING} | law
    numbers = (whole["decay"], whole["eps"], whole["softening"])

    def felt(gas: Gas) -> Felt:
        e, r, force = poles(gas, whole["emission"]), poles(gas, whole["receptivity"]), np.zeros(gas.positions.shape)
        for i in np.flatnonzero(gas.is_source):
            for j in range(gas.count):
                if i != j or whole["on_itself"]:
                    force[j] += between(e[i], r[j], *numbers)
        return Felt(force, None, sum(np.dot(x, f) for x, f in zip(gas.positions, force, strict=True)))

    return felt


def case(about: str, space: Any, gas: Callable[[], Gas], law: dict[str, Any], wrong: dict[str, Any]) -> Case:
    return Case("emission_receptivity", about, space, gas, pulled(law), law, wrong, conservative=False)


TURNED = [[0.3, -1.0, 0.2], [0.9, 0.1, 0.0], [0.4, 0.5, 1.2]]
APART: dict[str, Any] = {
    "emission": {"matrix": TURNED, "offsets": [[0.5, -0.3, 1.0]] * 12},
    "receptivity": {"matrix": 0.5, "offsets": [[-0.2, 0.4, 0.3]] * 12},
}
SOFT = {"softening": 0.3}
CASES = [
    case("1D", Free(dimensions=1), cloud(1), SOFT, {"softening": 0.31}),
    case("published 3D", Box(dimensions=3, side=9.0), cloud(3), {}, {"decay": 2.02}),
    case("two poles, passive", Free(dimensions=3), half_passive(cloud(3)), APART | SOFT, {"decay": 2.02}),
    case("on itself", Free(dimensions=3), cloud(3), APART | SOFT | {"on_itself": True, "decay": 1.5}, {"decay": 1.52}),
    case("blocks, passive, 9D", Free(dimensions=9), half_passive(cloud(9, 1.0, 300)), {"decay": 1.0}, {"decay": 1.01}),
    case("sphere", Sphere(dimensions=3), on_sphere, SOFT | {"decay": 3.0, "eps": 0.1}, {"eps": 0.11}),
]
