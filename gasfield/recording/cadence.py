"""The steps at which each part of a recording is taken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from gasfield.errors import InputError

FieldForm = Literal["affine", "full", "none"]


def spread_steps(count: int, last: int) -> list[int]:
    """`count` distinct steps from 0 to `last` inclusive, spread logarithmically (all of them, if there are fewer)."""
    count = min(count, last + 1)
    spread: list[int] = []
    ratio = (last + 1) ** (1 / max(count - 1, 1))
    for i in range(count):
        latest = last - (count - 1 - i)
        spread.append(min(latest, max(round(ratio**i - 1), spread[-1] + 1 if spread else 0)))
    return spread


def endless_steps() -> frozenset[int]:
    """0, 1, 2, 3, 4, 6, 8, 11, 16, ...: rounded powers of sqrt(2), for a training of unknown length."""
    return frozenset({0, *(round(2 ** (power / 2)) for power in range(100))})


@dataclass(frozen=True)
class Cadence:
    """The steps at which each part of a recording is taken.

    Attributes:
        every: steps between two frames.
        field_every: steps between two fields, and between two observations of all dead rows.
        field: which form of the field.
        full_steps: steps that keep the exact field beside the affine one.
        survey_steps: steps that keep all dead rows.
    """

    every: int
    field_every: int
    field: FieldForm
    full_steps: Collection[int]
    survey_steps: Collection[int]

    def __post_init__(self) -> None:
        """Validates the values.

        Raises:
            InputError: for an unknown field, or intervals below 1.
        """
        if self.field not in get_args(FieldForm):
            message = f"the forms of the field are {', '.join(get_args(FieldForm))}."
            raise InputError(message, parameter="field", value=self.field)
        for name in ("every", "field_every"):
            if getattr(self, name) < 1:
                raise InputError("must be at least 1.", parameter=name, value=getattr(self, name))

    def is_frame(self, step: int) -> bool:
        """Whether the rows before update step + 1 are kept."""
        return step % self.every == 0

    def has_field(self, step: int) -> bool:
        """Whether the field of update step + 1 is kept."""
        return self.field != "none" and (step % self.field_every == 0 or step in self.full_steps)

    def is_full(self, step: int) -> bool:
        """Whether the exact field is kept."""
        return self.field != "none" and ((self.field == "full" and self.has_field(step)) or step in self.full_steps)

    def is_survey(self, step: int) -> bool:
        """Whether all dead rows are kept."""
        return step in self.survey_steps

    def looks_at_dead(self, step: int) -> bool:
        """Whether all dead rows are observed."""
        return step % self.field_every == 0 or self.is_survey(step)
