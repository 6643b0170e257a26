"""GPT-2 (Radford et al., 2019): layer norms, learned positions, one matrix for queries, keys and values, plain MLPs.

Matrices of linear layers are stored as (in, out).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gasfield.errors import InputError
from gasfield.transformer.configuration import Configuration
from gasfield.transformer.parts import MLP, Array, Layer, Norm, Transformer
from gasfield.transformer.weights import Shapes

PREFIX = "transformer."
UNUSED = (".attn.bias", ".attn.masked_bias")


@dataclass(frozen=True)
class Geometry:
    """Sizes and constants; the defaults are those of GPT-2 small."""

    vocabulary: int
    context: int
    width: int
    layers: int
    heads: int
    inner: int
    epsilon: float
    activation: str
    tied: bool
    scaled: bool
    scaled_by_layer: bool

    @classmethod
    def of(cls, config: Configuration) -> Geometry:
        """From a configuration.

        Raises:
            InputError: if it does not fit the family.
        """
        width, heads = config.size("n_embd", 768), config.size("n_head", 12)
        if width % heads:
            raise InputError(f"{config.path}: n_head = {heads} must divide n_embd = {width}.")
        if config.flag("add_cross_attention", default=False):
            raise InputError(f"{config.path}: add_cross_attention is not computed.")
        return cls(
            vocabulary=config.size("vocab_size", 50257),
            context=config.size("n_positions", 1024),
            width=width,
            layers=config.size("n_layer", 12),
            heads=heads,
            inner=config.size("n_inner", 4 * width),
            epsilon=config.number("layer_norm_epsilon", 1e-5),
            activation=config.activation("activation_function", "gelu_new"),
            tied=config.flag("tie_word_embeddings", default=True),
            scaled=config.flag("scale_attn_weights", default=True),
            scaled_by_layer=config.flag("scale_attn_by_inverse_layer_idx", default=False),
        )

    def shapes(self) -> Shapes:
        """The shape of each tensor."""
        width, inner = self.width, self.inner
        found: Shapes = {
            "wte.weight": (self.vocabulary, width),
            "wpe.weight": (self.context, width),
            "ln_f.weight": (width,),
            "ln_f.bias": (width,),
        }
        linear = {
            "attn.c_attn": (width, 3 * width),
            "attn.c_proj": (width, width),
            "mlp.c_fc": (width, inner),
            "mlp.c_proj": (inner, width),
        }
        for layer in range(self.layers):
            for norm in ("ln_1", "ln_2"):
                found |= {f"h.{layer}.{norm}.weight": (width,), f"h.{layer}.{norm}.bias": (width,)}
            for name, shape in linear.items():
                found |= {f"h.{layer}.{name}.weight": shape, f"h.{layer}.{name}.bias": shape[1:]}
        if not self.tied:
            found["lm_head.weight"] = (self.vocabulary, width)
        return found

    def assemble(self, name: str, arrays: dict[str, Array]) -> Transformer:
        """The model, from its tensors."""
        return Transformer(
            name=name,
            family="gpt2",
            embedding=arrays["wte.weight"],
            positions=arrays["wpe.weight"],
            layers=tuple(self._layer(layer, arrays) for layer in range(self.layers)),
            final=self._norm("ln_f", arrays),
            unembedding=arrays["wte.weight" if self.tied else "lm_head.weight"],
            context=self.context,
        )

    def _norm(self, name: str, arrays: dict[str, Array]) -> Norm:
        return Norm("layer", arrays[f"{name}.weight"], arrays[f"{name}.bias"], self.epsilon)

    def _layer(self, layer: int, arrays: dict[str, Array]) -> Layer:
        at, heads, width = f"h.{layer}.", self.heads, self.width
        size = width // heads
        # (in, 3 width) -> three arrays (heads, size, in)
        query, key, value = np.ascontiguousarray(arrays[f"{at}attn.c_attn.weight"].T).reshape(3, heads, size, width)
        biases = arrays[f"{at}attn.c_attn.bias"].reshape(3, heads, size)
        scale = 1 / math.sqrt(size) if self.scaled else 1.0
        return Layer(
            before_attention=self._norm(f"{at}ln_1", arrays),
            before_mlp=self._norm(f"{at}ln_2", arrays),
            query=query,
            key=key,
            value=value,
            output=arrays[f"{at}attn.c_proj.weight"].reshape(heads, size, width).transpose(0, 2, 1),
            query_bias=biases[0],
            key_bias=biases[1],
            value_bias=biases[2],
            output_bias=arrays[f"{at}attn.c_proj.bias"],
            scale=scale / (layer + 1 if self.scaled_by_layer else 1),
            mlp=MLP(
                activation=self.activation,
                gate=None,
                up=arrays[f"{at}mlp.c_fc.weight"].T,
                down=arrays[f"{at}mlp.c_proj.weight"].T,
                up_bias=arrays[f"{at}mlp.c_fc.bias"],
                down_bias=arrays[f"{at}mlp.c_proj.bias"],
            ),
        )
