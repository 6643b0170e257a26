"""Softmax attention in blocks: means of sources, weighted by exponentials of products, in memory O(N D).

    total_i = sum_j 2^(s_ij - top_i) x_j,   norm_i = sum_j 2^(s_ij - top_i),   s_ij = <q_i, k_j>,   top_i = max_j s_ij

A panel of queries, the lanes of a tile (32 in float32, 16 in float64), goes through the sources in blocks of 128: their
scores, which stay in the L1 cache, the largest one, weights, weighted sums; the sums so far are rescaled to the new
largest score (Milakov and Gimelshein, 2018, arXiv 1805.02867; Dao et al., 2022, arXiv 2205.14135). Several panels go
through together, so that a block of sources is read from the L2 cache.

The bits of a query's sums depend on the query and on the sources in their order, and on nothing else: not on threads
or other queries, nor on later sources that it does not attend to.

Layout: a panel of queries is (K, lanes). Keys are packed as (M / 8, K, 8), values as (M / 128, D / 8, 128, 8), padded
with zeros, for M sources and queries of K numbers. A matrix (E, K) is packed as keys are; one of no rows stands for the
identity.
"""

from __future__ import annotations

import math

import numpy as np
from numba import get_num_threads, prange

from gasfield.kernels.dot import dot
from gasfield.kernels.exponential import expm1, power, weight
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL, IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.kernels.tile import ROWS, WIDTH, lanes_of, multiply, multiply_faded, multiply_onto

SOURCES = 128
"""Sources in a block: their scores for a panel take 16 KB."""
_STEPS = 128
"""Numbers of a query in a block, which take as much."""
_SPAN = 64
"""Scores in an innermost loop: LLVM would unroll a shorter one before it vectorises it, and then does not."""
_CACHE = 1 << 19
"""Bytes of queries and sums that go through the sources together: half of an L2 cache."""
_TASKS = 4
"""Tasks of a thread at least, so that threads end at about the same time."""


@jit(**IN_PLACE)
def whole(count, size):  # type: ignore[no-untyped-def]
    """How many groups of so many hold `count`."""
    return (count + size - 1) // size


@jit(**IN_PLACE)
def attended(places, is_source, causal, rows, limits, counts):  # type: ignore[no-untyped-def]
    """Writes the indices of the sources whose places (N, D) are finite, and returns how many there are.

    Each particle attends to the first so many of them that `limits` (N,) says: all, or those that are not after it
    where causal. `counts` (N,) has the same among all sources, finite or not.
    """
    found, count = 0, 0
    for i in range(places.shape[0]):
        if is_source[i]:
            count += 1
            finite = True
            for k in range(places.shape[1]):
                finite &= abs(places[i, k]) < np.inf
            if finite:
                rows[found] = i
                found += 1
        limits[i], counts[i] = found, count
    if not causal:
        for i in range(places.shape[0]):
            limits[i], counts[i] = found, count
    return found


@jit(**IN_PLACE)
def transpose(places, rows, first, panel):  # type: ignore[no-untyped-def]
    """Writes the lanes of a panel (D, lanes): places[rows[first:]] of (N, D), all if `rows` is empty; 0 beyond them."""
    everyone = rows.size == 0
    for lane in range(lanes_of(panel)):
        if first + lane < (places.shape[0] if everyone else rows.size):
            i = first + lane if everyone else rows[first + lane]
            for k in range(panel.shape[0]):
                panel[k, lane] = places[i, k]
        else:
            for k in range(panel.shape[0]):
                panel[k, lane] = 0.0


@jit(**IN_PLACE)
def turn(matrix, panel, turned):  # type: ignore[no-untyped-def]
    """turned = matrix panel, for a packed matrix (E, K), a panel (K, lanes) and turned (E, lanes)."""
    steps, lanes = matrix.shape[1], lanes_of(panel)
    for group in range(matrix.shape[0]):
        multiply(matrix, group * steps * ROWS, panel, 0, turned, group * ROWS * lanes, steps)


@jit(**IN_PLACE)
def pack_values(places, rows, block, values):  # type: ignore[no-untyped-def]
    """Packs x_j of a block of the rows of places (N, D)."""
    for group in range(values.shape[1]):
        for b in range(SOURCES):
            for r in range(ROWS):
                j, k = block * SOURCES + b, group * ROWS + r
                values[block, group, b, r] = places[rows[j], k] if j < rows.size and k < places.shape[1] else 0.0


