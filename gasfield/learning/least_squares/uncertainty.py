"""Errors of a learned energy and its force: of the statistics, from blocks in time, and of the finite interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.learned import Term
from gasfield.forces.learned.potential import PotentialForce, PotentialLaw

Array = NDArray[np.float64]

_DRAWS = 16
"""Pairs of draws of the noise for the error of the finite interval."""


def force_of(term: Term) -> PotentialForce:
    """The force of a term with a potential."""
    assert isinstance(term.law, PotentialLaw)
    return PotentialForce(term.arrays, term.law.features(term.arrays))


PARTS = ("amplitudes", "offset", "matrix")
"""The arrays that are fitted."""


def without_block(term: Term, block: int) -> Term:
    """The fit without one of the blocks, to first order."""
    return Term(term.law, {**term.arrays, **{n: term.arrays[n] - term.arrays[f"{n}_by_block"][block] for n in PARTS}})


def errors_at(term: Term, places: Array) -> tuple[Array, Array]:
    """Standard errors of the force (M, D) and of the energy (M,), about its mean over the places, from blocks."""
    arrays = term.arrays
    blocks = len(arrays["amplitudes_by_block"])
    if blocks < 3:
        return np.full(places.shape, np.nan), np.full(len(places), np.nan)
    squares, energies = np.zeros(places.shape), np.zeros(len(places))
    for block in range(blocks):
        moved = {**arrays, **{name: arrays[f"{name}_by_block"][block] for name in PARTS}}
        force = force_of(Term(term.law, moved))
        squares += force.force_at(places) ** 2
        energy = force.energy_at(places)
        energies += (energy - energy.mean()) ** 2
    factor = blocks / (blocks - 1)
    return np.sqrt(factor * squares), np.sqrt(factor * energies)


def interval_bias(force: PotentialForce, places: Array, span: float, temperature: float, seed: int) -> Array:
    """(M, D) by how much the forward difference over a time h differs from the field, to first order in h:
    (h/2) (F . grad F + T Laplacian F) at places (M, D), as the mean of F(x + h F/2 + sqrt(h T) R) - F(x), R normal."""
    chance, here = np.random.default_rng(seed), force.force_at(places)
    away = np.zeros(places.shape)
    for _ in range(_DRAWS):
        noise = np.sqrt(span * temperature) * chance.standard_normal(places.shape)
        for sign in (1.0, -1.0):
            away += force.force_at(places + 0.5 * span * here + sign * noise) - here
    return np.asarray(away / (2 * _DRAWS))
