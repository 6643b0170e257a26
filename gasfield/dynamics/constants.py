"""The types of an optimiser's constants: a number, a schedule over the steps, or `recorded`.

Built laws see plain numbers: `Optimiser.at(step)` puts in those of a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from gasfield.schedules import Schedule, ScheduleKind
from gasfield.strict import InWords

RECORDED: Any = "recorded"
"""Stands for the number, precision or option of the recorded training."""

if TYPE_CHECKING:
    Positive = float
    NotNegative = float
    Share = float
    Fractions = tuple[float, float]
    Flag = bool
else:
    _SCHEDULE = Annotated[
        ScheduleKind,
        Field(discriminator="kind"),
        InWords("a schedule such as {kind: warmup_cosine, peak: 1.0e-3, warmup: 100, steps: 1000}"),
    ]
    _RECORDED = Literal["recorded"]

    def _over_steps(fits: Callable[[Schedule], bool], should: str) -> Any:
        def check(given: Schedule) -> Schedule:
            if not fits(given):
                raise PydanticCustomError("constant", "should {should} at every step", {"should": should})
            return given

        return Annotated[_SCHEDULE, AfterValidator(check)]

    _AT_LEAST_0 = _over_steps(lambda schedule: schedule.lowest >= 0.0, "be greater than or equal to 0")
    _UP_TO_1 = _over_steps(lambda schedule: schedule.lowest >= 0.0 and schedule.highest <= 1.0, "be in 0 <= ... <= 1")
    _BELOW_1 = _over_steps(lambda schedule: schedule.lowest >= 0.0 and schedule.highest < 1.0, "be in 0 <= ... < 1")

    Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | _AT_LEAST_0 | _RECORDED
    """Above 0; a schedule may pass through 0, as the first step of a warm-up does."""
    NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | _AT_LEAST_0 | _RECORDED
    """0 or more."""
    Share = Annotated[float, Field(ge=0.0, le=1.0)] | _UP_TO_1 | _RECORDED
    """From 0 to 1."""
    _BETA = Annotated[float, Field(ge=0.0, lt=1.0)] | _BELOW_1
    Fractions = tuple[_BETA, _BETA] | _RECORDED
    """Two numbers, each 0 or more and below 1."""
    Flag = bool | _RECORDED
    """An option that is on or off."""
