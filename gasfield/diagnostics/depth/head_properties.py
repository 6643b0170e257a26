"""Measured properties of every head of a model on one text, each beside its control."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Values
from gasfield.diagnostics.depth.head_field import (
    Field,
    explained_by_distance,
    permuted_keys,
    queries,
    uniformity,
    without,
)
from gasfield.diagnostics.depth.head_weights import Head, WeightProperties, heads_of, partner, read_by
from gasfield.streams import Stream, generator
from gasfield.transformer import Layer
from gasfield.transformer.arithmetic import attention_weights, project

_PROBES = 12
"""Tokens, evenly spaced, at which the Jacobian of a force field is computed."""


@dataclass(frozen=True)
class FieldProperties:
    """Of the force field of one head.

    Attributes:
        divergence: mean over tokens of tr J / |J|: negative where test particles converge.
        symmetry: mean share of the symmetric part of J: 1 for the gradient of an energy, 1/2 for a random matrix.
        uniformity: share of the square force along one direction, over tokens without sinks.
        distance: R^2 of attention weights by the distance in the text alone, without sinks.
        uniformity_with_sinks, distance_with_sinks: the same with them.
    """

    divergence: float
    symmetry: float
    uniformity: float
    distance: float
    uniformity_with_sinks: float
    distance_with_sinks: float


@dataclass(frozen=True)
class Tables:
    """Properties of all heads, name -> (L, H); of shuffled heads; and of heads shuffled otherwise, on which a
    classification is tried whose thresholds come from the former."""

    found: dict[str, Values]
    null: dict[str, Values]
    control: dict[str, Values]


@dataclass(frozen=True)
class Sight:
    """What a layer reads of a text: the stream (S, D), normalised before the norm's weight; attention weights
    (H, S, S); which tokens are sinks (S,)."""

    x: Values
    weights: Values
    sinks: NDArray[np.bool_]


def sight(layer: Layer, stream: Values, sinks: NDArray[np.bool_]) -> Sight:
    """Of the stream (S, D) in front of a layer."""
    x = read_by(layer.before_attention, stream)
    read = x * layer.before_attention.weight
    if layer.before_attention.bias is not None:
        read = read + layer.before_attention.bias
    places = np.arange(len(x))
    query, key, _ = project(layer, read, places)
    return Sight(x, np.asarray(attention_weights(query, key, places + 1, layer.scale), np.float64), sinks)


def measured(layer: Layer, head: Head, seen: Sight, number: int) -> FieldProperties:
    """Of a head with the attention of head `number`; the first of its tokens see too few others and are left out."""
    kept, weights = ~seen.sinks, seen.weights[number]
    rows = queries(kept)
    if not len(rows):
        return FieldProperties(*[float("nan")] * len(fields(FieldProperties)))
    probes = rows[np.unique(np.linspace(0, len(rows) - 1, _PROBES).astype(np.int64))]
    field = Field(layer, head, seen.x)
    found = [field.jacobian(weights[place], int(place)) for place in probes]
    triangle = np.asarray(np.linalg.qr(head.output, mode="r"))
    forces = weights @ field.values @ triangle.T  # in d of the D dimensions, in which all of them lie
    return FieldProperties(
        divergence=float(np.mean([one.divergence for one in found])),
        symmetry=float(np.mean([one.symmetry for one in found])),
        uniformity=uniformity(forces[rows]),
        distance=explained_by_distance(without(weights, seen.sinks), kept),
        uniformity_with_sinks=uniformity(forces),
        distance_with_sinks=explained_by_distance(weights, np.ones(len(kept), np.bool_)),
    )


def tables(
    layers: Iterator[Layer] | tuple[Layer, ...], streams: Callable[[int], Values], sinks: NDArray[np.bool_]
) -> Tables:
    """Of all heads of all layers.

    Args:
        layers: of the model.
        streams: the number of a layer, from 0 -> the stream (S, D) in front of it.
        sinks: (S,) which tokens are sinks.
    """
    chance = generator(0, Stream.PERMUTATIONS, 6)
    kinds: tuple[list[list[dict[str, float]]], ...] = ([], [], [])
    for number, layer in enumerate(layers):
        seen, heads = sight(layer, streams(number), sinks), heads_of(layer)
        dealt = Sight(seen.x, np.array([permuted_keys(one, chance) for one in seen.weights]), sinks)
        rows: tuple[list[dict[str, float]], ...] = ([], [], [])
        for h, head in enumerate(heads):
            weights = WeightProperties.of(head.score, head.write)
            rows[0].append(vars(weights) | vars(measured(layer, head, seen, h)))
            for turn in (1, 2):
                rows[turn].append(_control(layer, head, partner(heads, h, turn), seen, dealt, h))
        for table, row in zip(kinds, rows, strict=True):
            table.append(row)
    return Tables(*(_by_name(table) for table in kinds))


def _control(layer: Layer, head: Head, other: Head, seen: Sight, dealt: Sight, number: int) -> dict[str, float]:
    """Properties of a shuffled head: the attention of one with the values and outputs of another; for the dependence on
    distance, the attention of the head on keys dealt anew."""
    mixed = vars(measured(layer, head.writing_as(other), seen, number))
    kept = ~seen.sinks
    own = dealt.weights[number]
    mixed["distance"] = explained_by_distance(without(own, seen.sinks), kept)
    mixed["distance_with_sinks"] = explained_by_distance(own, np.ones(len(kept), np.bool_))
    return vars(WeightProperties.shuffled(head, other)) | mixed


def _by_name(table: list[list[dict[str, float]]]) -> dict[str, Values]:
    return {name: np.array([[head[name] for head in row] for row in table]) for name in table[0][0]} if table else {}
