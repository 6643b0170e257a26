"""Inspection: an embedding matrix from a file, without a simulation or a training around it."""

from gasfield.inspection.inspection import Inspection, inspect
from gasfield.inspection.matrix import Matrix, open_matrix

__all__ = ["Inspection", "Matrix", "inspect", "open_matrix"]
