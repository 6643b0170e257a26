"""Attention of a gas through the blocked kernels: the order of sources, heads in packed form, memory and threads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from gasfield.forces.base import Array
from gasfield.gas import Gas
from gasfield.kernels.attention import SOURCES, add_potential, attend, pack, pack_turned
from gasfield.kernels.exponential import EXPONENTIALS_32, EXPONENTIALS_64
from gasfield.kernels.tile import ROWS, WIDTH

Precision = Literal["float64", "float32"]
Rows = NDArray[np.int64]
_CACHE = 1 << 19
"""Bytes of queries and sums that go through the sources together: half of an L2 cache."""
_TASKS = 4
"""Tasks of a thread at least, so that threads end at about the same time."""


class HeadArrays(NamedTuple):
    """The matrices of a head; None for the identity.

    Attributes:
        query: Q (H, D); None only if `key` is.
        key: K (H, D).
        value: V (D, D).
    """

    query: Array | None = None
    key: Array | None = None
    value: Array | None = None

    @property
    def plain(self) -> bool:
        """Whether all of them are the identity."""
        return self.query is None and self.key is None and self.value is None

    def score(self, beta: float) -> tuple[Array | None, Array | None]:
        """Matrices by which to multiply x_i and x_j, whose products are beta s_ij / ln 2; None for the identity.

        The key has the shape of Q if that has fewer rows than columns; otherwise it is a part of the query.
        """
        if self.query is None or self.key is None:
            return None, None
        query = beta / math.log(2.0) * self.query
        return (query, self.key) if len(query) < query.shape[1] else (self.key.T @ query, None)


class Attended(NamedTuple):
    """The sources of a gas that are finite, and which of them each particle attends to.

    Attributes:
        rows: (M,) their indices, ascending.
        limits: (N,) how many of the first of them each particle attends to.
        counts: (N,) the same among all sources, finite or not.
    """

    rows: Rows
    limits: Rows
    counts: Array

    @classmethod
    def of(cls, gas: Gas, places: NDArray[Any], *, causal: bool = False) -> Attended:
        """Those of a gas with positions `places` (N, D); where causal, each attends to those not after it."""
        finite = gas.is_source & np.isfinite(places).all(axis=1)
        if causal:
            return cls(np.flatnonzero(finite), np.cumsum(finite), np.cumsum(gas.is_source).astype(np.float64))
        rows, count = np.flatnonzero(finite), float(np.count_nonzero(gas.is_source))
        return cls(rows, np.full(gas.count, len(rows)), np.full(gas.count, count))


def stream(
    places: NDArray[Any], attended: Attended, heads: Sequence[HeadArrays], beta: float, force: Array, *, softmax: bool
) -> None:
    """Adds the forces of all heads to `force` (N, D).

    Args:
        places: (N, D) positions, of the precision of the sums.
        attended: which sources each particle attends to.
        heads: as above.
        beta: inverse temperature.
        force: as above.
        softmax: whether weights are divided by their sum, instead of by the number of sources.
    """
    real, (count, d) = places.dtype, places.shape
    weight = (EXPONENTIALS_32 if real == np.float32 else EXPONENTIALS_64).weight
    scores = [head.score(beta) for head in heads]
    values = np.empty((_groups(len(attended.rows), SOURCES), _groups(d, ROWS), SOURCES, ROWS), real)
    positions = np.empty(
        (_groups(len(attended.rows), ROWS) if any(key is None for _, key in scores) else 0, d, ROWS), real
    )
    pack(places, attended.rows, positions, values)
    counts = np.empty(0) if softmax else attended.counts
    scale = real.type(beta / math.log(2.0))
    for head, (query, key) in zip(heads, scores, strict=True):
        keys = positions
        if key is not None:
            keys = np.empty((_groups(len(attended.rows), ROWS), len(key), ROWS), real)
            pack_turned(places, attended.rows, packed(key, d, real), keys)
        together = _together(count, (keys.shape[1] + d) * WIDTH, WIDTH // real.itemsize)
        attend(weight, places, packed(query, d, real), scale, keys, values, attended.limits, counts,
               packed(head.value, d, real), together, force)  # fmt: skip


def potential(
    places: NDArray[Any], attended: Attended, is_source: NDArray[np.bool_], beta: float
) -> tuple[Array, Array]:
    """(N,) energy -(1/n) sum_j (exp(beta s_ij) - 1) / beta of each particle, and its Laplacian."""
    keys = np.empty((_groups(len(attended.rows), ROWS), places.shape[1], ROWS))
    pack(places, attended.rows, keys, np.empty((0, 0, SOURCES, ROWS)))
    energy, laplacian = np.zeros(len(places)), np.zeros(len(places))
    add_potential(places, attended.rows, keys, is_source, beta, attended.counts, energy, laplacian)
    return energy, laplacian


def packed(matrix: Array | None, columns: int, real: np.dtype[Any]) -> NDArray[Any]:
    """A matrix (E, D) as (E / 8, D, 8), padded with zeros; of no rows if it is None."""
    if matrix is None:
        return np.empty((0, columns, ROWS), real)
    groups = np.zeros((_groups(len(matrix), ROWS), ROWS, columns), real)
    groups.reshape(-1, columns)[: len(matrix)] = matrix
    return np.ascontiguousarray(groups.transpose(0, 2, 1))


def _groups(count: int, size: int) -> int:
    return -(-count // size)


def _together(count: int, panel_bytes: int, lanes: int) -> int:
    """How many panels go through the sources together: those that fit the cache, but enough tasks for all threads."""
    panels = _groups(count, lanes)
    return max(1, min(_CACHE // panel_bytes, panels // (_TASKS * numba.get_num_threads())))
