"""Transitions on the page of a sweep: which are looked for where none are given, and how they are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gasfield.errors import InputError
from gasfield.pages.axes import Axis
from gasfield.printable import shortened
from gasfield.quantity import Quantity
from gasfield.sweeps.compared import method_by_name
from gasfield.sweeps.table import Table
from gasfield.sweeps.transitions import Transition, transitions

MOST = 200
"""Combinations of keys in which transitions are looked for: each takes some tenths of a second."""
_FEWEST_VALUES = 3
_TEMPERATURE = "temperature"
_REASON = 400


def transitions_by_name(table: Table, axes: Sequence[Axis]) -> tuple[list[Transition], list[str]]:
    """Transitions of the results whose names say by which method: Binder cumulants, susceptibilities, fluctuations;
    along the temperature, or where it does not vary, along each key of three numbers or more.

    Returns:
        The transitions, and what is to be said of those that were not looked for.
    """
    along = [axis.path for axis in axes if axis.numeric and len(axis.values) >= _FEWEST_VALUES]
    along = [_TEMPERATURE] if _TEMPERATURE in along else along
    found: list[Transition] = []
    left_out = 0
    for name in sorted(table.columns):
        for path in along if method_by_name(name) is not None else []:
            if len(found) >= MOST:
                left_out += 1
                continue
            try:
                found += transitions(table, name, path)
            except InputError:  # without sizes, say, there is nothing to cross
                continue
    note = f"transitions were looked for in {len(found):,} combinations only; `Sweep.transitions` looks for others"
    return found, [note] if left_out else []


def told(found: Sequence[Transition], names: Sequence[str], axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """Transitions for the page, results and keys by their numbers there."""
    number = {axis.path: index for index, axis in enumerate(axes)}
    for each in found:
        at = {number[path]: axes[number[path]].number(value) for path, value in each.at.items()}
        place = None if each.place is None else [each.place.value, each.place.error]
        yield {
            "result": names.index(each.result),
            "along": number[each.along],
            "method": each.method.replace("_", " "),
            "at": [[key, value] for key, value in at.items()],
            "place": place,
            "text": "" if each.place is None else Quantity(each.place.value, "1", each.place.error).text(),
            "reason": shortened(each.reason, _REASON),
            "range": list(each.span),
            "details": [[shortened(name), detail.text()] for name, detail in each.details.items()],
        }
