"""Tiny random models of every family of transformers, and a text that ran through them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers

from gasfield.tracing.families import Transformer, transformer_of
from gasfield.tracing.passive import Host, run_host

WIDTH, LAYERS = 16, 3
COMMON = {
    "vocab_size": 61, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
    "intermediate_size": 24, "max_position_embeddings": 32, "initializer_range": 0.2,
}  # fmt: skip
GROUPED = {**COMMON, "num_key_value_heads": 2}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", GROUPED),
    "mistral, sliding window": ("Mistral", {**GROUPED, "sliding_window": 4}),
    "gpt2": (
        "GPT2",
        {
            "vocab_size": 61,
            "n_embd": WIDTH,
            "n_layer": LAYERS,
            "n_head": 4,
            "n_positions": 32,
            "initializer_range": 0.2,
        },
    ),
    "gpt_neox, parallel": ("GPTNeoX", {**COMMON, "use_parallel_residual": True}),
    "gpt_neox, sequential": ("GPTNeoX", {**COMMON, "use_parallel_residual": False}),
}
IDS = [3, 60, 0, 17, 17, 42, 5, 9, 30, 2, 2]
LAST = len(IDS) - 1


@cache
def model(kind: str, attention: str = "sdpa", double: bool = False) -> Transformer:
    torch.manual_seed(3)
    name, given = KINDS[kind]
    config = getattr(transformers, f"{name}Config")(**given, eos_token_id=None, bos_token_id=None)
    module = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()
    with torch.no_grad():
        for values in module.parameters():
            if values.ndim == 1:
                values += 0.2 * torch.randn_like(values)
    return transformer_of(kind, module.double() if double else module)


@cache
def host(kind: str, attention: str = "sdpa", double: bool = False) -> Host:
    return run_host(model(kind, attention, double), IDS)


def saved(folder: Path, kind: str) -> Path:
    """A folder with the model."""
    model(kind).module.save_pretrained(folder)
    return folder
