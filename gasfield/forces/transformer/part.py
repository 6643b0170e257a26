"""What the two parts of a transformer's layer have in common as forces on tokens.

The positions of the particles are the residual stream x. In the course of a step a part adds its write to it,

    F(x) = w(n(x)),        n: the norm before the part, w: attention or MLP,

so that the force is a displacement [length per step]. Attention acts at steps 0, 2, ..., the MLP at steps 1, 3, ...;
with a parallel residual (GPT-NeoX) both act at steps 0, 2, .... At other steps, and after the last layer, the force is
zero. A run with both forces, from the embedding of a text under dynamics `layers`, is the model's own pass.

Counterfactuals change the law. With `normalisation: none` the part reads the stream itself, F(x) = w(x); with `after`
its norm acts on the sum, x -> n(x + w(x)), as in the first transformer (Vaswani et al., arXiv:1706.03762). Without the
residual connection x -> w(n(x)), or n(w(x)) with `after` (Dong et al., arXiv:2103.03404). With `layer` the weights of
one layer act at every layer, of which there may then be any number (Geshkovski et al., arXiv:2312.10794).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForcePrecision, ForceSpec, Surroundings, not_conservative
from gasfield.gas import Gas
from gasfield.transformer import Layer, Norm, Transformer, normalise, one_thread, share_transformer
from gasfield.transformer.arithmetic import Real


class TransformerPart(ForceSpec):
    """The specification of a part."""

    model: str
    """Folder in Hugging Face's layout, or a GGUF file: Llama, Mistral, Qwen2, GPT-2 or GPT-NeoX."""
    layer: Annotated[int, Field(ge=1)] | None = None
    """The layer, from 1, whose weights act at every layer; each its own if left out."""
    normalisation: Literal["before", "none", "after"] = "before"
    """Where the norm of the part acts: on what it reads, as in the model; nowhere; on the sum of stream and write."""
    residual: bool = True
    """Whether the stream stays and the write is added; without it the write takes the place of the stream."""

    @property
    def transformer_file(self) -> str:
        """The model."""
        return self.model

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of what is read, queries, keys, values and writes; the reader of the model checks the weights."""
        return 8 * 8 * particles * dimensions

    def transformer(self, surroundings: Surroundings) -> Transformer:
        """The model.

        Raises:
            InputError: if it cannot be read, has other dimensions, or no such layer, or cannot be changed so.
        """
        model = share_transformer(surroundings.find(self.model))
        if model.dimensions != surroundings.dimensions:
            message = (
                f"the stream of {model.name} has {model.dimensions} dimensions, the space {surroundings.dimensions}"
            )
            raise InputError(f"{message}.", parameter="model")
        surroundings.require_no_period(self.kind)
        if self.layer is not None and self.layer > len(model.layers):
            raise InputError(
                f"there is no layer {self.layer}; {model.name} has 1 to {len(model.layers)}.", parameter="layer"
            )
        if model.layers[0].parallel and (not self.residual or self.normalisation == "after"):
            key = "normalisation" if self.residual else "residual"
            message = (
                f"attention and MLP of {model.name} share one residual connection, which neither of them can change"
            )
            raise InputError(f"{message} alone.", parameter=key)
        return model


class TransformerForce(Force):
    """A part at work. In float32 it computes as the model does; weights are float32 in either precision.

    Attributes:
        transformer: the model.
    """

    conservative = False
    steady = False
    offset: ClassVar[int]
    """The first step at which it acts, where attention and MLP act one after the other."""

    def __init__(self, law: TransformerPart, model: Transformer, precision: ForcePrecision = "float64") -> None:
        """A part of a model by its specification."""
        self.transformer = model
        self._law, self._precision = law, precision

    def with_precision(self, precision: ForcePrecision) -> Force:
        kind: Any = type(self)
        return self if precision == self._precision else kind(self._law, self.transformer, precision)

    def add(self, gas: Gas, force: Array) -> None:
        number = self._number(gas.step)
        if number is not None and gas.count:
            with one_thread():  # bits must not depend on the number of threads
                force += self._displacement(number, gas)

    @abstractmethod
    def _norm(self, layer: Layer) -> Norm:
        """The norm before the part."""

    @abstractmethod
    def _write(self, number: int, read: Real, gas: Gas) -> Real:
        """(N, D) what layer `number`, from 0, adds to the stream, from what it reads (N, D)."""

    def _displacement(self, number: int, gas: Gas) -> Real:
        x: Real = gas.positions.astype(self._precision)
        norm, place = self._norm(self.transformer.layers[number]), self._law.normalisation
        write = self._write(number, normalise(norm, x) if place == "before" else x, gas)
        if self._law.residual and place != "after":
            return write
        arrival = x + write if self._law.residual else write
        return (normalise(norm, arrival) if place == "after" else arrival) - x

    def _number(self, step: int) -> int | None:
        """The layer, from 0, that acts at a step; None if none does."""
        offset = 0 if self.transformer.layers[0].parallel else self.offset
        if step % 2 != offset:
            return None
        if self._law.layer is not None:
            return self._law.layer - 1
        return step // 2 if step < self.transformer.steps else None

    def energy(self, gas: Gas) -> Array:
        raise not_conservative(self._law.kind)

    def laplacian(self, gas: Gas) -> Array:
        raise not_conservative(self._law.kind)

    def data_digest(self) -> str:
        return self.transformer.digest

    def check_steps(self, start: int, stop: int) -> None:
        if self._law.layer is None and stop > self.transformer.steps:
            layers = len(self.transformer.layers)
            raise InputError(
                f"{self.transformer.name} has {layers} layers, which are {2 * layers} steps from the embedding on; the "
                f"run would end at step {stop}. With the key layer one of them acts for any number of steps."
            )
