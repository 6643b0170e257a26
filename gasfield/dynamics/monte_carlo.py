"""What Monte-Carlo laws share: a proposal is accepted with the probability that keeps Boltzmann's law.

Proposals are made by free flight, which keeps volume and can be run backwards in every space, so that the rule of
Metropolis et al. (1953) needs energies only. Where particles do not feel each other every particle is a chain of its
own and decides for itself, all in parallel. Where they do, moves decided in parallel would each be judged by places
that others are just leaving, and detailed balance would be lost: then the gas moves, and is accepted, as a whole.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.base import Array, Conditions, Law
from gasfield.dynamics.mechanics import Mechanics
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.kernels.philox import uniforms
from gasfield.streams import Stream


class MonteCarlo(Law):
    """A law of motion that samples Boltzmann's law and has no time of its own: a step counts as one unit."""

    thermal: ClassVar[bool] = True

    accept: Literal["particle", "gas"] = "particle"
    """Who is accepted or not: each particle by itself (only where particles do not feel each other), or the gas."""

    def require(self, conditions: Conditions) -> None:
        """Refuses what has no Boltzmann law, or would miss it.

        Raises:
            InputError: if the run has no bath or forces that are no gradient, or moves of particles that feel each
                other would be decided in parallel, or a gas of several temperatures as a whole.
        """
        super().require(conditions)
        assert conditions.bath is not None
        if not conditions.field.conservative:
            raise InputError(
                f"{self.kind} accepts moves by their energy, but one of the forces is no gradient and has none; use "
                "langevin or brownian."
            )
        if conditions.field.interacting and self.accept == "particle":
            raise InputError(
                f"{self.kind} with accept: particle decides about all particles at once, which breaks detailed balance "
                "where they feel each other; write accept: gas."
            )
        if not conditions.bath.uniform and self.accept == "gas":
            raise InputError(f"{self.kind} with accept: gas needs one temperature for the whole gas.")


class MonteCarloDynamics(Mechanics):
    """Proposes, and accepts or takes back. A subclass makes the proposal.

    State: `counts`, how many proposals there were, and how many were accepted (a mean over particles).
    """

    def __init__(self, law: MonteCarlo, gas: Gas, conditions: Conditions) -> None:
        super().__init__(gas, conditions, 1.0)
        if conditions.field.interacting and not gas.pushes.all():
            raise InputError(
                "passive tracers feel the other particles without pushing them, so gas and tracers together have no "
                "energy that a Monte-Carlo move could be accepted by; use langevin or brownian."
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
        self._counts += 1.0, accepted.mean()
        self._arrive(gas)

    def _begin(self, gas: Gas) -> None:
        """What happens before every proposal, and is not taken back; default: nothing."""
        return None

    @abstractmethod
    def _propose(self, gas: Gas) -> None:
        """Moves the gas by a map that keeps volume and can be run backwards."""

    def _energies(self, gas: Gas) -> Array:
        """(N,) energy by which each particle is judged; with its kinetic energy where it has one [energy]."""
        potential = self.field.energy(gas)
        return potential if gas.velocities is None else potential + gas.kinetic_energies()

    def _decide(self, gas: Gas, change: Array) -> NDArray[np.bool_]:
        """(N,) who is accepted: with probability min(1, exp(-change/T)); never where the change is no number."""
        temperatures = self._temperatures(gas)
        ids = gas.ids[:1] if self._together else gas.ids
        if self._together:
            change, temperatures = change.sum(keepdims=True), temperatures[:1]
        chance = np.empty(len(ids))
        uniforms(chance, ids, self.seed, int(Stream.ACCEPTANCE), gas.step)
        with np.errstate(invalid="ignore"):
            accepted = (change <= 0.0) | (-temperatures * np.log(chance) > change)
        return np.broadcast_to(accepted, gas.count)

    def tallies(self) -> dict[str, Array]:
        """None: a Monte-Carlo move exchanges no heat at a rate that would mean something."""
        return {}

    def measures(self, gas: Gas) -> dict[str, float]:
        """`acceptance`: the share of proposals accepted since the start."""
        return {"acceptance": float(self._counts[1] / self._counts[0])} if self._counts[0] else {}

    def _memory(self) -> dict[str, NDArray[Any]]:
        return {"counts": self._counts}
