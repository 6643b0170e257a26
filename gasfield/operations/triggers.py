"""Triggers: when an operation of a simulation fires.

A trigger is asked for the next step at which it may fire, so that a simulation runs from event to event without looking
in between, and whether it fires at a step that was reached. Written in YAML or in Python as a number (every n steps), a
list of steps, or a mapping with `kind`.
"""

from __future__ import annotations

import time as clock
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, PrivateAttr, TypeAdapter
from pydantic_core import PydanticCustomError

from gasfield.spec import Spec

STRIDE = 100
"""Steps between looks at the clock, and at the gas, if nothing else happens before."""


class Trigger(Spec):
    """When an operation fires."""

    @abstractmethod
    def next(self, step: int, start: int) -> int | None:
        """The first step after `step` at which it may fire, in a simulation that began at `start`; None if never."""

    @abstractmethod
    def fires(self, step: int, start: int) -> bool:
        """Whether it fires at a step that was reached."""


class Every(Trigger):
    """Every n steps from the start on, the start included."""

    kind: Literal["every"] = "every"
    steps: PositiveInt
    """n, the steps between two times."""
    after: NonNegativeInt | None = None
    """Steps from the start to the first time; 0 if left out."""

    def next(self, step: int, start: int) -> int:
        """The next multiple of n steps after the first time, or that time itself."""
        first = start + (self.after or 0)
        return first if step < first else step + self.steps - (step - first) % self.steps

    def fires(self, step: int, start: int) -> bool:
        """Whether a multiple of n steps has passed since the first time."""
        since = step - start - (self.after or 0)
        return since >= 0 and since % self.steps == 0


class At(Trigger):
    """At given steps."""

    kind: Literal["at"] = "at"
    steps: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
    """Those at which it fires."""

    def next(self, step: int, start: int) -> int | None:
        """The next of the steps."""
        return min((given for given in self.steps if given > step), default=None)

    def fires(self, step: int, start: int) -> bool:
        """Whether it is one of the steps."""
        return step in self.steps


class Seconds(Trigger):
    """After so many seconds of wall time, at the next event."""

    kind: Literal["seconds"] = "seconds"
    seconds: PositiveFloat
    """Time between two firings [s]."""

    _since: float = PrivateAttr(default_factory=clock.monotonic)
    _fired_at: int | None = PrivateAttr(default=None)

    def next(self, step: int, start: int) -> int:
        """The clock is looked at every `STRIDE` steps."""
        return step + STRIDE - (step - start) % STRIDE

    def fires(self, step: int, start: int) -> bool:
        """Whether the time has passed; it then begins anew. At one step the answer stays the same."""
        now = clock.monotonic()
        if step != self._fired_at and now - self._since > self.seconds:
            self._since, self._fired_at = now, step
        return step == self._fired_at


class AnyOf(Trigger):
    """Whenever one of several triggers fires."""

    kind: Literal["any"] = "any"
    triggers: Annotated[tuple[AnyTrigger, ...], Field(min_length=1)]
    """The triggers."""

    def next(self, step: int, start: int) -> int | None:
        """The earliest of them."""
        return min((at for trigger in self.triggers if (at := trigger.next(step, start)) is not None), default=None)

    def fires(self, step: int, start: int) -> bool:
        """Whether one of them fires; all are asked, so that clocks begin anew together."""
        fired = [trigger.fires(step, start) for trigger in self.triggers]
        return any(fired)


def _shorthand(given: Any) -> Any:
    """A number stands for every n steps, a list of numbers for these steps."""
    if isinstance(given, int) and not isinstance(given, bool):
        return {"kind": "every", "steps": given}
    if isinstance(given, Sequence) and not isinstance(given, str):
        return {"kind": "at", "steps": given}
    if isinstance(given, dict | Spec):
        return given
    example = "{kind: seconds, seconds: 30}"
    raise PydanticCustomError(
        "trigger", "should be a number of steps, a list of steps, or a trigger such as {example}", {"example": example}
    )


AnyTrigger = Annotated[
    Annotated[Every | At | Seconds | AnyOf, Field(discriminator="kind")], BeforeValidator(_shorthand)
]
"""Any trigger, or its shorthand."""

AnyOf.model_rebuild()
_ADAPTER: TypeAdapter[Trigger] = TypeAdapter(AnyTrigger)


def trigger_of(given: Trigger | int | Sequence[int] | dict[str, Any]) -> Trigger:
    """The trigger that a shorthand stands for.

    Raises:
        ValidationError: if it stands for none.
    """
    return given if isinstance(given, Trigger) else _ADAPTER.validate_python(given)


def any_of(*triggers: Trigger) -> Trigger:
    """Fires whenever one of them does; a trigger alone stands for itself."""
    return triggers[0] if len(set(map(id, triggers))) == 1 else AnyOf.model_validate({"triggers": triggers})
