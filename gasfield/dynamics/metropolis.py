"""Metropolis sampling: a Gaussian step, accepted with probability min(1, exp(-dU/T)) (Metropolis et al., 1953).

The step is flown by the space, so that at a wall the proposal is reflected and on the sphere it follows a great circle;
both are as likely backwards as forwards.
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
    """Random steps, accepted or not."""

    kind: Literal["metropolis"] = "metropolis"
    step_length: float = Field(gt=0.0, allow_inf_nan=False)
    """Standard deviation of a step in each coordinate [length]; half of the steps accepted is a good choice."""

    def build(self, gas: Gas, conditions: Conditions) -> MetropolisDynamics:
        """The law for this gas.

        Raises:
            InputError: if there is no Boltzmann law to sample, or `accept` would miss it.
        """
        self.require(conditions)
        return MetropolisDynamics(self, gas, conditions)


class MetropolisDynamics(MonteCarloDynamics):
    """Flies along a Gaussian step."""

    def __init__(self, law: Metropolis, gas: Gas, conditions: Conditions) -> None:
        super().__init__(law, gas, conditions)
        self._step_length = law.step_length

    def _propose(self, gas: Gas) -> None:
        self._fly(gas, self._normals(gas, Stream.PROPOSALS), self._step_length)
