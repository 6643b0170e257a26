"""A mixture of experts: M harmonic wells, of which each particle feels the k nearest.

    U = -1/beta log sum exp(-beta q |x - c|^2 / 2)      over the k nearest centres

The sum is over the top k of a router whose scores are the exponents (Shazeer et al. 2017, arXiv 1701.06538). Where the
k-th and the next expert exchange ranks they are equidistant, so U is continuous; the force is not. The Laplacian omits
the discontinuities, so the configurational temperature is too low; with k = M there are none.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numba import prange
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.fields.soft_min import add_soft_min, square_distances
from gasfield.forces.strengths import PositiveStrength
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
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
    """Wells of which a particle feels only the nearest."""

    kind: Literal["experts"] = "experts"
    centres: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=1)] | DrawnCentres = DrawnCentres()
    """Positions of the experts: D coordinates of each, or a draw [length]."""
    top: Count = 4
    """k, how many wells a particle feels."""
    stiffness: PositiveStrength = 1.0
    """q of each well [energy/length^2]."""
    beta: PositiveStrength = 1.0
    """Inverse temperature of the weights of the k nearest [1/energy]."""

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of drawn centres."""
        return 32 * dimensions * (self.centres.count if isinstance(self.centres, DrawnCentres) else 0)

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the wells.

        Raises:
            InputError: if a centre does not have D coordinates, there are fewer than k, or the space is periodic.
        """
        surroundings.require_no_period("experts")
        centres = self._places(surroundings.dimensions)
        if self.top > len(centres):
            raise InputError(
                f"a particle cannot feel {self.top} of {len(centres)} experts; give at most {len(centres)}.",
                parameter="top",
            )
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
        self.centres, self._top = centres, law.top
        numbers = (centres.T, centres, float(law.stiffness), 1.0 / float(law.beta), law.top)
        super().__init__("experts", experts, numbers, conservative=True)

    def felt(self, gas: Gas) -> NDArray[np.int64]:
        """(N, k) numbers of the experts that each particle feels, the nearest first."""
        felt = np.empty((gas.count, self._top), np.int64)
        places = np.ascontiguousarray(gas.positions, np.float64)
        _find(places, np.ascontiguousarray(self.centres.T), felt)
        return felt


@pointwise_kernel
def experts(x, p, force):  # type: ignore[no-untyped-def]
    """The soft minimum of the nearest wells."""
    columns, centres, stiffness, temperature, top = p
    squared = np.empty(columns.shape[1])
    square_distances(x, columns, squared)
    felt = least(squared, top)
    return add_soft_min(x, centres[felt], squared[felt], np.zeros(top), np.full(top, stiffness), temperature, force)


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


@jit(**EXACT_PARALLEL)
def _find(positions, columns, felt):  # type: ignore[no-untyped-def]
    """felt_i = the nearest centres of x_i."""
    for i in prange(positions.shape[0]):
        squared = np.empty(columns.shape[1])
        square_distances(positions[i], columns, squared)
        felt[i] = least(squared, felt.shape[1])
