"""Llama (Touvron et al., arXiv:2302.13971) and models with the same blocks: SmolLM2, Mistral, Qwen2.

RMS norms, rotary positions, grouped queries, MLPs with a gate. Qwen2 has biases of queries, keys and values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gasfield.errors import InputError
from gasfield.transformer.configuration import Configuration
from gasfield.transformer.families.rotary import rotary_of
from gasfield.transformer.parts import MLP, Array, Layer, Norm, Rotary, Transformer
from gasfield.transformer.weights import Shapes

PREFIX = "model."
UNUSED = ("rotary_emb.inv_freq",)
MODELS = ("llama", "mistral", "qwen2")
PARTS = (
    "input_layernorm",
    "post_attention_layernorm",
    *(f"self_attn.{name}_proj" for name in "qkvo"),
    *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
)
"""Of a layer."""
_BASE, _QWEN_EPSILON = 10_000.0, 1e-6


@dataclass(frozen=True)
class Geometry:
    """Sizes and constants."""

    vocabulary: int
    context: int
    width: int
    layers: int
    heads: int
    key_heads: int
    head_size: int
    inner: int
    epsilon: float
    activation: str
    tied: bool
    biases: bool
    output_bias: bool
    mlp_bias: bool
    rotary: Rotary

    @classmethod
    def of(cls, config: Configuration) -> Geometry:
        """From a configuration.

        Raises:
            InputError: if it does not fit the family.
        """
        width, heads = config.size("hidden_size"), config.size("num_attention_heads")
        key_heads = config.size("num_key_value_heads", heads)
        if heads % key_heads:
            message = f"num_key_value_heads = {key_heads} must divide num_attention_heads = {heads}"
            raise InputError(f"{config.path}: {message}.")
        if config.entries.get("head_dim") is None and width % heads:
            raise InputError(f"{config.path}: num_attention_heads = {heads} must divide hidden_size = {width}.")
        head_size = config.size("head_dim", width // heads)
        qwen, context = config.entries.get("model_type") == "qwen2", config.size("max_position_embeddings")
        return cls(
            vocabulary=config.size("vocab_size"),
            context=min(context, _window(config, context)),
            width=width,
            layers=config.size("num_hidden_layers"),
            heads=heads,
            key_heads=key_heads,
            head_size=head_size,
            inner=config.size("intermediate_size"),
            epsilon=config.number("rms_norm_eps", _QWEN_EPSILON),
            activation=config.activation("hidden_act", "silu"),
            tied=config.flag("tie_word_embeddings", default=False),
            biases=qwen or config.flag("attention_bias", default=False),
            output_bias=not qwen and config.flag("attention_bias", default=False),
            mlp_bias=config.flag("mlp_bias", default=False),
            rotary=rotary_of(config, config.number("rope_theta", _BASE), head_size),
        )

    def shapes(self) -> Shapes:
        """The shape of each tensor."""
        width = self.width
        found: Shapes = {"embed_tokens.weight": (self.vocabulary, width), "norm.weight": (width,)}
        linear = {
            "self_attn.q_proj": ((self.heads * self.head_size, width), self.biases),
            "self_attn.k_proj": ((self.key_heads * self.head_size, width), self.biases),
            "self_attn.v_proj": ((self.key_heads * self.head_size, width), self.biases),
            "self_attn.o_proj": ((width, self.heads * self.head_size), self.output_bias),
            "mlp.gate_proj": ((self.inner, width), self.mlp_bias),
            "mlp.up_proj": ((self.inner, width), self.mlp_bias),
            "mlp.down_proj": ((width, self.inner), self.mlp_bias),
        }
        for layer in range(self.layers):
            for norm in ("input_layernorm", "post_attention_layernorm"):
                found[f"layers.{layer}.{norm}.weight"] = (width,)
            for name, (shape, biased) in linear.items():
                found[f"layers.{layer}.{name}.weight"] = shape
                if biased:
                    found[f"layers.{layer}.{name}.bias"] = shape[:1]
        if not self.tied:
            found["lm_head.weight"] = (self.vocabulary, width)
        return found

    def assemble(self, name: str, arrays: dict[str, Array]) -> Transformer:
        """The model, from its tensors."""
        return Transformer(
            name=name,
            family="llama",
            embedding=arrays["embed_tokens.weight"],
            positions=None,
            layers=tuple(self._layer(f"layers.{layer}.", arrays) for layer in range(self.layers)),
            final=self._norm(arrays["norm.weight"]),
            unembedding=arrays["embed_tokens.weight" if self.tied else "lm_head.weight"],
            context=self.context,
        )

    def _norm(self, weight: Array) -> Norm:
        return Norm("rms", weight, None, self.epsilon)

    def _layer(self, at: str, arrays: dict[str, Array]) -> Layer:
        heads, groups, size, width = self.heads, self.key_heads, self.head_size, self.width

        def bias(name: str, *shape: int) -> Array | None:
            found = arrays.get(f"{at}{name}.bias")
            return None if found is None else found.reshape(shape)

        return Layer(
            before_attention=self._norm(arrays[f"{at}input_layernorm.weight"]),
            before_mlp=self._norm(arrays[f"{at}post_attention_layernorm.weight"]),
            query=arrays[f"{at}self_attn.q_proj.weight"].reshape(heads, size, width),
            key=arrays[f"{at}self_attn.k_proj.weight"].reshape(groups, size, width),
            value=arrays[f"{at}self_attn.v_proj.weight"].reshape(groups, size, width),
            output=arrays[f"{at}self_attn.o_proj.weight"].reshape(width, heads, size).transpose(1, 0, 2),
            query_bias=bias("self_attn.q_proj", heads, size),
            key_bias=bias("self_attn.k_proj", groups, size),
            value_bias=bias("self_attn.v_proj", groups, size),
            output_bias=bias("self_attn.o_proj", width),
            scale=1 / math.sqrt(size),
            rotary=self.rotary,
            mlp=MLP(
                activation=self.activation,
                gate=arrays[f"{at}mlp.gate_proj.weight"],
                up=arrays[f"{at}mlp.up_proj.weight"],
                down=arrays[f"{at}mlp.down_proj.weight"],
                gate_bias=bias("mlp.gate_proj", self.inner),
                up_bias=bias("mlp.up_proj", self.inner),
                down_bias=bias("mlp.down_proj", width),
            ),
        )


def _window(config: Configuration, context: int) -> int:
    """Positions up to which a model with a sliding window attends to all tokens; longer texts are not computed."""
    if config.entries.get("sliding_window") is None:
        return context
    if config.entries.get("model_type") == "qwen2" and not config.flag("use_sliding_window", default=False):
        return context
    return config.size("sliding_window")
