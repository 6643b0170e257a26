"""The interface of a schedule: a number for every step."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, FiniteFloat
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

    @abstractmethod
    def later(self, steps: int) -> Self:
        """The same schedule, so many steps later."""

    @property
    def highest(self) -> float:
        """The greatest number at any step."""
        return max(self.at(step) for step in self.corners)


S = TypeVar("S", bound=Schedule)


def require_range(schedule: S, *changes: float) -> S:
    """Refuses a schedule whose changes are out of the range of numbers, so that those between are not finite."""
    if not all(map(math.isfinite, changes)):
        raise PydanticCustomError("range", "its numbers differ by more than the range of numbers, 1.8e308")
    return schedule


class Constant(Schedule):
    """The same number at every step."""

    kind: Literal["constant"] = "constant"
    value: FiniteFloat
    """The number, in the unit of the key."""

    def at(self, step: int) -> float:
        return self.value

    def later(self, steps: int) -> Self:
        return self

    @property
    def settled(self) -> int:
        return 0

    @property
    def lowest(self) -> float:
        return self.value

    @property
    def corners(self) -> tuple[int, ...]:
        return (0,)
