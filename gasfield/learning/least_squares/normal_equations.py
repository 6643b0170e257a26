"""Least squares in one pass: the normal equations of a linear model, accumulated block by block in time.

For y = A c + noise, with design A (m, p) and targets y (m, q), the sums G = A^T A (p, p), b = A^T y (p, q) and |y|^2
are all that is needed: for the ridge solution, for its error on a block that was left out (blocked cross-validation, so
that correlated neighbours in time are not on both sides: Burman, Chow and Nolan, 1994), and for a bootstrap that draws
whole blocks (Kuensch, 1989). Rows of a design may be weighted by scaling A and y.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from gasfield.errors import InputError

Array = NDArray[np.float64]

RIDGES = (0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridges that cross-validation chooses from, in units of the mean diagonal of the scaled normal matrix."""
DRAWS = 200
"""Resamplings of the bootstrap."""
_SINGULAR = 1e-13
"""Eigenvalues of the scaled normal matrix below this, relative to the largest, count as zero."""


@dataclass(frozen=True)
class Solution:
    """A fitted linear model.

    Attributes:
        coefficients: (p, q).
        errors: (p, q) standard errors from a bootstrap over blocks; NaN for fewer than three blocks.
        ridge: chosen, in units of the mean diagonal.
        held_out: share of |y|^2 that is left over on blocks that were left out, 0 for a perfect fit; NaN for one block.
        held_out_error: its standard error over blocks.
        training: share of |y|^2 that is left over on the training data.
        rank: number of directions of the parameters that the data determine, of p.
        samples: number of equations for each output.
    """

    coefficients: Array
    errors: Array
    ridge: float
    held_out: float
    held_out_error: float
    training: float
    rank: int
    samples: int


