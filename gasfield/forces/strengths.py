"""Strengths of forces: a number, or a schedule of numbers over the steps.

A force is built from numbers. Where a strength is a schedule, `build_force` builds the force anew at each step at which
the number has changed (`scheduled.py`), so that every force that has a strength has one that can change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from gasfield.schedules import Constant, Cosine, Exponential, Piecewise, Ramp, Schedule, Table
from gasfield.spec import Spec
from gasfield.strict import InWords

if TYPE_CHECKING:  # built forces see numbers
    Strength = float
    NotNegative = float
    PositiveStrength = float
else:
    _SCHEDULE = Annotated[
        Constant | Ramp | Exponential | Cosine | Piecewise | Table,
        Field(discriminator="kind"),
        InWords("a schedule such as {kind: ramp, from: 1, to: 0.1, steps: 1000}"),
    ]

    def _checked(fits: Callable[[float], bool], should: str) -> AfterValidator:
        def check(given: float | Schedule) -> float | Schedule:
            if not fits(given.lowest if isinstance(given, Schedule) else given):
                raise PydanticCustomError("strength", "should {should}", {"should": should})
            return given

        return AfterValidator(check)

    _NUMBER = Annotated[float, Field(allow_inf_nan=False)]
    Strength = _NUMBER | _SCHEDULE
    NotNegative = (
        Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
        | Annotated[_SCHEDULE, _checked(lambda lowest: lowest >= 0.0, "be greater than or equal to 0 at every step")]
    )
    PositiveStrength = (
        Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
        | Annotated[_SCHEDULE, _checked(lambda lowest: lowest > 0.0, "be greater than 0 at every step")]
    )


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
