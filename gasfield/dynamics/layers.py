"""The passage of tokens through the layers of a transformer: a step is a sub-layer, attention or MLP, of half a layer.

    x <- x + F(x) + sqrt(T) R

F is the displacement that forces such as `transformer_attention` and `transformer_mlp` give (the residual connection);
other forces act as displacements per sub-layer as well. R is a vector of normal numbers, so that T is the variance that
noise adds to each coordinate in a sub-layer: temperature in the sense of dx = F dt + sqrt(2 T) dB, with a time step of
half a layer [length^2/layer]. Without a temperature the map is deterministic, and with the weights of a model it is the
model's own pass (docs/depth.md).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from gasfield.dynamics.base import Array, Conditions
from gasfield.dynamics.mechanics import Mechanics, MechanicsSpec, Precision
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.streams import Stream

TIME_STEP = 0.5
"""Layers in a step."""


@register
class Layers(MechanicsSpec):
    """Motion from sub-layer to sub-layer, with noise if the run has a temperature."""

    looks_ahead: ClassVar[bool] = False
    force_is_velocity: ClassVar[bool] = True
    layered: ClassVar[bool] = True
    remedy: ClassVar[str] = "The stream grows without bound; change the counterfactual."

    kind: Literal["layers"] = "layers"
    precision: Precision = "float32"
    """`float32`: the stream, forces and noise are float32, as in a model. `mixed`: the stream is float64, and forces
    between particles are float32. `float64`: everything is, from float32 weights."""

    def build(self, gas: Gas, conditions: Conditions) -> LayerDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if a force acts on velocities.
        """
        if conditions.field.rotates_velocities:
            raise InputError("layers does not support a force on velocities (lorentz).")
        return LayerDynamics(gas, conditions, TIME_STEP, self.precision)


class LayerDynamics(Mechanics):
    """The map, one sub-layer at a time."""

    def _step(self, gas: Gas) -> None:
        moved = gas.positions + self._force_on(gas)
        if self.bath is not None:
            moved += np.sqrt(self._temperatures(gas)).astype(self._dtype)[:, None] * self._normals(gas, Stream.BATH)
        gas.positions, self._force = moved, None
        self.space.settle(gas.positions)
        self._arrive(gas)

    def accumulators(self) -> dict[str, Array]:
        """None: a displacement does no work."""
        return {}

    def measures(self, gas: Gas) -> dict[str, float]:
        """None: a map has no momentum."""
        return {}
