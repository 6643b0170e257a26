"""Adafactor as dynamics: a second moment of which only the means over rows and columns are kept (Shazeer and Stern,
2018), in the form of `torch.optim.Adafactor` of PyTorch 2.13.

With gradient g, step t = 1, 2, ..., learning rate eta, decay lambda, and gain k = t^(beta2 decay):

    R_i <- R_i + k (mean over j of g_ij^2 - R_i),      C_j <- C_j + k (mean over i of g_ij^2 - C_j)
    u_ij = g_ij / max(sqrt(R_i C_j / max(mean R, epsilon1)), epsilon1)
    W <- W (1 - eta lambda)
    W <- W - min(eta, 1 / sqrt(t)) max(epsilon2, rms W) u / max(1, rms u / d)

where rms W is taken before the decay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from gasfield.dynamics.constants import NotNegative, Positive
from gasfield.dynamics.matrix import Array, MatrixOptimiser
from gasfield.kernels.lattices import fraction_bits
from gasfield.registry import register


@register
class Adafactor(MatrixOptimiser):
    """Adafactor with steps relative to the size of the weights."""

    needs_matrix: ClassVar[str | None] = "keeps means of squared gradients over the rows and columns of a matrix"

    kind: Literal["adafactor"] = "adafactor"
    learning_rate: Positive = 1e-2
    """eta [1]: the largest step, relative to the root mean square of the weights."""
    beta2_decay: float = Field(-0.8, le=0.0, allow_inf_nan=False)
    """Exponent of the gain [1]: at step t a new squared gradient enters with t to this power."""
    epsilon1: float | None = Field(None, ge=0.0, allow_inf_nan=False)
    """Smallest divisor of the gradient [energy/length]; the spacing at 1 in the weights' precision if left out."""
    epsilon2: float = Field(1e-3, ge=0.0, allow_inf_nan=False)
    """Smallest size of the weights that steps are relative to [length]."""
    clipping: float = Field(1.0, ge=1.0, allow_inf_nan=False)
    """d [1]: the largest root mean square of an update."""
    weight_decay: NotNegative = 0.0
    """lambda [1], decoupled: every step multiplies weights by 1 - eta lambda."""
    maximize: bool = False
    """Whether to climb along the gradient."""

    def shapes(self, rows: int, columns: int) -> Mapping[str, tuple[int, int]]:
        """Of R and C."""
        return {"row_variance": (rows, 1), "column_variance": (1, columns)}

    def advanced(
        self, weights: Array, gradient: Array, state: Mapping[str, Array], step: int
    ) -> tuple[Array, dict[str, Array]]:
        """Weights (N, D), R (N, 1) and C (1, D) after step t."""
        gain, squared = float(step) ** self.beta2_decay, gradient**2
        epsilon = 2.0 ** -fraction_bits(self.weight_dtype) if self.epsilon1 is None else self.epsilon1
        of_rows, of_columns = state["row_variance"], state["column_variance"]
        of_rows = of_rows + gain * (squared.mean(axis=1, keepdims=True) - of_rows)
        of_columns = of_columns + gain * (squared.mean(axis=0, keepdims=True) - of_columns)
        variance = of_rows * of_columns / max(float(of_rows.mean()), epsilon)
        update = (-gradient if self.maximize else gradient) / np.sqrt(np.maximum(variance, epsilon**2))
        size = min(self.learning_rate, step**-0.5) * max(self.epsilon2, _rms(weights))
        moved = weights * (1 - self.learning_rate * self.weight_decay)
        moved -= size / max(1.0, _rms(update) / self.clipping) * update
        return moved, {"row_variance": of_rows, "column_variance": of_columns}


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
