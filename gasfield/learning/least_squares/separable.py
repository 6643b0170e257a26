"""Least squares with coefficients that all coordinates share, and others that each coordinate has for itself.

    y_id = sum_m c_m A_m,id + sum_q W_qd z_iq + noise

A kernel between particles is of the first kind, an external field that is linear in some features z of the second.
Sums over rows and frames are made block by block in time. The second kind is eliminated (Golub and Pereyra, 1973: a
separable problem; here both parts are linear), so that what is left has the size of the shared part.

The shared coefficients may be restricted to c = R c'; restrictions (bases of fewer splines) are chosen together with
the ridge by the error on blocks that were left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.learning.least_squares.normal_equations import RIDGES
from gasfield.memory import require_memory

Array = NDArray[np.float64]

_DRAWS = 200
"""Resamplings of the bootstrap."""
_MOST_BLOCKS = 40
"""Blocks of several trajectories are joined until there are at most so many."""
NULL = 1e-10
"""Eigenvalues of the scaled normal matrix below this, relative to the largest, belong to directions that the data do
not determine: coefficients along them are 0."""


class Sums(NamedTuple):
    """Sums over equations: z z^T (q, q), z y (q, D), z A (q, D, p), A A (p, p), A y (p,), y y, and their number."""

    zz: Array
    zy: Array
    za: Array
    aa: Array
    ay: Array
    yy: Array
    samples: Array


class Reduced(NamedTuple):
    """What is left once W is eliminated, and W = own - through . c: (p, p), (p,), (q, D), (q, D, p)."""

    matrix: Array
    right: Array
    own: Array
    through: Array


@dataclass(frozen=True)
class SeparableSolution:
    """A fit.

    Attributes:
        choice: number of the restriction that was chosen.
        ridge: chosen, in units of the mean diagonal of the scaled normal matrix.
        shared: (p,) c.
        own: (q, D) W.
        draws: (b, p) c of the bootstrap over blocks; empty for fewer than three blocks.
        own_errors: (q, D) standard errors of W; NaN for fewer than three blocks.
        held_out: share of y^2 left over on blocks that were left out; NaN for one block.
        held_out_error: its standard error over blocks.
        training: share of y^2 left over.
        eigenvalues: of the scaled normal matrix of c', relative to the largest, ascending.
        samples: number of equations.
    """

    choice: int
    ridge: float
    shared: Array
    own: Array
    draws: Array
    own_errors: Array
    held_out: float
    held_out_error: float
    training: float
    eigenvalues: Array
    samples: int

    @property
    def rank(self) -> int:
        """Number of directions of c' that the data determine."""
        return int(np.sum(self.eigenvalues > NULL))


