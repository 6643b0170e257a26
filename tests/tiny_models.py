"""Tiny language models in folders of GPT-2's layout, and their logits by the definition, in float64."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from embeddings import write_safetensors
from numpy.typing import NDArray
from scipy.special import erf

from gasfield.kernels.bfloat16 import bits, round_to_bfloat16

VOCABULARY, WIDTH, LAYERS, HEADS, INNER, CONTEXT = 300, 16, 2, 4, 24, 40


def gpt2_weights(seed: int = 0, spread: float = 0.5, vocabulary: int = VOCABULARY) -> dict[str, NDArray[np.float32]]:
    """Random weights, on the lattice of bfloat16 so that every format holds them exactly."""
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (vocabulary, WIDTH), "wpe.weight": (CONTEXT, WIDTH)}
    norms = [f"h.{layer}.{norm}" for layer in range(LAYERS) for norm in ("ln_1", "ln_2")]
    shapes |= {f"{norm}.{kind}": (WIDTH,) for norm in [*norms, "ln_f"] for kind in ("weight", "bias")}
    linear = {
        "attn.c_attn": (WIDTH, 3 * WIDTH),
        "attn.c_proj": (WIDTH, WIDTH),
        "mlp.c_fc": (WIDTH, INNER),
        "mlp.c_proj": (INNER, WIDTH),
    }
    for layer in range(LAYERS):
        for name, shape in linear.items():
            shapes |= {f"h.{layer}.{name}.weight": shape, f"h.{layer}.{name}.bias": shape[1:]}
    generator = np.random.default_rng(seed)
    return {
        name: round_to_bfloat16(generator.normal(0, spread, shape).astype(np.float32)) for name, shape in shapes.items()
    }


def write_gpt2(
    folder: Path,
    weights: dict[str, NDArray[np.float32]] | None = None,
    *,
    numbers: str = "F32",
    prefix: str = "transformer.",
    **config: object,
) -> Path:
    """Writes a folder without a tokenizer; `config` replaces entries of config.json."""
    weights = gpt2_weights() if weights is None else weights
    folder.mkdir(parents=True, exist_ok=True)
    stored = {name: (numbers, bits(values) if numbers == "BF16" else values) for name, values in weights.items()}
    named = {name if name.startswith("lm_head") else prefix + name: tensor for name, tensor in stored.items()}
    write_safetensors(folder / "model.safetensors", named)
    stated = {
        "model_type": "gpt2",
        "vocab_size": len(weights["wte.weight"]),
        "n_positions": CONTEXT,
        "n_embd": WIDTH,
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_inner": INNER,
        "eos_token_id": None,
        "bos_token_id": None,
    }
    (folder / "config.json").write_text(json.dumps(stated | config))
    return folder


def logits_by_definition(
    weights: dict[str, NDArray[np.float32]],
    ids: NDArray[np.int64],
    activation: str = "gelu_new",
    by_layer: bool = False,
) -> NDArray[np.float64]:
    """(S, V): one position and one head at a time."""
    w = {name: values.astype(float) for name, values in weights.items()}

    def norm(name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return (x - x.mean()) / math.sqrt(x.var() + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def act(x: NDArray[np.float64]) -> NDArray[np.float64]:
        if activation == "relu":
            return np.maximum(x, 0)
        if activation == "gelu":
            return x * (1 + erf(x / math.sqrt(2))) / 2
        return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2

    rows = [w["wte.weight"][index] + w["wpe.weight"][place] for place, index in enumerate(ids)]
    size = WIDTH // HEADS
    for layer in range(LAYERS):
        block = f"h.{layer}"
        qkv = [
            norm(f"{block}.ln_1", x) @ w[f"{block}.attn.c_attn.weight"] + w[f"{block}.attn.c_attn.bias"] for x in rows
        ]
        scale = math.sqrt(size) * (layer + 1 if by_layer else 1)
        new = []
        for place, x in enumerate(rows):
            mixed = []
            for head in range(HEADS):
                q, k, v = (slice(part * WIDTH + head * size, part * WIDTH + (head + 1) * size) for part in range(3))
                energies = np.array([qkv[place][q] @ qkv[other][k] for other in range(place + 1)]) / scale
                shares = np.exp(energies - energies.max())
                mixed.append(sum(p * qkv[o][v] for o, p in enumerate(shares / shares.sum())))
            x = x + np.concatenate(mixed) @ w[f"{block}.attn.c_proj.weight"] + w[f"{block}.attn.c_proj.bias"]
            inner = act(norm(f"{block}.ln_2", x) @ w[f"{block}.mlp.c_fc.weight"] + w[f"{block}.mlp.c_fc.bias"])
            new.append(x + inner @ w[f"{block}.mlp.c_proj.weight"] + w[f"{block}.mlp.c_proj.bias"])
        rows = new
    output = w.get("lm_head.weight", w["wte.weight"])
    return np.array([output @ norm("ln_f", x) for x in rows])
