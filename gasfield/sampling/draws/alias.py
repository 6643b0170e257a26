"""Walker's alias method: a table of V columns of equal probability, each shared by at most two tokens.

A draw takes one 64-bit word of Philox and one look into the table, whatever the law: the word times V is a column
(integer part) and a place in it (40 bits of the fraction), which decides between the column's token and its alias.
An entry packs threshold and alias into 64 bits, 40 and 24, so that the table of 49,152 tokens fits a core's cache.
Every probability is exact to 2^-40 / V for each column that the token has a part in, which is below the rounding of
float64. Sources: Walker, 1977, ACM TOMS 3, 253; Vose, 1991, IEEE TSE 17, 972.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import prange
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.philox import philox
from gasfield.sampling.draws.address import Sampler, address, require_index
from gasfield.sampling.processors.base import law_of, require_logits

Tokens = NDArray[np.int32]
Counts = NDArray[np.int64]

_SERIAL: dict[str, Any] = EXACT | {"error_model": "numpy"}
_PARALLEL: dict[str, Any] = EXACT_PARALLEL | {"error_model": "numpy"}

_BLOCK = 256
"""Calls of the generator in a block; each gives two draws."""
_DRAWS = 2 * _BLOCK
_TASK = 256 * _DRAWS
"""Draws that a thread makes in one go."""

_LARGEST = 2**24
_LOW = np.uint64(0xFFFFFFFF)
_HALF_WORD = np.uint64(32)
_ALIAS_BITS = np.uint64(24)
_ALIAS = np.uint64(_LARGEST - 1)
_BYTE = np.uint64(8)


class AliasTable:
    """A law of V tokens, ready to be drawn from.

    Attributes:
        states: V.
        support: number of tokens that can be drawn.
    """

    def __init__(self, law: ArrayLike) -> None:
        """Builds the table, in O(V).

        Args:
            law: (V,) non-negative weights, V below 2^24; they need not sum to 1.

        Raises:
            InputError: if a weight is negative or not finite, or all are zero.
        """
        weights = np.asarray(law, float)
        if weights.ndim != 1 or not 0 < weights.size < _LARGEST:
            raise InputError(f"should have the shape (V,) with V below 2^24, not {weights.shape}.", parameter="law")
        if not (np.isfinite(weights).all() and (weights >= 0.0).all() and weights.any()):
            raise InputError("should be finite weights, none negative and not all zero.", parameter="law")
        self.states = weights.size
        self._ids = np.flatnonzero(weights).astype(np.int32)
        self.support = self._ids.size
        likely = weights[self._ids]
        self._table = _build(likely / likely.sum())

    @classmethod
    def of_logits(cls, logits: ArrayLike) -> AliasTable:
        """The table of the softmax of logits (V,).

        Raises:
            InputError: if they are not logits of one token.
        """
        return cls(law_of(require_logits(logits)))

    def draw(self, count: int, seed: int = 0, *, step: int = 0, first: int = 0) -> Tokens:
        """Independent tokens.

        Draw number n depends on the law, seed, step and n only.

        Args:
            count: how many.
            seed: below 2^64.
            step: below 2^48; separates repeated uses, as the steps of a text.
            first: number of the first draw; count + first below 2^48.

        Returns:
            (count,) ids.
        """
        out = np.empty(require_index("count", count, 48), np.int32)
        require_index("first", first + count, 48)
        where = address(seed, step, Sampler.ALIAS)
        tasks = -(-count // _TASK)
        (_draw_all if tasks > 1 else _draw_here)(self._table, out, where, np.int64(first), tasks)
        return out if self.support == self.states else self._ids[out]

    def count(self, count: int, seed: int = 0, *, step: int = 0, first: int = 0) -> Counts:
        """How often each token is among the draws of `draw`: (V,); no draw is stored."""
        require_index("first", first + require_index("count", count, 48), 48)
        where = address(seed, step, Sampler.ALIAS)
        tasks = -(-count // _TASK)
        parts = np.zeros((min(max(tasks, 1), numba.get_num_threads()), self.support), np.int64)
        _count_all(self._table, parts, where, np.int64(first), np.int64(count), tasks)
        found = np.zeros(self.states, np.int64)
        found[self._ids] = parts.sum(axis=0)
        return found


@jit(**_SERIAL)
def _build(law):  # type: ignore[no-untyped-def]
    """The table (V,) of a law (V,) without zeros: 40 bits of threshold, 24 of alias.

    Columns below average take from one above it. Those left over differ from 1 by rounding.
    """
    states = law.size
    share = law * states
    alias = np.arange(states)
    poor, rich = np.empty(states, np.int64), np.empty(states, np.int64)
    poors, riches = 0, 0
    for i in range(states):
        if share[i] < 1.0:
            poor[poors] = i
            poors += 1
        else:
            rich[riches] = i
            riches += 1
    while poors > 0 and riches > 0:
        poors -= 1
        low, high = poor[poors], rich[riches - 1]
        alias[low] = high
        share[high] -= 1.0 - share[low]
        if share[high] < 1.0:
            riches -= 1
            poor[poors] = high
            poors += 1
    likeliest = np.argmax(law)
    for i in range(poors):
        alias[poor[i]] = likeliest
    table = np.empty(states, np.uint64)
    for i in range(states):
        threshold = np.uint64(max(min(np.rint(share[i] * 2.0**40), 2.0**40 - 1.0), 0.0))
        table[i] = (threshold << _ALIAS_BITS) | np.uint64(alias[i])
    return table


@jit(**_SERIAL)
def _words(words, block, where):  # type: ignore[no-untyped-def]
    """The random words (2, _BLOCK) of the draws from number 2 * block on, pairs of them in columns."""
    for i in range(_BLOCK):
        index = np.uint64(block + i)
        words[0, i], words[1, i] = philox(index & _LOW, index >> _HALF_WORD, where.c2, where.c3, where.k0, where.k1)


@jit(**(_SERIAL | {"forceinline": True}))
def _look_up(table, states, word):  # type: ignore[no-untyped-def]
    """The token of a word."""
    low = (word & _LOW) * states
    high = (word >> _HALF_WORD) * states + (low >> _HALF_WORD)
    column = high >> _HALF_WORD
    place = ((high & _LOW) << _BYTE) | ((low & _LOW) >> _ALIAS_BITS)
    entry = table[np.int64(column)]
    return column if place < (entry >> _ALIAS_BITS) else entry & _ALIAS


@jit(**_SERIAL)
def _tokens(table, words, tokens, block, where):  # type: ignore[no-untyped-def]
    """The draws of a block, from number 2 * block on."""
    _words(words, block, where)
    states = np.uint64(table.size)
    for i in range(_BLOCK):
        tokens[2 * i] = np.int32(_look_up(table, states, words[0, i]))
        tokens[2 * i + 1] = np.int32(_look_up(table, states, words[1, i]))


@jit(**_SERIAL)
def _draw_task(table, out, where, first, task):  # type: ignore[no-untyped-def]
    words, tokens = np.empty((2, _BLOCK), np.uint64), np.empty(_DRAWS, np.int32)
    at, end = task * _TASK, min((task + 1) * _TASK, out.size)
    while at < end:
        block, skipped = (first + at) // 2, (first + at) % 2
        _tokens(table, words, tokens, block, where)
        count = min(_DRAWS - skipped, end - at)
        out[at : at + count] = tokens[skipped : skipped + count]
        at += count


@jit(**_SERIAL)
def _draw_here(table, out, where, first, tasks):  # type: ignore[no-untyped-def]
    for task in range(tasks):
        _draw_task(table, out, where, first, task)


@jit(**_PARALLEL)
def _draw_all(table, out, where, first, tasks):  # type: ignore[no-untyped-def]
    for task in prange(tasks):
        _draw_task(table, out, where, first, np.int64(task))


@jit(**_SERIAL)
def _count_task(table, counts, where, first, count, task):  # type: ignore[no-untyped-def]
    words, tokens = np.empty((2, _BLOCK), np.uint64), np.empty(_DRAWS, np.int32)
    at, end = task * _TASK, min((task + 1) * _TASK, count)
    while at < end:
        block, skipped = (first + at) // 2, (first + at) % 2
        _tokens(table, words, tokens, block, where)
        taken = min(_DRAWS - skipped, end - at)
        for i in range(skipped, skipped + taken):
            counts[tokens[i]] += 1
        at += taken


@jit(**_PARALLEL)
def _count_all(table, parts, where, first, count, tasks):  # type: ignore[no-untyped-def]
    """Counts of all tasks, shared among the rows of `parts`."""
    rows = len(parts)
    for row in prange(rows):
        for task in range(np.int64(row), tasks, rows):
            _count_task(table, parts[np.int64(row)], where, first, count, task)
