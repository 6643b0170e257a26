"""Adam with coupled second moments: one step size for all rows of an embedding (Stollenwerk and Stollenwerk, 2025,
arXiv 2502.08441).

With gradient g_i of row i, and as in `adamw` otherwise:

    m_i <- m_i + (1 - beta1) (g_i - m_i)
    v_i <- beta2 v_i + (1 - beta2) g_i^2
    W_i <- W_i (1 - eta lambda) - eta / (1 - beta1^t) * m_i / (sqrt(mean over i of v_i) / sqrt(1 - beta2^t) + epsilon)

The gradients of all rows of an output matrix sum to zero, and so do the m_i: divided by one number for each column, the
updates sum to zero too, and the centroid of the rows moves by the decay only. Adam, which divides each row by its own
number, drifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from gasfield.dynamics.constants import Fractions, NotNegative, Positive
from gasfield.dynamics.matrix import Array, MatrixOptimiser
from gasfield.registry import register


@register
class CoupledAdam(MatrixOptimiser):
    """AdamW whose second moment is averaged over all rows."""

    needs_matrix: ClassVar[str | None] = "averages the second moment over all rows of a matrix"

    kind: Literal["coupled_adam"] = "coupled_adam"
    learning_rate: Positive
    """eta [length]: the size of a step of a row whose gradient is typical and constant."""
    betas: Fractions = (0.9, 0.999)
    """beta1, beta2 [1]: decay factors of the first and second moment."""
    epsilon: NotNegative = 1e-8
    """Added to the square root of the second moment [energy/length]."""
    weight_decay: NotNegative = 0.0
    """lambda [1/length], decoupled: every step multiplies weights by 1 - eta lambda."""

    def shapes(self, rows: int, columns: int) -> Mapping[str, tuple[int, int]]:
        """Of m and v."""
        return {"first_moment": (rows, columns), "second_moment": (rows, columns)}

    def advanced(
        self, weights: Array, gradient: Array, state: Mapping[str, Array], step: int
    ) -> tuple[Array, dict[str, Array]]:
        """Weights (N, D) and moments after step t."""
        beta1, beta2 = self.betas
        first = state["first_moment"] + (1 - beta1) * (gradient - state["first_moment"])
        second = beta2 * state["second_moment"] + (1 - beta2) * gradient**2
        root = np.sqrt(second.mean(axis=0) / (1 - beta2**step)) + self.epsilon
        moved = weights * (1 - self.learning_rate * self.weight_decay)
        moved -= self.learning_rate / (1 - beta1**step) * first / root
        return moved, {"first_moment": first, "second_moment": second}
