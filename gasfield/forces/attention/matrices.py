"""Matrices of a specification: nested lists, or a multiple of the identity given as a number."""

from __future__ import annotations

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.base import Array, Finite
from gasfield.forces.strengths import Strength

Rows = tuple[tuple[Finite, ...], ...]
"""A matrix as a list of its rows."""
Matrix = Strength | Rows
"""A matrix, or a number times the identity."""


def rows_of(rows: Rows, columns: int, key: str) -> Array:
    """Rows of a specification as an array (M, columns).

    Raises:
        InputError: if there is no row, or one has another length.
    """
    if not rows:
        raise InputError(f"no row is given; give at least one of {columns} numbers.", parameter=key)
    for number, row in enumerate(rows):
        if len(row) != columns:
            message = f"row {number} has {len(row)} numbers; it needs {columns}, the space's dimensions."
            raise InputError(message, parameter=key)
    return np.array(rows, np.float64)


def matrix_of(matrix: Matrix | None, dimensions: int, key: str) -> Array:
    """A matrix with D columns; the identity if left out.

    Raises:
        InputError: if a row has another number of columns.
    """
    if isinstance(matrix, tuple):
        return rows_of(matrix, dimensions, key)
    return (1.0 if matrix is None else float(matrix)) * np.eye(dimensions)


def square_of(matrix: Matrix | None, dimensions: int, key: str) -> Array:
    """A matrix (D, D).

    Raises:
        InputError: if it has another shape.
    """
    array = matrix_of(matrix, dimensions, key)
    if len(array) != dimensions:
        message = f"{len(array)} rows are given; it needs {dimensions}, the space's dimensions."
        raise InputError(message, parameter=key)
    return array
