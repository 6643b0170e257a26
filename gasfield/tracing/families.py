"""Where the parts of a transformer sit in the modules of transformers, for the families whose blocks add an attention
and an MLP to the stream and nothing else:

    Llama-like (Llama, Mistral, Qwen 2 and 3, SmolLM)    x += attention(n(x)), then x += MLP(n(x))
    GPT-2                                                the same; its embedding contains learned positions
    GPT-NeoX (Pythia)                                    x += attention(n(x)) + MLP(n'(x)), or as above

A family is recognised by its modules, not by its name. Whether nothing else is added is checked where it is traced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from gasfield.errors import InputError
from gasfield.transformer import Norm, normalise

_PROBE_ERROR = 1e-5
"""How far a module may be from the formula that stands for it, relative to the largest number."""


@dataclass(frozen=True)
class Layout:
    """Names of modules; those of a block are relative to it, those of a projection to the attention."""

    title: str
    blocks: str
    attention: str
    output: str
    mlp: str
    before_attention: str
    before_mlp: str
    final: str


LAYOUTS = {
    "llama": Layout("Llama-like", "layers", "self_attn", "o_proj", "mlp", "input_layernorm", "post_attention_layernorm",
                    "norm"),
    "gpt2": Layout("GPT-2", "h", "attn", "c_proj", "mlp", "ln_1", "ln_2", "ln_f"),
    "gpt_neox": Layout("GPT-NeoX", "layers", "attention", "dense", "mlp", "input_layernorm", "post_attention_layernorm",
                       "final_layer_norm"),
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """The modules of one layer.

    Attributes:
        module: the block itself.
        attention: of the block.
        output: the projection of the heads' outputs into the stream.
        mlp: of the block.
        before_attention: the normalisation in front of the attention.
        before_mlp: that in front of the MLP.
        weight: (H, d, D) of `output`: what each head's output is multiplied by.
        bias: (D,) of `output`; None if it has none.
    """

    module: Any
    attention: Any
    output: Any
    mlp: Any
    before_attention: Any
    before_mlp: Any
    weight: torch.Tensor
    bias: torch.Tensor | None


@dataclass(frozen=True)
class Transformer:
    """A causal language model whose parts are known.

    Attributes:
        name: of the model, for messages.
        family: a key of `LAYOUTS`.
        module: the causal language model.
        blocks: one for each layer.
        final: the normalisation in front of the unembedding.
        unembedding: stream after `final` -> logits.
        parallel: whether attention and MLP read the same state, so that there is none between them.
    """

    name: str
    family: str
    module: Any
    blocks: tuple[Block, ...]
    final: Any
    unembedding: Any
    parallel: bool

    @property
    def layers(self) -> int:
        """Number of layers L."""
        return len(self.blocks)

    @property
    def heads(self) -> int:
        """Attention heads H of a layer."""
        return int(self.blocks[0].weight.shape[0])

    @property
    def dimensions(self) -> int:
        """Dimensions D of the stream."""
        return int(self.blocks[0].weight.shape[2])

    @property
    def has_bias(self) -> bool:
        """Whether the output projection of the attention has a bias, a part of its own."""
        return self.blocks[0].bias is not None

    def norms(self) -> list[Norm]:
        """The normalisation that the next part reads, for each frame.

        Raises:
            InputError: if one is neither a root-mean-square nor a layer normalisation.
        """
        found = []
        for block in self.blocks:
            found += [block.before_attention] if self.parallel else [block.before_attention, block.before_mlp]
        return [_norm(self.name, module) for module in [*found, self.final]]


def transformer_of(name: str, module: Any) -> Transformer:
    """The parts of a causal language model of transformers.

    Args:
        name: of the model, for messages.
        module: as `AutoModelForCausalLM` opens it.

    Raises:
        InputError: if it is of no family that can be traced; it says what is missing.
    """
    base = getattr(module, str(getattr(module, "base_model_prefix", "")), None)
    missing = {family: _missing(base, layout) for family, layout in LAYOUTS.items()}
    family = min(missing, key=lambda each: len(missing[each]))
    if missing[family]:
        stated = getattr(module.config, "model_type", None) or "of no stated family"
        families = ", ".join(layout.title for layout in LAYOUTS.values())
        raise InputError(
            f"{name}: {type(module).__name__} ({stated}) cannot be traced: of the families that can ({families}), "
            f"{LAYOUTS[family].title} is nearest, of which it lacks {', '.join(missing[family])}."
        )
    layout, unembedding = LAYOUTS[family], module.get_output_embeddings()
    if unembedding is None:
        raise InputError(f"{name}: {type(module).__name__} has no output layer, so that no token has an energy.")
    heads = int(module.config.get_text_config().num_attention_heads)
    found = [_block(name, block, layout, heads) for block in getattr(base, layout.blocks)]
    if len({(tuple(block.weight.shape), block.bias is None) for block in found}) != 1:
        raise InputError(f"{name}: its layers have different numbers of heads or biases; that cannot be traced.")
    parallel = bool(getattr(getattr(base, layout.blocks)[0], "use_parallel_residual", False))
    return Transformer(name, family, module, tuple(found), getattr(base, layout.final), unembedding, parallel)


def _missing(base: Any, layout: Layout) -> list[str]:
    """What a model lacks of a family."""
    blocks = getattr(base, layout.blocks, None)
    if not isinstance(blocks, torch.nn.ModuleList) or not len(blocks):
        return [layout.blocks, layout.attention, layout.output, layout.mlp, layout.before_attention, layout.before_mlp]
    lacks = [] if hasattr(base, layout.final) else [layout.final]
    for block in blocks:
        names = (layout.attention, layout.mlp, layout.before_attention, layout.before_mlp)
        here = [name for name in names if not isinstance(getattr(block, name, None), torch.nn.Module)]
        output = getattr(getattr(block, layout.attention, None), layout.output, None)
        here += [] if getattr(output, "weight", None) is not None else [f"{layout.attention}.{layout.output}"]
        if here:
            return [*lacks, *here]
    return lacks


def _block(name: str, block: Any, layout: Layout, heads: int) -> Block:
    attention = getattr(block, layout.attention)
    output = getattr(attention, layout.output)
    weight, bias = output.weight.detach(), getattr(output, "bias", None)
    if isinstance(output, torch.nn.Linear):
        weight = weight.T  # stored as (out, in); GPT-2 stores (in, out)
    if weight.ndim != 2 or weight.shape[0] % heads:
        raise InputError(
            f"{name}: the output of its attention reads {weight.shape[0]} numbers, no multiple of its {heads} heads."
        )
    return Block(
        module=block,
        attention=attention,
        output=output,
        mlp=getattr(block, layout.mlp),
        before_attention=getattr(block, layout.before_attention),
        before_mlp=getattr(block, layout.before_mlp),
        weight=weight.reshape(heads, -1, weight.shape[1]),
        bias=None if bias is None else bias.detach(),
    )


@torch.inference_mode()
def _norm(name: str, module: Any) -> Norm:
    """The formula of a normalisation, checked on numbers."""
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    weight = getattr(module, "weight", None)
    if epsilon is not None and weight is not None:
        bias = getattr(module, "bias", None)
        kind: Literal["rms", "layer"] = "layer" if isinstance(module, torch.nn.LayerNorm) else "rms"
        found = Norm(kind, weight.numpy(), None if bias is None else bias.numpy(), float(epsilon))
        probe = torch.linspace(-1.0, 2.0, len(weight)).sin_() + 0.25
        theirs, ours = module(probe[None])[0].numpy(), normalise(found, probe.numpy())
        if abs(theirs - ours).max() <= _PROBE_ERROR * abs(theirs).max():
            return found
    raise InputError(
        f"{name}: its normalisation {type(module).__name__} is neither the root-mean-square nor the layer "
        "normalisation with a weight; that cannot be traced."
    )
