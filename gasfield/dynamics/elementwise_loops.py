"""The loops of elementwise optimisers: a rule applied to all coordinates, and every tensor stored as it is kept.

Where every number is rounded to nearest, by itself, one loop does all of it (`advance_plainly`). Otherwise coordinates
are processed in tiles of `TILE` in a scratch array, one lane for each tensor (`advance_tiles`): loops along a lane have
a fixed length and lie at fixed distances, so that all of them vectorise. Where both apply, they have the same bits.

Coordinates are independent, so bits do not depend on the number of threads, which call these kernels on ranges of
pieces of `PIECE` coordinates (a parallel loop of Numba would be compiled twice).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.dynamic_map import BLOCK, store_block
from gasfield.dynamics.optimiser import ALONG, PIECE
from gasfield.dynamics.storage import BLOCKWISE, STOCHASTIC
from gasfield.kernels.bfloat16 import fused_multiply_add
from gasfield.kernels.jit import jit
from gasfield.kernels.lattices import nearest, stochastic
from gasfield.kernels.philox import Address, philox

TILE = 4 * BLOCK
"""Coordinates in a lane: all lanes stay in the L1 cache, and a tile holds whole blocks of 8-bit moments."""

_LANES = 7
_WEIGHT, _GRADIENT, _LOST, _TOWARDS, _FIRST, _SECOND, _THIRD = (lane * TILE for lane in range(_LANES))
_WORDS = 4
_HALF_WORD = np.uint64(32)
_ZERO = np.float32(0.0)
_INLINED: dict[str, Any] = ALONG | {"forceinline": True}


class Tensors(NamedTuple):
    """(n,) float32 each: what a step reads and, but for the gradient, changes; empty where a law has no such tensor."""

    lost: NDArray[np.float32]
    weights: NDArray[np.float32]
    gradient: NDArray[np.float32]
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    third: NDArray[np.float32]


class Plain(NamedTuple):
    """The same for a law with one or two moments that are rounded to nearest."""

    weights: NDArray[np.float32]
    gradient: NDArray[np.float32]
    first: NDArray[np.float32]
    second: NDArray[np.float32] | None = None


class Chance(NamedTuple):
    """The address of the random bits of a step."""

    ids: NDArray[np.int64]
    """(N,) of the particles."""
    columns: int
    """D."""
    address: Address


# --- plain storage: one loop -----------------------------------------------------------------------------------------


@jit(**ALONG)
def advance_plainly(rule, tensors, scalars, working, forms, first, last):  # type: ignore[no-untyped-def]
    """As `advance_tiles`, where each number is rounded to nearest, by itself."""
    start, stop = first * PIECE, min(last * PIECE, tensors.weights.size)
    w, g = tensors.weights[start:stop], tensors.gradient[start:stop]
    a, b = tensors.first[start:stop], _part(tensors.second, start, stop)
    for i in range(w.size):
        g_i = nearest(g[i], forms.gradient)
        x, towards, new_a, new_b, _ = rule(w[i], g_i, a[i], _at(b, i), _ZERO, scalars, working)
        w[i] = nearest(fused_multiply_add(scalars.rate, towards, x), forms.weights)
        a[i] = nearest(new_a, forms.first)
        _put(b, i, nearest(new_b, forms.second))


@jit(**_INLINED)
def _part(array, start, stop):  # type: ignore[no-untyped-def]
    return None if array is None else array[start:stop]


@jit(**_INLINED)
def _at(array, i):  # type: ignore[no-untyped-def]
    return _ZERO if array is None else array[i]


@jit(**_INLINED)
def _put(array, i, value):  # type: ignore[no-untyped-def]
    if array is not None:
        array[i] = value


# --- every storage: tiles --------------------------------------------------------------------------------------------


@jit(**ALONG)
def advance_tiles(rule, tensors, scalars, working, plan, chance, first, last):  # type: ignore[no-untyped-def]
    """One step of the coordinates of pieces `first` to `last` - 1; they are independent, so bits do not depend on the
    number of threads, which call this kernel (a parallel loop of Numba would be compiled twice)."""
    tile, words = np.zeros(_LANES * TILE, np.float32), np.empty(_WORDS * TILE, np.uint32)
    size = tensors.weights.size
    for start in range(first * PIECE, min(last * PIECE, size), TILE):
        count = min(TILE, size - start)
        _load(tile, _WEIGHT, tensors.weights, start, count)
        _load(tile, _GRADIENT, tensors.gradient, start, count)
        _load(tile, _LOST, tensors.lost, start, count)
        _load(tile, _FIRST, tensors.first, start, count)
        _load(tile, _SECOND, tensors.second, start, count)
        _load(tile, _THIRD, tensors.third, start, count)
        _round(tile, _GRADIENT, plan.gradient)
        _apply(rule, tile, scalars, working)
        _move(tile, scalars.rate, working, plan.compensated, plan.weights.form)
        if chance.ids.size:
            _draw(words, start, count, chance)
        _store(tile, _WEIGHT, tensors.weights, start, count, plan.weights, words, 0)
        _store(tile, _LOST, tensors.lost, start, count, plan.lost, words, 0)
        _store(tile, _FIRST, tensors.first, start, count, plan.first, words, TILE)
        _store(tile, _SECOND, tensors.second, start, count, plan.second, words, 2 * TILE)
        _store(tile, _THIRD, tensors.third, start, count, plan.third, words, 3 * TILE)


@jit(**ALONG)
def _load(tile, lane, array, start, count):  # type: ignore[no-untyped-def]
    """A lane of an array (n,), padded with zeros; left alone if the array is empty."""
    if array.size == 0:
        return
    part, values = array[start : start + count], tile[lane : lane + TILE]
    for i in range(part.size):
        values[i] = part[i]
    for i in range(part.size, TILE):
        values[i] = _ZERO


@jit(**ALONG)
def _apply(rule, tile, scalars, working):  # type: ignore[no-untyped-def]
    """The rule of every coordinate."""
    for i in range(TILE):
        w, towards, a, b, c = rule(
            tile[_WEIGHT + i],
            tile[_GRADIENT + i],
            tile[_FIRST + i],
            tile[_SECOND + i],
            tile[_THIRD + i],
            scalars,
            working,
        )
        tile[_WEIGHT + i], tile[_TOWARDS + i] = w, towards
        tile[_FIRST + i], tile[_SECOND + i], tile[_THIRD + i] = a, b, c


@jit(**ALONG)
def _move(tile, rate, working, compensated, form):  # type: ignore[no-untyped-def]
    """w + rate towards, with one rounding; with what earlier roundings have lost if that is kept."""
    if not compensated:
        for i in range(TILE):
            tile[_WEIGHT + i] = fused_multiply_add(rate, tile[_TOWARDS + i], tile[_WEIGHT + i])
        return
    for i in range(TILE):
        w = tile[_WEIGHT + i]
        owed = nearest(fused_multiply_add(rate, tile[_TOWARDS + i], tile[_LOST + i]), working)
        moved = nearest(w + owed, form)
        tile[_WEIGHT + i], tile[_LOST + i] = moved, owed + nearest(w - moved, working)


@jit(**ALONG)
def _draw(words, start, count, chance):  # type: ignore[no-untyped-def]
    """Four random words of every coordinate: for the weight, and for each moment."""
    row, column, at = start // chance.columns, start % chance.columns, chance.address
    for i in range(count):
        low, high = philox(np.uint64(column), np.uint64(chance.ids[row]), at.c2, at.c3, at.k0, at.k1)
        words[i], words[TILE + i] = np.uint32(low), np.uint32(low >> _HALF_WORD)
        words[2 * TILE + i], words[3 * TILE + i] = np.uint32(high), np.uint32(high >> _HALF_WORD)
        column += 1
        if column == chance.columns:
            row, column = row + 1, 0


@jit(**ALONG)
def _store(tile, lane, array, start, count, storage, words, first):  # type: ignore[no-untyped-def]
    """Writes a lane to an array (n,) as it is kept; nothing if the array is empty."""
    if array.size == 0:
        return
    if storage.mode == BLOCKWISE:
        for block in range(0, count, BLOCK):
            store_block(tile, lane + block, min(BLOCK, count - block), storage.signed)
    elif storage.mode == STOCHASTIC:
        _round_at_random(tile, lane, storage.form, words, first)
    else:
        _round(tile, lane, storage.form)
    part, values = array[start : start + count], tile[lane : lane + TILE]
    for i in range(part.size):
        part[i] = values[i]


@jit(**ALONG)
def _round_at_random(tile, lane, form, words, first):  # type: ignore[no-untyped-def]
    """Rounds a lane stochastically, with words from `first` on."""
    for i in range(TILE):
        tile[lane + i] = stochastic(tile[lane + i], form, words[first + i])


@jit(**ALONG)
def _round(tile, lane, form):  # type: ignore[no-untyped-def]
    """Rounds a lane to nearest."""
    if form.odd:
        for i in range(TILE):
            tile[lane + i] = nearest(tile[lane + i], form)
