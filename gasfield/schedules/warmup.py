"""The learning-rate schedules of most trainings: a linear warm-up, then a decay."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from gasfield.schedules.base import Schedule, Step, require_range
from gasfield.strict import LARGEST_STEP


class Warmup(Schedule):
    """`first` to `peak` in `warmup` steps, then down to `floor` at step `start + steps`; constant afterwards."""

    kind: str
    peak: FiniteFloat
    """The number at the end of the warm-up."""
    warmup: Step
    """Duration of the warm-up in steps."""
    steps: Annotated[int, Field(ge=1, le=LARGEST_STEP)]
    """Duration of warm-up and decay together."""
    first: FiniteFloat = 0.0
    """The number at the first step of the warm-up."""
    floor: FiniteFloat = 0.0
    """The number at the end."""
    start: Step = 0
    """The step at which the warm-up begins."""

    def at(self, step: int) -> float:
        done = max(step - self.start, 0)
        if done < self.warmup:
            return self.first + (self.peak - self.first) * (done / self.warmup)
        if done >= self.steps:
            return self.floor
        return self.floor + (self.peak - self.floor) * self._left(done - self.warmup, self.steps - self.warmup)

    @abstractmethod
    def _left(self, done: int, steps: int) -> float:
        """What is left of the height after some steps of the decay: from 1 to 0."""

    def later(self, steps: int) -> Self:
        return self.model_copy(update={"start": self.start + steps})

    @property
    def settled(self) -> int:
        return self.start + self.steps

    @property
    def lowest(self) -> float:
        return min(self.first, self.peak, self.floor)

    @property
    def corners(self) -> tuple[int, ...]:
        top = self.start + self.warmup
        return (self.start, self.start + self.warmup // 2, top, (top + self.settled) // 2, self.settled)

    @model_validator(mode="after")
    def _decays_after_the_warmup(self) -> Self:
        if self.warmup >= self.steps:
            text = "steps counts warm-up and decay together, so that it is more than warmup"
            raise PydanticCustomError("warmup", "{text}", {"text": text})
        return require_range(self, self.peak - self.first, self.floor - self.peak)


class WarmupCosine(Warmup):
    """Linear warm-up, then half a period of a cosine."""

    kind: Literal["warmup_cosine"] = "warmup_cosine"

    def _left(self, done: int, steps: int) -> float:
        return 0.5 * (1.0 + math.cos(math.pi * (done / steps)))


class WarmupLinear(Warmup):
    """Linear warm-up, then a linear decay."""

    kind: Literal["warmup_linear"] = "warmup_linear"

    def _left(self, done: int, steps: int) -> float:
        return (steps - done) / steps
