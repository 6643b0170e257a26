"""Metropolis sampling: a Gaussian step, accepted with probability min(1, exp(-dU/T)) (Metropolis et al., 1953).

The step is a free flight in the space, so that the proposal is reflected at walls and follows a great circle on the
sphere; both proposals are symmetric.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gasfield.dynamics.base import Conditions
from gasfield.dynamics.monte_carlo import MonteCarlo, MonteCarloDynamics
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.streams import Stream


@register
class Metropolis(MonteCarlo):
    """Random-walk Metropolis sampling."""

    kind: Literal["metropolis"] = "metropolis"
    step_length: float = Field(gt=0.0, allow_inf_nan=False)
    """Standard deviation of a step in each coordinate [length]; an acceptance of one half is a good choice."""

    def build(self, gas: Gas, conditions: Conditions) -> MetropolisDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if there is no Boltzmann distribution to sample, or `accept` would not preserve it.
        """
        self.require(conditions)
        return MetropolisDynamics(self, gas, conditions)


class MetropolisDynamics(MonteCarloDynamics):
    """Proposes a Gaussian step."""

    def __init__(self, law: Metropolis, gas: Gas, conditions: Conditions) -> None:
        super().__init__(law, gas, conditions)
        self._step_length = law.step_length

    def _propose(self, gas: Gas) -> None:
        self._fly(gas, self._normals(gas, Stream.PROPOSALS), self._step_length)
