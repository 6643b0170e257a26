"""A number as a function of the step: constant, ramp, exponential, cosine, piecewise, table.

Schedules are evaluated at every step, so a run continues across their changes.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from gasfield.spec import Spec
from gasfield.strict import LARGEST_STEP

Step = Annotated[int, Field(ge=0, le=LARGEST_STEP)]


class Schedule(Spec):
    """A number for every step."""

    @abstractmethod
    def at(self, step: int) -> float:
        """The number at a step."""

    @property
    @abstractmethod
    def settled(self) -> int:
        """The first step from which the number is constant."""

    @property
    @abstractmethod
    def lowest(self) -> float:
        """The least number at any step."""

    @property
    @abstractmethod
    def corners(self) -> tuple[int, ...]:
        """Steps at which it changes its course, and one between each two of them."""


S = TypeVar("S", bound=Schedule)


def _require_range(schedule: S, *changes: float) -> S:
    """Refuses a schedule whose changes are out of the range of numbers, so that those between are not finite."""
    if not all(map(math.isfinite, changes)):
        raise PydanticCustomError("range", "its numbers differ by more than the range of numbers, 1.8e308")
    return schedule


class Constant(Schedule):
    """The same number at every step."""

    kind: Literal["constant"] = "constant"
    value: FiniteFloat

    def at(self, step: int) -> float:
        return self.value

    @property
    def settled(self) -> int:
        return 0

    @property
    def lowest(self) -> float:
        return self.value

    @property
    def corners(self) -> tuple[int, ...]:
        return (0,)


class _Passage(Schedule):
    """From one number to another in a number of steps; constant before and after."""

    first: Annotated[FiniteFloat, Field(alias="from")]
    last: Annotated[FiniteFloat, Field(alias="to")]
    steps: Annotated[int, Field(ge=1, le=LARGEST_STEP)]
    """Duration of the passage in steps."""
    start: Step = 0
    """The step at which it begins."""

    def at(self, step: int) -> float:
        if step >= self.settled:
            return self.last
        return self._between(max(step - self.start, 0) / self.steps)

    @abstractmethod
    def _between(self, part: float) -> float:
        """The number at a fraction of the passage, 0 to 1."""

    @property
    def settled(self) -> int:
        return self.start + self.steps

    @property
    def lowest(self) -> float:
        return min(self.first, self.last)

    @property
    def corners(self) -> tuple[int, ...]:
        return (self.start, self.start + self.steps // 2, self.settled)

    @model_validator(mode="after")
    def _within_range(self) -> Self:
        return _require_range(self, self.last - self.first)


class Ramp(_Passage):
    """Linear in the step."""

    kind: Literal["ramp"] = "ramp"

    def _between(self, part: float) -> float:
        return self.first + (self.last - self.first) * part


class Exponential(_Passage):
    """Exponential in the step; both ends are above zero."""

    kind: Literal["exponential"] = "exponential"

    def _between(self, part: float) -> float:
        return self.first * math.pow(self.last / self.first, part)

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.lowest <= 0.0:
            raise PydanticCustomError("not_positive", "an exponential goes between two numbers above zero")
        return _require_range(self, self.last / self.first, self.first / self.last)


class Cosine(_Passage):
    """Half a period of a cosine: zero slope at both ends."""

    kind: Literal["cosine"] = "cosine"

    def _between(self, part: float) -> float:
        return self.last + 0.5 * (self.first - self.last) * (1.0 + math.cos(math.pi * part))


class _Points(Schedule):
    """Numbers given at some steps."""

    points: Annotated[tuple[tuple[Step, FiniteFloat], ...], Field(min_length=1)]
    """[step, number] pairs, steps ascending; constant before the first and after the last."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(later[0] <= earlier[0] for earlier, later in pairwise(self.points)):
            raise PydanticCustomError("not_ascending", "the steps of the points must ascend")
        return _require_range(self, *(later[1] - earlier[1] for earlier, later in pairwise(self.points)))

    @property
    def settled(self) -> int:
        return self.points[-1][0]

    @property
    def lowest(self) -> float:
        return min(value for _, value in self.points)

    @property
    def corners(self) -> tuple[int, ...]:
        steps = [step for step, _ in self.points]
        return tuple(sorted({*steps, *((first + last) // 2 for first, last in pairwise(steps))}))


class Piecewise(_Points):
    """Constant from each given step to the next."""

    kind: Literal["piecewise"] = "piecewise"

    def at(self, step: int) -> float:
        passed = [value for start, value in self.points if start <= step]
        return passed[-1] if passed else self.points[0][1]


class Table(_Points):
    """Linear interpolation between the given steps."""

    kind: Literal["table"] = "table"

    def at(self, step: int) -> float:
        steps, values = zip(*self.points, strict=True)
        return float(np.interp(step, steps, values))


def _number_is_constant(given: Any) -> Any:
    """Converts a plain number to a constant schedule."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"kind": "constant", "value": given}
    if isinstance(given, dict | Spec):
        return given
    example = "{kind: ramp, from: 1, to: 0.1, steps: 1000}"
    raise PydanticCustomError("schedule", "should be a number, or a schedule such as {example}", {"example": example})


_Kinds = Annotated[Constant | Ramp | Exponential | Cosine | Piecewise | Table, Field(discriminator="kind")]
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


_KindsOrByGroup = Annotated[
    Constant | Ramp | Exponential | Cosine | Piecewise | Table | ByGroup, Field(discriminator="kind")
]
AnyTemperature = Annotated[
    _KindsOrByGroup,
    BeforeValidator(_number_is_constant, json_schema_input_type=Annotated[float, Field(ge=0.0)] | _KindsOrByGroup),
    AfterValidator(_not_below_zero),
]
"""The temperature of the bath [energy]: a number, a schedule, or one for each group."""
