"""The attention of a trained transformer as a force between tokens.

Token i at place t_i of the text reads n(x); head h adds

    F_i = sum_h O_h sum_j a_ij V_h n(x_j) + b,

where a_ij is the softmax over t_j <= t_i of beta s (R_i Q_h n(x_i)) . (R_j K_h n(x_j)),

with s mostly 1/sqrt(d), rotary angles R where the model has them, and biases where it has them (not written here).
Places are those of the sources in the order of the gas. Passive particles are attended to by nobody; they read at the
place of a token of the text (`host`). With one head, O V = 1, Q = K = sqrt(d) 1 and no norm it is the mean-field
attention of `attention` with `causal: true`.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Force, Surroundings
from gasfield.forces.strengths import Strength
from gasfield.forces.transformer.part import TransformerForce, TransformerPart
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.transformer import Layer, Norm, mix, project, written
from gasfield.transformer.arithmetic import Real

LayerNumber = Annotated[int, Field(ge=1)]
HeadNumber = Annotated[int, Field(ge=0)]


@register
class TransformerAttention(TransformerPart):
    """The attention of each layer of a trained transformer."""

    kind: Literal["transformer_attention"] = "transformer_attention"
    beta: Strength = 1.0
    """Inverse temperature of the weights, a multiple of the model's own; a schedule over the steps gives each layer its
    own."""
    heads_off: tuple[tuple[LayerNumber, HeadNumber], ...] = ()
    """[layer, head] pairs of heads that add nothing: layers from 1, heads from 0. Output biases stay."""
    causal: bool = True
    """Whether a token attends to those up to its own place only, as in the model; else to all."""
    host: int = -1
    """The token, counted from 0, or from the end with -1, at whose place passive particles read."""

    def build(self, surroundings: Surroundings) -> Force:
        """Reads the model.

        Raises:
            InputError: if it cannot be read, does not fit the space, or has no such layer or head.
        """
        model = self.transformer(surroundings)
        for layer, head in self.heads_off:
            if layer > len(model.layers) or self.layer not in (None, layer):
                there = f"only layer {self.layer} acts" if self.layer else f"{model.name} has 1 to {len(model.layers)}"
                raise InputError(f"there is no layer {layer}; {there}.", parameter="heads_off")
            if head >= model.layers[layer - 1].heads:
                most = model.layers[layer - 1].heads - 1
                raise InputError(f"layer {layer} has no head {head}; its heads are 0 to {most}.", parameter="heads_off")
        return TransformerAttentionForce(self, model)


class _Places(NamedTuple):
    """Who reads what.

    Attributes:
        tokens: rows of the gas that others attend to, in the order of the text.
        places: (N,) place of each particle in the text.
        reach: (N,) how many of `tokens` each attends to, from the first on.
    """

    tokens: NDArray[np.int64]
    places: NDArray[np.int64]
    reach: NDArray[np.int64]


class TransformerAttentionForce(TransformerForce):
    """The built force."""

    interacting = True
    offset = 0
    _law: TransformerAttention

    def check_gas(self, gas: Gas) -> None:
        tokens = int(gas.is_source.sum())
        if not 1 <= tokens <= self.transformer.context:
            message = f"{self.transformer.name} reads texts of 1 to {self.transformer.context} tokens, not {tokens}"
            raise InputError(f"{message}. With several texts, groups: each keeps them apart.")
        if not -tokens <= self._law.host < tokens:
            raise InputError(f"there is no token {self._law.host} in a text of {tokens}.", parameter="host")

    def _norm(self, layer: Layer) -> Norm:
        return layer.before_attention

    def _write(self, number: int, read: Real, gas: Gas) -> Real:
        layer, (tokens, places, reach) = self.transformer.layers[number], self._places(gas)
        if not len(tokens):
            return np.full_like(read, np.nan)
        query, key, value = project(layer, read, places)
        mixed = mix(query, key[tokens], value[tokens], reach, self._law.beta * layer.scale)
        off = [head for which, head in self._law.heads_off if which == number + 1]
        mixed[:, off] = 0.0
        return written(layer, mixed)

    def _places(self, gas: Gas) -> _Places:
        """A token that is not finite keeps its place, but nobody attends to it."""
        sources = np.flatnonzero(gas.is_source)
        host = sources[self._law.host] if len(sources) else 0
        places = np.cumsum(gas.is_source) - 1
        places[~gas.is_source] = places[host]
        readable = np.isfinite(gas.positions).all(axis=1)
        tokens = sources[readable[sources]]
        reach = np.searchsorted(places[tokens], places, side="right") if self._law.causal else len(tokens)
        return _Places(tokens, places, np.broadcast_to(np.maximum(reach, 1), places.shape))
