"""A row of the table of a sweep: what one run has given."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gasfield.quantity import quantities_of

Status = Literal["done", "failed"]
_TIMING = ("run.seconds",)
"""Numbers that differ between runs with the same bits."""


@dataclass(frozen=True)
class Row:
    """What a run has given.

    Attributes:
        point: text of the point, see `Point.text`.
        key: name of the run directory: the digest of what determines the bits of the run.
        status: whether it was run to its end.
        reason: why not.
        results: path in summary.json -> (value, error, unit); an unknown error is NaN.
    """

    point: str
    key: str
    status: Status
    reason: str = ""
    results: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)

    def text(self) -> str:
        """JSON. What is not finite is null."""
        results = {name: (_finite(value), _finite(error), unit) for name, (value, error, unit) in self.results.items()}
        return json.dumps({**vars(self), "results": results})

    @classmethod
    def of(cls, text: str) -> Row:
        """The row of a text that `text` has made."""
        data = json.loads(text)
        results = {
            name: (_number(value), _number(error), unit) for name, (value, error, unit) in data["results"].items()
        }
        return cls(**{**data, "results": results})


def results_of(summary: Mapping[str, Any]) -> dict[str, tuple[float, float, str]]:
    """The single numbers of summary.json, by their paths; lists and what depends on the speed of the machine are left
    out."""
    return {
        name: (float(quantity.value), _number(quantity.error), quantity.unit)
        for name, quantity in quantities_of(summary)
        if name not in _TIMING and isinstance(quantity.value, int | float) and not isinstance(quantity.error, list)
    }


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