class SeparableEquations:
    """The sums, by block."""

    def __init__(self, shared: int, own: int, dimensions: int, blocks: int) -> None:
        """Sums of zero for p shared coefficients, q features, D coordinates and some blocks in time.

        Raises:
            InputError: if there is not enough memory.
        """
        self._joined, self._count = max(blocks, 1), min(max(blocks, 1), _MOST_BLOCKS)
        shapes: list[tuple[int, ...]] = [
            (own, own), (own, dimensions), (own, dimensions, shared), (shared, shared), (shared,), (), (),
        ]  # fmt: skip
        require_memory(sum(8 * self._count * int(np.prod(shape)) for shape in shapes), "the normal equations")
        self._sums = Sums(*(np.zeros((self._count, *shape)) for shape in shapes))

    def add(self, block: int, shared: Array, own: Array, target: Array) -> None:
        """Adds equations: A (p, n, D), z (n, q), y (n, D)."""
        at = block * self._count // self._joined
        sums, (count, rows, dimensions) = self._sums, shared.shape
        flat = shared.reshape(count, rows * dimensions)
        sums.aa[at] += flat @ flat.T
        sums.ay[at] += flat @ target.ravel()
        sums.yy[at] += float(np.vdot(target, target))
        sums.samples[at] += rows * dimensions
        if own.shape[1]:
            sums.zz[at] += own.T @ own
            sums.zy[at] += own.T @ target
            sums.za[at] += np.tensordot(own, shared, axes=(0, 1)).transpose(0, 2, 1)

    def total(self, weights: Array | None = None) -> Sums:
        """The sums of all blocks, each with a weight (blocks,)."""
        given = np.ones(self._count) if weights is None else weights
        return Sums(*(np.tensordot(given, part, 1) for part in self._sums))

    def solve(
        self, restrictions: Sequence[Array], ridges: Sequence[float] = RIDGES, *, seed: int = 0
    ) -> SeparableSolution:
        """The solution with the restriction R (p, p') and the ridge that cross-validation over blocks prefers.

        Raises:
            InputError: if there are fewer equations than coefficients, or every target is zero.
        """
        total = self.total()
        _require_enough(total, min(matrix.shape[1] for matrix in restrictions))
        used = np.flatnonzero(self._sums.samples)
        scores = np.array([self._scores(restriction, ridges, used) for restriction in restrictions])
        choice, at = divmod(int(np.argmin(scores.sum(axis=2))), len(ridges)) if len(used) > 1 else (0, 0)
        restriction, ridge, left = restrictions[choice], float(ridges[at]), scores[choice, at]
        reduced = eliminated(total)
        scale = self._scale(restriction)
        shared = _ridge_solutions(reduced, restriction, scale, [ridge])[0]
        own = reduced.own - reduced.through @ shared
        draws, own_errors = self._bootstrap(restriction, ridge, used, seed)
        squares = self._sums.yy[used]
        ratio = left.sum() / squares.sum()
        spread = np.sqrt(len(used) / max(len(used) - 1, 1) * np.sum((left - ratio * squares) ** 2)) / squares.sum()
        values = _spectrum(reduced.matrix, restriction, scale)[0]
        return SeparableSolution(
            choice=choice,
            ridge=ridge,
            shared=shared,
            own=own,
            draws=draws,
            own_errors=own_errors,
            held_out=float(ratio) if len(used) > 1 else np.nan,
            held_out_error=float(spread) if len(used) > 2 else np.nan,
            training=float(left_over(total, shared, own) / total.yy),
            eigenvalues=values / max(float(values[-1]), 1e-300),
            samples=int(total.samples),
        )

    def solution_with(self, restriction: Array, ridge: float) -> Array:
        """(p,) c of all blocks with a given restriction and ridge."""
        reduced = eliminated(self.total())
        return np.asarray(_ridge_solutions(reduced, restriction, self._scale(restriction), [ridge])[0])

    def _scale(self, restriction: Array) -> Array:
        """(p',) factors that make the diagonal of the normal matrix of all blocks 1; the same for parts of the blocks,
        so that a coefficient of which a part has next to nothing counts as undetermined there."""
        diagonal = np.einsum("pa,pq,qa->a", restriction, self._sums.aa.sum(axis=0), restriction)
        return np.where(diagonal > 0.0, 1.0 / np.sqrt(np.maximum(diagonal, 1e-300)), 0.0)

    def _scores(self, restriction: Array, ridges: Sequence[float], used: NDArray[np.int64]) -> Array:
        """(ridges, blocks) squared error on each block of the fit to all others."""
        scores, scale = np.zeros((len(ridges), len(used))), self._scale(restriction)
        for number, block in enumerate(used if len(used) > 1 else []):
            here = Sums(*(part[block] for part in self._sums))
            rest = self.total((np.arange(self._count) != block).astype(np.float64))
            reduced = eliminated(rest)
            for at, shared in enumerate(_ridge_solutions(reduced, restriction, scale, ridges)):
                scores[at, number] = left_over(here, shared, reduced.own - reduced.through @ shared)
        return scores

    def _bootstrap(self, restriction: Array, ridge: float, used: NDArray[np.int64], seed: int) -> tuple[Array, Array]:
        """(b, p) draws of c, and (q, D) standard errors of W."""
        shape = self._sums.zy.shape[1:]
        if len(used) < 3:
            return np.empty((0, len(restriction))), np.full(shape, np.nan)
        generator, draws, scale = np.random.default_rng(seed), [], self._scale(restriction)
        mean, squares = np.zeros(shape), np.zeros(shape)
        for number in range(_DRAWS):
            weights = np.zeros(self._count)
            np.add.at(weights, used[generator.integers(len(used), size=len(used))], 1.0)
            total = self.total(weights)
            reduced = eliminated(total)
            draws.append(_ridge_solutions(reduced, restriction, scale, [ridge])[0])
            own = reduced.own - reduced.through @ draws[-1]
            away = own - mean  # Welford
            mean += away / (number + 1)
            squares += away * (own - mean)
        return np.array(draws), np.sqrt(squares / (_DRAWS - 1))


def eliminated(sums: Sums) -> Reduced:
    """The normal equations of c once W is the best for each c."""
    if not len(sums.zz):
        return Reduced(sums.aa, sums.ay, sums.zy, sums.za)
    scale = 1.0 / np.sqrt(np.maximum(np.diag(sums.zz), 1e-300))
    inverse = np.linalg.pinv(sums.zz * scale[:, None] * scale, rcond=1e-13, hermitian=True) * scale[:, None] * scale
    own, through = inverse @ sums.zy, np.tensordot(inverse, sums.za, 1)
    return Reduced(
        sums.aa - np.tensordot(sums.za, through, axes=([0, 1], [0, 1])),
        sums.ay - np.tensordot(sums.za, own, axes=([0, 1], [0, 1])),
        own,
        through,
    )


def left_over(sums: Sums, shared: Array, own: Array) -> float:
    """|y - A c - z W|^2."""
    square = float(sums.yy) + float(shared @ sums.aa @ shared) - 2.0 * float(shared @ sums.ay)
    if len(own):
        square += float(np.vdot(own, sums.zz @ own + 2.0 * (sums.za @ shared) - 2.0 * sums.zy))
    return max(square, 0.0)


def _require_enough(total: Sums, shared: int) -> None:
    needed = shared + total.zy.size
    if total.samples < needed:
        raise InputError(
            f"{int(total.samples)} equations for {needed} coefficients: too little data. Use more frames or rows, "
            "fewer splines, or a simpler external part."
        )
    if not total.yy > 0.0:
        raise InputError("every target is zero: there is nothing to learn.")


def _spectrum(matrix: Array, restriction: Array, scale: Array) -> tuple[Array, Array]:
    """Eigenvalues (ascending) and eigenvectors of the scaled normal matrix of c'."""
    inner = restriction.T @ matrix @ restriction
    values, vectors = np.linalg.eigh(inner * scale[:, None] * scale)
    return values, vectors


def _ridge_solutions(reduced: Reduced, restriction: Array, scale: Array, ridges: Sequence[float]) -> list[Array]:
    """(p,) c for each ridge."""
    values, vectors = _spectrum(reduced.matrix, restriction, scale)
    kept = values > NULL * max(float(values[-1]), 1e-300)
    right = vectors.T @ (scale * (restriction.T @ reduced.right))
    solutions = []
    for ridge in ridges:
        loaded = np.where(kept, right / np.where(kept, values + ridge, 1.0), 0.0)
        solutions.append(np.asarray(restriction @ (scale * (vectors @ loaded))))
    return solutions
