"""A GGUF file as the same model in Hugging Face's layout: names, configuration, and the order of rows.

llama.cpp rotates neighbouring coordinates of a query, Hugging Face coordinates that lie half a head apart. Files of the
architecture `llama` hold rows of queries and keys in the order of the former; they are put back here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.printable import shortened
from gasfield.tensors import Tensor, Words

ARCHITECTURES = ("llama", "qwen2")
_SIZES = {
    "context_length": "max_position_embeddings",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "embedding_length": "hidden_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "rope.freq_base": "rope_theta",
}
_OUTSIDE = {"token_embd": "embed_tokens", "output_norm": "norm", "output": "lm_head"}
_IN_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_BLOCK = re.compile(r"blk\.(\d{1,9})\.([a-z_]+)\.(weight|bias)", re.ASCII)


def configuration_of(path: Path, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The configuration, in the words of transformers.

    Raises:
        InputError: if the architecture is not read, or its rotary positions are of a special kind.
    """
    architecture = values.get("general.architecture")
    if architecture not in ARCHITECTURES:
        raise InputError(
            f"{path}: GGUF files of the architecture {shortened(str(architecture))} are not read for their layers; "
            f"{' and '.join(ARCHITECTURES)} are. A folder that transformers' save_pretrained writes may be."
        )
    scaling = values.get(f"{architecture}.rope.scaling.type", "none")
    if scaling != "none" or "rope_freqs.weight" in tensors:
        raise InputError(f"{path}: scaled rotary positions are not read from GGUF files.")
    found = {theirs: values.get(f"{architecture}.{ours}") for ours, theirs in _SIZES.items()}
    embedding = tensors.get("embed_tokens.weight")
    biased = architecture == "llama" and "layers.0.self_attn.q_proj.bias" in tensors
    return {
        **found,
        "model_type": architecture,
        "vocab_size": embedding.shape[0] if embedding is not None and embedding.shape else None,
        "tie_word_embeddings": "lm_head.weight" not in tensors,
        "attention_bias": biased,
    }


def renamed(values: Mapping[str, Any], tensors: list[Tensor]) -> dict[str, Tensor]:
    """The tensors by Hugging Face's names, with its order of rows; an unknown name stays."""
    heads = values.get("llama.attention.head_count")
    groups = values.get("llama.attention.head_count_kv", heads)
    interleaved = {"attn_q": heads, "attn_k": groups} if values.get("general.architecture") == "llama" else {}
    found = {}
    for tensor in tensors:
        inside, (outside, _, kind) = _BLOCK.fullmatch(tensor.name), tensor.name.partition(".")
        if inside and inside[2] in _IN_BLOCK:
            name = f"layers.{int(inside[1])}.{_IN_BLOCK[inside[2]]}.{inside[3]}"
            found[name] = _in_order(tensor, interleaved.get(inside[2]))
        else:
            found[f"{_OUTSIDE[outside]}.{kind}" if outside in _OUTSIDE else tensor.name] = tensor
    return found


def _in_order(tensor: Tensor, heads: Any) -> Tensor:
    """The tensor with the rows of each head in Hugging Face's order, where it has so many heads."""
    rows = tensor.shape[0] if tensor.shape else 0
    if not isinstance(heads, int) or heads < 1 or rows % (2 * heads):
        return tensor  # as it is, or of a shape that is refused later

    def load() -> Words:
        bits = np.asarray(tensor.load())
        pairs = bits.reshape(heads, rows // (2 * heads), 2, *bits.shape[1:])
        return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(bits.shape)

    return replace(tensor, load=load, stream=None)
