"""Attention by direction and distance between the poles of tokens, in several heads, with walks over near tokens.

Token i attends from its emission e_i to the receptivities r_j of all sources j. With u_ij = (e_i - r_j) /
(|e_i - r_j| + eps), head h, which has a direction m_h and a value V_h, weights them by direction and distance,

    w_h(i, j) = exp(-|e_i - r_j| / l) exp(u_ij . m_h) / sum_j (the same),        F_i = sum_h V_h sum_j w_h(i, j) x_j

that is, a softmax over j of the score u_ij . m_h with the prior weight exp(-|e_i - r_j| / l) of each j.

Hops add random walks on the graph of near tokens. Edges are a_ij = 1 / (1 + exp(k (|e_i - r_j| - t))), and P_ij = a_ij
/ sum_j a_ij is row-stochastic: a power of P averages over walks of that length (their number would grow unboundedly):

    F_i = sum_h V_h [ c_0 sum_j w_h(i, j) x_j + sum_(k = 1 to K) c_k (P^k x)_i ],        c = softmax(weights)

A source also attends to itself, as in `attention`. The walk contributes zero to a token without edges. Powers of P are
never formed: P^k x = P (P^(k-1) x), so that memory is O(N D).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numba import prange
from pydantic import Field

from gasfield.forces.attention.matrices import Matrix, square_of
from gasfield.forces.attention.poles import Pole, PoleMap, square_gaps
from gasfield.forces.base import Array, Finite, Force, ForceSpec, Surroundings, not_conservative, of_dimension
from gasfield.forces.pair_list import BLOCK
from gasfield.forces.strengths import Strength
from gasfield.gas import Gas
from gasfield.kernels.dot import dot
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.softmax import LARGEST, gather_softmax
from gasfield.registry import register
from gasfield.spec import Spec


class DirectedHead(Spec):
    """One head."""

    direction: tuple[Strength, ...]
    """m_h, D numbers: the head prefers tokens with e_i - r_j along m_h; its length sets how strongly."""
    value: Matrix | None = None
    """V_h (D, D), or a number times the identity; the identity if left out [1/time, under advection]."""


class Hops(Spec):
    """Walks over near tokens, mixed with the heads."""

    weights: tuple[Finite, ...] = Field(min_length=2)
    """K + 1 numbers, whose softmax is the share of no hop (the heads), one hop, ... K hops."""
    sharpness: float = Field(1.0, ge=0.0, allow_inf_nan=False)
    """k, how sharply edges decay at the threshold [1/length]."""
    threshold: Finite = 1.0
    """t, the distance at which an edge is a half [length]."""


@register
class DirectedAttention(ForceSpec):
    """Moves every particle along the mean of all sources, weighted by direction and distance."""

    kind: Literal["directed_attention"] = "directed_attention"
    heads: tuple[DirectedHead, ...] = Field(min_length=1)
    """The heads, whose forces add up."""
    emission: Pole = Pole()
    """The pole that a particle attends from."""
    receptivity: Pole = Pole()
    """The pole at which it is attended to."""
    length: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """l, the distance over which weights decay by a factor e [length]."""
    eps: float = Field(1e-8, gt=0.0, allow_inf_nan=False)
    """eps, added to the distance in the denominator [length]."""
    hops: Hops | None = None
    """Walks over near tokens; none if left out."""

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of its matrices, and of means along walks."""
        return 8 * dimensions * (2 * dimensions * len(self.heads) + 4 * particles)

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if directions, values or poles do not fit the dimensions, or the space is periodic.
        """
        surroundings.require_no_period("directed_attention")
        d = surroundings.dimensions
        where = [f"heads.{number}." for number in range(len(self.heads))]
        heads = list(zip(self.heads, where, strict=True))
        directions = np.stack([of_dimension(head.direction, d, f"{at}direction") for head, at in heads])
        values = np.stack([square_of(head.value, d, f"{at}value") for head, at in heads])
        poles = (self.emission.at_work(d, "emission"), self.receptivity.at_work(d, "receptivity"))
        return DirectedAttentionForce(poles, directions, values, (self.length, self.eps), self.hops)


class DirectedAttentionForce(Force):
    """The built force."""

    conservative = False
    interacting = True

    def __init__(
        self,
        poles: tuple[PoleMap, PoleMap],
        directions: Array,
        values: Array,
        scales: tuple[float, float],
        hops: Hops | None,
    ) -> None:
        """Builds it from emission and receptivity, m (heads, D), V (heads, D, D), (length, eps) and the walks."""
        self._emission, self._receptivity = poles
        self._directions, self._values, self._hops = directions, values, hops
        self._scales = (float(scales[0]), float(scales[1]))
        exponents = np.array(hops.weights if hops else [0.0])
        shares = np.exp(exponents - exponents.max())
        self._shares = shares / shares.sum()

    def add(self, gas: Gas, force: Array) -> None:
        rows = np.flatnonzero(gas.is_source)
        looks, seen = self._emission.of(gas), np.ascontiguousarray(self._receptivity.of(gas)[rows].T)
        _look(gas.positions, gas.positions[rows], looks, seen, self._directions, self._values, *self._scales,
              self._shares[0], force)  # fmt: skip
        if self._hops is not None:
            walked = self._walk(gas, self._hops, rows, looks, seen)
            _apply(self._values, walked, force)

    def _walk(self, gas: Gas, hops: Hops, rows: Any, looks: Array, seen: Array) -> Array:
        """(N, D) sum over k of c_k P^k x."""
        reached, total = gas.positions, np.zeros(gas.positions.shape)
        for share in self._shares[1:]:
            reached = _step(looks, seen, reached[rows], float(hops.sharpness), float(hops.threshold))
            total += share * reached
        return total

    def energy(self, gas: Gas) -> Array:
        raise not_conservative("directed_attention")

    def laplacian(self, gas: Gas) -> Array:
        raise not_conservative("directed_attention")

    def check_gas(self, gas: Gas) -> None:
        self._emission.check(gas)
        self._receptivity.check(gas)


@jit(**EXACT)
def _distances(look, seen, start, stop, distances):  # type: ignore[no-untyped-def]
    """Writes |e - r_j| of seen[:, start:stop] to the beginning of `distances`."""
    square_gaps(look, seen, start, stop, distances)
    for b in range(stop - start):
        distances[b] = math.sqrt(distances[b])


@jit(**EXACT)
def _along(look, seen, start, stop, direction, products):  # type: ignore[no-untyped-def]
    """Writes (e - r_j) . m of seen[:, start:stop] to the beginning of `products`."""
    products[: stop - start] = 0.0
    for k in range(look.size):
        here, there, much = look[k], seen[k, start:stop], direction[k]
        for b in range(there.size):
            products[b] += (here - there[b]) * much


@jit(**EXACT_PARALLEL)
def _look(places, targets, looks, seen, directions, values, length, eps, share, force):  # type: ignore[no-untyped-def]
    """F_i += c_0 sum_h V_h (mean of x_j, weighted by direction and distance)."""
    count, d = targets.shape
    for i in prange(looks.shape[0]):
        distances, exponents, mean = np.empty(BLOCK), np.empty(BLOCK), np.empty(d)
        for h in range(directions.shape[0]):
            mean[:] = 0.0
            top, norm = -np.inf, 0.0
            for start in range(0, count, BLOCK):
                stop = min(start + BLOCK, count)
                _distances(looks[i], seen, start, stop, distances)
                _along(looks[i], seen, start, stop, directions[h], exponents)
                for b in range(stop - start):
                    exponents[b] = exponents[b] / (distances[b] + eps) - distances[b] / length
                top, norm = gather_softmax(exponents, targets, start, stop, top, norm, mean)
            for k in range(d):
                mean[k] = (share * mean[k] / norm if norm > 0.0 else 0.0) + 0.0 * places[i, k]  # NaN stays NaN
            for k in range(d):
                force[i, k] += dot(values[h, k], mean)


@jit(**EXACT_PARALLEL)
def _step(looks, seen, vectors, sharpness, threshold):  # type: ignore[no-untyped-def]
    """(N, D) mean of vectors (M, D) over the edges of each token."""
    count, d = vectors.shape
    means = np.zeros(looks.shape)
    for i in prange(looks.shape[0]):
        distances = np.empty(BLOCK)
        norm = 0.0
        for start in range(0, count, BLOCK):
            stop = min(start + BLOCK, count)
            _distances(looks[i], seen, start, stop, distances)
            for b in range(stop - start):
                edge = 1.0 / (1.0 + math.exp(min(sharpness * (distances[b] - threshold), LARGEST)))
                if distances[b] != distances[b]:
                    continue
                norm += edge
                for k in range(d):
                    means[i, k] += edge * vectors[start + b, k]
        for k in range(d):
            means[i, k] = means[i, k] / norm if norm > 0.0 else 0.0
    return means


@jit(**EXACT_PARALLEL)
def _apply(values, vectors, force):  # type: ignore[no-untyped-def]
    """F_i += sum_h V_h v_i."""
    for i in prange(vectors.shape[0]):
        for h in range(values.shape[0]):
            for k in range(vectors.shape[1]):
                force[i, k] += dot(values[h, k], vectors[i])
