"""Strengths of forces: a number, or a schedule of numbers over the steps.

A force is built from numbers. Where a strength is a schedule, `build_force` builds the force anew at each step at which
the number has changed (`scheduled.py`), so that every force that has a strength has one that can change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from gasfield.schedules import Schedule, ScheduleKind
from gasfield.strict import InWords

if TYPE_CHECKING:  # built forces see numbers
    Strength = float
    NotNegative = float
    PositiveStrength = float
else:
    _SCHEDULE = Annotated[
        ScheduleKind,
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
