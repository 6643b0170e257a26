"""Cases of `linear_flow`: the matrix of each motion is written out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from force_cases.case import Case, cloud, external
from gasfield.spaces import Box, Free


def flow(translation: list[float], matrix: list[list[float]], centre: list[float], symmetric: bool) -> Callable:
    def law(places: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        away, a = places - centre, np.array(matrix)
        force = np.array([translation + a @ y for y in away])
        energy = np.array([-np.dot(translation, y) - y @ a @ y / 2 for y in away])
        return energy if symmetric else None, force

    return law


ALL_FOUR = {
    "translation": [0.5, -1.0, 2.0],
    "rotation": [{"plane": [0, 2], "rate": 0.7}],
    "dilation": -0.3,
    "shear": [{"axes": [1, 0], "rate": 0.4}],
    "centre": [0.1, -0.2, 0.3],
}
SLIDING = {"simple_shear": [{"axes": [0, 2], "rate": 0.8}, {"axes": [1, 0], "rate": -0.3}], "centre": [0.1, -0.2, 0.3]}
STRETCH = {"dilation": 0.2, "shear": [{"axes": [0, 1], "rate": 0.5, "angle": 45.0}, {"axes": [2, 3], "rate": 0.1}]}
CASES = [
    Case("linear_flow", "1D", Free(dimensions=1), cloud(1),
         external(flow([0.3], [[-1.5]], [0.0], True)), {"translation": [0.3], "dilation": -1.5}, {"dilation": -1.515}),
    Case("linear_flow", "all four 3D", Box(dimensions=3, side=9.0), cloud(3),
         external(flow([0.5, -1.0, 2.0], [[-0.7, 0, -0.7], [0, 0.1, 0], [0.7, 0, -0.3]], [0.1, -0.2, 0.3], False)),
         ALL_FOUR, {"rotation": [{"plane": [0, 2], "rate": 0.707}]}, conservative=False),
    Case("linear_flow", "simple shears 3D", Free(dimensions=3), cloud(3),
         external(flow([0.0] * 3, [[0, 0, 0.8], [-0.3, 0, 0], [0, 0, 0]], [0.1, -0.2, 0.3], False)),
         SLIDING, {"simple_shear": [{"axes": [0, 2], "rate": 0.808}, {"axes": [1, 0], "rate": -0.3}]},
         conservative=False),
    Case("linear_flow", "stretch 4D", Free(dimensions=4), cloud(4),
         external(flow([0.0] * 4, [[0.2, 0.5, 0, 0], [0.5, 0.2, 0, 0], [0, 0, 0.3, 0], [0, 0, 0, 0.1]],
                       [0.0] * 4, True)),
         STRETCH, {"dilation": 0.203}),
]  # fmt: skip
