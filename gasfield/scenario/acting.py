"""What acts on a gas between two events: the forces with their strengths, which of them are on, and the bath."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gasfield.errors import InputError, about, index_of
from gasfield.forces import AnyForce, Force, ForceSpec
from gasfield.scenario.events import Event, Plant
from gasfield.schedules import AnySchedule, ByGroup, Constant, Schedule
from gasfield.spec import parse


@dataclass(frozen=True)
class Acting:
    """What acts on a gas.

    Attributes:
        forces: all of them, also those that are off.
        temperature: of the bath; None where there is none.
        off: numbers of the forces that are off.
    """

    forces: tuple[ForceSpec | Force, ...]
    temperature: Schedule | ByGroup | None = None
    off: frozenset[int] = field(default=frozenset())

    @property
    def numbered(self) -> list[tuple[int, ForceSpec | Force]]:
        """The forces that are on, each with its number."""
        return [(number, force) for number, force in enumerate(self.forces) if number not in self.off]

    def after(self, event: Event) -> Acting:
        """What acts after an event.

        Raises:
            InputError: if the event names no force, no strength that can be set, or a number that does not fit it.
        """
        found = self
        for path, number in (event.numbers or {}).items():
            with about("set"):
                found = found._with(path, number.later(event.at))
        for path, state in (event.switch or {}).items():
            with about("switch"):
                found = found._switched(path, state == "on")
        return found if event.plant is None else found.with_bath_of(event.plant, event.at)

    def _with(self, path: str, number: Schedule) -> Acting:
        keys = path.split(".")
        if keys[0] == "temperature":
            return replace(self, temperature=self._temperature(path, keys[1:], number))
        if keys[0] != "forces" or len(keys) < 3:
            raise InputError(f"'{path}' cannot be set; paths are temperature, or as forces.0.stiffness.")
        place = self._number(".".join(keys[:2]))
        force = self.forces[place]
        if not isinstance(force, ForceSpec):
            raise InputError(f"forces.{place} was built in Python and has no specification; its numbers cannot be set.")
        if force.trained is not None:
            raise InputError(f"forces.{place}: its numbers are trained during the run, so they cannot be set.")
        changed = with_number(force, ".".join(keys[2:]), number, f"forces.{place}")
        return replace(self, forces=(*self.forces[:place], changed, *self.forces[place + 1 :]))

    def _temperature(self, path: str, keys: list[str], number: Schedule) -> Schedule | ByGroup:
        if self.temperature is None:
            raise InputError("there is no temperature to set: the dynamics have no bath.")
        if number.lowest < 0.0:
            raise InputError(f"{path}: a temperature is never below zero.")
        groups = self.temperature.groups if isinstance(self.temperature, ByGroup) else {}
        if not keys:
            return ByGroup(groups=dict.fromkeys(groups, number)) if groups else number
        if keys[0] != "groups" or len(keys) != 2 or keys[1] not in groups:
            known = ", ".join(f"temperature.groups.{name}" for name in groups)
            raise InputError(f"'{path}' cannot be set; there is {'temperature, ' if known else 'temperature'}{known}.")
        return ByGroup(groups={**groups, keys[1]: number})

    def _switched(self, path: str, on: bool) -> Acting:
        place = self._number(path)
        force = self.forces[place]
        if force.trained is not None:
            raise InputError(f"{path}: its numbers are trained during the run, so it cannot be switched.")
        return replace(self, off=self.off - {place} if on else self.off | {place})

    def _number(self, path: str) -> int:
        """The number of a force from `forces.N`."""
        first, _, rest = path.partition(".")
        place = index_of(rest)
        if first != "forces" or not isinstance(place, int) or place >= len(self.forces):
            known = f"forces.0 to forces.{len(self.forces) - 1}" if self.forces else "no forces"
            raise InputError(f"there is no '{path}'; there are {known}.")
        return place

    def with_bath_of(self, plant: Plant, step: int) -> Acting:
        """The same with the temperature of a structure that is planted at a step, where these go by group.

        Raises:
            InputError: if it has none there, or has one elsewhere.
        """
        by_group = isinstance(self.temperature, ByGroup)
        if by_group != (plant.temperature is not None):
            text = (
                "temperatures go by group here, so that it needs its own: temperature"
                if by_group
                else "there is no temperature for each group here; leave it out"
            )
            raise InputError(f"{text}.", parameter="plant.temperature")
        if not isinstance(self.temperature, ByGroup) or plant.temperature is None:
            return self
        groups = {**self.temperature.groups, plant.name: plant.temperature.later(step)}
        return replace(self, temperature=ByGroup(groups=groups))


def with_number(force: ForceSpec, path: str, number: Schedule, name: str) -> ForceSpec:
    """The same force with another strength.

    Args:
        force: its specification.
        path: of the strength within it, such as `stiffness` or `wells.0.depth`.
        number: the number, or a schedule.
        name: of the force in messages.

    Raises:
        InputError: if there is no such strength, it takes no schedule, or the number does not fit it.
    """
    data = force.model_dump(by_alias=True, exclude_none=True)
    given = number.model_dump(by_alias=True)
    try:
        _put(data, path.split("."), given)
        changed = _parsed(data)
    except (InputError, KeyError, IndexError, TypeError, ValueError) as fault:
        if path not in (known := strengths(force)):
            these = f"those of {force.kind} are {', '.join(known)}" if known else f"{force.kind} has none"
            raise InputError(f"{name}.{path} is no strength that can be set; {these}.") from None
        raise InputError(f"{name}.{path}: {fault.message if isinstance(fault, InputError) else fault}") from None
    if isinstance(number, Constant):  # the plain number: a force that does not change is built once
        _put(data, path.split("."), number.value)
        changed = _parsed(data)
    return changed


def strengths(force: ForceSpec) -> list[str]:
    """The paths of all strengths of a force, that is numbers that take a schedule."""
    data = force.model_dump(by_alias=True, exclude_none=True)
    found = []
    for path, value in _leaves(data):
        copy = force.model_dump(by_alias=True, exclude_none=True)
        _put(copy, path, {"kind": "constant", "value": value})
        try:
            _parsed(copy)
        except InputError:
            continue
        found.append(".".join(path))
    return found


def _parsed(data: dict[str, Any]) -> ForceSpec:
    force: ForceSpec = parse(AnyForce, data)
    return force


def _leaves(data: Any, path: tuple[str, ...] = ()) -> list[tuple[list[str], float]]:
    """(path, number) of every number; of a schedule, that at its start."""
    if isinstance(data, Mapping):
        if path and "kind" in data and (schedule := _schedule(data)) is not None:
            return [(list(path), schedule.at(0))]
        return [leaf for key, value in data.items() for leaf in _leaves(value, (*path, str(key)))]
    if isinstance(data, tuple | list):
        if len(data) > _LONGEST:
            return []
        return [leaf for place, value in enumerate(data) for leaf in _leaves(value, (*path, str(place)))]
    return [(list(path), float(data))] if isinstance(data, int | float) and not isinstance(data, bool) else []


_LONGEST = 100
"""Entries of a list whose numbers are looked at one by one."""


def _schedule(data: Mapping[str, Any]) -> Schedule | None:
    try:
        found: Schedule = parse(AnySchedule, dict(data))
    except InputError:
        return None
    return found


def _put(data: Any, keys: list[str], value: Any) -> None:
    """Puts a value at a path of mappings and lists, where there is one already; tuples on the way become lists."""
    *way, last = keys
    for key in way:
        step: Any = index_of(key) if isinstance(data, list) else key
        if isinstance(data[step], tuple):
            data[step] = list(data[step])
        data = data[step]
    place: Any = index_of(last) if isinstance(data, list) else last
    data[place]
    data[place] = value
