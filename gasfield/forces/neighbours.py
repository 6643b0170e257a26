"""Pair forces with a cut-off from neighbour lists: the bits of the sums over all pairs, in a time proportional to N."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config

from gasfield.forces.base import Array
from gasfield.forces.single import twin_of
from gasfield.gas import Gas
from gasfield.kernels.jit import is_compiled
from gasfield.kernels.lanes import can_use_lanes
from gasfield.kernels.pointwise import PointwiseKernel, parameters_in_float32
from gasfield.kernels.threads import side_by_side
from gasfield.neighbours.loops import add_up, evaluation, of_each_lane, of_lanes, push
from gasfield.neighbours.neighbour_list import NeighbourList

_FEW = 48
"""Particles below which all pairs are visited: there are hardly more than in a list. Sums in float32, of
which those over all pairs have other bits, are always over a list."""
_WORTH_COMPILING = 4e9
"""Pairs that are visited in about the time in which sums over a list are compiled, some seconds."""
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

    def __init__(
        self, law: PointwiseKernel, reach: float, core: float, periods: Array, dtype: Any = np.float64
    ) -> None:
        """No list yet.

        Args:
            law: `law(u, p)`, see `PairForce`.
            reach: the cut-off [length].
            core: the distance below which the law is continued [length].
            periods: (D,) of the space, 0 along coordinates that are not periodic.
            dtype: in which pairs are computed and summed, float64 or float32.
        """
        self.law, self._periods = law, periods
        self.list = NeighbourList(float(reach), float(core), periods, dtype)
        number = self.list.dtype.type
        self._reach2, self._core2 = number(float(reach) ** 2), number(float(core) ** 2)
        self._evaluate: Any = None
        self._visits, self._compiled = 0.0, list[Any]()

    def anew(self) -> Neighbours:
        """The same for another gas."""
        return Neighbours(self.law, self.list.reach, self.list.core, self._periods, self.list.dtype)

    def evaluation(self, parameters: Any) -> Any:
        """How the law is evaluated for lanes. One that is evaluated lane by lane is replaced by its twin in float32."""
        if self._evaluate is None and self.list.dtype == np.float64:
            self._evaluate = evaluation(self.law, parameters, np.float64)
        elif self._evaluate is None:
            has_lanes = can_use_lanes(self.law, self.parameters(parameters), np.float32)
            self.law = self.law if has_lanes else twin_of(self.law, parameters) or self.law
            self._evaluate = of_lanes if has_lanes else of_each_lane
        return self._evaluate

    def parameters(self, parameters: Any) -> Any:
        """Parameters of the law in the type of the list."""
        return parameters if self.list.dtype == np.float64 else parameters_in_float32(parameters)

    def push(self, parameters: Any, gas: Gas, strengths: Array, force: Array) -> bool:
        """Adds the force of all pairs to `force` (N, D), if a list is worth it.

        Returns:
            Whether it is.
        """
        if not self._follow(gas, strengths, parameters, push):
            return False
        at = self.list
        given = (
            self.evaluation(parameters), self.law, self.parameters(parameters), at.coordinates, at.own, at.order,
            at.rows, at.begins, at.ends, at.close, strengths, self._reach2, self._core2, force,
        )  # fmt: skip
        side_by_side(lambda thread, threads: push(*given, thread, threads), at.threads)
        return True

    def add_up(self, parameters: Any, gas: Gas, strengths: Array, sums: Array) -> bool:
        """Adds energy, Laplacian and r . F of each particle to `sums` (N, 3), if a list is worth it.

        Returns:
            Whether it is.
        """
        if not self._follow(gas, strengths, parameters, add_up):
            return False
        at = self.list
        given = (
            self.evaluation(parameters), self.law, self.parameters(parameters), at.coordinates, at.own, at.order,
            at.rows, at.begins, at.ends, strengths, self._reach2, self._core2, sums,
        )  # fmt: skip
        side_by_side(lambda thread, threads: add_up(*given, thread, threads), at.threads)
        return True

    def _follow(self, gas: Gas, strengths: Array, parameters: Any, kernel: Any) -> bool:
        if self.list.dtype == np.float64 and not self._pays(gas, parameters, kernel):
            return False
        places = np.ascontiguousarray(gas.positions, np.float64)
        return self.list.follow(places, strengths, gas.is_source)

    def _pays(self, gas: Gas, parameters: Any, kernel: Any) -> bool:
        """Whether sums over a list are compiled already, or all pairs have taken longer than compiling them."""
        if gas.count < _FEW:
            return False
        self._visits += float(gas.count) * gas.count
        if self._visits < _WORTH_COMPILING and kernel not in self._compiled and self._is_compiled(kernel, parameters):
            self._compiled.append(kernel)
        return self._visits >= _WORTH_COMPILING or kernel in self._compiled

    def _is_compiled(self, kernel: Any, parameters: Any) -> bool:
        reals, words = np.empty(0), np.empty(0, np.int64)
        rows, flags, two = np.empty(0, np.uint32), np.empty(0, np.bool_), np.empty((0, 0))
        lists = (rows, words, words, flags) if kernel is push else (rows, words, words)
        given = (self.evaluation(parameters), self.law, self.parameters(parameters), reals, reals, words, *lists)
        return is_compiled(kernel, *given, reals, self._reach2, self._core2, two, 0, 1)
