"""What a diagram of a sweep shows: means over seeds, with their standard errors, over the keys that vary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.files import make_folder
from gasfield.names import picture_name
from gasfield.sweeps.points import Point
from gasfield.sweeps.sweep import Sweep

MOST_LINES = 8
"""Values of a second key that are drawn as lines; more make a map."""


def draw(sweep: Sweep, result: str) -> Path:
    """Draws a result over what is varied, into `plots` of the sweep: lines over one key of numbers, with one line for
    each combination of the others, up to eight; a map over two keys of numbers.

    Args:
        sweep: with its table.
        result: its name in the table.

    Returns:
        The picture.

    Raises:
        InputError: if there is no such result, or what is varied cannot be laid out in a plane.
        WriteError: if it cannot be written.
    """
    from gasfield.plots.style import save

    figure = _figure(sweep, result)
    return save(figure, make_folder(sweep.directory / "plots") / picture_name(result))


def mean_over_seeds(sweep: Sweep, result: str) -> list[tuple[Point, float, float]]:
    """A result of each point that was run, its mean over seeds, and the standard error: from the scatter between
    seeds, or for one seed the error in its run.

    Raises:
        InputError: if there is no such result.
    """
    table = sweep.table
    if result not in table.columns:
        close = get_close_matches(result, table.columns, 3) or sorted(table.columns)[:3]
        raise InputError(
            f"there is no such result; for example {', '.join(close) or 'none'}.", parameter="plot", value=result
        )
    column = table.columns[result]
    found: dict[str, tuple[Point, list[float], list[float]]] = {}
    for point, value, error in zip(table.points, column.value, column.error, strict=True):
        if np.isfinite(value):
            entry = found.setdefault(json.dumps(dict(point.values), sort_keys=True), (point, [], []))
            entry[1].append(value)
            entry[2].append(error)
    return [
        (point, float(np.mean(values)), _standard_error(values, errors)) for point, values, errors in found.values()
    ]


def _standard_error(values: Sequence[float], errors: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else errors[0]


def _figure(sweep: Sweep, result: str) -> Any:
    from gasfield.plots.diagrams import Curve, curves, phase_map

    rows = mean_over_seeds(sweep, result)
    label = f"{result} [{sweep.table.columns[result].unit}]"
    numeric = _numeric_keys(sweep)
    x = numeric[0]
    others = [path for path in sweep.table.parameters if path != x]
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for point, mean, error in rows:
        name = ", ".join(f"{path} = {_short(point.values.get(path))}" for path in others)
        lines.setdefault(name, []).append((float(point.values[x]), mean, error))
    if len(lines) <= MOST_LINES:
        drawn = {name: Curve(*np.array(sorted(line)).T) for name, line in lines.items()}
        return curves(drawn, x, label).figure
    if len(numeric) < 2 or len(others) > 1:
        raise InputError(
            f"{len(lines)} lines over {x} are too many; a diagram has two keys of numbers, or {MOST_LINES} lines.",
            parameter="plot", value=result,
        )  # fmt: skip
    return phase_map(*_grid(rows, x, numeric[1]), (x, numeric[1]), label).figure


def _grid(
    rows: list[tuple[Point, float, float]], x: str, y: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Values of both keys, and the means on their grid; NaN where there is none."""
    along = [sorted({float(point.values[path]) for point, _, _ in rows}) for path in (x, y)]
    means = np.full((len(along[1]), len(along[0])), np.nan)
    for point, mean, _ in rows:
        means[along[1].index(float(point.values[y])), along[0].index(float(point.values[x]))] = mean
    return np.array(along[0]), np.array(along[1]), means


def _numeric_keys(sweep: Sweep) -> list[str]:
    """Keys whose values are numbers, those with most values first.

    Raises:
        InputError: if there is none.
    """
    values = {
        path: {json.dumps(point.values.get(path)) for point in sweep.table.points} for path in sweep.table.parameters
    }
    found = [path for path in values if all(_is_number(point.values.get(path)) for point in sweep.table.points)]
    if not found:
        raise InputError("no key with numbers is varied, so there is no axis.", parameter="plot")
    return sorted(found, key=lambda path: -len(values[path]))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)
