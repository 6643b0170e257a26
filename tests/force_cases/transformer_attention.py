"""Cases of `transformer_attention`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tiny_transformers as tiny

from force_cases.case import Case, external, gas_at
from gasfield.gas import Gas
from gasfield.spaces import Free

COUNT, PASSIVE = 9, (3, 8)


def tokens(dimensions: int, step: int) -> Callable[[], Gas]:
    """Seven tokens, and two passive particles among them, which read at the place of the last token."""
    positions = np.random.default_rng(3).standard_normal((COUNT, dimensions))
    return lambda: gas_at(positions.copy(), ~np.isin(np.arange(COUNT), PASSIVE), step=step)


SOURCES = [i for i in range(COUNT) if i not in PASSIVE]
PLACES = [SOURCES.index(i) if i in SOURCES else len(SOURCES) - 1 for i in range(COUNT)]


def plain(x: np.ndarray) -> tuple[None, np.ndarray]:
    read = tiny.rms(x, tiny.LLAMA.weights["layers.1.input_layernorm.weight"])
    return None, tiny.llama_attention(tiny.LLAMA, 1, read, PLACES, SOURCES, beta=1.7)


def without_heads(x: np.ndarray) -> tuple[None, np.ndarray]:
    read = tiny.rms(x, tiny.LLAMA.weights["layers.0.input_layernorm.weight"])
    return None, tiny.llama_attention(tiny.LLAMA, 0, read, PLACES, SOURCES, off=(0, 3))


def without_mask(x: np.ndarray) -> tuple[None, np.ndarray]:
    read = tiny.rms(x, tiny.LLAMA.weights["layers.0.input_layernorm.weight"])
    return None, tiny.llama_attention(tiny.LLAMA, 0, read, PLACES, SOURCES, causal=False)


def post_norm_without_residual(x: np.ndarray) -> tuple[None, np.ndarray]:
    """Layer 2 at step 10, beyond the last layer: its weights act at every step."""
    write = tiny.llama_attention(tiny.LLAMA, 1, x, PLACES, SOURCES)
    return None, tiny.rms(write, tiny.LLAMA.weights["layers.1.input_layernorm.weight"]) - x


def parallel(x: np.ndarray) -> tuple[None, np.ndarray]:
    norm = (tiny.NEOX.weights[f"layers.1.input_layernorm.{kind}"] for kind in ("weight", "bias"))
    return None, tiny.neox_attention(tiny.NEOX, 1, tiny.layer_norm(x, *norm), PLACES, SOURCES)


LLAMA, NEOX = {"model": tiny.LLAMA_FOLDER}, {"model": tiny.NEOX_FOLDER}
CASES = [
    Case("transformer_attention", "of Llama", Free(dimensions=6), tokens(6, 2), external(plain),
         {**LLAMA, "beta": 1.7}, {"beta": 1.6}, conservative=False),
    Case("transformer_attention", "with heads off", Free(dimensions=6), tokens(6, 0), external(without_heads),
         {**LLAMA, "heads_off": [[1, 0], [1, 3], [2, 1]]}, {"heads_off": [[1, 0]]}, conservative=False),
    Case("transformer_attention", "without mask", Free(dimensions=6), tokens(6, 0), external(without_mask),
         {**LLAMA, "causal": False}, {"causal": True}, conservative=False),
    Case("transformer_attention", "post-norm without residual", Free(dimensions=6), tokens(6, 10),
         external(post_norm_without_residual), {**LLAMA, "layer": 2, "residual": False, "normalisation": "after"},
         {"residual": True}, conservative=False),
    Case("transformer_attention", "of GPT-NeoX", Free(dimensions=8), tokens(8, 2), external(parallel),
         NEOX, {"host": 0}, conservative=False),
]  # fmt: skip
