"""GPT-2 in NumPy, float32: folders in its layout open without any extra package.

`gasfield.transformer` computes it; keys and values are kept here while sequences grow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.language.base import Decoding, Ids, LanguageModel, Logits, Tokenizer, require_fit
from gasfield.language.folder import end_tokens
from gasfield.language.tokenizing import open_tokenizer
from gasfield.memory import require_memory
from gasfield.transformer import (
    Array,
    Layer,
    Transformer,
    feed_forward,
    mix,
    normalise,
    project,
    read_transformer,
    written,
)
from gasfield.transformer.activations import ACTIVATIONS
from gasfield.transformer.arithmetic import Real

_END = 50256
"""GPT-2's own <|endoftext|>, where a configuration states nothing else."""


def is_gpt2(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a GPT-2 that is computed here."""
    return (
        config.get("model_type") == "gpt2"
        and str(config.get("activation_function", "gelu_new")) in ACTIVATIONS
        and not config.get("add_cross_attention", False)
        and "quantization_config" not in config
    )


def open_gpt2(folder: Path, config: dict[str, Any]) -> GPT2:
    """Opens a folder in GPT-2's layout.

    Raises:
        InputError: if its configuration, weights or tokenizer are damaged, missing, or do not fit each other.
    """
    transformer, tokenizer = read_transformer(folder), open_tokenizer(folder)
    require_fit(str(folder), tokenizer, transformer.vocabulary)
    end = tuple(index for index in end_tokens(folder, config, _END) if 0 <= index < transformer.vocabulary)
    return GPT2(transformer, tokenizer, end)


class GPT2(LanguageModel):
    """A GPT-2 in NumPy."""

    def __init__(self, transformer: Transformer, tokenizer: Tokenizer | None, end: tuple[int, ...]) -> None:
        self.name = transformer.name
        self.vocabulary = transformer.vocabulary
        self.context: int = transformer.context
        self.end = end
        self.tokenizer = tokenizer
        self.transformer = transformer

    def logits(self, ids: Ids) -> Logits:
        tokens = self.require_ids(ids)
        require_memory(4 * len(tokens) * self.vocabulary, f"{self.name}: logits of {len(tokens)} tokens")
        return self.output(self.hidden(tokens[None], _Kept(self.transformer, 1, len(tokens)))[0])

    def decode(self, prompts: Ids) -> Decoding:
        return _KeptDecoding(self, self.require_ids(prompts))

    def output(self, hidden: Real) -> Logits:
        """(n, V) logits of normalised hidden states (n, D)."""
        return np.asarray(hidden @ self.transformer.unembedding.T, np.float32)

    def hidden(self, new: Ids, kept: _Kept) -> Real:
        """(B, n, D) normalised hidden states of tokens (B, n) that follow those whose keys and values are kept."""
        model = self.transformer
        start = kept.advance(new.shape[1])
        positions = 0.0 if model.positions is None else model.positions[start : kept.length]
        stream: Real = np.asarray(model.embedding[new] + positions, np.float32)
        for number, layer in enumerate(model.layers):
            stream = stream + _attend(number, layer, normalise(layer.before_attention, stream), kept, start)
            stream = stream + feed_forward(layer.mlp, normalise(layer.before_mlp, stream))
        return normalise(model.final, stream)


def _attend(number: int, layer: Layer, read: Real, kept: _Kept, start: int) -> Real:
    """(B, n, D) what attention adds to new tokens, which see all that are kept and those before them."""
    places = np.arange(start, kept.length)
    query, key, value = project(layer, read, places)
    keys, values = kept.store(number, key, value, start)
    return written(layer, mix(query, keys, values, places + 1, layer.scale))


class _Kept:
    """Keys and values (B, S, G, d) of every layer, in arrays that double when they are full."""

    def __init__(self, model: Transformer, batch: int, capacity: int) -> None:
        self.length = 0
        self._most, layer = model.context, model.layers[0]
        shape = (len(model.layers), 2, batch, capacity, layer.key_heads, layer.head_size)
        require_memory(4 * math.prod(shape), f"keys and values of {batch} x {capacity} tokens")
        self._arrays: Array = np.empty(shape, np.float32)

    def advance(self, count: int) -> int:
        """Makes room for so many positions; returns the first of them."""
        start, self.length = self.length, self.length + count
        capacity = self._arrays.shape[3]
        if self.length > capacity:
            shape = list(self._arrays.shape)
            shape[3] = min(self._most, max(self.length, 2 * capacity))
            require_memory(4 * math.prod(shape), f"keys and values of {shape[2]} x {shape[3]} tokens")
            larger: Array = np.empty(tuple(shape), np.float32)
            larger[:, :, :, :start] = self._arrays[:, :, :, :start]
            self._arrays = larger
        return start

    def store(self, layer: int, key: Real, value: Real, start: int) -> tuple[Array, Array]:
        """Keeps new keys and values; returns all up to them."""
        for which, new in enumerate((key, value)):
            self._arrays[layer, which, :, start : self.length] = new
        keys, values = self._arrays[layer, :, :, : self.length]
        return keys, values


class _KeptDecoding(Decoding):
    def __init__(self, model: GPT2, prompts: Ids) -> None:
        self._model = model
        self._ids = prompts
        self._kept = _Kept(model.transformer, len(prompts), min(model.context, 2 * prompts.shape[1] + 16))
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
