"""Transitions in the table of a sweep: along one key, for each combination of the others."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.quantity import Quantity
from gasfield.statistics.transition import (
    Curve,
    NoTransition,
    Place,
    crossing,
    curie_weiss,
    extrapolated,
    hysteresis,
    peak,
)
from gasfield.sweeps.compared import Method, keys_of, require
from gasfield.sweeps.table import Table

_EXPONENTS: Mapping[Method, float] = {"peak": 0.5, "curie_weiss": 1.0}
"""Of the shift with the number of particles in a mean field: the width N^-1/2 of the transition, and 1/N above it."""


@dataclass(frozen=True)
class Transition:
    """What one combination of the other keys shows.

    Attributes:
        result: that was looked at.
        along: key along which it was looked for.
        method: how.
        at: values of the other keys.
        place: where it is, with its standard error; None if there is none within the range.
        reason: why there is none; empty if there is one.
        span: smallest and largest value of the key that was run.
        details: name -> places at single sizes, ends of a hysteresis (their errors are the distance to the next point
            that was run).
    """

    result: str
    along: str
    method: Method
    at: Mapping[str, Any]
    place: Place | None
    reason: str
    span: tuple[float, float]
    details: Mapping[str, Quantity] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Of the place: that of the key."""
        return f"unit of {self.along}"

    def as_json(self) -> dict[str, Any]:
        """With every number as {value, unit, error}."""
        return {
            "result": self.result,
            "along": self.along,
            "method": self.method,
            "at": dict(self.at),
            "transition": None if self.place is None else _quantity(self.place, self.unit).leaf(),
            "reason": self.reason or None,
            "range": [Quantity(end, self.unit).leaf() for end in self.span],
            "details": {name: each.leaf() for name, each in self.details.items()},
        }


def transitions(
    table: Table,
    result: str,
    along: str,
    *,
    method: Method | None = None,
    sizes: str | None = None,
    starts: str | None = None,
    exponent: float | None = None,
    following: Sequence[str] = (),
) -> list[Transition]:
    """Locates a transition along a key, for each combination of the others; seeds give the errors.

    Args:
        table: of a sweep.
        result: its name in the table, such as groups.gas.order.binder.
        along: key of numbers, such as temperature.
        method: "crossing" of curves of different sizes; "peak"; "curie_weiss", where N <m^2> = 1/(1 - x_c/x) diverges;
            "hysteresis" between two starts. By default as the name of the result ends: binder, susceptibility,
            fluctuation; else hysteresis.
        sizes: key that holds the number of particles; by default the one that is varied and ends in `count`. Crossings
            are those of the two largest sizes; what peaks or diverges is extrapolated to infinite size.
        starts: key whose two values are the starts of a hysteresis; by default the one that is varied and ends in
            `from`.
        exponent: w of the shift N^-w of what is extrapolated; by default that of a mean field, 1/2 for peaks and 1 for
            curie_weiss.
        following: keys whose values follow from that of `along` (a time step that was chosen for each temperature,
            say), and make no combination of their own.

    Raises:
        InputError: if there is no such result or key, no point has a number for it, the method needs another key,
            sizes or the exponent are not above 0, or keys of `following` have several values at one of `along`.
    """
    require(result, list(table.columns), "transition", "result")
    method, role = keys_of(table.parameters, result, along, method=method, sizes=sizes, starts=starts)
    _require_numbers(table, along, "along")
    if method != "hysteresis" and role is not None:
        _require_numbers(table, role, "sizes")
        if min(table.along(role)) <= 0:
            raise InputError(
                "has values that are not above 0, so that they are no sizes.", parameter="sizes", value=role
            )
    if exponent is not None and not (exponent > 0.0 and math.isfinite(exponent)):
        raise InputError("is not above 0.", parameter="exponent", value=exponent)
    for path in following:
        require(path, table.parameters, "following", "key that is varied")
    found = []
    for at, curves in _curves(table, result, along, role, following):
        ends = [x for _, curve in curves for x in (float(curve.x[0]), float(curve.x[-1]))]
        span = (min(ends), max(ends))
        try:
            w = _EXPONENTS.get(method, 1.0) if exponent is None else exponent
            place, details = _LOCATE[method](curves, w)
            units = {GAP: table.columns[result].unit, MISFIT: "1"}
            known = {name: _quantity(each, units.get(name, f"unit of {along}")) for name, each in details.items()}
            found.append(Transition(result, along, method, at, place, "", span, known))
        except NoTransition as reason:
            found.append(Transition(result, along, method, at, None, str(reason), span))
    if not found:
        raise InputError("no point has a number for this result.", parameter="transition", value=result)
    return found