class NormalEquations:
    """The sums of a linear least-squares problem, by block."""

    def __init__(self, parameters: int, outputs: int, blocks: int) -> None:
        """Sums of zero for p parameters, q outputs and some blocks."""
        self.samples = np.zeros(blocks, np.int64)
        self._matrix = np.zeros((blocks, parameters, parameters))
        self._right = np.zeros((blocks, parameters, outputs))
        self._square = np.zeros(blocks)

    @property
    def parameters(self) -> int:
        """p."""
        return self._matrix.shape[1]

    @property
    def matrix(self) -> Array:
        """(p, p) A^T A of all blocks."""
        return np.asarray(self._matrix.sum(axis=0))

    @property
    def right(self) -> Array:
        """(p, q) A^T y of all blocks."""
        return np.asarray(self._right.sum(axis=0))

    def add(self, block: int, design: Array, target: Array) -> None:
        """Adds equations: design (m, p), target (m, q)."""
        self._matrix[block] += design.T @ design
        self._right[block] += design.T @ target
        self._square[block] += float(np.vdot(target, target))
        self.samples[block] += len(design)

    def add_sums(self, block: int, matrix: Array, right: Array, square: float, samples: int) -> None:
        """Adds sums that were made elsewhere: A^T A (p, p), A^T y (p, q), |y|^2 and the number of equations."""
        self._matrix[block] += matrix
        self._right[block] += right
        self._square[block] += square
        self.samples[block] += samples

    @property
    def square(self) -> float:
        """|y|^2 of all blocks."""
        return float(self._square.sum())

    @property
    def used(self) -> NDArray[np.int64]:
        """The blocks that have equations."""
        return np.flatnonzero(self.samples)

    def sums(self, weights: Array) -> tuple[Array, Array]:
        """(p, p) A^T A and (p, q) A^T y over the blocks, each with its weight (blocks,)."""
        return np.tensordot(weights, self._matrix, 1), np.tensordot(weights, self._right, 1)

    def without(self, block: int) -> tuple[Array, Array]:
        """The sums over all blocks but one."""
        return self.matrix - self._matrix[block], self.right - self._right[block]

    def left_over(self, coefficients: Array, block: int) -> float:
        """|y - A c|^2 of coefficients (p, q) on one block."""
        fitted = np.vdot(coefficients, self._matrix[block] @ coefficients) - 2.0 * np.vdot(
            coefficients, self._right[block]
        )
        return max(float(self._square[block]) + float(fitted), 0.0)

    def shares(self, left: Array) -> tuple[float, float]:
        """What is left over on each used block, as a share of |y|^2, with its standard error over blocks."""
        return share(left, self._square[self.used])

    def resampled(self, seed: int, draws: int = DRAWS) -> Iterator[tuple[Array, Array]]:
        """The sums of `draws` bootstrap samples of whole blocks."""
        generator, used = np.random.default_rng(seed), self.used
        for _ in range(draws):
            weights = np.zeros(len(self.samples))
            weights[used] = np.bincount(generator.integers(len(used), size=len(used)), minlength=len(used))
            yield self.sums(weights)

    def solve(
        self,
        ridges: Sequence[float] = RIDGES,
        *,
        penalty: Array | None = None,
        names: str = "parameters",
        seed: int = 0,
        draws: int = DRAWS,
    ) -> Solution:
        """The solution with the ridge that cross-validation over blocks prefers.

        Args:
            ridges: to choose from.
            penalty: (p, p) matrix of the penalty c^T P c, scaled as the normal matrix is; the identity by default.
            names: of the parameters, for messages.
            seed: of the bootstrap.
            draws: resamplings of the bootstrap; 0 for no errors.

        Raises:
            InputError: if there are fewer equations than parameters, or every target is zero.
        """
        total, count = int(self.samples.sum()), self.parameters
        if total < count:
            raise InputError(
                f"{total} equations for {count} {names}: too little data. Use more frames or rows, or fewer {names}."
            )
        if not self._square.sum() > 0.0:
            raise InputError("every target is zero: there is nothing to learn.")
        scale = self._scale()
        solver = _Scaled(scale, self._shrunk(penalty))
        used = self.used
        scores = np.array([self._held_out(solver, ridge, used) for ridge in ridges])
        best = int(np.argmin(np.nansum(scores, axis=1))) if len(used) > 1 else 0
        ridge = float(ridges[best])
        coefficients = solver.solve(self.matrix, self.right, ridge)
        left = scores[best]
        return Solution(
            coefficients=coefficients,
            errors=self._bootstrap(solver, ridge, seed, draws),
            ridge=ridge,
            held_out=self.shares(left)[0] if len(used) > 1 else np.nan,
            held_out_error=self.shares(left)[1] if len(used) > 2 else np.nan,
            training=self.shares(np.array([self.left_over(coefficients, int(block)) for block in used]))[0],
            rank=_rank(self.matrix, scale),
            samples=total,
        )

    def influences(self, found: Solution, penalty: Array | None = None) -> Array:
        """(blocks, p, q) by how much each block moves a solution, to first order: with residuals r of a block,
        (A^T A + ridge)^-1 A_b^T r_b, about their mean over blocks.

        The sum of their squares over B blocks, times B/(B - 1), is the variance of the coefficients that is robust
        against correlations within blocks (Liang and Zeger, 1986); as vectors they give the error of any smooth
        function of the coefficients. Blocks without equations are left out.
        """
        residuals = self._right[self.used] - self._matrix[self.used] @ found.coefficients
        residuals -= residuals.mean(axis=0)
        solver = _Scaled(self._scale(), self._shrunk(penalty))
        flat = np.moveaxis(residuals, 0, 1).reshape(self.parameters, -1)
        moved = solver.solve(self.matrix, flat, found.ridge).reshape(self.parameters, len(self.used), -1)
        return np.ascontiguousarray(np.moveaxis(moved, 1, 0))

    def with_fixed(self, fixed: NDArray[np.int64], values: Array) -> NormalEquations:
        """The equations of the other parameters where some, by index, have given values (f, q)."""
        free = np.setdiff1d(np.arange(self.parameters), fixed)
        rest = NormalEquations(len(free), self._right.shape[2], len(self.samples))
        for block, samples in enumerate(self.samples):
            matrix, right = self._matrix[block], self._right[block]
            square = self._square[block] + np.vdot(values, matrix[np.ix_(fixed, fixed)] @ values - 2.0 * right[fixed])
            left = right[free] - matrix[np.ix_(free, fixed)] @ values
            rest.add_sums(block, matrix[np.ix_(free, free)], left, max(float(square), 0.0), int(samples))
        return rest

    def _shrunk(self, penalty: Array | None) -> Array:
        """(p, p) a penalty whose mean diagonal is 1."""
        if penalty is None:
            return np.eye(self.parameters)
        return np.asarray(penalty / max(float(np.trace(penalty)) / self.parameters, 1e-300))

    def _scale(self) -> Array:
        """(p,) factors that make the diagonal of the normal matrix 1; 0 for a parameter that no equation has."""
        diagonal = np.diag(self.matrix)
        return np.where(diagonal > 0.0, 1.0 / np.sqrt(np.maximum(diagonal, 1e-300)), 0.0)

    def _held_out(self, solver: _Scaled, ridge: float, used: NDArray[np.int64]) -> Array:
        """(blocks,) squared error on each block of the fit to all others."""
        if len(used) < 2:
            return np.full(len(used), np.nan)
        return np.array([self.left_over(solver.solve(*self.without(b), ridge), b) for b in used.tolist()])

    def _bootstrap(self, solver: _Scaled, ridge: float, seed: int, draws: int) -> Array:
        """(p, q) standard deviations, by Welford's method: one draw in memory at a time."""
        mean, spread = np.zeros((2, *self._right.shape[1:]))
        if len(self.used) < 3 or draws < 2:
            return np.full(mean.shape, np.nan)
        for number, sums in enumerate(self.resampled(seed, draws), 1):
            away = solver.solve(*sums, ridge) - mean
            mean += away / number
            spread += away * away * ((number - 1) / number)
        return np.sqrt(spread / (draws - 1))


