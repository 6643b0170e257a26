"""One token of many sequences: drawn at a temperature, with everything that its thermodynamics needs, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.kernels.philox import uniforms
from gasfield.language.base import Ids, Logits
from gasfield.streams import Stream

Array = NDArray[np.float64]

_AT_ONCE = 1 << 18
"""Logits that are worked on at once: 2 MiB."""


class Step(NamedTuple):
    """The next token of B sequences.

    Attributes:
        tokens: (B,) ids.
        energy: (B,) E_k = -log p of the token at T = 1.
        mean: (B,) U_k = <E_k> at the sequence's own temperature, given the prefix.
        log_partition: (B, K) log Z_k = log sum_v p_v^(1/T) at each of K temperatures, given the prefix.
    """

    tokens: Ids
    energy: Array
    mean: Array
    log_partition: Array


def draw(logits: Logits, forbidden: Ids, temperatures: Array, own: Ids, numbers: Array) -> Step:
    """Draws the next token of B sequences by inversion of the cumulative law.

    Every row depends on its own logits and number only.

    Args:
        logits: (B, V).
        forbidden: ids of impossible tokens.
        temperatures: (K,).
        own: (B,) index of the temperature at which each sequence draws.
        numbers: (B,) uniforms in (0, 1).

    Raises:
        InputError: if the logits of a sequence are NaN or +inf, or all -inf.
    """
    rows = len(logits)
    found = Step(np.empty(rows, np.int64), np.empty(rows), np.empty(rows), np.empty((rows, len(temperatures))))
    for part in _parts(rows, logits.shape[1]):
        _draw(logits[part], forbidden, temperatures, own[part], numbers[part], _view(found, part))
    return found


def _view(step: Step, part: slice) -> Step:
    return Step(step.tokens[part], step.energy[part], step.mean[part], step.log_partition[part])


def keyed_uniforms(seed: int, stream: Stream, ids: Ids, step: int) -> Array:
    """(B,) uniforms in (0, 1), each a function of the seed, the stream, its id and the step alone."""
    found = np.empty(len(ids))
    uniforms(found, np.ascontiguousarray(ids, np.int64), seed, int(stream), step)
    return found


def _parts(rows: int, vocabulary: int) -> Iterator[slice]:
    at_once = max(1, _AT_ONCE // vocabulary)
    return (slice(first, first + at_once) for first in range(0, rows, at_once))


def _draw(logits: Logits, forbidden: Ids, temperatures: Array, own: Ids, numbers: Array, out: Step) -> None:
    """The same of a few rows, into views of the result."""
    raised = _raised(logits, forbidden)
    log_one = np.log(np.exp(raised).sum(axis=1))
    possible = np.where(np.isfinite(raised), raised, 0.0)
    for k, temperature in enumerate(temperatures):
        weights = np.exp(raised / temperature)
        total = weights.sum(axis=1)
        out.log_partition[:, k] = np.log(total) - log_one / temperature
        mine = np.flatnonzero(own == k)
        if mine.size:
            out.tokens[mine] = _invert(weights[mine], numbers[mine])
            out.mean[mine] = log_one[mine] - (weights[mine] * possible[mine]).sum(axis=1) / total[mine]
    out.energy[:] = log_one - raised[np.arange(len(raised)), out.tokens]


def _raised(logits: Logits, forbidden: Ids) -> Array:
    """Logits less their maximum, -inf for impossible tokens."""
    raised = logits.astype(np.float64)
    raised[:, forbidden] = -np.inf
    top = raised.max(axis=1, keepdims=True)
    if not np.isfinite(top).all():
        raise InputError("the logits of a sequence are NaN or +inf, or -inf for all possible tokens.")
    raised -= top
    return raised


def _invert(weights: Array, numbers: Array) -> Ids:
    """(B,) the first token whose cumulative weight exceeds the number times the total; its weight is not 0."""
    cumulative = np.cumsum(weights, axis=1)
    total = cumulative[:, -1]
    target = np.minimum(numbers * total, np.nextafter(total, 0.0))
    found: Ids = (cumulative <= target[:, None]).sum(axis=1)
    return found
