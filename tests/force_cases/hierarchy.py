"""Cases of `hierarchy`: down every path of the tree, with the probability of the path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.case import Case, cloud, external
from gasfield.spaces import Free


def hierarchy(root: dict[str, Any], beta: float) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def pull(node: dict[str, Any], x: np.ndarray) -> np.ndarray:
        return -node.get("stiffness", 1.0) * (x - np.array(node["at"]))

    def weights(node: dict[str, Any], x: np.ndarray) -> list[float]:
        return [child.get("mass", 1.0) * np.exp(-beta * energy(child, x)) for child in node.get("children", [])]

    def energy(node: dict[str, Any], x: np.ndarray) -> float:
        own = 0.5 * node.get("stiffness", 1.0) * np.sum((x - np.array(node["at"])) ** 2)
        below = weights(node, x)
        return own - np.log(sum(below)) / beta if below else own

    def force(node: dict[str, Any], x: np.ndarray, probability: float) -> np.ndarray:
        total, below = probability * pull(node, x), weights(node, x)
        for child, weight in zip(node.get("children", []), below, strict=True):
            total = total + force(child, x, probability * weight / sum(below))
        return total

    def law(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([energy(root, x) for x in places]), np.array([force(root, x, 1.0) for x in places])

    return law


TREE = {
    "at": [0.1, 0.2],
    "stiffness": 0.3,
    "children": [
        {"at": [1.0, 0.0], "mass": 2.0, "children": [{"at": [1.5, 0.5], "mass": 0.5}, {"at": [1.2, -0.5]}]},
        {"at": [-1.0, 0.5], "stiffness": 1.5},
        {"at": [0.0, -1.0], "stiffness": 0.0, "children": [
            {"at": [0.3, -1.3], "stiffness": 2.0, "children": [{"at": [0.0, -2.0], "mass": 3.0}]},
        ]},
    ],
}  # fmt: skip
CASES = [
    Case("hierarchy", "a leaf 1D", Free(dimensions=1), cloud(1), external(hierarchy({"at": [0.5]}, 1.0)),
         {"root": {"at": [0.5]}}, {"root": {"at": [0.51]}}),
    Case("hierarchy", "three levels 2D", Free(dimensions=2), cloud(2), external(hierarchy(TREE, 1.7)),
         {"root": TREE, "beta": 1.7}, {"beta": 1.8}),
]  # fmt: skip
