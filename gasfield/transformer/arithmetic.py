"""What each part of a layer computes, as pure functions of the stream. They compute in the type of what they are given,
float32 or float64; weights are cast to it.

S tokens, D dimensions, H heads of size d, G heads of keys and values. Leading axes (`...`), such as sequences of equal
length, are carried along.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.transformer.activations import ACTIVATIONS
from gasfield.transformer.parts import MLP, Layer, Norm, Rotary

Real = NDArray[np.floating[Any]]
Counts = NDArray[np.int64]
_SCORES = 1 << 22
"""Scores that are held at once, so that memory does not grow with the square of the text."""


class Projected(NamedTuple):
    """Queries (..., S, H, d), and keys and values (..., S, G, d)."""

    query: Real
    key: Real
    value: Real


def normalise(norm: Norm, x: Real) -> Real:
    """n(x) of vectors (..., D): what the next part reads."""
    if norm.kind == "layer":
        x = x - x.mean(axis=-1, keepdims=True)
    square = np.mean(x * x, axis=-1, keepdims=True)
    scaled = x / np.sqrt(square + norm.eps) * norm.weight
    return _like(scaled if norm.bias is None else scaled + norm.bias, x)


def rotate(rotary: Rotary | None, x: Real, places: Counts) -> Real:
    """Queries or keys (..., S, H, d) at places (S,) in the text, turned by their rotary angles; as they are without
    rotary positions.
    """
    if rotary is None:
        return x
    half = len(rotary.frequencies)
    angles = places.astype(x.dtype)[:, None] * _like(rotary.frequencies, x)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first, second = x[..., :half], x[..., half : 2 * half]
    turned = (first * cosine - second * sine, second * cosine + first * sine, x[..., 2 * half :])
    return np.concatenate(turned, axis=-1)


def project(layer: Layer, read: Real, places: Counts) -> Projected:
    """Queries, keys and values of what attention reads, n(x) (..., S, D), at places (S,) in the text."""
    query = _heads(layer.query, layer.query_bias, read)
    key = _heads(layer.key, layer.key_bias, read)
    value = _heads(layer.value, layer.value_bias, read)
    return Projected(rotate(layer.rotary, query, places), rotate(layer.rotary, key, places), value)


def mix(query: Real, key: Real, value: Real, reach: Counts, scale: float) -> Real:
    """The mean of values that each head takes: weights are the softmax of scale q . k.

    Args:
        query: (..., Q, H, d).
        key: (..., K, G, d); head h reads those of h G / H.
        value: (..., K, G, d).
        reach: (Q,) each query sees so many of the keys, from the first on; at least 1.
        scale: of scores; an inverse temperature.

    Returns:
        (..., Q, H, d).
    """
    mixed = np.empty_like(query)
    grouped, values = _grouped(query, key.shape[-2]), np.moveaxis(value, -3, -2)[..., None, :, :]
    for rows in _blocks(query, key):
        most = int(reach[rows].max())
        weights = _softmax(grouped[..., rows, :], key[..., :most, :, :], reach[rows], scale)
        means = np.moveaxis(np.matmul(weights, values[..., :most, :]), -2, -4)  # (..., rows, G, H/G, d)
        mixed[..., rows, :, :] = means.reshape(mixed[..., rows, :, :].shape)
    return mixed


def attention_weights(query: Real, key: Real, reach: Counts, scale: float) -> Real:
    """(..., H, Q, K) the weight that each head gives to each key; for arguments see `mix`. Its memory is that of all of
    them."""
    weights: Real = _softmax(_grouped(query, key.shape[-2]), key, reach, scale)
    return weights.reshape(*weights.shape[:-4], query.shape[-2], *weights.shape[-2:])


def head_writes(layer: Layer, mixed: Real) -> Real:
    """(..., H, S, D) what each head adds to the stream, from its means of values (..., S, H, d)."""
    writes: Real = np.matmul(np.moveaxis(mixed, -2, -3), _like(layer.output, mixed).swapaxes(-1, -2))
    return writes


def written(layer: Layer, mixed: Real) -> Real:
    """(..., S, D) what all heads and the output bias add to the stream, from means of values (..., S, H, d)."""
    width = layer.output.shape[1]
    matrix = _like(layer.output, mixed).transpose(1, 0, 2).reshape(width, -1)
    return _linear(matrix, layer.output_bias, mixed.reshape(*mixed.shape[:-2], -1))


def attend(layer: Layer, read: Real, beta: float = 1.0) -> Real:
    """(..., S, D) what causal attention adds to the stream, from what it reads, n(x) (..., S, D).

    Args:
        layer: of the model.
        read: of all tokens from the first of the text on.
        beta: inverse temperature of the weights, 1 in the model.
    """
    places = np.arange(read.shape[-2])
    query, key, value = project(layer, read, places)
    return written(layer, mix(query, key, value, places + 1, beta * layer.scale))


def feed_forward(mlp: MLP, read: Real) -> Real:
    """(..., S, D) what an MLP adds to the stream, from what it reads, n(x) (..., S, D)."""
    up, f = _linear(mlp.up, mlp.up_bias, read), ACTIVATIONS[mlp.activation]
    inner = f(up) if mlp.gate is None else f(_linear(mlp.gate, mlp.gate_bias, read)) * up
    return _linear(mlp.down, mlp.down_bias, inner)


def _like(weights: Real, x: Real) -> Real:
    """Weights in the type of x."""
    return weights.astype(x.dtype, copy=False)


def _linear(matrix: Real, bias: Real | None, x: Real) -> Real:
    """x W^T + b of (..., n) -> (..., m), as one product of matrices."""
    flat = x.reshape(-1, x.shape[-1]) @ _like(matrix, x).T
    if bias is not None:
        flat += bias
    return flat.reshape(*x.shape[:-1], len(matrix))


def _heads(matrices: Real, biases: Real | None, x: Real) -> Real:
    """(..., S, H, d) of x (..., S, D)."""
    heads, size, width = matrices.shape
    flat = _linear(matrices.reshape(-1, width), None if biases is None else biases.reshape(-1), x)
    return flat.reshape(*x.shape[:-1], heads, size)


def _grouped(query: Real, groups: int) -> Real:
    """(..., G, H/G, Q, d) of queries (..., Q, H, d)."""
    *before, count, heads, size = query.shape
    return np.moveaxis(query.reshape(*before, count, groups, heads // groups, size), -4, -2)


def _blocks(query: Real, key: Real) -> list[slice]:
    """Rows of queries whose scores are held at once."""
    *before, count, heads, _ = query.shape
    rows = max(1, _SCORES // (math.prod(before) * heads * key.shape[-3]))
    return [slice(start, min(start + rows, count)) for start in range(0, count, rows)]


def _softmax(grouped: Real, key: Real, reach: Counts, scale: float) -> Real:
    """(..., G, H/G, Q, K) weights of keys (..., K, G, d)."""
    weights: Real = np.matmul(grouped, np.moveaxis(key, -3, -1)[..., None, :, :])
    weights *= scale
    weights[..., np.arange(key.shape[-3]) >= reach[:, None]] = -np.inf
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights
