"""The plane of largest variance of the rows of a matrix (principal component analysis)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from gasfield.embedding import Indices, Matrix, Values


def principal_axes(products: NDArray[np.floating[Any]]) -> tuple[Values, Values]:
    """(D, 2) principal axes and (2,) their shares of the variance; in one dimension the second is zero.

    Args:
        products: (D, D) scatter matrix about the centroid; upper half.
    """
    dimensions = len(products)
    wanted = min(2, dimensions)
    values, vectors = eigh(products, lower=False, subset_by_index=[dimensions - wanted, dimensions - 1])
    if len(values) < wanted:  # LAPACK's syevr finds no subset of a degenerate spectrum, as of an identity matrix
        values, vectors = (part[..., -wanted:] for part in eigh(products, lower=False, driver="evd"))
    axes = np.zeros((dimensions, 2))
    axes[:, :wanted] = vectors[:, ::-1]
    shares = np.zeros(2)
    trace = float(np.trace(products))
    if trace > 0:
        shares[:wanted] = values[::-1] / trace
    return axes, shares


def project(matrix: Matrix, ids: Indices, centroid: Values, axes: Values) -> Values:
    """(n, 2) coordinates of rows about a centroid (D,) along axes (D, 2)."""
    places = np.empty((len(ids), 2))
    for place, x in matrix.blocks(ids):
        places[place] = (x - centroid) @ axes
    return places
