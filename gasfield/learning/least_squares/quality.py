"""The numbers that every linear fit has in common."""

from __future__ import annotations

from gasfield.learning.least_squares.normal_equations import Solution
from gasfield.quantity import Quantity


def quality(found: Solution, prefix: str = "") -> dict[str, Quantity]:
    """Held-out and training error as shares of the mean square of the target, ridge, rank and number of equations."""
    values = {
        "held_out": Quantity(found.held_out, "1", found.held_out_error),
        "training": Quantity(found.training, "1"),
        "ridge": Quantity(found.ridge, "1"),
        "parameters": Quantity(len(found.coefficients), "1"),
        "rank": Quantity(found.rank, "1"),
        "equations": Quantity(found.samples, "1"),
    }
    return {f"{prefix}{name}": value for name, value in values.items()}
