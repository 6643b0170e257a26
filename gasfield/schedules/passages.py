"""Schedules from one number to another: ramp, exponential, cosine."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from gasfield.schedules.base import Schedule, Step, require_range
from gasfield.strict import LARGEST_STEP


class _Passage(Schedule):
    """From one number to another in a number of steps; constant before and after."""

    first: Annotated[FiniteFloat, Field(alias="from")]
    """The number at the beginning, in the unit of the key."""
    last: Annotated[FiniteFloat, Field(alias="to")]
    """The number at the end, in the unit of the key."""
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

    def later(self, steps: int) -> Self:
        return self.model_copy(update={"start": self.start + steps})

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
        return require_range(self, self.last - self.first)


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
        return require_range(self, self.last / self.first, self.first / self.last)


class Cosine(_Passage):
    """Half a period of a cosine: zero slope at both ends."""

    kind: Literal["cosine"] = "cosine"

    def _between(self, part: float) -> float:
        return self.last + 0.5 * (self.first - self.last) * (1.0 + math.cos(math.pi * part))
