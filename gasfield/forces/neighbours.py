"""Pair forces with a cut-off from neighbour lists: the bits of the sums over all pairs, in a time proportional to N."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config

from gasfield.forces.base import Array
from gasfield.gas import Gas
from gasfield.kernels.pointwise import PointwiseKernel
from gasfield.kernels.threads import side_by_side
from gasfield.neighbours.loops import add_up, evaluation, push
from gasfield.neighbours.neighbour_list import NeighbourList

_FEW = 48
"""Particles below which all pairs are visited: there are hardly more than in a list."""
_PERIODIC, _FREE = 3, 6
"""Dimensions up to which lists are made in a periodic box and elsewhere. Beyond them most particles of a usual gas are
within a cut-off or near it (half of the volume of a ball is within a shell of D-th part of its radius), and a search by
boxes, which have 2 D sides, looks at nearly all."""


def lists_pay(reach: float, periods: Array) -> bool:
    """Whether pairs within a reach are found by lists: with a cut-off, in few dimensions, in compiled code."""
    most = _PERIODIC if periods.any() else _FREE
    return bool(np.isfinite(reach)) and len(periods) <= most and not config.DISABLE_JIT  # type: ignore[attr-defined]


class Neighbours:
    """The neighbour list of one law, and the sums over it."""

    def __init__(self, law: PointwiseKernel, reach: float, core: float, periods: Array) -> None:
        """No list yet.

        Args:
            law: `law(u, p)`, see `PairForce`.
            reach: the cut-off [length].
            core: the distance below which the law is continued [length].
            periods: (D,) of the space, 0 along coordinates that are not periodic.
        """
        self._law, self._periods = law, periods
        self.list = NeighbourList(float(reach), float(core), periods)
        self._reach2, self._core2 = float(reach) ** 2, float(core) ** 2
        self._evaluate: Any = None

    def anew(self) -> Neighbours:
        """The same for another gas."""
        return Neighbours(self._law, self.list.reach, self.list.core, self._periods)

    def evaluation(self, parameters: Any) -> Any:
        """How the law is evaluated for lanes."""
        if self._evaluate is None:
            self._evaluate = evaluation(self._law, parameters, np.float64)
        return self._evaluate

    def push(self, parameters: Any, gas: Gas, strengths: Array, force: Array) -> bool:
        """Adds the force of all pairs to `force` (N, D), if a list is worth it.

        Returns:
            Whether it is.
        """
        if not self._follow(gas, strengths):
            return False
        at = self.list
        given = (
            self.evaluation(parameters), self._law, parameters, at.coordinates, at.own, at.order, at.rows, at.begins,
            at.ends, at.close, strengths, self._reach2, self._core2, force,
        )  # fmt: skip
        side_by_side(lambda thread, threads: push(*given, thread, threads), at.threads)
        return True

    def add_up(self, parameters: Any, gas: Gas, strengths: Array, sums: Array) -> bool:
        """Adds energy, Laplacian and r . F of each particle to `sums` (N, 3), if a list is worth it.

        Returns:
            Whether it is.
        """
        if not self._follow(gas, strengths):
            return False
        at = self.list
        given = (
            self.evaluation(parameters), self._law, parameters, at.coordinates, at.own, at.order, at.rows, at.begins,
            at.ends, strengths, self._reach2, self._core2, sums,
        )  # fmt: skip
        side_by_side(lambda thread, threads: add_up(*given, thread, threads), at.threads)
        return True

    def _follow(self, gas: Gas, strengths: Array) -> bool:
        places = gas.positions.astype(np.float64, copy=False)
        return gas.count >= _FEW and self.list.follow(places, strengths, gas.is_source)
