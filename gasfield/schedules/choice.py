"""Any schedule, as specifications have it: a plain number, one of the kinds, or one for each group."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from gasfield.schedules.base import Constant
from gasfield.schedules.passages import Cosine, Exponential, Ramp
from gasfield.schedules.points import Piecewise, Table
from gasfield.schedules.warmup import WarmupCosine, WarmupLinear
from gasfield.spec import Spec


def _number_is_constant(given: Any) -> Any:
    """Converts a plain number to a constant schedule."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"kind": "constant", "value": given}
    if isinstance(given, dict | Spec):
        return given
    example = "{kind: ramp, from: 1, to: 0.1, steps: 1000}"
    raise PydanticCustomError("schedule", "should be a number, or a schedule such as {example}", {"example": example})


ScheduleKind = Constant | Ramp | Exponential | Cosine | Piecewise | Table | WarmupCosine | WarmupLinear
"""Every kind of schedule."""
_Kinds = Annotated[ScheduleKind, Field(discriminator="kind")]
AnySchedule = Annotated[_Kinds, BeforeValidator(_number_is_constant, json_schema_input_type=float | _Kinds)]
"""Any schedule, or a plain number."""


class ByGroup(Spec):
    """A schedule for each group of particles."""

    kind: Literal["by_group"] = "by_group"
    groups: dict[str, AnySchedule]
    """Group name -> number or schedule; every group and tracer structure has one."""

    @property
    def lowest(self) -> float:
        """The least number of any of them at any step."""
        return min((schedule.lowest for schedule in self.groups.values()), default=0.0)


def _not_below_zero(temperature: Any) -> Any:
    if temperature.lowest < 0.0:
        raise PydanticCustomError("temperature", "a temperature is never below zero")
    return temperature


_KindsOrByGroup = Annotated[ScheduleKind | ByGroup, Field(discriminator="kind")]
AnyTemperature = Annotated[
    _KindsOrByGroup,
    BeforeValidator(_number_is_constant, json_schema_input_type=Annotated[float, Field(ge=0.0)] | _KindsOrByGroup),
    AfterValidator(_not_below_zero),
]
"""The temperature of the bath [energy]: a number, a schedule, or one for each group."""
