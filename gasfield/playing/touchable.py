"""What can be touched in a simulation: numbers with the range of their slider, forces, shapes, and what its law
refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic.fields import FieldInfo

from gasfield.errors import InputError
from gasfield.forces import Force, ForceSpec
from gasfield.registry import kind_of
from gasfield.scenario.acting import Acting, strengths, with_number
from gasfield.scenario.events import VERBS
from gasfield.schedules import ByGroup, Constant, Schedule
from gasfield.simulation import Simulation
from gasfield.spec import Spec
from gasfield.tracers import SHAPES

MOST_CONTROLS = 64
"""Numbers of a scenario that have a slider; all others can be set by their path."""
_DECADES = 30.0
_UNIT = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Range:
    """The ends of a slider.

    Attributes:
        low, high: its ends.
        scale: "log" for a number that is above zero and never below it.
    """

    low: float
    high: float
    scale: Literal["linear", "log"]

    @classmethod
    def of(cls, value: float, *, signed: bool) -> Range:
        """The range around a value at the start."""
        if not signed and value > 0.0:
            return cls(value / _DECADES, value * _DECADES, "log")
        if not signed:
            return cls(0.0, 1.0, "linear")
        reach = 3.0 * abs(value) or 1.0
        return cls(value - reach, value + reach, "linear")

    def with_room_for(self, value: float) -> Range:
        """The same, wide enough for a value that was set."""
        if self.low <= value <= self.high:
            return self
        if self.scale == "log" and value <= 0.0:
            return Range(0.0, self.high, "linear")
        return Range(min(self.low, value), max(self.high, value), self.scale)


class Controls:
    """The numbers that can be set, each with a range that stays while it is set."""

    def __init__(self) -> None:
        """None yet: they are found when they are first asked for."""
        self._ranges: dict[str, Range] = {}
        self._paths: dict[int, tuple[ForceSpec, list[str]]] = {}

    def described(self, simulation: Simulation) -> list[dict[str, Any]]:
        """All of them with their present values."""
        found = []
        for path, label, unit, number, signed in self._all(simulation):
            step = simulation.gas.step
            value = number.at(step)
            known = self._ranges.get(path) or Range.of(value, signed=signed)
            self._ranges[path] = reach = known.with_room_for(value)
            found.append(
                {
                    "path": path, "label": label, "value": value, "unit": unit, "low": reach.low, "high": reach.high,
                    "scale": reach.scale, "schedule": not isinstance(number, Constant) and number.settled > step,
                }
            )  # fmt: skip
            if len(found) == MOST_CONTROLS:
                break
        return found

    def _all(self, simulation: Simulation) -> Iterator[tuple[str, str, str, Schedule, bool]]:
        """(path, label, unit, number, whether it may be below zero) of each."""
        acting = simulation.acting
        if not simulation.steered:
            for path, label, number in _temperatures(acting):
                yield path, label, "energy", number, False
        for place, force in enumerate(acting.forces):
            if isinstance(force, ForceSpec) and force.trained is None:
                for name in self._strengths(place, force):
                    path = f"forces.{place}.{name}"
                    signed = path not in self._ranges and _may_be_negative(force, name)
                    label = f"{force.kind}: {name.replace('_', ' ').replace('.', ' ')}"
                    yield path, label, _unit(force, name), number_at(force, name), signed

    def _strengths(self, place: int, force: ForceSpec) -> list[str]:
        known = self._paths.get(place)
        if known is None or type(known[0]) is not type(force):
            self._paths[place] = known = (force, strengths(force)[:MOST_CONTROLS])
        return known[1]


def _temperatures(acting: Acting) -> Iterator[tuple[str, str, Schedule]]:
    if isinstance(acting.temperature, ByGroup):
        for name, number in acting.temperature.groups.items():
            yield f"temperature.groups.{name}", f"temperature of {name}", number
    elif acting.temperature is not None:
        yield "temperature", "temperature", acting.temperature


def number_at(spec: Spec, path: str) -> Schedule:
    """The number of a specification at a path, as a schedule."""
    found: Any = spec
    for key in path.split("."):
        found = found[int(key)] if isinstance(found, list | tuple) else _part(found, key)
    return found if isinstance(found, Schedule) else Constant(value=float(found))


def _part(whole: Any, key: str) -> Any:
    if isinstance(whole, Mapping):
        return whole[key]
    for name, field in type(whole).model_fields.items():
        if key in (name, field.alias):
            return getattr(whole, name)
    raise KeyError(key)


def _may_be_negative(force: ForceSpec, path: str) -> bool:
    try:
        with_number(force, path, Constant(value=-1.0), force.kind)
    except InputError:
        return False
    return True


def _unit(force: ForceSpec, path: str) -> str:
    """The unit that the field's description states in brackets; empty if it states none."""
    field: FieldInfo | None = None
    fields = type(force).model_fields
    first = path.split(".")[0]
    for name, each in fields.items():
        if first in (name, each.alias):
            field = each
    found = _UNIT.search((field.description or "") if field is not None else "")
    return found.group(1) if found else ""


def forces(acting: Acting) -> list[dict[str, Any]]:
    """All forces, and whether they are on."""
    return [
        {"number": number, "label": force.kind if isinstance(force, ForceSpec) else type(force).__name__,
         "on": number not in acting.off}
        for number, force in enumerate(acting.forces)
    ]  # fmt: skip


def shapes(dimensions: int, scale: float) -> list[dict[str, Any]]:
    """The shapes that fit into a space, each with its parameters.

    Args:
        dimensions: of the space.
        scale: length of the picture, from which default lengths are made.
    """
    found = []
    for shape in SHAPES.with_installed().values():
        if shape.from_file:
            continue
        parameters = list(_parameters(shape, dimensions, scale))
        given = {each["name"]: each["default"] for each in parameters}
        try:
            built = shape.model_validate({"kind": kind_of(shape), **given})
            fits = built.structure().points.shape[1] <= dimensions
        except (InputError, ValueError):
            continue  # a shape of a plug-in with parameters of another kind
        if fits:
            found.append({"kind": kind_of(shape), "parameters": parameters})
    return found


def _parameters(shape: type[Spec], dimensions: int, scale: float) -> Iterator[dict[str, Any]]:
    for name, field in shape.model_fields.items():
        kinds = list(_parts(field.annotation))
        if name == "kind" or not (int in kinds or float in kinds):
            continue
        whole = int in kinds
        known = field.default if isinstance(field.default, int | float) else None
        given = _suggested(name, dimensions, scale, whole=whole) if known is None else known
        yield {"name": name, "type": "int" if whole else "float", "default": given}


def _parts(annotation: Any) -> Iterator[Any]:
    """A type and all that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _suggested(name: str, dimensions: int, scale: float, *, whole: bool) -> float:
    """A default for a parameter that has none."""
    if whole:
        return {"count": 24, "side": 5, "dimensions": min(dimensions, 3)}.get(name, 4)
    length = scale / 10.0 if name == "radius" else scale / 40.0
    return float(f"{length:.2g}")


def verbs(simulation: Simulation) -> dict[str, str | None]:
    """Every verb of events, with the reason where it is refused whatever it is about."""
    reasons: dict[str, str | None] = dict.fromkeys(VERBS)
    reasons |= simulation.impossible
    acting = simulation.acting
    if not acting.forces:
        reasons["switch"] = "there are no forces"
    if acting.temperature is None and not any(_has_strengths(force) for force in acting.forces):
        reasons["set"] = "nothing here takes another value"
    return reasons


def _has_strengths(force: Force | ForceSpec) -> bool:
    return isinstance(force, ForceSpec) and force.trained is None
