"""Central pair forces, from an energy U(r) of the distance. Each is a function of r^2; the loops over pairs are here.

With u = r^2, ' = d/du, d the vector between two particles and w their strengths (masses, charges, ones), a pair has

    F = -2 w_i w_j U' d,    r . F = -2 w_i w_j u U',    Laplacian by either position = w_i w_j (4 u U'' + 2 D U')

No square root is computed unless the law needs it, and the force between coincident particles is zero if U is smooth in
u. If U is singular at u = 0, it is continued inside a core by its second-order Taylor polynomial in u: energy, force
and its derivative are continuous, and finite for coincident particles. At the cut-off the energy is shifted to zero,
and the force is truncated, hence discontinuous.

In single precision (`with_precision`) distances, laws and sums over neighbours are float32, and forces on a particle
are added in float64; energies, Laplacians and virials are computed in float64 nevertheless, so that they show an error
of the forces. Coordinates are rounded: in a periodic box by up to 2^-24 of the power of two at or above its side,
elsewhere by up to 2^-24 of themselves. Where a list does not fit into memory, sums are direct, and round differently.

On the sphere r is the chord in the embedding space, not the arc; the dynamics project onto the tangent space.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.forces import direct
from gasfield.forces.base import Array, Force, ForcePrecision, PairTerm
from gasfield.forces.external import for_kernels
from gasfield.forces.neighbours import Neighbours, lists_pay
from gasfield.forces.pair_list import PairList
from gasfield.forces.single import require_range, twin_of
from gasfield.gas import Gas
from gasfield.kernels.pointwise import PointwiseKernel, parameters_in_float32


class PairForce(Force):
    """A pair force given by a function of the squared distance.

    The law is a `pointwise_kernel`, `law(u, p)`, which returns U, dU/du and d2U/du2 at u = r^2; p are the parameters.
    """

    conservative = True
    interacting = True
    mutual = True

    def __init__(
        self,
        law: PointwiseKernel,
        parameters: Sequence[Any],
        periods: Array,
        *,
        reach: float = np.inf,
        core: float = 0.0,
    ) -> None:
        """Builds a pair force.

        Args:
            law: as above.
            parameters: p, numbers and arrays; new values do not trigger recompilation.
            periods: (D,) of the space, 0 along coordinates that are not periodic.
            reach: the cut-off distance [length].
            core: the distance below which the law is continued [length].
        """
        self._law, self._parameters, self._periods = law, for_kernels(parameters), periods
        self._reach2, self._core2 = float(reach) ** 2, float(core) ** 2
        self._neighbours = Neighbours(law, reach, core, periods) if lists_pay(reach, periods) else None
        self._pushing = self._neighbours
        self._twin: PointwiseKernel | None = None
        """The law in float32, if forces are computed with it."""

    def strengths(self, gas: Gas) -> Array:
        """(N,) w of each particle; a subclass may return masses or charges."""
        return np.ones(gas.count)

    def for_another_gas(self) -> PairForce:
        """The same force with a neighbour list of its own."""
        another = copy(self)
        if self._neighbours is not None and self._pushing is not None:
            another._neighbours = self._neighbours.anew()
            another._pushing = another._neighbours if self._twin is None else self._pushing.anew()
        return another

    def with_precision(self, precision: ForcePrecision) -> PairForce:
        """The same force, computed in a precision; in float64 where its law has no other.

        Raises:
            InputError: if its numbers are out of the range of float32.
        """
        if (precision == "float32") == (self._twin is not None) or type(self).add is not PairForce.add:
            return self
        twin = twin_of(self._law, self._parameters) if precision == "float32" else None
        if precision == "float32" and twin is None:
            return self
        another, at = copy(self), self._neighbours
        another._twin, another._pushing = twin, at
        if twin is not None:
            require_range(self._parameters, self._reach2, self._core2)
            if at is not None:
                another._pushing = Neighbours(self._law, at.list.reach, at.list.core, self._periods, np.float32)
        return another

    def paired(self, gas: Gas) -> PairTerm | None:
        if self._pushing is None or type(self).add is not PairForce.add:
            return None
        at, strengths = self._pushing, np.ascontiguousarray(self.strengths(gas), np.float64)
        evaluate = at.evaluation(self._parameters)
        return PairTerm(at.law, at.parameters(self._parameters), evaluate, strengths, at.list)

    def list_builders(self) -> Sequence[tuple[object, str]]:
        lists = {id(at): at.list for at in (self._pushing, self._neighbours) if at is not None}
        return tuple((each, "follow") for each in lists.values())

    def add(self, gas: Gas, force: Array) -> None:
        if self._pushing is not None and self._pushing.push(self._parameters, gas, self.strengths(gas), force):
            return
        if self._twin is not None and gas.dimensions <= direct.FLAT:
            parameters = parameters_in_float32(self._parameters)
            pairs = self._pairs(gas, np.float32)
            direct.push(self._twin, parameters, *pairs, self._reach2, self._core2, force)
            return
        direct.push(self._law, self._parameters, *self._pairs(gas), self._reach2, self._core2, force)

    def energy(self, gas: Gas) -> Array:
        energy: Array = self._sums(gas)[0]
        return energy * np.where(gas.is_source, 0.5, 1.0)

    def laplacian(self, gas: Gas) -> Array:
        laplacian: Array = self._sums(gas)[1]
        return laplacian

    def virial(self, gas: Gas) -> float:
        if not self._periods.any():
            return Force.virial(self.with_precision("float64"), gas)
        return 0.5 * float(self._sums(gas)[2].sum())

    def _pairs(self, gas: Gas, dtype: Any = np.float64) -> tuple[Any, Any, Any, Any, Any, Any]:
        """Pairs and strengths: the leading arguments of both kernels."""
        crowd, strengths = PairList.of(gas, self._periods, dtype), np.ascontiguousarray(self.strengths(gas), np.float64)
        return (*crowd, strengths, strengths[crowd.rows])

    def _sums(self, gas: Gas) -> Array:
        """(3, N) energy, Laplacian and r . F of each particle, summed over its pairs with sources."""
        sums = np.zeros((gas.count, 3))
        if self._neighbours is not None and self._neighbours.add_up(self._parameters, gas, self.strengths(gas), sums):
            return np.ascontiguousarray(sums.T)
        direct.sums(self._law, self._parameters, *self._pairs(gas), self._reach2, self._core2, sums)
        return np.ascontiguousarray(sums.T)


def require_room(kind: str, reach: float, periods: Array) -> None:
    """Refuses a periodic box in which a particle would interact with another and with its image.

    Raises:
        InputError: if a side is less than twice the reach.
    """
    narrow = periods[(periods > 0.0) & (periods < 2.0 * reach)]
    if not len(narrow):
        return
    most = 0.5 * narrow.min()
    if np.isinf(reach):
        raise InputError(
            f"{kind}: without a cutoff a particle would interact with all images of another in the periodic box; "
            f"give a cutoff of at most {most:g}, half of the side {narrow.min():g}, or use space.kind free or ball."
        )
    raise InputError(
        f"{kind}: the side {narrow.min():g} of the periodic box is smaller than twice the cutoff, {2.0 * reach:g}: a "
        f"particle would interact with another and its image. Enlarge the box, or use a cutoff of at most {most:g}."
    )
