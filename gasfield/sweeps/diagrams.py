"""What a diagram of a sweep shows: means over seeds, with their standard errors, over the keys that vary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gasfield.errors import InputError
from gasfield.files import make_folder
from gasfield.names import picture_name
from gasfield.sweeps.sweeping import Sweep
from gasfield.sweeps.table import Floats
from gasfield.sweeps.transitions import Transition

if TYPE_CHECKING:
    from gasfield.plots.diagrams import Boundary, Mark

MOST_LINES = 8
"""Values of a second key that are drawn as lines; more make a map."""


def draw(sweep: Sweep, result: str, located: Sequence[Transition] = ()) -> Path:
    """Draws a result over what is varied, into `plots` of the sweep: lines over one key of numbers, with one line for
    each combination of the others, up to eight; a map over two keys of numbers.

    Args:
        sweep: with its table.
        result: its name in the table.
        located: transitions of this result. They are marked on lines, and make a boundary on a map; where the result
            has too many lines, the boundary is drawn alone.

    Returns:
        The picture.

    Raises:
        InputError: if there is no such result, or what is varied cannot be laid out in a plane.
        WriteError: if it cannot be written.
    """
    from gasfield.plots.style import save

    figure = _figure(sweep, result, [each for each in located if each.place is not None])
    return save(figure, make_folder(sweep.directory / "plots") / picture_name(result.replace(".", "-")))


@dataclass(frozen=True)
class Mean:
    """A result at one point.

    Attributes:
        values: key -> its value there.
        mean: over seeds.
        error: standard error: from the scatter between seeds, or for one seed the error in its run; NaN if unknown.
    """

    values: Mapping[str, Any]
    mean: float
    error: float


def means_over_seeds(sweep: Sweep, result: str) -> list[Mean]:
    """A result at each point that was run.

    Raises:
        InputError: if there is no such result.
    """
    table = sweep.table
    if result not in table.columns:
        close = get_close_matches(result, table.columns, 3) or sorted(table.columns)[:3]
        message = f"there is no such result; for example {', '.join(close) or 'none'}."
        raise InputError(message, parameter="plot", value=result)
    ensembles = list(table.same_values().values())
    mean, error = table.means(result)
    along = {path: table.along(path) for path in table.parameters}
    return [
        Mean({path: column[rows[0]] for path, column in along.items()}, float(mean[number]), float(error[number]))
        for number, rows in enumerate(ensembles)
        if np.isfinite(mean[number])
    ]


def _figure(sweep: Sweep, result: str, located: Sequence[Transition]) -> Any:
    from gasfield.plots.diagrams import Curve, curves, phase_map

    points = means_over_seeds(sweep, result)
    label = f"{result} [{sweep.table.columns[result].unit}]"
    numeric = _numeric_keys(points)
    x = located[0].along if located else numeric[0]
    others = [path for path in sweep.table.parameters if path != x]
    lines: dict[str, list[tuple[float, float, float]]] = {}
    marks = []
    for point in points:
        values = json.dumps([point.values[path] for path in others], sort_keys=True)
        marks += [(values, each) for each in located if values not in lines and each.at.items() <= point.values.items()]
        lines.setdefault(values, []).append((float(point.values[x]), point.mean, point.error))
    if len(lines) <= MOST_LINES:
        labels = dict(zip(lines, _labels(others, [json.loads(values) for values in lines]), strict=True))
        drawn = {labels[values]: Curve(*np.array(sorted(line)).T) for values, line in lines.items()}
        return curves(drawn, x, label, marks=_marks([(labels[values], each) for values, each in marks])).figure
    if located and (len(numeric) < 2 or len(others) > 1):
        return _boundaries(located, x)
    if len(numeric) < 2 or len(others) > 1:
        raise InputError(
            f"{len(lines)} lines over {x} are too many; a diagram has two keys of numbers, or {MOST_LINES} lines.",
            parameter="plot", value=result,
        )  # fmt: skip
    y = next(path for path in numeric if path != x)
    return phase_map(*_grid(points, x, y), (x, y), label, _on_map(located, y)).figure


def _marks(found: Sequence[tuple[str, Transition]]) -> list[Mark]:
    """One for each transition, in the colour of the first line that it belongs to."""
    from gasfield.plots.diagrams import Mark

    first = {id(each): name for name, each in reversed(found)}
    places = {id(each): each.place for _, each in found}
    return [Mark(first[key], at.value, at.error) for key, at in places.items() if at is not None]


def _on_map(located: Sequence[Transition], y: str) -> Boundary | None:
    """The boundary on a map whose horizontal axis is the key along which transitions are."""
    from gasfield.plots.diagrams import Boundary

    rows = sorted(
        (float(each.at[y]), each.place.value, each.place.error) for each in located if each.place and y in each.at
    )
    if not rows:
        return None
    at, value, error = np.array(rows).T
    return Boundary(value, at, error, np.zeros(len(at)))


def _boundaries(located: Sequence[Transition], along: str) -> Any:
    """Transitions over the key of numbers with most values, one line for each combination of the others."""
    from gasfield.plots.diagrams import Curve, boundaries

    x = _numeric_keys([Mean(each.at, 0.0, 0.0) for each in located])[0]
    paths = _varied(located, x)
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for each in located:
        if each.place is not None:
            values = json.dumps([each.at[path] for path in paths])
            lines.setdefault(values, []).append((float(each.at[x]), each.place.value, each.place.error))
    labels = _labels(paths, [json.loads(values) for values in lines])
    drawn = {name: Curve(*np.array(sorted(line)).T) for name, line in zip(labels, lines.values(), strict=True)}
    return boundaries(drawn, x, along).figure


def _varied(located: Sequence[Transition], x: str) -> list[str]:
    """Keys beside x that have several values."""
    paths = [path for path in located[0].at if path != x]
    return [path for path in paths if len({json.dumps(each.at[path]) for each in located}) > 1]


def _grid(points: list[Mean], x: str, y: str) -> tuple[Floats, Floats, Floats]:
    """Values of both keys, and the means on their grid; NaN where there is none."""
    along = [sorted({float(point.values[path]) for point in points}) for path in (x, y)]
    means = np.full((len(along[1]), len(along[0])), np.nan)
    for point in points:
        means[along[1].index(float(point.values[y])), along[0].index(float(point.values[x]))] = point.mean
    return np.array(along[0]), np.array(along[1]), means


def _numeric_keys(points: list[Mean]) -> list[str]:
    """Keys whose values are numbers, those with most values first.

    Raises:
        InputError: if there is none.
    """
    values = {path: [point.values[path] for point in points] for path in points[0].values} if points else {}
    found = [path for path, given in values.items() if all(map(_is_number, given))]
    if not found:
        raise InputError("no key with numbers is varied, so there is no axis.", parameter="plot")
    return sorted(found, key=lambda path: -len(set(values[path])))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _labels(paths: list[str], lines: list[list[Any]]) -> list[str]:
    """Names of lines by their values, with as many digits as it takes to tell them apart."""
    made: list[str] = []
    for digits in range(4, 18):
        made = [
            ", ".join(f"{path} = {_short(value, digits)}" for path, value in zip(paths, line, strict=True))
            for line in lines
        ]
        if len(set(made)) == len(lines):
            break
    return made


def _short(value: object, digits: int) -> str:
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return value if isinstance(value, str) else json.dumps(value)
