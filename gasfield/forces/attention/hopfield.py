"""A modern Hopfield network: M stored patterns p_m attract the state.

    E(x) = -(1/beta) log sum_m exp(beta p_m . x) + |x|^2 / 2,    F = -grad E = sum_m softmax_m(beta p_m . x) p_m - x

Ramsauer et al., "Hopfield networks is all you need" (arXiv 2008.02217, equations 2 and 3), without the constants of
their energy. An Euler step of length 1 under `advection` is exactly their update
x <- X softmax(beta X^T x), under which E never rises. Two patterns +-a, on the line between them: the fixed points are
x = a tanh(beta a x), a pitchfork at beta a^2 = 1.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import Field

from gasfield.forces.attention.matrices import Rows, rows_of
from gasfield.forces.base import Array, Force, ForceSpec, Memory, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import PositiveStrength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.spec import Spec
from gasfield.streams import Seed, Stream, generator


class DrawnPatterns(Spec):
    """Patterns whose coordinates are independent normal numbers."""

    count: int = Field(ge=1)
    """M, how many."""
    spread: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """Standard deviation of each coordinate [length]."""
    seed: Seed = 0
    """Of the draw; separate from the run's, so that runs with different seeds can share the patterns."""


@register
class Hopfield(ForceSpec):
    """Attracts every particle to the stored patterns similar to it."""

    kind: Literal["hopfield"] = "hopfield"
    patterns: Rows | DrawnPatterns
    """The stored patterns: a list of M positions of D coordinates each, or how to draw them [length]."""
    beta: PositiveStrength = 1.0
    """Inverse temperature of the softmax [1/length^2]."""

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of drawn patterns."""
        return 16 * dimensions * (self.patterns.count if isinstance(self.patterns, DrawnPatterns) else 0)

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if a pattern does not have D coordinates, or the space is periodic.
        """
        surroundings.require_no_period("hopfield")
        numbers = (stored(self.patterns, surroundings.dimensions), self.beta)
        return ExternalForce("hopfield", _recall, numbers, conservative=True)

    def memory(self, dimensions: int) -> Memory | None:
        """The stored patterns; None where beta is a schedule.

        Raises:
            InputError: if a pattern does not have D coordinates.
        """
        return None if self.schedules else Memory(stored(self.patterns, dimensions), self.beta)


def stored(patterns: Rows | DrawnPatterns, dimensions: int) -> Array:
    """The patterns (M, D) of a specification.

    Raises:
        InputError: if a given pattern does not have D coordinates.
    """
    if not isinstance(patterns, DrawnPatterns):
        return rows_of(patterns, dimensions, "patterns")
    chance = generator(patterns.seed, Stream.STORED_PATTERNS)
    return patterns.spread * chance.standard_normal((patterns.count, dimensions))


@pointwise_kernel
def _recall(x, p, force):  # type: ignore[no-untyped-def]
    """A log-sum-exp shifted by its largest exponent. Laplacian D - beta (sum w |p|^2 - |m|^2), mean m, weights w."""
    patterns, beta = p
    exponents, mean = np.empty(patterns.shape[0]), np.zeros(x.size)
    top, square = -math.inf, 0.0
    for k in range(x.size):
        square += x[k] * x[k]
    for m in range(patterns.shape[0]):
        product = 0.0
        for k in range(x.size):
            product += patterns[m, k] * x[k]
        exponents[m] = beta * product
        top = max(top, exponents[m])
    norm, squares = 0.0, 0.0
    for m in range(patterns.shape[0]):
        weight = math.exp(exponents[m] - top)
        norm += weight
        for k in range(x.size):
            mean[k] += weight * patterns[m, k]
            squares += weight * patterns[m, k] * patterns[m, k]
    spread = squares / norm
    for k in range(x.size):
        mean[k] /= norm
        spread -= mean[k] * mean[k]
        force[k] += mean[k] - x[k]
    return 0.5 * square - (top + math.log(norm)) / beta, float(x.size) - beta * spread
