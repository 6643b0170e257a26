"""Cases of `transformer_mlp`."""

from __future__ import annotations

import numpy as np
import tiny_transformers as tiny

from force_cases.case import Case, external
from force_cases.transformer_attention import LLAMA, NEOX, tokens
from gasfield.spaces import Free


def gated(x: np.ndarray) -> tuple[None, np.ndarray]:
    read = tiny.rms(x, tiny.LLAMA.weights["layers.1.post_attention_layernorm.weight"])
    return None, tiny.llama_mlp(tiny.LLAMA, 1, read)


def on_the_stream_itself(x: np.ndarray) -> tuple[None, np.ndarray]:
    return None, tiny.llama_mlp(tiny.LLAMA, 0, x) - x


def parallel(x: np.ndarray) -> tuple[None, np.ndarray]:
    norm = (tiny.NEOX.weights[f"layers.0.post_attention_layernorm.{kind}"] for kind in ("weight", "bias"))
    return None, tiny.neox_mlp(tiny.NEOX, 0, tiny.layer_norm(x, *norm))


CASES = [
    Case("transformer_mlp", "of Llama", Free(dimensions=6), tokens(6, 3), external(gated),
         LLAMA, {"layer": 1}, conservative=False),
    Case("transformer_mlp", "without norm and residual", Free(dimensions=6), tokens(6, 1),
         external(on_the_stream_itself), {**LLAMA, "normalisation": "none", "residual": False}, {"residual": True},
         conservative=False),
    Case("transformer_mlp", "of GPT-NeoX", Free(dimensions=8), tokens(8, 0), external(parallel),
         NEOX, {"normalisation": "none"}, conservative=False),
]  # fmt: skip
