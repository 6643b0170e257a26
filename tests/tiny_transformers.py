"""Tiny transformers with random weights, in Hugging Face's layout, and what their parts do by the definition: one token
and one head at a time, in float64, from the stored matrices."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from embeddings import write_safetensors
from numpy.typing import NDArray
from scipy.special import erf

Values = NDArray[np.float64]
Weights = dict[str, NDArray[np.float32]]
VOCABULARY, CONTEXT, LAYERS = 40, 24, 2


@dataclass(frozen=True)
class Tiny:
    """A model in a folder.

    Attributes:
        config: of the folder.
        weights: by the names in it, without prefix.
        heads, groups, size: of queries; of keys and values; coordinates of each.
        turned: coordinates that rotate.
    """

    config: dict[str, Any]
    weights: Weights
    heads: int
    groups: int
    size: int
    turned: int

    def write(self, folder: Path, prefix: str, **changed: Any) -> Path:
        """Writes it; `changed` replaces entries of its configuration."""
        folder.mkdir(parents=True, exist_ok=True)
        outside = ("lm_head", "embed_out")
        names = {name: name if name.startswith(outside) else prefix + name for name in self.weights}
        write_safetensors(folder / "model.safetensors", {names[name]: ("F32", w) for name, w in self.weights.items()})
        (folder / "config.json").write_text(json.dumps(self.config | changed))
        return folder


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int, spread: float) -> Weights:
    source = np.random.default_rng(seed)
    found = {name: source.normal(0, spread, shape).astype(np.float32) for name, shape in shapes.items()}
    return {name: w + np.float32(1) if "norm.weight" in name else w for name, w in found.items()}


def tiny_llama(width: int = 6, seed: int = 1, spread: float = 0.4, layers: int = LAYERS) -> Tiny:
    """Four heads, which share two keys and values."""
    heads, groups, size, inner = 4, 2, 4, 10
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (VOCABULARY, width), "norm.weight": (width,)}
    for layer in range(layers):
        at = f"layers.{layer}."
        shapes |= {f"{at}input_layernorm.weight": (width,), f"{at}post_attention_layernorm.weight": (width,)}
        shapes |= {f"{at}self_attn.{name}_proj.weight": (rows * size, width)
                   for name, rows in (("q", heads), ("k", groups), ("v", groups))}  # fmt: skip
        shapes |= {f"{at}self_attn.o_proj.weight": (width, heads * size), f"{at}mlp.down_proj.weight": (width, inner)}
        shapes |= {f"{at}mlp.{name}_proj.weight": (inner, width) for name in ("gate", "up")}
    config = {
        "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": width, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": size, "intermediate_size": inner,
        "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 100.0, "tie_word_embeddings": True,
    }  # fmt: skip
    return Tiny(config, random_weights(shapes, seed, spread), heads, groups, size, size)


def tiny_gpt_neox(seed: int = 2, spread: float = 0.4) -> Tiny:
    """Two heads, of whose four coordinates two rotate; attention and MLP side by side."""
    heads, size, inner = 2, 4, 12
    width = heads * size
    shapes: dict[str, tuple[int, ...]] = {
        "embed_in.weight": (VOCABULARY, width),
        "embed_out.weight": (VOCABULARY, width),
    }
    shapes |= {f"final_layer_norm.{kind}": (width,) for kind in ("weight", "bias")}
    for layer in range(LAYERS):
        at = f"layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes |= {f"{at}{norm}.{kind}": (width,) for kind in ("weight", "bias")}
        linear = {
            "attention.query_key_value": (3 * width, width), "attention.dense": (width, width),
            "mlp.dense_h_to_4h": (inner, width), "mlp.dense_4h_to_h": (width, inner),
        }  # fmt: skip
        for name, shape in linear.items():
            shapes |= {f"{at}{name}.weight": shape, f"{at}{name}.bias": shape[:1]}
    config = {
        "model_type": "gpt_neox", "vocab_size": VOCABULARY, "hidden_size": width, "num_hidden_layers": LAYERS,
        "num_attention_heads": heads, "intermediate_size": inner, "max_position_embeddings": CONTEXT,
        "rotary_pct": 0.5, "rotary_emb_base": 100.0, "layer_norm_eps": 1e-5, "use_parallel_residual": True,
    }  # fmt: skip
    return Tiny(config, random_weights(shapes, seed, spread), heads, heads, size, 2)


def rms(x: Values, weight: NDArray[Any], eps: float = 1e-5) -> Values:
    return np.array([row / math.sqrt(np.mean(row**2) + eps) * weight.astype(float) for row in x])


def layer_norm(x: Values, weight: NDArray[Any], bias: NDArray[Any], eps: float = 1e-5) -> Values:
    return np.array([(row - row.mean()) / math.sqrt(row.var() + eps) * weight + bias for row in x.astype(float)])


def turned_by(vector: Values, place: int, turned: int, base: float = 100.0) -> Values:
    """Rotary positions, pair by pair; frequencies are float32 numbers."""
    found = vector.copy()
    frequencies = np.float32(1) / np.float32(base) ** (np.arange(0, turned, 2, dtype=np.float32) / np.float32(turned))
    for pair in range(turned // 2):
        angle = place * float(frequencies[pair])
        a, b = vector[pair], vector[pair + turned // 2]
        found[pair] = a * math.cos(angle) - b * math.sin(angle)
        found[pair + turned // 2] = b * math.cos(angle) + a * math.sin(angle)
    return found


def head_means(
    queries: Values,
    keys: Values,
    values: Values,
    places: list[int],
    sources: list[int],
    beta: float,
    *,
    causal: bool = True,
) -> Values:
    """(N, H, d) of queries (N, H, d), keys and values (N, G, d), which are those of particles at places in the text;
    sources only are attended to."""
    count, heads, size = queries.shape
    each = heads // keys.shape[1]
    found = np.zeros((count, heads, size))
    for i in range(count):
        seen = [j for j in sources if not causal or places[j] <= places[i]]
        for h in range(heads):
            scores = np.array([beta * queries[i, h] @ keys[j, h // each] / math.sqrt(size) for j in seen])
            shares = np.exp(scores - scores.max())
            found[i, h] = sum(p * values[j, h // each] for p, j in zip(shares / shares.sum(), seen, strict=True))
    return found


def llama_attention(
    tiny: Tiny,
    layer: int,
    read: Values,
    places: list[int],
    sources: list[int],
    beta: float = 1.0,
    off: tuple[int, ...] = (),
    causal: bool = True,
) -> Values:
    """(N, D) its write, from what it reads."""
    at = f"layers.{layer}.self_attn."
    q, k, v = (
        (read @ tiny.weights[f"{at}{name}_proj.weight"].astype(float).T).reshape(len(read), -1, tiny.size)
        for name in "qkv"
    )
    q, k = (np.array([[turned_by(row, t, tiny.turned) for row in rows] for rows, t in zip(x, places, strict=True)])
            for x in (q, k))  # fmt: skip
    means = head_means(q, k, v, places, sources, beta, causal=causal)
    means[:, list(off)] = 0.0
    write: Values = means.reshape(len(read), -1) @ tiny.weights[f"{at}o_proj.weight"].astype(float).T
    return write


def llama_mlp(tiny: Tiny, layer: int, read: Values) -> Values:
    """(N, D) its write, from what it reads."""
    gate, up, down = (
        tiny.weights[f"layers.{layer}.mlp.{name}_proj.weight"].astype(float) for name in ("gate", "up", "down")
    )
    inner = read @ gate.T
    write: Values = (inner / (1 + np.exp(-inner)) * (read @ up.T)) @ down.T
    return write


def neox_attention(tiny: Tiny, layer: int, read: Values, places: list[int], sources: list[int]) -> Values:
    """(N, D) its write, from what it reads."""
    at = f"layers.{layer}.attention."
    joint, bias = tiny.weights[f"{at}query_key_value.weight"].astype(float), tiny.weights[f"{at}query_key_value.bias"]
    q, k, v = np.moveaxis((read @ joint.T + bias).reshape(len(read), tiny.heads, 3, tiny.size), 2, 0)
    q, k = (np.array([[turned_by(row, t, tiny.turned) for row in rows] for rows, t in zip(x, places, strict=True)])
            for x in (q, k))  # fmt: skip
    means = head_means(q, k, v, places, sources, 1.0).reshape(len(read), -1)
    write: Values = means @ tiny.weights[f"{at}dense.weight"].astype(float).T + tiny.weights[f"{at}dense.bias"]
    return write


def neox_mlp(tiny: Tiny, layer: int, read: Values) -> Values:
    """(N, D) its write, from what it reads, with the exact GELU."""
    at = f"layers.{layer}.mlp."
    wide, back = (tiny.weights[f"{at}{name}.weight"].astype(float) for name in ("dense_h_to_4h", "dense_4h_to_h"))
    inner = read @ wide.T + tiny.weights[f"{at}dense_h_to_4h.bias"]
    write: Values = inner * (1 + erf(inner / math.sqrt(2))) / 2 @ back.T + tiny.weights[f"{at}dense_4h_to_h.bias"]
    return write


_SHELF = tempfile.TemporaryDirectory()
LLAMA, NEOX = tiny_llama(), tiny_gpt_neox()
LLAMA_FOLDER = str(LLAMA.write(Path(_SHELF.name) / "llama", "model."))
NEOX_FOLDER = str(NEOX.write(Path(_SHELF.name) / "neox", "gpt_neox."))
