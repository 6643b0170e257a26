"""The schedules within a specification, and the specification with their numbers at a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gasfield.schedules.base import Schedule
from gasfield.spec import Spec


def schedules_in(value: Any) -> Iterator[Schedule]:
    """Every schedule in a specification, in its lists, mappings and parts."""
    if isinstance(value, Schedule):
        yield value
    elif isinstance(value, Spec | tuple | dict):
        for part in _parts(value):
            if not isinstance(part, float | int | str):
                yield from schedules_in(part)


def _parts(value: Spec | tuple[Any, ...] | dict[str, Any]) -> Iterator[Any]:
    if isinstance(value, Spec):
        return (getattr(value, name) for name in type(value).model_fields)
    return iter(value.values() if isinstance(value, dict) else value)


def fixed_at(value: Any, step: int) -> Any:
    """The same specification with the number of each schedule at a step; itself where there is none."""
    if isinstance(value, Schedule):
        return value.at(step)
    if isinstance(value, Spec):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        fixed = {name: fixed_at(old, step) for name, old in fields.items()}
        changed = {name: new for name, new in fixed.items() if new is not fields[name]}
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, tuple):
        items = tuple(fixed_at(item, step) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        return {key: fixed_at(item, step) for key, item in value.items()}
    return value
