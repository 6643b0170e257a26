"""Tokens that emit from one pole and receive at another: a non-reciprocal force.

    F_ij = (e_i - r_j) / (|e_i - r_j| + eps)  *  (e_i . r_j) / ((|e_i - r_j|^2 + s^2)^(p/2) + eps)
    F_j = sum of F_ij over all sources i != j,    e_i = E x_i + a_i,  r_j = R x_j + b_j

from force-directed attention, where s = 0 and p = 2. An emission e_i attracts the receptivity r_j if e_i . r_j > 0 and
repels it if negative; F_ji is generally not -F_ij, so that neither momentum nor energy is conserved. A token does
not act on itself unless `on_itself` is true: the published tables include the diagonal.

Without softening the force between coincident poles is 0 because of eps, and between nearly coincident ones up to
(e . r) / eps. The softening s bounds it by |e . r| / s^p, and changes a force at distance d by a fraction p/2 (s/d)^2.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from numba import prange
from numpy.typing import ArrayLike
from pydantic import Field

from gasfield.forces.attention.poles import Pole, PoleMap, square_gaps
from gasfield.forces.base import Array, Force, ForceSpec, PairTable, Surroundings, not_conservative
from gasfield.forces.pair_list import BLOCK
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.softmax import inner_products
from gasfield.registry import register

SOFTENING = 1e-3
"""Default: keeps five digits of the published tables, and bounds the force by a million instead of 1e8."""


@register
class EmissionReceptivity(ForceSpec):
    """Attracts the receptivity of every particle to the emissions of all others."""

    between_poles: ClassVar[bool] = True

    kind: Literal["emission_receptivity"] = "emission_receptivity"
    emission: Pole = Pole()
    """The pole that a particle acts from."""
    receptivity: Pole = Pole()
    """The pole that it is acted on."""
    decay: float = Field(2.0, ge=0.0, allow_inf_nan=False)
    """p, the exponent of the decay with distance."""
    eps: float = Field(1e-8, gt=0.0, allow_inf_nan=False)
    """eps, added to the distance [length] and to its power [length^p]."""
    softening: float = Field(SOFTENING, ge=0.0, allow_inf_nan=False)
    """s, the distance below which the force stops growing [length]."""
    on_itself: bool = False
    """Whether a particle's emission acts on its own receptivity too."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if poles do not fit the dimensions, or the space is periodic.
        """
        surroundings.require_no_period("emission_receptivity")
        poles, numbers = self._poles(surroundings.dimensions), (self.decay, self.eps, self.softening)
        return EmissionReceptivityForce(*poles, numbers, on_itself=self.on_itself)

    def table_of(self, gas: Gas) -> PairTable:
        """Emissions (N, D), receptivities (N, D), and the force of every particle on every other, (N, N, D)."""
        emission, receptivity = self._poles(gas.dimensions)
        emissions, receptivities = emission.of(gas), receptivity.of(gas)
        forces = table(emissions, receptivities, self.decay, self.eps, self.softening)
        if not self.on_itself:
            forces[np.arange(gas.count), np.arange(gas.count)] = 0.0
        return PairTable(emissions, receptivities, forces)

    def _poles(self, dimensions: int) -> tuple[PoleMap, PoleMap]:
        return self.emission.at_work(dimensions, "emission"), self.receptivity.at_work(dimensions, "receptivity")


class EmissionReceptivityForce(Force):
    """The built force."""

    conservative = False
    interacting = True

    def __init__(
        self, emission: PoleMap, receptivity: PoleMap, law: tuple[float, float, float], *, on_itself: bool
    ) -> None:
        """Builds it from the poles and (decay, eps, softening)."""
        self._emission, self._receptivity, self._on_itself = emission, receptivity, bool(on_itself)
        self._law = _numbers(*law)

    def add(self, gas: Gas, force: Array) -> None:
        rows = np.flatnonzero(gas.is_source)
        emissions = self._emission.of(gas)[rows]
        _pull(emissions, np.ascontiguousarray(emissions.T), rows, self._receptivity.of(gas), *self._law,
              self._on_itself, force)  # fmt: skip

    def energy(self, gas: Gas) -> Array:
        raise not_conservative("emission_receptivity")

    def laplacian(self, gas: Gas) -> Array:
        raise not_conservative("emission_receptivity")

    def check_gas(self, gas: Gas) -> None:
        self._emission.check(gas)
        self._receptivity.check(gas)


def table(
    emissions: ArrayLike, receptivities: ArrayLike, decay: float = 2.0, eps: float = 1e-8, softening: float = 0.0
) -> Array:
    """The force of every emission on every receptivity (N, M, D), as published: row i has the forces of i on each j.

    Args:
        emissions: e, (N, D) [length].
        receptivities: r, (M, D) [length].
        decay: p.
        eps: as above.
        softening: s; 0 is the published law.
    """
    e, r = (np.ascontiguousarray(poles, np.float64) for poles in (emissions, receptivities))
    forces = np.zeros((len(e), len(r), e.shape[1]))
    _tabulate(e, np.ascontiguousarray(e.T), r, *_numbers(decay, eps, softening), forces)
    return forces


def _numbers(decay: float, eps: float, softening: float) -> tuple[float, float, float]:
    """(p/2, eps, s^2), the arguments of the kernels."""
    return 0.5 * float(decay), float(eps), float(softening) ** 2


@jit(**EXACT)
def _strengths(columns, start, stop, receptivity, half, eps, softening2, squared, strengths):  # type: ignore[no-untyped-def]
    """Writes the factor of (e_i - r) of emissions[:, start:stop] to the beginning of `strengths`."""
    inner_products(receptivity, columns, start, stop, strengths)
    square_gaps(receptivity, columns, start, stop, squared)
    for b in range(stop - start):
        soft = squared[b] + softening2
        power = soft if half == 1.0 else soft**half
        strengths[b] /= (math.sqrt(squared[b]) + eps) * (power + eps)


@jit(**EXACT_PARALLEL)
def _pull(emissions, columns, rows, receptivities, half, eps, softening2, on_itself, force):  # type: ignore[no-untyped-def]
    """F_j += sum_i F_ij; emissions that are NaN are skipped."""
    for j in prange(receptivities.shape[0]):
        squared, strengths, total = np.empty(BLOCK), np.empty(BLOCK), np.empty(receptivities.shape[1])
        receptivity = receptivities[j]
        for k in range(total.size):
            total[k] = 0.0 * receptivity[k]  # NaN stays NaN
        for start in range(0, rows.size, BLOCK):
            stop = min(start + BLOCK, rows.size)
            _strengths(columns, start, stop, receptivity, half, eps, softening2, squared, strengths)
            for b in range(stop - start):
                if squared[b] != squared[b] or (rows[start + b] == j and not on_itself):
                    continue
                strength, emission = strengths[b], emissions[start + b]
                for k in range(total.size):
                    total[k] += strength * (emission[k] - receptivity[k])
        for k in range(total.size):
            force[j, k] += total[k]


@jit(**EXACT_PARALLEL)
def _tabulate(emissions, columns, receptivities, half, eps, softening2, forces):  # type: ignore[no-untyped-def]
    """forces_ij = F_ij."""
    for j in prange(receptivities.shape[0]):
        count = emissions.shape[0]
        squared, strengths = np.empty(count), np.empty(count)
        _strengths(columns, 0, count, receptivities[j], half, eps, softening2, squared, strengths)
        for i in range(count):
            for k in range(emissions.shape[1]):
                forces[i, j, k] = strengths[i] * (emissions[i, k] - receptivities[j, k])
