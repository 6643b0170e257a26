"""A trace of two texts in a tiny Llama with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny_transformers import VOCABULARY, tiny_llama

LAYERS, HEADS = 3, 4


def tiny_model(folder: Path, layers: int = LAYERS) -> Path:
    """A folder with a model of 16 dimensions that reads 128 tokens."""
    return tiny_llama(width=16, layers=layers).write(folder, "model.", max_position_embeddings=128)


def tiny_trace(folder: Path, tokens: int = 48) -> tuple[Path, Path]:
    """(trace, model): two texts of random tokens, with attention weights."""
    from gasfield.tracing.tracing import trace

    model = tiny_model(folder / "model")
    chance = np.random.default_rng(2)
    ids = [chance.integers(0, VOCABULARY, tokens).tolist() for _ in range(2)]
    trace(model, folder / "trace.h5", ids=ids, weights=True)
    return folder / "trace.h5", model
