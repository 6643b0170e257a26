"""Cases of `gaussian_wells`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.case import Case, cloud, external
from gasfield.spaces import Ball, Free


def gaussians(wells: list[dict[str, Any]]) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def law(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        energy, force = np.zeros(len(places)), np.zeros(places.shape)
        for i, x in enumerate(places):
            for well in wells:
                away = x - np.array(well["at"])
                value = well["depth"] * np.exp(-(away @ away) / (2 * well["width"] ** 2))
                energy[i] -= value
                force[i] -= value * away / well["width"] ** 2
        return energy, force

    return law


ONE = [{"at": [0.3], "depth": 2.0, "width": 0.8}]
MANY = [
    {"at": [0.5, -0.5, 0.0], "depth": 1.5, "width": 1.0},
    {"at": [-1.0, 0.2, 0.4], "depth": -0.7, "width": 0.6},
    {"at": [0.0, 0.0, 1.0], "depth": 3.0, "width": 1.7},
]
CASES = [
    Case("gaussian_wells", "1D", Free(dimensions=1), cloud(1), external(gaussians(ONE)),
         {"wells": ONE}, {"wells": [ONE[0] | {"width": 0.808}]}),
    Case("gaussian_wells", "a hill among them 3D", Ball(dimensions=3, radius=9.0), cloud(3), external(gaussians(MANY)),
         {"wells": MANY}, {"wells": [*MANY[:2], MANY[2] | {"width": 1.717}]}),
]  # fmt: skip
