"""Inspection of an embedding matrix from a file, without a simulation or a training run."""

from gasfield.embedding import Matrix, open_matrix
from gasfield.inspection.dead import DeadRows, find_dead
from gasfield.inspection.inspection import Inspection, inspect

__all__ = ["DeadRows", "Inspection", "Matrix", "find_dead", "inspect", "open_matrix"]
