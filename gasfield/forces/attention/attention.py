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

Causal attention, as in a decoder: token i attends to the sources j <= i only, in the order of the particles of the gas
(of its groups, and in each by id). n is then their number, so that the forces on the first tokens do not change when
tokens are added behind them. A passive tracer attends to the sources before it. It is not a gradient.

SA cannot overflow. USA grows like exp(beta) and is not rescaled, since that would rescale its time: on the sphere a
beta whose exponential overflows is refused, and elsewhere the run stops when the state becomes non-finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.attention.heads import HeadArrays, Precision
from gasfield.forces.attention.matrices import Matrix, matrix_of, square_of
from gasfield.forces.base import Array, Force, ForceSpec, MeanField, Surroundings, not_conservative
from gasfield.forces.strengths import Strength
from gasfield.gas import Gas
from gasfield.kernels.attention import add_potential, attend
from gasfield.kernels.softmax import LARGEST
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

    def arrays(self, dimensions: int, where: str) -> HeadArrays:
        """Its matrices.

        Raises:
            InputError: if the shapes do not fit.
        """
        value = None if self.value is None else square_of(self.value, dimensions, f"{where}value")
        if self.query is None and self.key is None:
            return HeadArrays(value=value)
        query = matrix_of(self.query, dimensions, f"{where}query")
        key = matrix_of(self.key, dimensions, f"{where}key")
        if query.shape != key.shape:
            raise InputError(
                f"query has {len(query)} rows and key {len(key)}; their products need equally many.",
                parameter=f"{where}query",
            )
        return HeadArrays(query, key, value)


@register
class Attention(ForceSpec):
    """Moves every particle along the mean of all sources, weighted by query-key products."""

    kind: Literal["attention"] = "attention"
    form: Literal["softmax", "unnormalised"] = "softmax"
    """Whether weights add up to 1 for each particle, or are divided by the number of sources."""
    causal: bool = False
    """Whether a particle attends to those sources only that are not after it in the order of the gas."""
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
        known = self.plain and not self.causal and not self.schedules and self.beta > 0.0
        return MeanField(self.beta, self.form) if known else None

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of its matrices, and of keys and values."""
        matrices = 0 if self.plain else 6 * 8 * dimensions * dimensions * len(self.heads or (self,))
        return matrices + 2 * 8 * particles * dimensions

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
        heads = [head.arrays(d, where) for where, head in named.items()]
        return AttentionForce(self.form == "softmax", self.beta, heads, causal=self.causal)


class AttentionForce(Force):
    """The built force. Its memory is O(N D).

    In float32 positions, scores and sums are of single precision, and the forces are added in double precision. A
    score s_ij, in units of 1 / beta, is then off by up to (D + 6) 2^-24 sum_k |q_ik k_jk|, a weight by as large a
    fraction, and the mean by up to twice the largest of them and 2^-17 of the largest coordinate; typically by 1e-7 to
    1e-6 of it.
    """

    interacting = True

    def __init__(
        self,
        softmax: bool,
        beta: float,
        heads: Sequence[HeadArrays],
        *,
        causal: bool = False,
        precision: Precision = "float64",
    ) -> None:
        """Attention of one head or several.

        Args:
            softmax: whether weights are normalised.
            beta: inverse temperature.
            heads: their matrices.
            causal: whether particles attend to sources that are not after them only.
            precision: of scores, weights and sums.
        """
        plain = len(heads) == 1 and heads[0].plain
        self.conservative = plain and not softmax and not causal
        self._softmax, self._beta, self._heads, self._causal = bool(softmax), float(beta), tuple(heads), bool(causal)
        self.precision: Precision = precision
        self._packed = [head.packed(self._beta, precision) for head in heads]

    def with_precision(self, precision: Precision) -> AttentionForce:
        """The same force in another precision."""
        if precision == self.precision:
            return self
        return AttentionForce(self._softmax, self._beta, self._heads, causal=self._causal, precision=precision)

    def add(self, gas: Gas, force: Array) -> None:
        places = np.ascontiguousarray(gas.positions, self.precision)
        for head in self._packed:
            attend(places, gas.is_source, self._causal, self._softmax, *head, force)

    def energy(self, gas: Gas) -> Array:
        return self._sums(gas)[0] * np.where(gas.is_source, 0.5, 1.0)

    def laplacian(self, gas: Gas) -> Array:
        return self._sums(gas)[1]

    def virial(self, gas: Gas) -> float:
        return Force.virial(self.with_precision("float64"), gas)

    def _sums(self, gas: Gas) -> tuple[Array, Array]:
        """(N,) energy of each particle with the sources, and its Laplacian, in float64."""
        if not self.conservative:
            raise not_conservative("attention that is causal, with a softmax or with matrices")
        energy, laplacian = np.zeros(gas.count), np.zeros(gas.count)
        add_potential(gas.positions, gas.is_source, self._beta, energy, laplacian)
        return energy, laplacian
