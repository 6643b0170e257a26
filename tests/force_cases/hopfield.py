"""Cases of `hopfield`."""

from __future__ import annotations

import numpy as np

from force_cases.case import Case, cloud, external, on_sphere
from gasfield.forces.attention.hopfield import DrawnPatterns, stored
from gasfield.spaces import Ball, Free, Sphere


def recall(patterns: np.ndarray, beta: float):  # type: ignore[no-untyped-def]
    """Energy and force of the definition, with the sums written out."""

    def law(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        energies, forces = [], []
        for x in places:
            weights = [np.exp(beta * np.dot(p, x)) for p in patterns]
            energies.append(-np.log(sum(weights)) / beta + np.dot(x, x) / 2)
            forces.append(sum(w * p for w, p in zip(weights, patterns, strict=True)) / sum(weights) - x)
        return np.array(energies), np.array(forces)

    return external(law)


THREE = [[1.0, 0.5, -1.0], [-1.0, 1.0, 0.3], [0.2, -1.5, 0.8]]
DRAWN = {"count": 40, "spread": 0.8, "seed": 3}
MANY = stored(DrawnPatterns.model_validate(DRAWN), 10)
CASES = [
    Case("hopfield", "1D", Free(dimensions=1), cloud(1), recall(np.array([[1.0], [-0.7]]), 2.0),
         {"patterns": [[1.0], [-0.7]], "beta": 2.0}, {"beta": 2.02}),
    Case("hopfield", "3D", Ball(dimensions=3, radius=9.0), cloud(3), recall(np.array(THREE), 1.5),
         {"patterns": THREE, "beta": 1.5}, {"beta": 1.53}),
    Case("hopfield", "drawn 10D", Free(dimensions=10), cloud(10, 0.5), recall(MANY, 0.9),
         {"patterns": DRAWN, "beta": 0.9}, {"beta": 0.92}),
    Case("hopfield", "sphere", Sphere(dimensions=3), on_sphere, recall(np.array(THREE), 4.0),
         {"patterns": THREE, "beta": 4.0}, {"beta": 4.08}),
]  # fmt: skip
