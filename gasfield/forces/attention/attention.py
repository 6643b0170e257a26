"""Self-attention as a force: tokens are attracted to the tokens to which they attend.

    F_i = sum_h V_h sum_j w_ij x_j,    s_ij = <Q_h x_i, K_h x_j>
    softmax:       w_ij = exp(beta s_ij) / sum_k exp(beta s_ik)       (SA)
    unnormalised:  w_ij = exp(beta s_ij) / n                          (USA)

of Geshkovski, Letrouit, Polyanskiy and Rigollet, "A mathematical perspective on transformers" (arXiv 2312.10794); j
runs over the n sources, and a source also attends to itself. Their dynamics is `advection` on the unit sphere, which
projects onto the tangent space (the factor P of the paper).

USA without matrices is a gradient ascent of the paper's energy: it is minus the gradient of

    U = -(1/(2 n)) sum_ij (exp(beta <x_i, x_j>) - 1) / beta

which is -n times the paper's energy up to a constant, chosen so that beta = 0 is defined. SA is not a gradient in the
metric of the space. `beta` is an inverse temperature; the key is not its inverse because beta = 0 has none.

SA cannot overflow. USA grows like exp(beta) and is not rescaled, since that would rescale its time: on the sphere a
beta whose exponential overflows is refused, and elsewhere the run stops when the state becomes non-finite.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numba import prange

from gasfield.errors import InputError
from gasfield.forces.attention.matrices import Matrix, matrix_of, square_of
from gasfield.forces.base import Array, Force, ForceSpec, MeanField, Surroundings, not_conservative
from gasfield.forces.pair_list import BLOCK
from gasfield.forces.strengths import Strength
from gasfield.gas import Gas
from gasfield.kernels.dot import dot
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.softmax import LARGEST, gather, gather_softmax, inner_products
from gasfield.registry import register
from gasfield.spec import Spec


class Head(Spec):
    """One head of attention."""

    query: Matrix | None = None
    """Q (H, D), or a number times the identity; the identity if left out."""
    key: Matrix | None = None
    """K, of the shape of Q."""
    value: Matrix | None = None
    """V (D, D), or a number times the identity; the identity if left out [1/time, under advection]."""

    def arrays(self, dimensions: int, where: str) -> tuple[Array, Array]:
        """(K^T Q, V), each (D, D).

        Raises:
            InputError: if the shapes do not fit.
        """
        query = matrix_of(self.query, dimensions, f"{where}query")
        key = matrix_of(self.key, dimensions, f"{where}key")
        if query.shape != key.shape:
            raise InputError(
                f"query has {len(query)} rows and key {len(key)}; their products need equally many.",
                parameter=f"{where}query",
            )
        return key.T @ query, square_of(self.value, dimensions, f"{where}value")


@register
class Attention(ForceSpec):
    """Moves every particle along the mean of all sources, weighted by query-key products."""

    kind: Literal["attention"] = "attention"
    form: Literal["softmax", "unnormalised"] = "softmax"
    """Whether weights add up to 1 for each particle, or are divided by the number of sources."""
    beta: Strength = 1.0
    """Inverse temperature of the weights [1/length^2]; at 0 they are uniform."""
    query: Matrix | None = None
    """Q (H, D) of a single head, or a number times the identity; the identity if left out."""
    key: Matrix | None = None
    """K of a single head, of the shape of Q."""
    value: Matrix | None = None
    """V (D, D) of a single head, or a number times the identity; the identity if left out."""
    heads: tuple[Head, ...] | None = None
    """Several heads, whose forces add up; each has its own query, key and value."""

    @property
    def plain(self) -> bool:
        """Whether it has one head and no matrices."""
        return self.heads is None and (self.query, self.key, self.value) == (None, None, None)

    @property
    def mean_field(self) -> MeanField | None:
        """For a positive, constant beta without matrices."""
        known = self.plain and not self.schedules and self.beta > 0.0
        return MeanField(self.beta, self.form) if known else None

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of its matrices."""
        return 6 * 8 * dimensions * dimensions * len(self.heads or (self,))

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if matrices do not fit, single and several heads are mixed, the space is periodic, or the
                exponential of beta overflows.
        """
        surroundings.require_no_period("attention")
        single = (self.query, self.key, self.value)
        if self.heads is not None and (single != (None, None, None) or not self.heads):
            raise InputError(
                "give heads, at least one, or query, key and value of a single head; not both.", parameter="heads"
            )
        if self.form == "unnormalised" and self.plain and surroundings.space.curved and abs(self.beta) > LARGEST:
            raise InputError(
                f"exp({self.beta:g}) overflows; use beta of at most {LARGEST:g}, or "
                "the form softmax, whose weights are never above 1.",
                parameter="beta",
            )
        d = surroundings.dimensions
        alone = Head(query=self.query, key=self.key, value=self.value)
        named = {"": alone} if self.heads is None else {
            f"heads.{number}.": head for number, head in enumerate(self.heads)
        }  # fmt: skip
        arrays = [head.arrays(d, where) for where, head in named.items()]
        matches, values = (np.ascontiguousarray(np.stack(stack)) for stack in zip(*arrays, strict=True))
        return AttentionForce(self.form == "softmax", self.beta, matches, values, plain=self.plain)


class AttentionForce(Force):
    """The built force."""

    interacting = True

    def __init__(self, softmax: bool, beta: float, matches: Array, values: Array, *, plain: bool) -> None:
        """Attention of one head or several.

        Args:
            softmax: whether weights are normalised.
            beta: inverse temperature.
            matches: (heads, D, D) K^T Q.
            values: (heads, D, D) V.
            plain: whether there is one head, and its matrices are the identity.
        """
        self.conservative = plain and not softmax
        self._softmax, self._beta = bool(softmax), float(beta)
        self._matches, self._values = self._beta * matches, values

    def add(self, gas: Gas, force: Array) -> None:
        _attend(gas.positions, *_crowd(gas), self._matches, self._values, self._softmax, force)

    def energy(self, gas: Gas) -> Array:
        return self._sums(gas)[0] * np.where(gas.is_source, 0.5, 1.0)

    def laplacian(self, gas: Gas) -> Array:
        return self._sums(gas)[1]

    def _sums(self, gas: Gas) -> tuple[Array, Array]:
        """(N,) energy of each particle with the sources, and its Laplacian."""
        if not self.conservative:
            raise not_conservative("attention with a softmax or with matrices")
        energy, laplacian = np.zeros(gas.count), np.zeros(gas.count)
        _sum(gas.positions, *_crowd(gas), gas.is_source, self._beta, energy, laplacian)
        return energy, laplacian


def _crowd(gas: Gas) -> tuple[Any, Any]:
    """Positions of the sources, as rows (M, D) and as columns (D, M)."""
    rows = np.ascontiguousarray(gas.positions[gas.is_source])
    return rows, np.ascontiguousarray(rows.T)


@jit(**EXACT_PARALLEL)
def _attend(places, rows, columns, matches, values, softmax, force):  # type: ignore[no-untyped-def]
    """F_i += sum_h V_h (mean of x_j, weighted); `matches` is beta K^T Q."""
    count, d = rows.shape
    for i in prange(places.shape[0]):
        exponents, query, mean = np.empty(BLOCK), np.empty(d), np.empty(d)
        for h in range(matches.shape[0]):
            for k in range(d):
                query[k] = dot(matches[h, k], places[i])
            mean[:] = 0.0
            top, norm = -np.inf, 0.0
            for start in range(0, count, BLOCK):
                stop = min(start + BLOCK, count)
                inner_products(query, columns, start, stop, exponents)
                if softmax:
                    top, norm = gather_softmax(exponents, rows, start, stop, top, norm, mean)
                else:
                    gather(exponents, rows, start, stop, 0.0, norm, mean)
            if not softmax:
                norm = float(count)
            for k in range(d):
                mean[k] = (mean[k] / norm if norm > 0.0 else 0.0) + 0.0 * places[i, k]  # NaN stays NaN
            for k in range(d):
                force[i, k] += dot(values[h, k], mean)


@jit(**EXACT_PARALLEL)
def _sum(places, rows, columns, is_source, beta, energy, laplacian):  # type: ignore[no-untyped-def]
    """energy_i = -(1/n) sum_j (exp(beta s_ij) - 1) / beta; laplacian_i is minus the divergence of the force on i.

    For j = i both positions vary: the divergence of exp(beta x.x) x replaces that of exp(beta x_i.x_j) x_j.
    """
    count, d = rows.shape
    for i in prange(places.shape[0]):
        products = np.empty(BLOCK)
        for start in range(0, count, BLOCK):
            stop = min(start + BLOCK, count)
            inner_products(places[i], columns, start, stop, products)
            for b in range(stop - start):
                growth = np.expm1(beta * products[b])
                if growth != growth:
                    continue
                energy[i] -= growth / beta if beta != 0.0 else products[b]
                laplacian[i] -= beta * dot(rows[start + b], rows[start + b]) * (growth + 1.0)
        if is_source[i]:
            square = dot(places[i], places[i])
            laplacian[i] -= (d + beta * square) * np.exp(beta * square)
        energy[i] /= max(count, 1)
        laplacian[i] /= max(count, 1)
