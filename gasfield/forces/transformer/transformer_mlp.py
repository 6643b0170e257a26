"""The MLP of a trained transformer as an external field: it acts on each token by itself, F(x) = down f(up n(x)), or
with a gate down (f(gate n(x)) * up n(x)), n being the norm before it."""

from __future__ import annotations

from typing import Literal

from gasfield.forces.base import Force, Surroundings
from gasfield.forces.transformer.part import TransformerForce, TransformerPart
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.transformer import Layer, Norm, feed_forward
from gasfield.transformer.arithmetic import Real


@register
class TransformerMLP(TransformerPart):
    """The MLP of each layer of a trained transformer."""

    kind: Literal["transformer_mlp"] = "transformer_mlp"

    def build(self, surroundings: Surroundings) -> Force:
        """Reads the model.

        Raises:
            InputError: if it cannot be read, does not fit the space, or has no such layer.
        """
        return TransformerMLPForce(self, self.transformer(surroundings))


class TransformerMLPForce(TransformerForce):
    """The built force."""

    offset = 1

    def _norm(self, layer: Layer) -> Norm:
        return layer.before_mlp

    def _write(self, number: int, read: Real, gas: Gas) -> Real:
        return feed_forward(self.transformer.layers[number].mlp, read)
