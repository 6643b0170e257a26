"""Cases of `landscape`: the density summed up as it stands, its gradient by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from paths import RECORDINGS

from force_cases.case import Case, cloud, external, gas_at
from gasfield.gas import Gas
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

RECORDED = str(RECORDINGS / "kjv-bf16.h5")


def landscape(
    temperature: float, centres: Any, weights: Any, widths: Any
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def law(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        energy, force = np.zeros(len(places)), np.zeros(places.shape)
        for i, x in enumerate(places):
            density, slope = 0.0, np.zeros(len(x))
            for centre, weight, width in zip(centres, weights, widths, strict=True):
                away = x - np.array(centre)
                part = np.exp(-(away @ away) / (2 * width**2)) / (2 * np.pi * width**2) ** (len(x) / 2)
                density += weight / sum(weights) * part
                slope -= weight / sum(weights) * part * away / width**2
            energy[i] = -temperature * np.log(density)
            force[i] = temperature * slope / density
        return energy, force

    return law


def dead_rows() -> np.ndarray:
    with Trajectory(RECORDED) as recording:
        return recording.gas(0).positions[recording.members("dead")].astype(float)


def near_dead_rows() -> Gas:
    chance = np.random.default_rng(0)
    return gas_at(dead_rows()[:4] + 0.01 * chance.standard_normal((4, 64)))


def kernels(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scott's rule, coordinate by coordinate."""
    rows = dead_rows()
    variance = sum(np.var(column, ddof=1) for column in rows.T) / 64
    count = len(rows)
    return landscape(0.5, rows, np.ones(count), np.full(count, np.sqrt(variance) * count ** (-1 / 68)))(places)


THREE = {"temperature": 0.8, "centres": [[0.0, 0.0], [1.5, -0.5], [-1.0, 1.0]], "weights": [1.0, 2.0, 0.5],
         "widths": [0.5, 1.0, 0.7]}  # fmt: skip
CASES = [
    Case("landscape", "1D", Free(dimensions=1), cloud(1), external(landscape(2.0, [[-1.0], [1.0]], [1, 1], [0.6, 0.6])),
         {"temperature": 2.0, "centres": [[-1.0], [1.0]], "widths": 0.6}, {"widths": 0.606}),
    Case("landscape", "given 2D", Free(dimensions=2), cloud(2), external(landscape(*THREE.values())),
         THREE, {"weights": [1.0, 2.02, 0.5]}),
    Case("landscape", "kernels of a recording", Free(dimensions=64), near_dead_rows, external(kernels),
         {"temperature": 0.5, "file": RECORDED, "group": "dead"}, {"temperature": 0.505}),
]  # fmt: skip
