"""GPT-NeoX and Pythia (Black et al., arXiv:2204.06745): layer norms, rotary positions of a part of each query,
attention and MLP side by side (parallel residual)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gasfield.errors import InputError
from gasfield.transformer.configuration import Configuration
from gasfield.transformer.families.rotary import rotary_of
from gasfield.transformer.parts import MLP, Array, Layer, Norm, Rotary, Transformer
from gasfield.transformer.weights import Shapes

PREFIX = "gpt_neox."
UNUSED = (".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq")


@dataclass(frozen=True)
class Geometry:
    """Sizes and constants."""

    vocabulary: int
    context: int
    width: int
    layers: int
    heads: int
    inner: int
    epsilon: float
    activation: str
    tied: bool
    biases: bool
    parallel: bool
    rotary: Rotary

    @classmethod
    def of(cls, config: Configuration) -> Geometry:
        """From a configuration.

        Raises:
            InputError: if it does not fit the family.
        """
        width, heads = config.size("hidden_size"), config.size("num_attention_heads")
        if width % heads:
            raise InputError(f"{config.path}: num_attention_heads = {heads} must divide hidden_size = {width}.")
        share = config.inside("rope_parameters").number("partial_rotary_factor", config.number("rotary_pct", 0.25))
        turned = int(width // heads * share)
        if not 0 < turned <= width // heads:
            message = f"{turned} rotary coordinates of queries with {width // heads}"
            raise InputError(f"{config.path}: {message}; partial_rotary_factor must be between 0 and 1.")
        return cls(
            vocabulary=config.size("vocab_size"),
            context=config.size("max_position_embeddings", 2048),
            width=width,
            layers=config.size("num_hidden_layers"),
            heads=heads,
            inner=config.size("intermediate_size"),
            epsilon=config.number("layer_norm_eps", 1e-5),
            activation=config.activation("hidden_act", "gelu"),
            tied=config.flag("tie_word_embeddings", default=False),
            biases=config.flag("attention_bias", default=True),
            parallel=config.flag("use_parallel_residual", default=True),
            rotary=rotary_of(config, config.number("rotary_emb_base", 10_000.0), turned),
        )

    def shapes(self) -> Shapes:
        """The shape of each tensor."""
        width, inner = self.width, self.inner
        found: Shapes = {
            "embed_in.weight": (self.vocabulary, width),
            "final_layer_norm.weight": (width,),
            "final_layer_norm.bias": (width,),
        }
        linear = {
            "attention.query_key_value": ((3 * width, width), self.biases),
            "attention.dense": ((width, width), self.biases),
            "mlp.dense_h_to_4h": ((inner, width), True),
            "mlp.dense_4h_to_h": ((width, inner), True),
        }
        for layer in range(self.layers):
            at = f"layers.{layer}."
            for norm in ("input_layernorm", "post_attention_layernorm"):
                found |= {f"{at}{norm}.weight": (width,), f"{at}{norm}.bias": (width,)}
            for name, (shape, biased) in linear.items():
                found[f"{at}{name}.weight"] = shape
                if biased:
                    found[f"{at}{name}.bias"] = shape[:1]
        if not self.tied:
            found["embed_out.weight"] = (self.vocabulary, width)
        return found

    def assemble(self, name: str, arrays: dict[str, Array]) -> Transformer:
        """The model, from its tensors."""
        return Transformer(
            name=name,
            family="gpt_neox",
            embedding=arrays["embed_in.weight"],
            positions=None,
            layers=tuple(self._layer(f"layers.{layer}.", arrays) for layer in range(self.layers)),
            final=self._norm("final_layer_norm", arrays),
            unembedding=arrays["embed_in.weight" if self.tied else "embed_out.weight"],
            context=self.context,
        )

    def _norm(self, name: str, arrays: dict[str, Array]) -> Norm:
        return Norm("layer", arrays[f"{name}.weight"], arrays[f"{name}.bias"], self.epsilon)

    def _layer(self, at: str, arrays: dict[str, Array]) -> Layer:
        heads, width = self.heads, self.width
        size = width // heads
        # Stored by head: query, key and value of the first, then of the second, ...
        stored = arrays[f"{at}attention.query_key_value.weight"].reshape(heads, 3, size, width)
        query, key, value = (np.ascontiguousarray(stored[:, which]) for which in range(3))
        found = arrays.get(f"{at}attention.query_key_value.bias")
        biases = [None] * 3 if found is None else list(found.reshape(heads, 3, size).transpose(1, 0, 2))
        return Layer(
            before_attention=self._norm(f"{at}input_layernorm", arrays),
            before_mlp=self._norm(f"{at}post_attention_layernorm", arrays),
            query=query,
            key=key,
            value=value,
            output=arrays[f"{at}attention.dense.weight"].reshape(width, heads, size).transpose(1, 0, 2),
            query_bias=biases[0],
            key_bias=biases[1],
            value_bias=biases[2],
            output_bias=arrays.get(f"{at}attention.dense.bias"),
            scale=1 / math.sqrt(size),
            rotary=self.rotary,
            parallel=self.parallel,
            mlp=MLP(
                activation=self.activation,
                gate=None,
                up=arrays[f"{at}mlp.dense_h_to_4h.weight"],
                down=arrays[f"{at}mlp.dense_4h_to_h.weight"],
                up_bias=arrays[f"{at}mlp.dense_h_to_4h.bias"],
                down_bias=arrays[f"{at}mlp.dense_4h_to_h.bias"],
            ),
        )