@dataclass(frozen=True)
class _Scaled:
    """Ridge solutions of normal equations with a common scale of their parameters (p,) and penalty (p, p)."""

    scale: Array
    penalty: Array

    def solve(self, matrix: Array, right: Array, ridge: float) -> Array:
        """(p, q) coefficients. Directions without data are zero."""
        scaled = matrix * self.scale[:, None] * self.scale
        loaded = scaled + ridge * self.penalty
        target = right * self.scale[:, None]
        try:
            factor = linalg.cho_factor(loaded, check_finite=False)
            pivots = np.diag(factor[0])
            if pivots.min() > np.sqrt(_SINGULAR) * pivots.max():
                return np.asarray(linalg.cho_solve(factor, target, check_finite=False) * self.scale[:, None])
        except linalg.LinAlgError:
            pass
        values, vectors = linalg.eigh(loaded, check_finite=False)
        kept = values > _SINGULAR * max(float(values[-1]), 1e-300)
        inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
        return np.asarray(vectors @ (inverse[:, None] * (vectors.T @ target)) * self.scale[:, None])


def _rank(matrix: Array, scale: Array) -> int:
    values = linalg.eigvalsh(matrix * scale[:, None] * scale, check_finite=False)
    return int(np.sum(values > _SINGULAR * max(float(values[-1]), 1e-300)))


def share(left: Array, squares: Array) -> tuple[float, float]:
    """sum(left) / sum(squares) of blocks, with its standard error over these; NaN for one block."""
    ratio, count = left.sum() / squares.sum(), len(left)
    if count < 2:
        return float(ratio), np.nan
    residuals = left - ratio * squares
    return float(ratio), float(np.sqrt(count / (count - 1) * np.sum(residuals**2)) / squares.sum())
