"""The keys that vary in a sweep as axes: the values of each, and which of them every point has."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gasfield.printable import printable, shortened
from gasfield.sweeps.table import Table


@dataclass(frozen=True)
class Axis:
    """A key that varies.

    Attributes:
        path: of the key.
        values: numbers in increasing order, or anything else as text in the order of the points.
        numeric: whether they are numbers.
    """

    path: str
    values: Mapping[float | str, int]
    numeric: bool

    @classmethod
    def of(cls, path: str, given: list[Any]) -> Self:
        """That of the values (points,) of a key."""
        numeric = all(map(_is_number, given))
        found: list[float | str] = []
        found += sorted({float(each) for each in given}) if numeric else dict.fromkeys(map(_text, given))
        return cls(path, {value: number for number, value in enumerate(found)}, numeric)

    def number(self, value: Any) -> int:
        """Which of the values one is."""
        return self.values[float(value) if self.numeric else _text(value)]

    @property
    def logarithmic(self) -> bool:
        """Whether the values are numbers above 0 that are more evenly spaced in their logarithms."""
        if not self.numeric or len(self.values) < 3 or min(map(float, self.values)) <= 0.0:
            return False
        values = np.array(list(self.values), float)
        return _unevenness(np.log(values)) < _unevenness(values)

    def described(self) -> dict[str, Any]:
        """For the page."""
        values = list(self.values) if self.numeric else [shortened(str(value)) for value in self.values]
        return {"name": printable(self.path), "values": values, "numeric": self.numeric, "log": self.logarithmic}


def axes_of(table: Table) -> tuple[list[Axis], list[list[int]]]:
    """The keys that vary, and for each of them the number of its value at each point."""
    groups = table.same_values().values()
    axes, numbers = [], []
    for path in table.parameters:
        along = table.along(path)
        given = [along[rows[0]] for rows in groups]
        axes.append(axis := Axis.of(path, given))
        numbers.append([axis.number(value) for value in given])
    return axes, numbers


def _is_number(value: Any) -> bool:
    """Whether a value can be a place on an axis: finite, and no larger than numbers there can be."""
    with suppress(OverflowError):
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _unevenness(values: Any) -> float:
    """Scatter of the steps in units of their mean."""
    steps = np.diff(values)
    return float(np.std(steps) / np.mean(steps))
