"""Cases of `ridge`: distances by least squares onto the directions as they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.case import Case, cloud, external
from gasfield.spaces import Box, Free


def ridge(
    through: Any, along: Any, height: float, width: float, tunnel: dict[str, Any] | None = None
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def on_crest(vector: np.ndarray) -> np.ndarray:
        directions = np.array(along, float).T
        return directions @ np.linalg.lstsq(directions, vector, rcond=None)[0]

    def law(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        energy, force = np.zeros(len(places)), np.zeros(places.shape)
        for i, x in enumerate(places):
            away = x - np.array(through)
            across = away - on_crest(away)
            wall = height * np.exp(-(across @ across) / (2 * width**2))
            taken, ahead = 0.0, np.zeros(len(x))
            if tunnel is not None:
                ahead = on_crest(x - np.array(tunnel["at"]))
                taken = tunnel["depth"] * np.exp(-(ahead @ ahead) / (2 * tunnel["width"] ** 2))
            energy[i] = wall * (1 - taken)
            force[i] = energy[i] * across / width**2
            if tunnel is not None:
                force[i] -= wall * taken * ahead / tunnel["width"] ** 2
        return energy, force

    return law


LINE = {"through": [0.2, -0.1], "along": [[1.0, 2.0]], "height": 3.0, "width": 0.7}
OPEN = {
    "through": [0.2, -0.1, 0.3],
    "along": [[1, 1, 0], [0, 1, 1]],
    "height": -2.0,
    "width": 0.9,
    "tunnel": {"at": [0.5, 0.5, 2.0], "width": 0.8, "depth": 0.6},
}
CASES = [
    Case("ridge", "line 2D", Free(dimensions=2), cloud(2), external(ridge(**LINE)), LINE, {"width": 0.707}),
    Case("ridge", "plane with a tunnel 3D", Box(dimensions=3, side=9.0), cloud(3), external(ridge(**OPEN)),
         OPEN, {"tunnel": OPEN["tunnel"] | {"depth": 0.61}}),
]  # fmt: skip
