"""Gradients of Kullback-Leibler divergences between two gases, estimated from their particles.

The model is q = exp(-E/T)/Z with parameters theta, the teacher p = exp(-U/T')/Z'. Neither Z is needed:

    d KL(p || q)/d theta = (<dE/d theta>_p - <dE/d theta>_q)/T
    d KL(q || p)/d theta = -Cov_q(dE/d theta, U/T' - E/T)/T

The first is Boltzmann learning (Ackley, Hinton and Sejnowski 1985, Cognitive Science 9:147); with a gas that is not
brought to equilibrium anew after each step, but follows, it is persistent contrastive divergence (Tieleman 2008, ICML).
The second follows from d log q/d theta = -(dE/d theta - <dE/d theta>_q)/T and <d log q/d theta>_q = 0.

Sums are taken block by block in a fixed order, so that memory is bounded and bits do not depend on threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Slopes = Callable[[Values], Values]
"""Places (N, D) -> (N, P), dE/d theta."""

BLOCK = 1 << 20
"""Derivatives that are computed at a time."""


def forward_gradient(slopes: Slopes, size: int, data: Values, model: Values, temperature: float) -> Values:
    """(P,) gradient of KL(p || q), from places (N, D) of the teacher and (M, D) of the model.

    Args:
        slopes: dE/d theta.
        size: P.
        data, model: places.
        temperature: T of the model [energy].
    """
    ones = (np.ones(len(data)), np.ones(len(model)))
    means = [_weighted(slopes, size, x, w) / len(x) for x, w in zip((data, model), ones, strict=True)]
    return np.asarray((means[0] - means[1]) / temperature)


def reverse_gradient(slopes: Slopes, size: int, model: Values, surplus: Values, temperature: float) -> Values:
    """(P,) gradient of KL(q || p), from places (N, D) of the model.

    Args:
        slopes: dE/d theta.
        size: P.
        model: places.
        surplus: (N,) U/T' - E/T there; a constant does not matter.
        temperature: T of the model [energy].
    """
    weights = surplus - surplus.mean()
    return np.asarray(-_weighted(slopes, size, model, weights) / (max(len(model) - 1, 1) * temperature))


def _weighted(slopes: Slopes, size: int, places: Values, weights: Values) -> Values:
    """(P,) sum of weights (N,) times dE/d theta."""
    total = np.zeros(size)
    for rows in _blocks(len(places), size):
        total += np.einsum("n,np->p", weights[rows], slopes(places[rows]))
    return total


def _blocks(count: int, size: int) -> Iterator[slice]:
    step = max(1, BLOCK // size)
    for start in range(0, count, step):
        yield slice(start, start + step)
