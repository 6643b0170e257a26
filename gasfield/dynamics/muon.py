"""Muon as dynamics: a momentum whose singular values are made nearly equal (Jordan et al., 2024), in the form of
`torch.optim.Muon` of PyTorch 2.13.

With gradient g, learning rate eta, decay lambda and momentum mu:

    b <- b + (1 - mu) (g - b)
    u = g + mu (b - g)  (Nesterov; else u = b)
    W <- W (1 - eta lambda)
    W <- W - eta s NS(u),      s = sqrt(max(1, N / D)), or 0.2 sqrt(max(N, D)) to match the steps of AdamW

NS is an odd polynomial of a matrix, five times p(X) = a X + b X X^T X + c X X^T X X^T X after division by its Frobenius
norm: in exact arithmetic it applies the same polynomial to the singular values and leaves the singular vectors. The
reference computes it in bfloat16, each product rounded, which is the default here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from gasfield.dynamics.constants import NotNegative, Positive
from gasfield.dynamics.matrix import Array, MatrixOptimiser
from gasfield.kernels.lattices import Precision, round_to
from gasfield.registry import register


@register
class Muon(MatrixOptimiser):
    """Muon with Newton-Schulz iterations of a given precision."""

    needs_matrix: ClassVar[str | None] = "multiplies a matrix by itself"

    kind: Literal["muon"] = "muon"
    learning_rate: Positive
    """eta [length]: the norm by which each singular direction moves in a step, for a matrix with no more rows than
    columns."""
    momentum: float = Field(0.95, ge=0.0, lt=1.0)
    """mu [1]: decay factor of the momentum."""
    nesterov: bool = True
    """Whether the update looks ahead along the momentum."""
    weight_decay: NotNegative = 0.1
    """lambda [1/length], decoupled: every step multiplies weights by 1 - eta lambda."""
    coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)
    """a, b, c of the polynomial [1]."""
    iterations: int = Field(5, ge=1, lt=100)
    """How often the polynomial is applied."""
    epsilon: float = Field(1e-7, ge=0.0, allow_inf_nan=False)
    """Smallest norm that an update is divided by [energy/length]."""
    step_size: Literal["original", "match_rms_adamw"] = "original"
    """The factor s: sqrt(max(1, N/D)), or 0.2 sqrt(max(N, D))."""
    iteration_dtype: Precision = "bfloat16"
    """Precision of the matrices of the iteration."""

    def shapes(self, rows: int, columns: int) -> Mapping[str, tuple[int, int]]:
        """Of b."""
        return {"momentum": (rows, columns)}

    def advanced(
        self, weights: Array, gradient: Array, state: Mapping[str, Array], step: int
    ) -> tuple[Array, dict[str, Array]]:
        """Weights (N, D) and momentum after step t."""
        rows, columns = weights.shape
        momentum = state["momentum"] + (1 - self.momentum) * (gradient - state["momentum"])
        update = gradient + self.momentum * (momentum - gradient) if self.nesterov else momentum
        matched = self.step_size == "match_rms_adamw"
        scale = 0.2 * max(rows, columns) ** 0.5 if matched else max(1.0, rows / columns) ** 0.5
        moved = weights * (1 - self.learning_rate * self.weight_decay)
        moved -= self.learning_rate * scale * self._orthogonalised(update)
        return moved, {"momentum": momentum}

    def _orthogonalised(self, matrix: Array) -> Array:
        """NS of a matrix (N, D); the products are those of its short side."""

        def rounded(values: ArrayLike) -> Array:
            return round_to(values, self.iteration_dtype).astype(np.float64)

        a, b, c = self.coefficients
        tall = matrix.shape[0] > matrix.shape[1]
        x = rounded(matrix.T if tall else matrix)
        x = rounded(x / np.maximum(rounded(np.linalg.norm(x)), self.epsilon))
        for _ in range(self.iterations):
            gram = rounded(x @ x.T)
            x = rounded(a * x + rounded(b * gram + c * (gram @ gram)) @ x)
        return x.T if tall else x
