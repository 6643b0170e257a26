"""The dotted keys of results in a summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gasfield.diagnostics.base import DIAGNOSTICS, Result
from gasfield.quantity import Quantity, nested_leaves


def keyed(label: str, result: Result) -> dict[str, Quantity]:
    """The results of a diagnostic by the keys of the summary, which begin with its name if it has one of its own."""
    prefix = "" if label in DIAGNOSTICS else f"{label}."
    return {f"{prefix}{key}": quantity for key, quantity in result.quantities().items()}


def leaves(results: Mapping[str, Result]) -> dict[str, Any]:
    """The results of several diagnostics by name, as nested mappings of leaves."""
    return nested_leaves(
        {key: quantity for label, result in results.items() for key, quantity in keyed(label, result).items()}
    )
