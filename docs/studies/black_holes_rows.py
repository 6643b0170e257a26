"""Rows whose gradients differ: the tidal part of the field, weights in bfloat16, noise of each row.

The project's AdamW moves every row with moments of its own. The gradient of a row at w is G + |g| H (w - c), with the
common part G of the surrogate, its norm |g|, the recorded H/|g| and the centroid c of all rows. A training that
computes in bfloat16 has it at the cast of its float32 masters (`view`), so that rows with the same cast have the same
gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from black_holes_field import EPSILON, Single, Surrogate, Values
from black_holes_law import BETAS, Recipe

from gasfield.dynamics.adamw import AdamW
from gasfield.kernels.bfloat16 import round_to_bfloat16


@dataclass(frozen=True)
class Law:
    """How rows are moved.

    Attributes:
        tidal: (k, D) S with H/|g| = S^T S; None for a common gradient.
        view: whether the gradient is that at the bfloat16 cast.
        weights: format of the weights.
        noise: relative, of the gradient of each row and coordinate.
    """

    tidal: Values | None = None
    view: bool = False
    weights: Literal["float32", "bfloat16"] = "float32"
    noise: float = 0.0


def steps(rows: Single, law: Law, recipe: Recipe, field: Surrogate, strength: float, seed: int) -> Iterator[float]:
    """Moves rows (N, D) in place, a step at a time; yields L after each."""
    source, total, size = np.random.default_rng(seed), 0.0, np.sqrt(rows.shape[1])
    moments = {name: np.zeros_like(rows) for name in ("first_moment", "second_moment")}
    tidal = None if law.tidal is None else (np.sqrt(strength * EPSILON * size) * law.tidal).astype(np.float32)
    moving, rate = AdamW(learning_rate=1.0), 0.0
    for first in range(0, recipe.steps, 1000):
        count = min(1000, recipe.steps - first)
        for step, gradient, new in zip(
            range(first + 1, first + count + 1), field.gradients(count), recipe.rates(first, count), strict=True
        ):
            if new != rate:
                rate = float(new)
                moving = AdamW(
                    learning_rate=rate, betas=BETAS, weight_decay=recipe.decay, weight_dtype=law.weights,
                    gradient_dtype="float32",
                )  # fmt: skip
            received = np.broadcast_to(gradient, rows.shape)
            if tidal is not None:
                at = round_to_bfloat16(rows) if law.view else rows
                received = received + (at - at.mean(axis=0)) @ tidal.T @ tidal
            if law.noise:
                received = received * (1 + np.float32(law.noise) * source.standard_normal(rows.shape, np.float32))
            moving.update(rows, np.ascontiguousarray(received), moments, step)
            total += rate * recipe.decay
            yield total
