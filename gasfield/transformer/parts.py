"""A decoder-only transformer as arrays: its norms, attention, MLPs, embedding and unembedding, in float32."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Family = Literal["llama", "gpt2", "gpt_neox"]


@dataclass(frozen=True, eq=False)
class Norm:
    """What is done to each vector before a part reads it.

    Attributes:
        kind: "rms", x / sqrt(mean of x^2 + eps), or "layer", which also subtracts the mean of x first.
        weight: (D,), by which the result is multiplied.
        bias: (D,), which is added; None if there is none.
        eps: added to the mean square.
    """

    kind: Literal["rms", "layer"]
    weight: Array
    bias: Array | None
    eps: float

    @property
    def centred(self) -> bool:
        """Whether it subtracts the mean."""
        return self.kind == "layer"


@dataclass(frozen=True, eq=False)
class Rotary:
    """Rotary positions (Su et al., arXiv:2104.09864): at position t coordinates i and i + r/2 of a query or a key,
    i < r/2, turn by t frequencies[i]; coordinates from r on stay.

    Attributes:
        frequencies: (r/2,) angles per position.
    """

    frequencies: Array

    @property
    def turned(self) -> int:
        """r, the coordinates that turn."""
        return 2 * len(self.frequencies)


@dataclass(frozen=True, eq=False)
class MLP:
    """down(f(up x)), or down(f(gate x) * up x) with a gate.

    Attributes:
        activation: the name of f in `gasfield.transformer.activations`.
        gate: (I, D), or None.
        up: (I, D).
        down: (D, I).
        gate_bias: (I,), or None.
        up_bias: (I,), or None.
        down_bias: (D,), or None.
    """

    activation: str
    gate: Array | None
    up: Array
    down: Array
    gate_bias: Array | None = None
    up_bias: Array | None = None
    down_bias: Array | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: attention of H heads, of which H/G neighbours share a key and a value, and an MLP.

    Attributes:
        before_attention: normalises what attention reads.
        before_mlp: normalises what the MLP reads.
        query: (H, d, D).
        key: (G, d, D).
        value: (G, d, D).
        output: (H, D, d); head h adds output[h] (weighted mean of values) to the stream.
        mlp: its MLP.
        scale: of scores, scale q . k; mostly 1 / sqrt(d).
        rotary: positions of queries and keys; None where they are added to the embedding.
        parallel: whether the MLP reads the same stream as attention, so that there is no state between the two.
        query_bias: (H, d), or None.
        key_bias: (G, d), or None.
        value_bias: (G, d), or None.
        output_bias: (D,), or None.
    """

    before_attention: Norm
    before_mlp: Norm
    query: Array
    key: Array
    value: Array
    output: Array
    mlp: MLP
    scale: float
    rotary: Rotary | None = None
    parallel: bool = False
    query_bias: Array | None = None
    key_bias: Array | None = None
    value_bias: Array | None = None
    output_bias: Array | None = None

    @property
    def heads(self) -> int:
        """H, heads of queries."""
        return len(self.query)

    @property
    def key_heads(self) -> int:
        """G, heads of keys and values."""
        return len(self.key)

    @property
    def head_size(self) -> int:
        """d, the coordinates of a query."""
        return int(self.query.shape[1])


@dataclass(frozen=True, eq=False)
class Transformer:
    """A model.

    Attributes:
        name: of its file or folder.
        family: whose blocks it has.
        embedding: (V, D), a row a token.
        positions: (context, D), added to the embedding; None with rotary positions.
        layers: first to last.
        final: norm before the unembedding.
        unembedding: (V, D); the same array as `embedding` if they are tied.
        context: the most tokens of a text.
    """

    name: str
    family: Family
    embedding: Array
    positions: Array | None
    layers: tuple[Layer, ...]
    final: Norm
    unembedding: Array
    context: int

    @property
    def dimensions(self) -> int:
        """D of the residual stream."""
        return int(self.embedding.shape[1])

    @property
    def vocabulary(self) -> int:
        """V, the number of tokens."""
        return len(self.embedding)

    @property
    def steps(self) -> int:
        """2L, sub-layers."""
        return 2 * len(self.layers)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all weights and constants."""
        digest = hashlib.sha256()
        _digest(self, digest.update)
        return digest.hexdigest()


def _digest(part: Any, update: Callable[[Any], None]) -> None:
    """Hashes a part, and those within it in order."""
    if isinstance(part, np.ndarray):
        update(f"{part.shape}".encode())
        update(np.ascontiguousarray(part).data)
    elif isinstance(part, tuple):
        for each in part:
            _digest(each, update)
    elif is_dataclass(part):
        for field in fields(part):
            if field.name != "name":
                _digest(getattr(part, field.name), update)
    else:
        update(repr(part).encode())
