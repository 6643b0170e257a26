"""UMAP aligned over time: each frame is embedded by its own nearest neighbours, and each row is held near its places in
the three frames before and the two after, more firmly the more of its neighbours it keeps.

L. McInnes, J. Healy, J. Melville, "UMAP: uniform manifold approximation and projection for dimension reduction",
arXiv:1802.03426 (2018). Graph and descent are those of the package umap-learn, the latter that of its `AlignedUMAP`.
Three things differ from this, so that the same points give the same bits: neighbours are exact; the start is given (the
package begins at eigenvectors; where a graph falls apart into clusters these are degenerate, and SciPy draws some of
them by chance that cannot be seeded from outside); and there is one thread.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from gasfield.kernels.threads import threads_worth
from gasfield.viewing.nearest import nearest_rows

NEIGHBOURS = 15
"""Of each row, itself among them, as UMAP counts."""
REGULARISATION = 1e-2
"""How firmly a row is held, in units of the forces between rows; that of `AlignedUMAP`."""
WINDOW = 3
"""Frames before a frame to which it is aligned; the package leaves out the farthest of as many after it."""
_EPOCHS = 200
_SIZE, _NOISE = 10.0, 1e-4
"""Largest coordinate of the start, and the noise by which identical rows are told apart: those of UMAP."""
_SEED = 0x9A5F
Graph = Any
"""A sparse matrix (n, n) of SciPy."""


def aligned(
    frames: Iterable[NDArray[np.floating[Any]]], start: NDArray[np.float64], regularisation: float = REGULARISATION
) -> NDArray[np.float32]:
    """Places (F, n, 2) of n rows in F frames; the same bits for any number of threads.

    Args:
        frames: F of (n, D) finite positions, n > `NEIGHBOURS`.
        start: (F, n, 2) places to begin with, at any scale.
        regularisation: how firmly rows are held; 0 embeds every frame by itself.
    """
    from umap.layouts import optimize_layout_aligned_euclidean
    from umap.umap_ import make_epochs_per_sample

    with _one_thread():
        graphs = [_graph(frame) for frame in frames]
        edges = [graph.tocoo() for graph in graphs]
        embedded = _typed([*_scaled(start)])
        optimize_layout_aligned_euclidean(
            embedded,
            embedded,
            _typed([each.row.astype(np.int32) for each in edges]),
            _typed([each.col.astype(np.int32) for each in edges]),
            _EPOCHS,
            _typed([make_epochs_per_sample(each.data, _EPOCHS) for each in edges]),
            _kept_neighbours(graphs),
            _same_rows(*start.shape[:2]),
            np.random.RandomState(_SEED).randint(-(2**31) + 1, 2**31 - 1, 3).astype(np.int64),
            lambda_=regularisation,
            move_other=True,
            parallel=False,
        )
    return np.stack([*embedded])


@contextmanager
def _one_thread() -> Iterator[None]:
    """For kernels and products of matrices: the order of sums depends on the number of threads."""
    with threads_worth(0), threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _graph(points: NDArray[np.floating[Any]]) -> Graph:
    """The weights of the edges (n, n) between neighbours."""
    from umap.umap_ import fuzzy_simplicial_set

    places = points.astype(np.float64)
    others = nearest_rows(points, NEIGHBOURS - 1)
    apart = np.stack([np.linalg.norm(places[rows] - places, axis=1) for rows in others.T], axis=1)
    mean = float(apart.mean())  # weights do not depend on the unit of length, single precision does
    near = np.column_stack([np.arange(len(points)), others]).astype(np.int32)
    distances = np.column_stack([np.zeros(len(points)), apart / mean if mean > 0.0 else apart]).astype(np.float32)
    chance = np.random.RandomState(_SEED)  # asked for, and not used where neighbours are given
    graph, _, _ = fuzzy_simplicial_set(places, NEIGHBOURS, chance, "euclidean", knn_indices=near, knn_dists=distances)
    return graph.tocsr()


def _scaled(start: NDArray[np.float64]) -> NDArray[np.float32]:
    """The start about its middle, at the size that UMAP begins with; the noise of a row is the same in all frames."""
    centred = start - start.mean(axis=(0, 1))
    size = float(np.abs(centred).max())
    noise = _NOISE * np.random.default_rng(_SEED).standard_normal(start.shape[1:])
    scaled: NDArray[np.float64] = centred * (_SIZE / size) if size > 0.0 else centred
    begun: NDArray[np.float32] = (scaled + noise).astype(np.float32)
    return begun


def _same_rows(frames: int, count: int) -> NDArray[np.int32]:
    """(F, 2 W + 1, n) number of each row in the frames around each; -1 beyond the first and the last one."""
    around = np.arange(frames)[:, None] + np.arange(-WINDOW, WINDOW + 1)
    there = (around >= 0) & (around < frames)
    return np.where(there[:, :, None], np.arange(count, dtype=np.int32), np.int32(-1))


def _kept_neighbours(graphs: list[Graph]) -> NDArray[np.float32]:
    """(F, 2 W + 1, n) share of the neighbours of each row that it has in both of two frames, of those in either."""
    edges = [graph.astype(bool).astype(np.int64) for graph in graphs]
    degrees = [np.diff(graph.indptr) for graph in edges]
    kept = np.zeros((len(graphs), 2 * WINDOW + 1, graphs[0].shape[0]), np.float32)
    for frame in range(len(graphs)):
        for other in range(frame, min(frame + WINDOW + 1, len(graphs))):
            both = np.diff(edges[frame].multiply(edges[other]).tocsr().indptr)
            share = both / (degrees[frame] + degrees[other] - both)
            kept[frame, WINDOW + other - frame] = kept[other, WINDOW + frame - other] = share
    return kept


def _typed(arrays: list[NDArray[Any]]) -> Any:
    """The list as Numba passes it."""
    found = numba.typed.List()
    for array in arrays:
        found.append(np.ascontiguousarray(array))
    return found
