"""Optimisers that are defined for a whole matrix: their steps contain means over its rows, or products of it.

Their references reduce in float32 in an order that depends on shapes, machine and threads, so that no bits can be
promised. A step is computed in float64 here, and each tensor rounded once as it is stored.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.optimiser import Draws, Optimiser, Reals, State, require_state
from gasfield.kernels.lattices import Precision, round_to

Array = NDArray[np.float64]


class MatrixOptimiser(Optimiser):
    """The specification of an optimiser of a whole matrix. A subclass gives `shapes` and `advanced`."""

    moment_dtype: Precision = "float32"
    """Precision of what is kept between steps, besides the weights."""

    @abstractmethod
    def shapes(self, rows: int, columns: int) -> Mapping[str, tuple[int, int]]:
        """Name -> shape of each array of the state of a matrix (N, D)."""

    @abstractmethod
    def advanced(
        self, weights: Array, gradient: Array, state: Mapping[str, Array], step: int
    ) -> tuple[Array, dict[str, Array]]:
        """Weights (N, D) and state after step t = 1, 2, ..., before they are rounded."""

    @property
    def moment_names(self) -> tuple[str, ...]:
        """Names of the arrays of its state."""
        return tuple(self.shapes(1, 1))

    @property
    def moment_dtypes(self) -> Mapping[str, str]:
        """The precision in which each array of the state is kept, by name."""
        return dict.fromkeys(self.moment_names, self.moment_dtype)

    def start(self, positions: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        return {name: np.zeros(shape, np.float32) for name, shape in self.shapes(*positions.shape).items()}

    def update(self, weights: Reals, gradient: Reals, moments: State, step: int, draws: Draws | None = None) -> None:
        require_state("weights", weights, weights.shape)
        for name, shape in self.shapes(*weights.shape).items():
            require_state(name.replace("_", " "), moments[name], shape)
        taken = round_to(gradient, self.weight_dtype).astype(np.float64)
        state = {name: array.astype(np.float64) for name, array in moments.items()}
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # what is not finite ends the run
            moved, state = self.advanced(weights.astype(np.float64), taken, state, step)
        weights[...] = round_to(moved, self.weight_dtype)
        for name, array in state.items():
            moments[name][...] = round_to(array, self.moment_dtype)
