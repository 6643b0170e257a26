"""Inspection: an embedding matrix from a file, without a simulation or a training around it."""

from gasfield.inspection.dead import DeadRows, find_dead
from gasfield.inspection.inspection import Inspection, inspect
from gasfield.inspection.matrix import Matrix, open_matrix

__all__ = ["DeadRows", "Inspection", "Matrix", "find_dead", "inspect", "open_matrix"]
