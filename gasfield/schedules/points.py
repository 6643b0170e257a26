"""Schedules through numbers given at some steps: piecewise, table."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from gasfield.schedules.base import Schedule, Step, require_range


class _Points(Schedule):
    """Numbers given at some steps."""

    points: Annotated[tuple[tuple[Step, FiniteFloat], ...], Field(min_length=1)]
    """[step, number] pairs, steps ascending; constant before the first and after the last."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(later[0] <= earlier[0] for earlier, later in pairwise(self.points)):
            raise PydanticCustomError("not_ascending", "the steps of the points must ascend")
        return require_range(self, *(later[1] - earlier[1] for earlier, later in pairwise(self.points)))

    def later(self, steps: int) -> Self:
        return self.model_copy(update={"points": tuple((step + steps, value) for step, value in self.points)})

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
