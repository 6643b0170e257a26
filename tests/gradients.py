"""Gradients similar to those of a training run, for tests of optimisers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def training_gradients(steps: int, rows: int, dimensions: int, seed: int = 0) -> Iterator[np.ndarray]:
    """(rows, dimensions) float32 per step: slowly varying, noisy, each element with its own scale in 1e-6..1e-2.

    One element in a hundred is exactly zero at a step. The first row is always zero (a row that occurs in no batch);
    the second is so small that its square is subnormal or underflows.
    """
    rng = np.random.default_rng(seed)
    size = 10.0 ** rng.uniform(-6, -2, (rows, dimensions))
    size[0] = 0.0
    size[1] = 10.0 ** rng.uniform(-30, -8, dimensions)
    phase = rng.uniform(0, 2 * np.pi, (rows, dimensions))
    for step in range(steps):
        gradient = size * (np.cos(0.02 * step + phase) + 0.3 * rng.standard_normal((rows, dimensions)))
        gradient[rng.random((rows, dimensions)) < 0.01] = 0.0
        yield gradient.astype(np.float32)


def initial_weights(rows: int, dimensions: int, seed: int = 0) -> np.ndarray:
    """(rows, dimensions) float32 from N(0, 0.02), as a model is initialised."""
    return (np.random.default_rng(seed + 1_000).standard_normal((rows, dimensions)) * 0.02).astype(np.float32)
