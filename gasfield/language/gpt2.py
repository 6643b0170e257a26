"""The forward pass of GPT-2 in NumPy, float32: folders in its layout open without any extra package.

Radford et al., "Language Models are Unsupervised Multitask Learners" (2019): pre-norm blocks, learned positions,
attention with one matrix for queries, keys and values, output tied to the embedding. Matrices are stored as (in, out).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import from_bits
from gasfield.language.base import Decoding, Ids, LanguageModel, Logits, Tokenizer, require_fit
from gasfield.language.folder import CONFIG, end_tokens, tensors_of_model
from gasfield.language.tokenizing import open_tokenizer
from gasfield.memory import require_memory
from gasfield.tensors import PRECISIONS, Tensor

Array = NDArray[np.float32]
_HALF, _ONE = np.float32(0.5), np.float32(1)
_ROOT_2_OVER_PI, _CUBIC = np.float32(math.sqrt(2 / math.pi)), np.float32(0.044715)
_PREFIX = "transformer."
_LARGEST_EPSILON = 1e9
_END = 50256
"""GPT-2's own <|endoftext|>, where a configuration states nothing else."""


def _gelu(x: Array) -> Array:
    return _HALF * x * (_ONE + np.asarray(erf(x * np.float32(math.sqrt(0.5))), np.float32))


def _gelu_tanh(x: Array) -> Array:
    inner: Array = np.tanh(_ROOT_2_OVER_PI * (x + _CUBIC * x * x * x))
    return _HALF * x * (_ONE + inner)


def _relu(x: Array) -> Array:
    return np.maximum(x, np.float32(0))


_ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "gelu": _gelu,
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "relu": _relu,
}


def is_gpt2(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a GPT-2 that this module computes."""
    return (
        config.get("model_type") == "gpt2"
        and str(config.get("activation_function", "gelu_new")) in _ACTIVATIONS
        and not config.get("add_cross_attention", False)
        and "quantization_config" not in config
    )


def open_gpt2(folder: Path, config: dict[str, Any]) -> GPT2:
    """Opens a folder in GPT-2's layout.

    Raises:
        InputError: if its configuration, weights or tokenizer are damaged, missing, or do not fit each other.
    """
    geometry = _Geometry.of(folder / CONFIG, config)
    weights = _Weights(folder, geometry)
    tokenizer = open_tokenizer(folder)
    require_fit(str(folder), tokenizer, geometry.vocabulary)
    end = tuple(index for index in end_tokens(folder, config, _END) if 0 <= index < geometry.vocabulary)
    return GPT2(folder.resolve().name, geometry, weights, tokenizer, end)


@dataclass(frozen=True)
class _Geometry:
    """Sizes and constants; the defaults are those of GPT-2 small."""

    vocabulary: int
    context: int
    width: int
    layers: int
    heads: int
    inner: int
    epsilon: float
    activation: str
    tied: bool
    scaled: bool
    scaled_by_layer: bool

    @classmethod
    def of(cls, path: Path, config: Mapping[str, Any]) -> _Geometry:
        def size(key: str, default: int) -> int:
            value = config.get(key, default)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
                given = f", not {value}" if isinstance(value, int) and abs(value) < 2**63 else " below 2^31"
                raise InputError(f"{path}: {key} must be a positive integer{given}.")
            return value

        epsilon = config.get("layer_norm_epsilon", 1e-5)
        if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 <= epsilon <= _LARGEST_EPSILON:
            raise InputError(f"{path}: layer_norm_epsilon must be a number >= 0, at most {_LARGEST_EPSILON:g}.")
        width, heads = size("n_embd", 768), size("n_head", 12)
        if width % heads:
            raise InputError(f"{path}: n_head = {heads} must divide n_embd = {width}.")
        return cls(
            vocabulary=size("vocab_size", 50257),
            context=size("n_positions", 1024),
            width=width,
            layers=size("n_layer", 12),
            heads=heads,
            inner=4 * width if config.get("n_inner") is None else size("n_inner", 4 * width),
            epsilon=float(epsilon),
            activation=config.get("activation_function", "gelu_new"),
            tied=bool(config.get("tie_word_embeddings", True)),
            scaled=bool(config.get("scale_attn_weights", True)),
            scaled_by_layer=bool(config.get("scale_attn_by_inverse_layer_idx", False)),
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor that the model consists of."""
        width, inner = self.width, self.inner
        found: dict[str, tuple[int, ...]] = {
            "wte.weight": (self.vocabulary, width),
            "wpe.weight": (self.context, width),
            "ln_f.weight": (width,),
            "ln_f.bias": (width,),
        }
        for layer in range(self.layers):
            for norm in ("ln_1", "ln_2"):
                found |= {f"h.{layer}.{norm}.weight": (width,), f"h.{layer}.{norm}.bias": (width,)}
            linear = {
                "attn.c_attn": (width, 3 * width),
                "attn.c_proj": (width, width),
                "mlp.c_fc": (width, inner),
                "mlp.c_proj": (inner, width),
            }
            for name, shape in linear.items():
                found |= {f"h.{layer}.{name}.weight": shape, f"h.{layer}.{name}.bias": shape[1:]}
        if not self.tied:
            found["lm_head.weight"] = (self.vocabulary, width)
        return found


class _Weights:
    """The tensors of the model in float32, by their names without prefix."""

    def __init__(self, folder: Path, geometry: _Geometry) -> None:
        stored = {tensor.name.removeprefix(_PREFIX): tensor for tensor in tensors_of_model(folder)}
        if geometry.layers > len(stored):  # before anything is listed for each layer
            message = f"has {geometry.layers} layers by {CONFIG}, and files with {len(stored)} tensors"
            raise InputError(f"{folder}: the model {message}.")
        shapes = geometry.shapes()
        missing = [name for name in shapes if name not in stored]
        if missing:
            raise InputError(
                f"{folder}: {len(missing)} of {len(shapes)} tensors of the model are missing, first {missing[0]}."
            )
        for name, shape in shapes.items():
            if stored[name].shape != shape:
                raise InputError(f"{folder}: {name} has the shape {stored[name].shape}, {CONFIG} wants {shape}.")
        self._arrays = {name: _float32(folder, stored[name]) for name in shapes}
        self.output = self._arrays["wte.weight" if geometry.tied else "lm_head.weight"]

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def linear(self, name: str, x: Array) -> Array:
        """x W + b of (..., n) -> (..., m), as one product of matrices."""
        weight = self._arrays[f"{name}.weight"]
        flat = x.reshape(-1, weight.shape[0]) @ weight + self._arrays[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], weight.shape[1])

    def norm(self, name: str, x: Array, epsilon: float) -> Array:
        """Layer norm over the last axis."""
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        scaled: Array = centred / np.sqrt(variance + np.float32(epsilon))
        return scaled * self._arrays[f"{name}.weight"] + self._arrays[f"{name}.bias"]


