"""Several runs in one table: numbers beside each other, and their differences in units of the combined error."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gasfield.errors import InputError
from gasfield.quantity import NEGLIGIBLE, Quantity
from gasfield.reporting.subject import Subject
from gasfield.scenario.document import read_value

SURPRISING = 3.0
"""Combined errors from which a difference is marked."""
_MOST_PARTS = 12
"""Numbers of a list that get lines of their own; a longer one is data, not a result to compare."""


@dataclass(frozen=True)
class Line:
    """A number in all runs.

    Attributes:
        path: of the number.
        unit: of the first run that has it.
        values: one for each run; None where it is not there.
        deviations: of each run from the first: (x - x_0) / sqrt(s^2 + s_0^2), with the errors as those of independent
            samples; None where an error is unknown, or both vanish, or units differ.
    """

    path: str
    unit: str
    values: tuple[Quantity | None, ...]
    deviations: tuple[float | None, ...]

    @property
    def largest(self) -> float:
        """The largest deviation; 0 if none is known."""
        return max((abs(each) for each in self.deviations if each is not None), default=0.0)


def side_by_side(subjects: Sequence[Subject]) -> list[Line]:
    """The numbers that at least two of them have, in the order of the first that has each."""
    tables = [dict(_single(subject.everything)) for subject in subjects]
    lines = []
    for path in dict.fromkeys(path for table in tables for path in table):
        values = tuple(table.get(path) for table in tables)
        known = [value for value in values if value is not None]
        if len(known) > 1:
            deviations = tuple(deviation(values[0], value) for value in values[1:])
            lines.append(Line(path, known[0].unit, values, deviations))
    return lines


def deviation(first: Quantity | None, other: Quantity | None) -> float | None:
    """The difference of two single numbers in units of their combined error; None where that is undefined."""
    if first is None or other is None or first.unit != other.unit:
        return None
    numbers = (first.value, first.error, other.value, other.error)
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in numbers):
        return None
    x, x_error, y, y_error = (float(each) for each in numbers)  # type: ignore[arg-type]
    combined = math.hypot(x_error, y_error)
    return (y - x) / combined if combined > NEGLIGIBLE * max(abs(x), abs(y)) else None


def _single(numbers: Mapping[str, Quantity]) -> Iterator[tuple[str, Quantity]]:
    """Numbers one by one: those of a list by their place in it."""
    for path, quantity in numbers.items():
        parts = quantity.parts()
        if len(parts) == 1 and not isinstance(quantity.value, list):
            yield path, quantity
        elif len(parts) <= _MOST_PARTS:
            yield from ((f"{path}.{i}", part) for i, part in enumerate(parts, 1) if not isinstance(part.value, list))


def scenario_differences(subjects: Sequence[Subject]) -> list[tuple[str, tuple[str, ...]]]:
    """Keys whose values differ between the scenarios, with the value in each; "–" where there is no such key."""
    keys = [_flat(subject.scenario) for subject in subjects]
    names = dict.fromkeys(name for each in keys for name in each)
    found = ((name, tuple(each.get(name, "–") for each in keys)) for name in names)
    return [(name, values) for name, values in found if len(set(values)) > 1]


def _flat(scenario: str) -> dict[str, str]:
    try:
        data = read_value(scenario) if scenario else {}
    except InputError:
        return {}
    return dict(_leaves(data, ""))


def _leaves(data: Any, path: str) -> Iterator[tuple[str, str]]:
    children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else None
    if not children:
        yield path, data if isinstance(data, str) else json.dumps(data, default=str)
        return
    for key, child in children:
        yield from _leaves(child, f"{path}.{key}" if path else str(key))
