"""Directions of tokens: cosines between them, and the entropy of their Gram matrix."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from gasfield.diagnostics.base import Values


def directions(x: Values) -> Values:
    """Unit vectors (..., S, D) of rows; NaN for a row at the origin."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    units: Values = np.divide(x, length, out=np.full(x.shape, np.nan), where=length > 0)
    return units


def mean_cosine(units: Values) -> tuple[float, Values]:
    """The mean cosine between two different unit vectors of (S, D), and (S,) the same without each of them."""
    count = len(units)
    if count < 3:
        pair = float(units[0] @ units[1]) if count == 2 else float("nan")
        return pair, np.empty(0)
    total = units.sum(axis=0)
    without: Values = (np.sum((total - units) ** 2, axis=1) - (count - 1)) / ((count - 1) * (count - 2))
    return float((total @ total - count) / (count * (count - 1))), without


def cosine_spread(units: Values) -> float:
    """Standard deviation of the cosines between two different unit vectors of (S, D)."""
    upper = (units @ units.T)[np.triu_indices(len(units), 1)]
    return float(upper.std()) if len(upper) else float("nan")


def cluster_count(units: Values, near: float) -> int:
    """Components of unit vectors (S, D) in which steps between cosines of at least `near` lead everywhere."""
    if not len(units) or not np.isfinite(units).all():
        return 0
    return int(connected_components(csr_array(units @ units.T >= near), directed=False, return_labels=False))


def gram_entropy(units: Values) -> float:
    """-tr rho ln rho [nats] of rho = U U^T / S for unit vectors U (S, D): the von Neumann entropy of a density matrix
    with the nonzero spectrum of the tokens' normalised Gram matrix. ln S if they are orthogonal, 0 if all are one."""
    if not len(units) or not np.isfinite(units).all():
        return float("nan")
    small = units @ units.T if len(units) <= units.shape[1] else units.T @ units
    weights = np.linalg.eigvalsh(small / len(units))
    weights = weights[weights > 1e-14]
    return float(-np.sum(weights * np.log(weights)))
