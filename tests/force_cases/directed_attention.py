"""Cases of `directed_attention`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.case import Case, Felt, cloud, half_passive, on_sphere
from force_cases.emission_receptivity import NOTHING, poles
from gasfield.gas import Gas
from gasfield.spaces import Free, Sphere


def whole_matrices(gas: Gas, law: dict[str, Any]) -> np.ndarray:
    """The force by matrices of all pairs, powers of the adjacency and all."""
    x, length = gas.positions, law.get("length", 1.0)
    apart = poles(gas, law.get("emission", NOTHING))[:, None] - poles(gas, law.get("receptivity", NOTHING))[None]
    distance = np.linalg.norm(apart, axis=2)
    unit = apart / (distance + 1e-8)[..., None]
    hops = law.get("hops", {"weights": [0.0], "sharpness": 0.0, "threshold": 0.0})
    share = np.exp(hops["weights"]) / np.exp(hops["weights"]).sum()
    edges = gas.is_source / (1 + np.exp(hops["sharpness"] * (distance - hops["threshold"])))
    walk = edges / edges.sum(axis=1, keepdims=True)
    walked = sum(c * np.linalg.matrix_power(walk, k) @ x for k, c in enumerate(share) if k)
    force = np.zeros(x.shape)
    for head in law["heads"]:
        weights = gas.is_source * np.exp(-distance / length) * np.exp(unit @ np.array(head["direction"]))
        value = np.array(head["value"]) if "value" in head else np.eye(gas.dimensions)
        force += (share[0] * weights / weights.sum(axis=1, keepdims=True) @ x + walked) @ value.T
    return force


def looked(law: dict[str, Any]) -> Callable[[Gas], Felt]:
    def felt(gas: Gas) -> Felt:
        force = whole_matrices(gas, law)
        return Felt(force, None, sum(np.dot(x, f) for x, f in zip(gas.positions, force, strict=True)))

    return felt


def case(about: str, space: Any, gas: Callable[[], Gas], law: dict[str, Any], wrong: dict[str, Any]) -> Case:
    return Case("directed_attention", about, space, gas, looked(law), law, wrong, conservative=False)


HEADS = [
    {"direction": [2.0, -1.0, 0.5], "value": [[0.3, 1.0, -0.5], [1.2, 0.0, 0.4], [-0.7, 0.2, 0.9]]},
    {"direction": [0.0, 3.0, -1.0]},
]
HOPS = {"weights": [0.5, 1.0, -0.3, 0.2], "sharpness": 3.0, "threshold": 1.5}
APART: dict[str, Any] = {
    "emission": {"matrix": 0.8, "offsets": [[0.5, -0.3, 1.0]] * 12},
    "receptivity": {"matrix": [[0.3, -1.0, 0.2], [0.9, 0.1, 0.0], [0.4, 0.5, 1.2]]},
}
LONG = [{"direction": np.linspace(-2, 2, 9).tolist()}]
CASES = [
    case("1D", Free(dimensions=1), cloud(1), {"heads": [{"direction": [1.5]}]}, {"length": 1.03}),
    case("two heads", Free(dimensions=3), cloud(3), {"heads": HEADS, "length": 0.7} | APART, {"length": 0.72}),
    case("hops, passive", Free(dimensions=3), half_passive(cloud(3)), {"heads": HEADS, "hops": HOPS} | APART,
         {"hops": HOPS | {"threshold": 1.55}}),
    case("blocks, hops, passive, 9D", Free(dimensions=9), half_passive(cloud(9, 1.0, 300)),
         {"heads": LONG, "length": 2.0, "hops": HOPS}, {"length": 2.1}),
    case("sphere", Sphere(dimensions=3), on_sphere, {"heads": HEADS, "hops": HOPS},
         {"hops": HOPS | {"sharpness": 3.1}}),
]  # fmt: skip
