"""The force field of a head: what it would do to a test particle in the place of a token.

The head writes F(x_i) = O sum_j a_ij V x_j with weights a_ij = softmax_j(s x_i^T Q^T R K x_j) over the tokens j that
token i sees (R: rotary positions). With all x_j held, its Jacobian by the place of the test particle is

    J = s O C R' Q,   C = sum_j a_ij (V x_j - <V x>)(R K x_j - <R K x>)^T,

of rank d. Its trace is the divergence of the force field: negative where test particles converge. Its symmetric
share is 1 for the gradient of an energy. With W = A (the model of the mathematicians) J is positive semidefinite: it
diverges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Values
from gasfield.diagnostics.depth.head_weights import Head
from gasfield.transformer import Layer
from gasfield.transformer.arithmetic import rotate

_NEAREST = 8
"""The first tokens of a text see too few others to have a law of attention, and are left out."""


class Field:
    """The force field of a head on a text, with what all of its Jacobians have in common."""

    def __init__(self, layer: Layer, head: Head, x: Values) -> None:
        """Of the stream (S, D) in front of a layer, normalised before the norm's own weight (`read_by`); the head is
        one of that layer, or has the values of another."""
        self.layer, self.head = layer, head
        self.keys = turned(layer, x @ head.key.T + head.key_offset, np.arange(len(x)))
        self.values = x @ head.value.T + head.value_offset
        self.overlap = head.query @ head.output
        self.query_gram, self.output_gram = head.query @ head.query.T, head.output.T @ head.output

    def jacobian(self, weights: Values, place: int) -> Jacobian:
        """Of a test particle in the place of a token, from the weights (S,) of its query on all keys."""
        a, keys, values = weights[: place + 1], self.keys[: place + 1], self.values[: place + 1]
        core = (values * a[:, None]).T @ keys - np.outer(a @ values, a @ keys)
        back = turned(self.layer, core, np.full(len(core), -place))  # C R': the transposed turn, on columns
        return Jacobian(self, self.layer.scale * back)


@dataclass(frozen=True)
class Jacobian:
    """J = O B Q of one test particle, by B (d, d)."""

    field: Field
    core: Values

    @property
    def matrix(self) -> Values:
        """(D, D)."""
        whole: Values = self.field.head.output @ self.core @ self.field.head.query
        return whole

    @property
    def divergence(self) -> float:
        """tr J over the Frobenius norm of J: from -sqrt(d) to sqrt(d)."""
        size = np.sqrt(self._square)
        return float(np.sum(self.core * self.field.overlap.T) / size) if size > 0 else float("nan")

    @property
    def symmetry(self) -> float:
        """Share of the symmetric part in the square Frobenius norm."""
        square, small = self._square, self.core @ self.field.overlap
        return 0.5 * (1.0 + float(np.sum(small * small.T)) / square) if square > 0 else float("nan")

    @property
    def _square(self) -> float:
        return float(np.sum((self.core @ self.field.query_gram) * (self.field.output_gram @ self.core)))


def turned(layer: Layer, rows: Values, places: NDArray[np.int64]) -> Values:
    """Queries or keys (S, d) of one head, turned by the rotary positions."""
    return np.asarray(rotate(layer.rotary, rows[:, None, :], places)[:, 0], np.float64)


def uniformity(forces: Values) -> float:
    """Share of the square of forces (S, D) along their one best direction: 1 for a field of one direction everywhere,
    whatever its strength at each token."""
    squares = np.linalg.svd(forces, compute_uv=False) ** 2
    return float(squares[0] / squares.sum()) if squares.sum() > 0 else float("nan")


def explained_by_distance(weights: Values, kept: NDArray[np.bool_]) -> float:
    """R^2 of attention weights (S, S) as a function of the distance i - j alone, over queries and keys that are kept;
    queries among the first eight are left out."""
    count = len(weights)
    apart = np.arange(count)[:, None] - np.arange(count)[None, :]
    used = (apart >= 0) & kept[None, :] & kept[:, None] & (np.arange(count)[:, None] >= _NEAREST)
    values, distance = weights[used], apart[used]
    if not len(values):
        return float("nan")
    mean = np.bincount(distance, values, count) / np.maximum(np.bincount(distance, minlength=count), 1)
    variance = float(np.sum((values - values.mean()) ** 2))
    return 1.0 - float(np.sum((values - mean[distance]) ** 2)) / variance if variance > 0 else float("nan")


def without(weights: Values, sinks: NDArray[np.bool_]) -> Values:
    """Weights (S, S) with those on sinks taken away, and the rest normalised."""
    rest = np.where(sinks, 0.0, weights)
    total = rest.sum(axis=1, keepdims=True)
    normal: Values = np.divide(rest, total, out=np.zeros_like(rest), where=total > 0)
    return normal


def permuted_keys(weights: Values, chance: np.random.Generator) -> Values:
    """Weights (S, S) of each query dealt anew to the keys that it sees."""
    dealt = np.zeros_like(weights)
    for i, row in enumerate(weights):
        dealt[i, : i + 1] = chance.permutation(row[: i + 1])
    return dealt


def queries(kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Tokens of which the field is measured: those that are kept and not among the first eight."""
    return np.flatnonzero(kept & (np.arange(len(kept)) >= _NEAREST))
