"""Cases of `experts`: all distances sorted, the nearest summed up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.case import Case, cloud, external
from gasfield.spaces import Ball, Free


def experts(
    centres: Any, top: int, stiffness: float, beta: float
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def law(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        energy, force = np.zeros(len(places)), np.zeros(places.shape)
        for i, x in enumerate(places):
            nearest = sorted((x - np.array(centre) for centre in centres), key=np.linalg.norm)[:top]
            weights = [np.exp(-beta * stiffness * (away @ away) / 2) for away in nearest]
            energy[i] = -np.log(sum(weights)) / beta
            force[i] = -sum(w * stiffness * away for w, away in zip(weights, nearest, strict=True)) / sum(weights)
        return energy, force

    return law


def occupied(
    centres: Any, top: int, threshold: float, bias: Any, *, normalised: bool
) -> Callable[[np.ndarray], tuple[np.ndarray | None, np.ndarray]]:
    """Of unit stiffness and temperature: each expert is occupied by itself."""

    def law(places: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        energy, force = np.zeros(len(places)), np.zeros(places.shape)
        for i, x in enumerate(places):
            aways = [x - np.array(centre) for centre in centres]
            filled = [1.0 / (1.0 + np.exp(away @ away / 2 - threshold)) for away in aways]
            felt = sorted(range(len(aways)), key=lambda e: -(filled[e] + bias[e]))[:top]
            share = 1.0 / sum(filled[e] for e in felt) if normalised else 1.0
            force[i] = -sum(share * filled[e] * aways[e] for e in felt)
            energy[i] = sum(np.log(1.0 - filled[e]) for e in felt)
        return None if normalised else energy, force

    return law


SEVEN = np.random.default_rng(3).standard_normal((7, 3)).round(2).tolist()
SQUARE = [[1.0, 0.0], [-1.0, 0.1], [0.1, 1.2], [0.0, -1.1]]
BIAS = [0.0, 0.3, -0.2, 0.1, 0.0, 0.0, 0.4]
CASES = [
    Case("experts", "top 3 of 7 3D", Free(dimensions=3), cloud(3), external(experts(SEVEN, 3, 1.5, 2.0)),
         {"centres": SEVEN, "top": 3, "stiffness": 1.5, "beta": 2.0}, {"stiffness": 1.515}),
    Case("experts", "all 2D", Ball(dimensions=2, radius=9.0), cloud(2), external(experts(SQUARE, 4, 1.0, 1.0)),
         {"centres": SQUARE}, {"top": 3}),
    Case("experts", "the nearest only 1D", Free(dimensions=1), cloud(1),
         external(experts([[-1.2], [0.9]], 1, 1.0, 1.0)), {"centres": [[-1.2], [0.9]], "top": 1}, {"stiffness": 1.01}),
    Case("experts", "occupied, top 3 of 7 3D", Free(dimensions=3), cloud(3),
         external(occupied(SEVEN, 3, 1.0, [0.0] * 7, normalised=False)),
         {"centres": SEVEN, "top": 3, "router": {"kind": "sigmoid", "threshold": 1.0, "normalised": False}},
         {"top": 4}),
    Case("experts", "occupied, biased, normalised 3D", Free(dimensions=3), cloud(3),
         external(occupied(SEVEN, 3, 1.0, BIAS, normalised=True)),
         {"centres": SEVEN, "top": 3, "router": {"kind": "sigmoid", "threshold": 1.0, "bias": BIAS}},
         {"router": {"kind": "sigmoid", "threshold": 1.0}}, conservative=False),
]  # fmt: skip
