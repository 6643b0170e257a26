"""Comparison of a real and a simulated trajectory of the same rows."""

from gasfield.comparison.alignment import Alignment, Pair, align
from gasfield.comparison.hindcast import Hindcast
from gasfield.comparison.pairing import GroupComparison
from gasfield.comparison.side_by_side import Comparison, Row, compare

__all__ = ["Alignment", "Comparison", "GroupComparison", "Hindcast", "Pair", "Row", "align", "compare"]
