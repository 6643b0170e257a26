"""Events: what is done to a gas at given steps, as in the list `events` of a scenario.

    events:
      - {at: 100, set: {temperature: 0.8}}
      - {at: 150, set: {forces.0.stiffness: {kind: ramp, from: 1.0, to: 2.0, steps: 50}}}
      - {at: 200, kick: {group: gas, velocity: [1.0, 0.0]}}
      - {at: 300, remove: probe}

An event takes effect after the step `at`, in the order of the list. `Acting` is what acts on a gas between two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from gasfield.forces.base import Finite
from gasfield.names import NAME
from gasfield.scenario.yaml_1_2 import kinds_first, write
from gasfield.schedules import AnySchedule
from gasfield.spec import Spec, fault_within
from gasfield.strict import LARGEST_STEP
from gasfield.tracers import Tracer

Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Ids = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Plant(Tracer):
    """A structure of test particles that is planted at the step of its event, as by `plant_at` of a tracer."""

    plant_at: SkipJsonSchema[Annotated[int, Field(exclude=True)]] = 0
    temperature: AnySchedule | None = None
    """Of its bath, where these go by group [energy]; a schedule starts at the event."""

    @model_validator(mode="after")
    def _planted_by_its_event(self) -> Self:
        if "plant_at" in self.model_fields_set:
            raise fault_within(
                ("plant_at",), "a structure is planted at the step of its event; remove it", self.plant_at
            )
        if self.temperature is not None and self.temperature.lowest < 0.0:
            raise fault_within(("temperature",), "a temperature is never below zero", self.temperature)
        return self

    def at(self, step: int) -> Tracer:
        """The same structure as a tracer that is planted at a step."""
        kept = {name: getattr(self, name) for name in Tracer.model_fields}
        return Tracer.model_construct(**{**kept, "plant_at": step})


class Chosen(Spec):
    """Particles: those of a group or of a tag, or those with given ids."""

    group: Name | None = None
    """Name of a group, a structure, or a tag."""
    ids: Ids | None = None
    """Ids of particles: their rows in the trajectory, from 0."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.group is None) == (self.ids is None):
            raise PydanticCustomError("chosen", "give either 'group' or 'ids'")
        return self


class Kick(Chosen):
    """A velocity that is added to that of each particle."""

    velocity: tuple[Finite, ...]
    """D numbers [length/time]."""


class Move(Chosen):
    """A displacement of each particle."""

    by: tuple[Finite, ...]
    """D numbers [length]."""


class Tag(Spec):
    """A label on some particles, which events may name like a group. Labels may overlap; groups stay what they are."""

    name: Name
    """The label."""
    ids: Ids
    """Ids of particles: their rows in the trajectory, from 0."""


VERBS = ("set", "plant", "remove", "kick", "move", "tag", "switch")
"""What an event can do."""


class Event(Spec):
    """What is done to a gas after a step: one of `set`, `plant`, `remove`, `kick`, `move`, `tag`, `switch`."""

    at: Annotated[int, Field(ge=0, le=LARGEST_STEP)]
    """The step after which it takes effect, counted like the step of frames; frame and observations of this step show
    its result."""
    numbers: Annotated[dict[str, AnySchedule] | None, Field(alias="set", min_length=1)] = None
    """Path -> number, or schedule that starts at the event: `temperature`, `temperature.groups.NAME`, or a strength of
    a force that takes a schedule, such as `forces.0.stiffness`."""
    plant: Plant | None = None
    """A structure that is planted."""
    remove: Name | None = None
    """The group, structure or tag whose particles are taken away; their ids stay theirs."""
    kick: Kick | None = None
    """A velocity that is added."""
    move: Move | None = None
    """A displacement."""
    tag: Tag | None = None
    """A label on particles."""
    switch: Annotated[dict[str, Literal["on", "off"]] | None, Field(min_length=1)] = None
    """`forces.N` -> on or off."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if len(given := self._given) != 1:
            text = f"does one of {', '.join(VERBS)}" + (f", not {' and '.join(given)} together" if given else "")
            raise PydanticCustomError("event", "{text}", {"text": text})
        return self

    @property
    def _given(self) -> list[str]:
        return [verb for verb in VERBS if getattr(self, "numbers" if verb == "set" else verb) is not None]

    @property
    def verb(self) -> str:
        """What it does: "set", "plant", ..."""
        return self._given[0]

    @property
    def steers(self) -> bool:
        """Whether the motion of a gas is another one after it: all but labels, and structures that exert no force."""
        return self.tag is None and (self.plant is None or self.plant.active)

    def data(self) -> dict[str, Any]:
        """It as in YAML."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @cached_property
    def item(self) -> str:
        """It as an item of a list in YAML; written once, since a session that is played has thousands."""
        return write([kinds_first(self.data())])

    def after(self, step: int) -> Self:
        """The same after another step."""
        moved = self.model_copy(update={"at": step})
        moved.__dict__.pop("item", None)
        return moved


def require_ascending(events: Sequence[Event]) -> None:
    """Refuses events that are not in the order of their steps.

    Raises:
        ValidationError: at the first that is earlier than the one before it.
    """
    for number in range(1, len(events)):
        if events[number].at < events[number - 1].at:
            text = f"is before the event before it, at {events[number - 1].at}; events are in the order of their steps"
            raise fault_within(("events", number, "at"), text, events[number].at)
