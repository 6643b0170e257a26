"""The base of Monte-Carlo samplers: proposals are accepted such that the Boltzmann distribution is invariant.

Proposals are free flights, which are volume-preserving and reversible in every space, so that the rule of Metropolis et
al. (1953) needs energies only. Without interactions every particle is an independent chain, and all are updated in
parallel. With interactions, parallel updates would use energies at outdated positions of the other particles, which
violates detailed balance: then the gas is moved and accepted as a whole.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.base import Array, Conditions, DynamicsSpec
from gasfield.dynamics.mechanics import Mechanics
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.kernels.philox import uniforms
from gasfield.streams import Stream


class MonteCarlo(DynamicsSpec):
    """A sampler of the Boltzmann distribution without physical time: a step counts as one unit of time."""

    thermal: ClassVar[bool] = True
    exchanges: ClassVar[bool] = True

    accept: Literal["particle", "gas"] = "particle"
    """What is accepted or rejected: each particle independently (only without interactions), or the whole gas."""

    def require(self, conditions: Conditions) -> None:
        """Refuses conditions without a Boltzmann distribution, or under which it would not be invariant.

        Raises:
            InputError: if the run has no bath or has forces that are not a gradient, if interacting particles would be
                accepted independently, or a gas of several temperatures as a whole.
        """
        super().require(conditions)
        assert conditions.bath is not None
        if not conditions.field.conservative:
            raise InputError(
                f"{self.kind} accepts moves by their energy, but one of the forces is not a gradient and has none; use "
                "langevin or brownian."
            )
        if conditions.field.interacting and self.accept == "particle":
            raise InputError(
                f"{self.kind} with accept: particle updates all particles in parallel, which violates detailed balance "
                "if they interact; use accept: gas."
            )
        if not conditions.bath.uniform and self.accept == "gas":
            raise InputError(f"{self.kind} with accept: gas needs one temperature for the whole gas.")


class MonteCarloDynamics(Mechanics):
    """Proposes, then accepts or rejects. A subclass implements the proposal.

    State: `counts`, the number of proposals and the number accepted (a mean over particles).
    """

    def __init__(self, law: MonteCarlo, gas: Gas, conditions: Conditions) -> None:
        super().__init__(gas, conditions, 1.0)
        if conditions.field.interacting and not gas.is_source.all():
            raise InputError(
                "passive tracers feel forces without exerting them, so gas and tracers together have no energy "
                "by which a Monte-Carlo move could be accepted; use langevin or brownian."
            )
        self._together = law.accept == "gas"
        self._counts = np.zeros(2)

    def _step(self, gas: Gas) -> None:
        self._begin(gas)
        start, velocities = gas.positions.copy(), None if gas.velocities is None else gas.velocities.copy()
        before = self._energies(gas)
        self._propose(gas)
        accepted = self._decide(gas, self._energies(gas) - before)
        gas.positions[~accepted] = start[~accepted]
        if gas.velocities is not None and velocities is not None:
            gas.velocities[~accepted] = velocities[~accepted]
        self._force = None
        if gas.count:
            self._counts += 1.0, accepted.mean()
        self._arrive(gas)

    def _begin(self, gas: Gas) -> None:
        """Prepares every proposal; not undone by rejection. Default: no change."""
        return None

    @abstractmethod
    def _propose(self, gas: Gas) -> None:
        """Moves the gas by a volume-preserving, reversible map."""

    def _energies(self, gas: Gas) -> Array:
        """(N,) energy of each particle for the acceptance, with its kinetic energy if it has one [energy]."""
        potential = self.field.energy(gas)
        return potential if gas.velocities is None else potential + gas.kinetic_energies()

    def _decide(self, gas: Gas, change: Array) -> NDArray[np.bool_]:
        """(N,) which are accepted: with probability min(1, exp(-change/T)); never if the change is NaN."""
        temperatures = self._temperatures(gas)
        ids = gas.ids[:1] if self._together else gas.ids
        if self._together:
            change, temperatures = change.sum(keepdims=True), temperatures[:1]
        chance = np.empty(len(ids))
        uniforms(chance, ids, self.seed, int(Stream.ACCEPTANCE), gas.step)
        with np.errstate(invalid="ignore"):
            accepted = (change <= 0.0) | (-temperatures * np.log(chance) > change)
        return np.broadcast_to(accepted, gas.count)

    def accumulators(self) -> dict[str, Array]:
        """None: the rate of heat exchange of Monte-Carlo moves has no physical meaning."""
        return {}

    def measures(self, gas: Gas) -> dict[str, float]:
        """`acceptance`: the fraction of proposals accepted since the start."""
        return {"acceptance": float(self._counts[1] / self._counts[0])} if self._counts[0] else {}

    def _memory(self) -> dict[str, NDArray[Any]]:
        return {"counts": self._counts}
