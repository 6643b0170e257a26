"""Cases of `cliff`: the step as a logistic function."""

from __future__ import annotations

import numpy as np

from force_cases.case import Case, cloud, external
from gasfield.spaces import Free


def step(places: np.ndarray, through: list[float], normal: list[float], height: float, width: float) -> tuple:
    energy, force = np.zeros(len(places)), np.zeros(places.shape)
    for i, x in enumerate(places):
        up = np.array(normal) / np.sqrt(np.dot(normal, normal))
        climbed = 1 / (1 + np.exp(-2 * np.dot(up, x - through) / width))
        energy[i] = height * climbed
        force[i] = -2 * height / width * climbed * (1 - climbed) * up
    return energy, force


WALL = {"through": [0.2, -0.1, 0.0], "normal": [1.0, -2.0, 0.5], "height": 3.0, "width": 0.9}
CASES = [
    Case("cliff", "1D", Free(dimensions=1), cloud(1), external(lambda x: step(x, [0.1], [-3.0], 2.0, 0.5)),
         {"through": [0.1], "normal": [-3.0], "height": 2.0, "width": 0.5}, {"height": 2.02}),
    Case("cliff", "3D", Free(dimensions=3), cloud(3), external(lambda x: step(x, *WALL.values())),
         WALL, {"width": 0.909}),
]  # fmt: skip
