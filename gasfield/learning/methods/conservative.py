"""The fit of a conservative field that confines: its normal equations, and what is done about the harmonic part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gasfield.learning.data import TrainingData
from gasfield.learning.designs.basis import RIDGES, Basis, shrink_features, smoothest
from gasfield.learning.designs.field_samples import Motion, samples, thinning
from gasfield.learning.least_squares.normal_equations import DRAWS, NormalEquations, Solution

Array = NDArray[np.float64]


def conservative_equations(
    data: TrainingData, motion: Motion, bases: Sequence[Basis], every: int = 1
) -> list[NormalEquations]:
    """The normal equations of each basis, in one pass over the data; with friction, its rate is the last parameter."""
    extra = int(motion.friction)
    equations = [NormalEquations(basis.size + extra, 1, data.block_count) for basis in bases]
    for part in samples(data, motion, every):
        for basis, sums in zip(bases, equations, strict=True):
            z, field = basis.frame.inwards(part.places), basis.frame.turned(part.field)
            drags = [] if part.drag is None else [basis.frame.turned(part.drag)]
            matrix, (right, *against) = basis.sums(z, field, *drags)
            for drag, column in zip(drags, against, strict=True):
                beside = column[:, None]
                matrix = np.block([[matrix, beside], [beside.T, np.vdot(drag, drag)]])
                right = np.append(right, np.vdot(drag, field))
            sums.add_sums(part.block, matrix, right[:, None], float(np.vdot(field, field)), field.size)
    return equations


def best_of(data: TrainingData, motion: Motion, bases: Sequence[Basis]) -> int:
    """The basis whose confining fit has the least held-out error, over thinned places."""
    tried = conservative_equations(data, motion, bases, every=thinning(data))
    errors = [solve_confining(basis, sums, draws=0)[0].held_out for basis, sums in zip(bases, tried, strict=True)]
    return smoothest(errors)


def solve_confining(
    basis: Basis, equations: NormalEquations, *, seed: int = 0, draws: int = DRAWS
) -> tuple[Solution, list[str]]:
    """The best fit if its harmonic part confines; else the one with the harmonic part that is fitted by itself.

    Raises:
        InputError: if there are fewer equations than parameters.
    """
    found = _solved(basis, equations, seed, draws)
    if least_stiffness(basis, found) > 0.0:
        return found, []
    k, p = basis.features.count, basis.size
    alone = equations.with_fixed(np.arange(k), np.zeros((k, 1))).solve([0.0], seed=seed, draws=draws)
    fixed, values = np.arange(k, p), alone.coefficients[: p - k]
    rest = equations.with_fixed(fixed, values)
    features, share = _solved(basis, rest, seed, draws), rest.square / equations.square
    joined = replace(
        features,
        coefficients=_put(features.coefficients, values, fixed),
        errors=_put(features.errors, alone.errors[: p - k], fixed),
        held_out=share * features.held_out,
        held_out_error=share * features.held_out_error,
        training=share * features.training,
    )
    text = (
        "the harmonic part of the best fit did not confine: it was fitted by itself, and the features to what is left "
        f"(held-out error {joined.held_out:.6g} instead of {found.held_out:.6g})"
    )
    return joined, [text]


def least_stiffness(basis: Basis, found: Solution) -> float:
    """The smallest stiffness of the harmonic part: the energy confines if it is positive."""
    return -float(np.linalg.eigvalsh(basis.affine(found.coefficients[: basis.size, 0])[1])[-1])


def penalty_of(basis: Basis, equations: NormalEquations) -> Array:
    """The penalty of a fit: of the features only."""
    return shrink_features(equations.parameters, slice(basis.features.count))


def _solved(basis: Basis, equations: NormalEquations, seed: int, draws: int) -> Solution:
    penalty = penalty_of(basis, equations)
    return equations.solve(RIDGES, penalty=penalty, names="features and axes", seed=seed, draws=draws)


def _put(free: Array, values: Array, fixed: NDArray[np.int64]) -> Array:
    """Free and fixed parameters (f, 1) in their order."""
    whole = np.empty((len(free) + len(fixed), 1))
    whole[np.setdiff1d(np.arange(len(whole)), fixed)], whole[fixed] = free, values
    return whole