def _float32(folder: Path, tensor: Tensor) -> Array:
    if tensor.numbers not in PRECISIONS.values():
        raise InputError(f"{folder}: {tensor.name} holds {tensor.numbers} values; weights are floating-point numbers.")
    bits = np.array(tensor.load())
    values = from_bits(bits) if tensor.numbers == "bfloat16" else bits.view(tensor.numbers).astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{folder}: {tensor.name} holds {np.sum(~np.isfinite(values))} numbers that are not finite.")
    return np.ascontiguousarray(values)


class GPT2(LanguageModel):
    """A GPT-2 in NumPy."""

    def __init__(
        self, name: str, geometry: _Geometry, weights: _Weights, tokenizer: Tokenizer | None, end: tuple[int, ...]
    ) -> None:
        self.name = name
        self.vocabulary = geometry.vocabulary
        self.context: int = geometry.context
        self.end = end
        self.tokenizer = tokenizer
        self.geometry = geometry
        self._weights = weights
        self._activation = _ACTIVATIONS[geometry.activation]

    def logits(self, ids: Ids) -> Logits:
        tokens = self.require_ids(ids)
        require_memory(4 * len(tokens) * self.vocabulary, f"{self.name}: logits of {len(tokens)} tokens")
        return self.output(self.hidden(tokens[None], _Kept(self.geometry, 1, len(tokens)))[0])

    def decode(self, prompts: Ids) -> Decoding:
        return _KeptDecoding(self, self.require_ids(prompts))

    def output(self, hidden: Array) -> Logits:
        """(n, V) logits of normalised hidden states (n, D)."""
        return hidden @ self._weights.output.T

    def hidden(self, new: Ids, kept: _Kept) -> Array:
        """(B, n, D) normalised hidden states of tokens (B, n) that follow those whose keys and values are kept."""
        weights, epsilon = self._weights, self.geometry.epsilon
        start = kept.advance(new.shape[1])
        stream = weights["wte.weight"][new] + weights["wpe.weight"][start : kept.length]
        for layer in range(self.geometry.layers):
            block = f"h.{layer}"
            mixed = self._attend(layer, weights.norm(f"{block}.ln_1", stream, epsilon), kept, start)
            stream = stream + weights.linear(f"{block}.attn.c_proj", mixed)
            inner = weights.linear(f"{block}.mlp.c_fc", weights.norm(f"{block}.ln_2", stream, epsilon))
            stream = stream + weights.linear(f"{block}.mlp.c_proj", self._activation(inner))
        return weights.norm("ln_f", stream, epsilon)

    def _attend(self, layer: int, x: Array, kept: _Kept, start: int) -> Array:
        """(B, n, D): each position a mean of the values up to it, weighted by softmax(query . key)."""
        batch, count, width = x.shape
        heads = self.geometry.heads
        parts = self._weights.linear(f"h.{layer}.attn.c_attn", x).reshape(batch, count, 3, heads, width // heads)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)
        keys, values = kept.store(layer, key, value, start)
        scale = 1 / math.sqrt(width // heads) if self.geometry.scaled else 1.0
        scale /= layer + 1 if self.geometry.scaled_by_layer else 1
        query = query * np.float32(scale)
        hidden = np.arange(kept.length) > np.arange(start, kept.length)[:, None]
        # One sequence at a time while a prompt is read, so that the (heads, n, n) weights of one are in memory.
        pieces = [slice(row, row + 1) for row in range(batch)] if count > 1 else [slice(None)]
        mixed = np.concatenate([_mix(query[b], keys[b], values[b], hidden) for b in pieces])
        return mixed.transpose(0, 2, 1, 3).reshape(batch, count, width)


def _mix(query: Array, keys: Array, values: Array, hidden: NDArray[np.bool_]) -> Array:
    weights = query @ keys.swapaxes(-1, -2)
    weights[..., hidden] = -np.inf
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed: Array = np.matmul(weights, values)
    return mixed


class _Kept:
    """Keys and values (B, heads, S, d) of every layer, in arrays that double when they are full."""

    def __init__(self, geometry: _Geometry, batch: int, capacity: int) -> None:
        self.length = 0
        self._most = geometry.context
        shape = (geometry.layers, 2, batch, geometry.heads, capacity, geometry.width // geometry.heads)
        require_memory(4 * math.prod(shape), f"keys and values of {batch} x {capacity} tokens")
        self._arrays: Array = np.empty(shape, np.float32)

    def advance(self, count: int) -> int:
        """Makes room for so many positions; returns the first of them."""
        start, self.length = self.length, self.length + count
        capacity = self._arrays.shape[4]
        if self.length > capacity:
            shape = list(self._arrays.shape)
            shape[4] = min(self._most, max(self.length, 2 * capacity))
            require_memory(4 * math.prod(shape), f"keys and values of {shape[2]} x {shape[4]} tokens")
            larger: Array = np.empty(tuple(shape), np.float32)
            larger[..., :start, :] = self._arrays[..., :start, :]
            self._arrays = larger
        return start

    def store(self, layer: int, key: Array, value: Array, start: int) -> tuple[Array, Array]:
        """Keeps new keys and values; returns all up to them."""
        for which, new in enumerate((key, value)):
            self._arrays[layer, which, ..., start : self.length, :] = new
        keys, values = self._arrays[layer, ..., : self.length, :]
        return keys, values


class _KeptDecoding(Decoding):
    def __init__(self, model: GPT2, prompts: Ids) -> None:
        self._model = model
        self._ids = prompts
        self._kept = _Kept(model.geometry, len(prompts), min(model.context, 2 * prompts.shape[1] + 16))
        self._run()

    def _run(self) -> None:
        """Computes the tokens that are not kept yet."""
        states = self._model.hidden(self._ids[:, self._kept.length :], self._kept)
        self.logits = self._model.output(np.ascontiguousarray(states[:, -1]))
        self.length = self._ids.shape[1]

    def extend(self, tokens: Ids) -> None:
        self._ids = self._model.require_ids(np.concatenate([self._ids, np.asarray(tokens, np.int64)[:, None]], axis=1))
        self._run()

    def cut(self, length: int) -> None:
        self._ids = self._ids[:, :length]
        self._kept.length = length - 1
        self._run()
