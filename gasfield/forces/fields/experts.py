"""A mixture of experts: M harmonic wells, of which each particle feels the k that a router chooses.

    F = -sum w_e q (x - c_e)      over the chosen experts, with energies E_e = q |x - c_e|^2 / 2

The weights are those of a router (`routers.py`). Of `softmax`, at T = 1/beta,

    U = -1/beta log sum exp(-beta q |x - c|^2 / 2)      over the k nearest centres.

Where the k-th and the next expert exchange ranks they are equidistant, so U is continuous; the force is not. The
Laplacian omits the discontinuities, so the configurational temperature is too low; with k = M there are none. The same
holds for `sigmoid`, as far as it has a potential.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import scipy
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.fields.routers import AnyRouter, SigmoidRouter, SoftmaxRouter, sigmoid_weights, softmax_weights
from gasfield.forces.fields.soft_min import add_soft_min, square_distances, take_shares
from gasfield.forces.strengths import PositiveStrength
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.spec import Spec
from gasfield.streams import Seed, Stream, generator

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class DrawnCentres(Spec):
    """Centres drawn from an isotropic Gaussian about the origin."""

    count: Count = 32
    """M."""
    spread: Positive = 1.0
    """Standard deviation of each coordinate [length]."""
    seed: Seed = 0
    """Of the draw."""


@register
class Experts(ForceSpec):
    """Wells of which a particle feels those that a router chooses."""

    kind: Literal["experts"] = "experts"
    centres: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=1)] | DrawnCentres = DrawnCentres()
    """Positions of the experts: D coordinates of each, or a draw [length]."""
    top: Count = 4
    """k, how many wells a particle feels."""
    stiffness: PositiveStrength = 1.0
    """q of each well [energy/length^2]."""
    beta: PositiveStrength = 1.0
    """Inverse temperature of the weights [1/energy]."""
    router: AnyRouter = SoftmaxRouter()
    """How experts are chosen and weighed."""

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of drawn centres."""
        return 32 * dimensions * (self.centres.count if isinstance(self.centres, DrawnCentres) else 0)

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the wells.

        Raises:
            InputError: if a centre does not have D coordinates, there are fewer than k, a bias is not one number for
                each, or the space is periodic.
        """
        surroundings.require_no_period("experts")
        centres = self._places(surroundings.dimensions)
        if self.top > len(centres):
            raise InputError(
                f"a particle cannot feel {self.top} of {len(centres)} experts; give at most {len(centres)}.",
                parameter="top",
            )
        bias = self.router.bias if isinstance(self.router, SigmoidRouter) else None
        if bias is not None and len(bias) != len(centres):
            raise InputError(f"{len(bias)} numbers are given for {len(centres)} experts.", parameter="router.bias")
        return ExpertsForce(self, centres)

    def _places(self, dimensions: int) -> Array:
        if isinstance(self.centres, DrawnCentres):
            draw = generator(self.centres.seed, Stream.FIELD_CENTRES)
            return self.centres.spread * draw.standard_normal((self.centres.count, dimensions))
        return np.array([of_dimension(at, dimensions, f"centres.{n}") for n, at in enumerate(self.centres)])


class ExpertsForce(ExternalForce):
    """The built wells.

    Attributes:
        centres: (M, D).
    """

    def __init__(self, law: Experts, centres: Array) -> None:
        """Builds the force from its specification and the (M, D) centres."""
        self.centres, self._spec = centres, law
        numbers = (centres.T, centres, float(law.stiffness), 1.0 / float(law.beta), law.top)
        if isinstance(law.router, SigmoidRouter):
            bias = law.router.bias or (0.0,) * len(centres)
            biased = len(set(bias)) > 1
            own = (law.router.threshold, np.array(bias), biased, law.router.normalised)
            super().__init__("experts", occupied_experts, (*numbers, *own), conservative=law.router.conservative)
        else:
            super().__init__("experts", experts, numbers, conservative=True)

    def routing(self, gas: Gas) -> Array:
        """(N, M) weights of the experts, with sum 1; zero for those that a particle does not feel."""
        places = np.asarray(gas.positions, np.float64)
        energies = 0.5 * float(self._spec.stiffness) * scipy.spatial.distance.cdist(places, self.centres, "sqeuclidean")
        router, top, temperature = self._spec.router, self._spec.top, 1.0 / float(self._spec.beta)
        if not isinstance(router, SigmoidRouter):
            return softmax_weights(energies, temperature, top)
        bias = None if router.bias is None else np.array(router.bias)
        return sigmoid_weights(energies, temperature, top, router.threshold, bias)


@pointwise_kernel
def experts(x, p, force):  # type: ignore[no-untyped-def]
    """The soft minimum of the nearest wells."""
    columns, centres, stiffness, temperature, top = p
    squared = np.empty(columns.shape[1])
    square_distances(x, columns, squared)
    felt = least(squared, top)
    return add_soft_min(x, centres[felt], squared[felt], np.zeros(top), np.full(top, stiffness), temperature, force)


@pointwise_kernel
def occupied_experts(x, p, force):  # type: ignore[no-untyped-def]
    """Independent occupancies: n = 1/(1 + exp((E - mu)/T)), F = -sum w q (x - c) with w = n or n/sum n, and, of w = n,
    U = -T sum log(1 + exp((mu - E)/T)), Laplacian = sum n D q - n (1 - n) q^2 |x - c|^2/T."""
    columns, centres, stiffness, temperature, top, threshold, bias, biased, normalised = p
    squared = np.empty(columns.shape[1])
    square_distances(x, columns, squared)
    above, ranked = np.empty(squared.size), np.empty(squared.size)
    for k in range(squared.size):
        above[k] = (0.5 * stiffness * squared[k] - threshold) / temperature
        ranked[k] = -(1.0 / (1.0 + np.exp(above[k])) + bias[k]) if biased else squared[k]
    felt = least(ranked, top)
    exponents, weights = np.empty(top), np.empty(top)
    energy, laplacian = 0.0, 0.0
    for k in range(top):
        height = above[felt[k]]
        empty = max(height, 0.0) + math.log1p(math.exp(-abs(height)))  # log(1 + exp(height)) = -log n
        exponents[k], weights[k] = -empty, math.exp(-empty)
        energy -= temperature * (empty - height)
    if normalised:
        weights = exponents
        take_shares(weights)
    for k in range(top):
        pull = weights[k] * stiffness
        for j in range(x.size):
            force[j] -= pull * (x[j] - centres[felt[k], j])
        laplacian += pull * (float(x.size) - (1.0 - weights[k]) * stiffness * squared[felt[k]] / temperature)
    return energy, laplacian


@jit(**EXACT)
def least(values, count):  # type: ignore[no-untyped-def]
    """(count,) indices of the least of values (M,), in ascending order; ties in order of index."""
    found = np.zeros(count, np.int64)
    for k in range(values.size):
        if k >= count and not values[k] < values[found[count - 1]]:
            continue
        place = min(k, count - 1)
        while place > 0 and values[k] < values[found[place - 1]]:
            found[place] = found[place - 1]
            place -= 1
        found[place] = k
    return found