Curves = Sequence[tuple[Any, Curve]]
"""Value of the key of sizes or starts -> its curve, in increasing order of sizes."""
Found = tuple[Place, dict[str, Place]]
GAP, MISFIT = "gap", "chi squared per degree of freedom of the sizes"


def _crossing(curves: Curves, _: float) -> Found:
    if len(curves) < 2:
        raise NoTransition("a crossing needs curves of at least two sizes")
    places: dict[str, Place] = {}
    for (small, one), (large, other) in pairwise(curves):
        try:
            last = crossing(one, other)
        except NoTransition:
            if large == curves[-1][0]:
                raise
            continue
        places[f"crossing of {small:g} and {large:g}"] = last
    return last, places


def _extrapolated(locate: Callable[[Curve], Place]) -> Callable[[Curves, float], Found]:
    def found(curves: Curves, exponent: float) -> Found:
        places = [locate(curve) for _, curve in curves]
        if len(places) == 1:
            return places[0], {}
        sizes = [float(size) for size, _ in curves]
        limit = extrapolated(sizes, places, exponent)
        details = {f"at {size:g}": place for size, place in zip(sizes, places, strict=True)}
        if limit.freedom:
            details[MISFIT] = Place(limit.chi_squared / limit.freedom, np.nan)
        return limit.place, details

    return found


def _hysteresis(curves: Curves, _: float) -> Found:
    if len(curves) != 2:
        raise NoTransition(f"a hysteresis needs two starts; there are {len(curves)}")
    found = hysteresis(curves[0][1], curves[1][1])
    return found.place, {
        "lowest": Place(found.lowest, found.step), "highest": Place(found.highest, found.step), GAP: found.gap,
    }  # fmt: skip


_LOCATE: Mapping[Method, Callable[[Curves, float], Found]] = {
    "crossing": _crossing,
    "peak": _extrapolated(peak),
    "curie_weiss": _extrapolated(curie_weiss),
    "hysteresis": _hysteresis,
}


def _curves(
    table: Table, result: str, along: str, role: str | None, following: Sequence[str]
) -> list[tuple[dict[str, Any], Curves]]:
    """For each combination of the other keys, a curve for each value of the key of sizes or starts."""
    columns = {path: table.along(path) for path in table.parameters}
    value, error = (np.asarray(each) for each in (table.columns[result].value, table.columns[result].error))
    others = [path for path in columns if path not in (along, role, *following)]
    cases: dict[str, tuple[dict[str, Any], dict[str, tuple[Any, dict[float, list[int]]]]]] = {}
    for rows in table.same_values().values():
        good = [row for row in rows if np.isfinite(value[row])]
        if not good:
            continue
        at = {path: columns[path][rows[0]] for path in others}
        mine = columns[role][rows[0]] if role else None
        _, lines = cases.setdefault(json.dumps(at), (at, {}))
        _, line = lines.setdefault(json.dumps(mine), (mine, {}))
        place = float(columns[along][rows[0]])
        if place in line:
            what = f"{' and '.join(following)} has several values" if following else "it has two points"
            raise InputError(f"{what} at {along} = {place:g}.", parameter="following" if following else "along")
        line[place] = good
    found: list[tuple[dict[str, Any], Curves]] = []
    for at, lines in cases.values():
        made = [(mine, _curve(line, value, error)) for mine, line in lines.values()]
        if all(isinstance(mine, int | float) for mine, _ in made):
            made.sort(key=lambda each: float(each[0]))
        found.append((at, made))
    return found


def _curve(line: Mapping[float, list[int]], value: Any, error: Any) -> Curve:
    x = sorted(line)
    runs = max(map(len, line.values()))
    values, errors = np.full((len(x), runs), np.nan), np.full((len(x), runs), np.nan)
    for number, place in enumerate(x):
        rows = line[place]
        values[number, : len(rows)], errors[number, : len(rows)] = value[rows], error[rows]
    return Curve(np.array(x), values, errors)


def _require_numbers(table: Table, path: str, parameter: str) -> None:
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in table.along(path)):
        raise InputError("has values that are no numbers.", parameter=parameter, value=path)


def _quantity(place: Place, unit: str) -> Quantity:
    return Quantity(place.value, unit, place.error if np.isfinite(place.error) else None)