@jit(**EXACT)
def pack_keys(places, rows, block, matrix, keys):  # type: ignore[no-untyped-def]
    """Packs matrix x_j of a block of the rows of places (N, D)."""
    lanes, beyond = lanes_of(places), min(SOURCES, keys.shape[0] * ROWS - block * SOURCES)
    panel = np.empty((places.shape[1], lanes), places.dtype)
    turned = np.empty((matrix.shape[0] * ROWS, lanes), places.dtype) if matrix.shape[0] > 0 else panel
    for first in range(0, beyond, lanes):
        transpose(places, rows, block * SOURCES + first, panel)
        if matrix.shape[0] > 0:
            turn(matrix, panel, turned)
        for k in range(keys.shape[1]):
            for lane in range(min(lanes, beyond - first)):
                j = block * SOURCES + first + lane
                keys[j // ROWS, k, j % ROWS] = turned[k, lane]


@jit(**IN_PLACE)
def score(keys, start, count, queries, scores):  # type: ignore[no-untyped-def]
    """scores_jl = <k_(start + j), q_l> for `count` sources, and -infinity from there to a multiple of 8."""
    length, lanes = keys.shape[1], lanes_of(scores)
    for first in range(0, length, _STEPS):
        steps = min(_STEPS, length - first)
        for group in range(whole(count, ROWS)):
            at = ((start // ROWS + group) * length + first) * ROWS
            if first == 0:
                multiply(keys, at, queries, 0, scores, group * ROWS * lanes, steps)
            else:
                multiply_onto(keys, at, queries, first * lanes, scores, group * ROWS * lanes, steps)
    for b in range(count, whole(count, ROWS) * ROWS):
        for lane in range(lanes):
            scores[b, lane] = -np.inf


@jit(**IN_PLACE)
def hide(scores, start, count, limits):  # type: ignore[no-untyped-def]
    """Scores of sources from the limit of each lane on are -infinity."""
    lanes = lanes_of(scores)
    for b in range(count):
        for lane in range(lanes):
            if start + b >= limits[lane]:
                scores[b, lane] = -np.inf


@jit(**EXACT)
def weigh(scores, count, top, norm, fade):  # type: ignore[no-untyped-def]
    """Replaces scores by weights relative to the largest score so far; updates it and the sums of the weights.

    `fade` is by how much earlier weights shrink. A score that is NaN has zero weight.
    """
    lanes, count = lanes_of(scores), whole(count, ROWS) * ROWS
    largest, total = np.empty(_SPAN, scores.dtype), np.zeros(_SPAN, scores.dtype)
    for lane in range(lanes):
        fade[lane] = top[lane]
    for b in range(0, count, 4):
        for lane in range(lanes):
            highest = top[lane]
            one, two, three, four = scores[b, lane], scores[b + 1, lane], scores[b + 2, lane], scores[b + 3, lane]
            highest = one if one > highest else highest
            highest = two if two > highest else highest
            highest = three if three > highest else highest
            top[lane] = four if four > highest else highest
    for s in range(_SPAN):
        largest[s] = top[s % lanes]
    spans = scores.reshape((scores.size // _SPAN, _SPAN))
    for b in range(count * lanes // _SPAN):
        for s in range(_SPAN):
            share = weight(spans[b, s] - largest[s])
            spans[b, s] = share
            total[s] += share
    for lane in range(lanes):
        fade[lane] = weight(fade[lane] - top[lane])
        norm[lane] *= fade[lane]
    for s in range(_SPAN):
        norm[s % lanes] += total[s]


@jit(**IN_PLACE)
def gather(values, block, count, weights, fade, total):  # type: ignore[no-untyped-def]
    """total = fade total + the weighted sum of the values of a block, for a total (D, lanes)."""
    lanes, groups = lanes_of(weights), values.shape[1]
    for group in range(groups):
        start = (block * groups + group) * SOURCES * ROWS
        multiply_faded(values, start, weights, 0, total, group * ROWS * lanes, count, fade)


@jit(**EXACT)
def query(places, first, matrix, scale, panel, queries):  # type: ignore[no-untyped-def]
    """Writes the panel of q_i = matrix x_i, or scale x_i, whose lanes begin at i = first."""
    transpose(places, np.empty(0, np.int64), first, panel)
    if matrix.shape[0] > 0:
        turn(matrix, panel, queries)
    else:
        for k in range(panel.shape[0]):
            for lane in range(lanes_of(panel)):
                queries[k, lane] = scale * panel[k, lane]


@jit(**EXACT)
def go_through(queries, limits, keys, values, totals, tops, norms):  # type: ignore[no-untyped-def]
    """Totals (P, D, lanes), largest scores and sums of weights (P, lanes) of P panels of queries (P, K, lanes).

    Each attends to the first so many sources that its limit (P, lanes) says.
    """
    panels, lanes, furthest = queries.shape[0], lanes_of(queries), 0
    scores, fade = np.empty((SOURCES, lanes), queries.dtype), np.empty(lanes, queries.dtype)
    least, most = np.full(panels, keys.shape[0] * ROWS), np.zeros(panels, np.int64)
    for p in range(panels):
        for lane in range(lanes):
            least[p], most[p] = min(least[p], limits[p, lane]), max(most[p], limits[p, lane])
            tops[p, lane], norms[p, lane] = -np.inf, 0.0
        for k in range(totals.shape[1]):
            for lane in range(lanes):
                totals[p, k, lane] = 0.0
        furthest = max(furthest, most[p])
    for start in range(0, furthest, SOURCES):
        for p in range(panels):
            count = min(SOURCES, most[p] - start)
            if count > 0:
                score(keys, start, count, queries[p], scores)
                if least[p] < start + count:
                    hide(scores, start, count, limits[p])
                weigh(scores, count, tops[p], norms[p], fade)
                gather(values, start // SOURCES, count, scores, fade, totals[p])


@jit(**EXACT)
def attend_panels(places, first, here, matrix, scale, keys, values, limits, counts, softmax, value, force):  # type: ignore[no-untyped-def]
    """`attend` for some panels of queries, from a first one on."""
    d, lanes, wide, long = places.shape[1], lanes_of(places), values.shape[1] * ROWS, whole(keys.shape[1], ROWS) * ROWS
    panel, queries = np.empty((d, lanes), places.dtype), np.empty((here, long, lanes), places.dtype)
    totals, turned = np.empty((here, wide, lanes), places.dtype), np.empty((wide, lanes), places.dtype)
    tops, norms = np.empty((here, lanes), places.dtype), np.empty((here, lanes), places.dtype)
    seen = np.empty((here, lanes), np.int64)
    for p in range(here):
        query(places, (first + p) * lanes, matrix, scale, panel, queries[p])
        for lane in range(lanes):
            seen[p, lane] = limits[min((first + p) * lanes + lane, places.shape[0] - 1)]
    go_through(queries, seen, keys, values, totals, tops, norms)
    for p in range(here):
        result = totals[p]
        if value.shape[0] > 0:
            turn(value, totals[p], turned)
            result = turned
        for lane in range(min(lanes, places.shape[0] - (first + p) * lanes)):
            i = (first + p) * lanes + lane
            share, growth = np.float64(norms[p, lane]), 1.0
            if not softmax:
                share, growth = np.float64(counts[i]), power(np.float64(tops[p, lane]))
            factor = growth / share if share > 0.0 else 0.0
            for k in range(d):
                force[i, k] += factor * result[k, lane] + 0.0 * places[i, k]  # NaN stays NaN


@jit(**IN_PLACE)
def task_of(number, tasks):  # type: ignore[no-untyped-def]
    """An order in which neighbouring tasks have equal work in sum, where later ones go through more sources."""
    return number // 2 if number % 2 == 0 else tasks - 1 - number // 2


@jit(**IN_PLACE)
def panels_together(panels, panel_bytes):  # type: ignore[no-untyped-def]
    """How many panels go through the sources together: those that fit the cache, but enough tasks for all threads."""
    return max(1, min(_CACHE // panel_bytes, panels // (_TASKS * get_num_threads())))


@jit(**EXACT_PARALLEL)
def attend(places, is_source, causal, softmax, matrix, scale, key, value, force):  # type: ignore[no-untyped-def]
    """Adds value <x_j> of every particle to force (N, D) of float64, with the mean over the sources that it attends to.

    A source that is not finite has no weight; the mean over no sources is 0.

    Args:
        places: (N, D) x_i.
        is_source: (N,) which of them are attended to.
        causal: whether only by those that are not before them.
        softmax: whether weights are divided by their sum, instead of by the number of sources.
        matrix: packed (K, D): q_i = matrix x_i; of no rows for q_i = scale x_i.
        scale: as above.
        key: packed (K, D): k_j = key x_j; of no rows for k_j = x_j.
        value: packed (D, D); of no rows for the identity.
        force: (N, D).
    """
    (n, d), real = places.shape, places.dtype
    rows, limits, counts = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    rows = rows[: attended(places, is_source, causal, rows, limits, counts)]
    length = key.shape[0] * ROWS if key.shape[0] > 0 else d
    keys = np.empty((whole(rows.size, ROWS), length, ROWS), real)
    values = np.empty((whole(rows.size, SOURCES), whole(d, ROWS), SOURCES, ROWS), real)
    for block in prange(values.shape[0]):
        pack_values(places, rows, block, values)
        pack_keys(places, rows, block, key, keys)
    panels = whole(n, lanes_of(places))
    together = panels_together(panels, (length + d) * WIDTH)
    tasks = whole(panels, together)
    for number in prange(tasks):
        first = task_of(number, tasks) * together
        here = min(together, panels - first)
        attend_panels(places, first, here, matrix, scale, keys, values, limits, counts, softmax, value, force)


@jit(**EXACT)
def add_potential_of_panel(places, task, squares, keys, is_source, beta, counts, energy, laplacian):  # type: ignore[no-untyped-def]
    """`add_potential` for a panel of particles; squares (M,) are |x_j|^2."""
    d, lanes = places.shape[1], lanes_of(places)
    panel, scores, depth, bend = np.empty((d, lanes)), np.empty((SOURCES, lanes)), np.zeros(lanes), np.zeros(lanes)
    transpose(places, np.empty(0, np.int64), task * lanes, panel)
    for start in range(0, squares.size, SOURCES):
        count = min(SOURCES, squares.size - start)
        score(keys, start, count, panel, scores)
        if beta == 0.0:
            for b in range(count):
                for lane in range(lanes):
                    product = scores[b, lane]
                    depth[lane] += product if product == product else 0.0
        grow(scores, count, beta)
        for b in range(count):
            for lane in range(lanes):
                growth = scores[b, lane]
                if growth == growth:
                    depth[lane] += growth / beta if beta != 0.0 else 0.0
                    bend[lane] += beta * squares[start + b] * (growth + 1.0)
    for lane in range(min(lanes, places.shape[0] - task * lanes)):
        i = task * lanes + lane
        if is_source[i]:
            square = dot(places[i], places[i])
            bend[lane] += (d + beta * square) * math.exp(beta * square)
        energy[i] -= depth[lane] / max(counts[i], 1)
        laplacian[i] -= bend[lane] / max(counts[i], 1)


@jit(**EXACT_PARALLEL)
def add_potential(places, is_source, beta, energy, laplacian):  # type: ignore[no-untyped-def]
    """energy_i -= (1/n) sum_j (exp(beta s_ij) - 1) / beta, s_ij = <x_i, x_j>, and laplacian_i minus the divergence of
    the force on i: over j of beta |x_j|^2 exp(beta s_ij), and where j is i, of (D + beta x.x) exp(beta x.x) besides.

    Args:
        places: (N, D) x_i in float64.
        is_source: (N,) which of them are the j.
        beta: 0 for the limit of the energy, -s_ij.
        energy: (N,).
        laplacian: (N,).
    """
    n, d = places.shape
    rows, limits, counts = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    rows = rows[: attended(places, is_source, False, rows, limits, counts)]
    keys, squares = np.empty((whole(rows.size, ROWS), d, ROWS)), np.empty(rows.size)
    for block in prange(whole(rows.size, SOURCES)):
        pack_keys(places, rows, block, np.empty((0, d, ROWS)), keys)
        for j in range(block * SOURCES, min((block + 1) * SOURCES, rows.size)):
            squares[j] = dot(places[rows[j]], places[rows[j]])
    for task in prange(whole(n, lanes_of(places))):
        add_potential_of_panel(places, task, squares, keys, is_source, beta, counts, energy, laplacian)


@jit(**EXACT)
def grow(scores, count, beta):  # type: ignore[no-untyped-def]
    """Replaces the scores s of `count` sources by exp(beta s) - 1."""
    spans = scores.reshape((scores.size // _SPAN, _SPAN))
    for b in range(whole(count, ROWS) * ROWS * lanes_of(scores) // _SPAN):
        for s in range(_SPAN):
            spans[b, s] = expm1(beta * spans[b, s])
