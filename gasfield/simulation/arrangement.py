"""The arrangement of a simulation: its events, and what they leave of forces, bath and particles.

It is a value: an event makes another one of it, or is refused. A scenario is checked by making all of them in turn, and
a state says by its events which arrangement it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError, about
from gasfield.forces.base import of_dimension
from gasfield.scenario.acting import Acting
from gasfield.scenario.events import Chosen, Event
from gasfield.scenario.initial_state import InitialState, ScheduledTracer
from gasfield.spec import parse
from gasfield.tracers.places import PointPlace

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Arrangement:
    """Who is there, and what acts on them.

    Attributes:
        base: all particles but those that events plant.
        initial: all particles.
        start: what acts before the first event.
        acting: what acts now.
        events: all of them, in their order.
        done: how many of them have taken effect.
        removed: (N,) whose particles were taken away, by id.
        tags: label -> ids.
    """

    base: InitialState
    initial: InitialState
    start: Acting
    acting: Acting
    events: tuple[Event, ...] = ()
    done: int = 0
    removed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    tags: Mapping[str, Ids] = field(default_factory=dict)

    @classmethod
    def of(cls, base: InitialState, acting: Acting, events: Sequence[Event] = ()) -> Arrangement:
        """That of a start, at which no event has taken effect.

        Raises:
            InputError: if a structure can be planted nowhere; the parameter is "events.N.plant".
        """
        given, bare = tuple(events), acting
        planting = [number for number, event in enumerate(given) if event.plant is not None]
        try:
            initial = base.with_plants([e.plant.at(e.at) for e in given if e.plant is not None])
        except InputError as error:
            raise _as_events(error, planting) from None
        for number in planting:  # a bath has a temperature for each group, whenever it comes
            plant = given[number].plant
            assert plant is not None
            with about("events", number):
                acting = acting.with_bath_of(plant, given[number].at)
        return cls(base, initial, bare, acting, given, removed=np.zeros(initial.everyone.count, bool))

    # --- what comes next ---------------------------------------------------------------------------------------------

    @property
    def pending(self) -> tuple[Event, ...]:
        """The events that have not taken effect yet."""
        return self.events[self.done :]

    def with_next(self, event: Event) -> Arrangement:
        """The same with one more event, before all that have not taken effect yet.

        Raises:
            InputError: as `of`.
        """
        events = (*self.events[: self.done], event, *self.pending)
        if event.plant is None:
            return replace(self, events=events)
        found = Arrangement.of(self.base, self.start, events)
        removed = found.removed
        removed[: len(self.removed)] = self.removed
        acting = self.acting.with_bath_of(event.plant, event.at)
        return replace(found, acting=acting, done=self.done, removed=removed, tags=self.tags)

    def again(self, events: Sequence[Event], done: int) -> Arrangement:
        """The arrangement of the same start after some other events.

        Raises:
            InputError: if one of them does not fit.
        """
        return Arrangement.of(self.base, self.start, events).after_some(done)

    def after_some(self, count: int) -> Arrangement:
        """That after so many more events."""
        found = self
        for number in range(self.done, self.done + count):
            with about("events", number):
                found = found.after()
        return found

    def after(self) -> Arrangement:
        """That after the next event.

        Raises:
            InputError: if it cannot take effect; the parameter is the one within the event.
        """
        event = self.events[self.done]
        found = replace(self, acting=self.acting.after(event), done=self.done + 1)
        for chosen in (event.kick, event.move):
            if chosen is not None:
                with about(event.verb):
                    self.chosen(chosen, event.at)
        self._require_vectors(event)
        if event.plant is not None:
            self._require_place(event)
        if event.remove is not None:
            removed = self.removed.copy()
            removed[self.named(event.remove, event.at, "remove")] = True
            if not (self.there(event.at) & ~removed).any():
                raise InputError("nobody would be left.", parameter="remove")
            return replace(found, removed=removed)
        if event.tag is not None:
            with about("tag"):
                return replace(found, tags={**self.tags, event.tag.name: self._tagged(event)})
        return found

    def require_end(self, end: int) -> None:
        """Refuses an event, or a tracer, after a step, the last of a run.

        Raises:
            InputError: if there is one.
        """
        own = [planting for planting in self.initial.later if planting.number < self.base.structures]
        late = [(f"tracers.{planting.number}.plant_at", planting.tracer.plant_at) for planting in own]
        late += [(f"events.{number}.at", event.at) for number, event in enumerate(self.events)]
        for place, step in late:
            if step > end:
                raise InputError(f"{step} is after the last step of the run, {end}.", parameter=place)

    def planting(self, number: int) -> ScheduledTracer:
        """What an event plants."""
        place = sum(event.plant is not None for event in self.events[:number])
        index = self.base.structures + place
        return next(planting for planting in self.initial.later if planting.number == index)

    # --- who -----------------------------------------------------------------------------------------------------

    def chosen(self, chosen: Chosen, step: int) -> Ids:
        """The ids of the particles that a kick or a move names.

        Raises:
            InputError: if there is no such group, or a particle is not there at the step.
        """
        if chosen.group is not None:
            return self.named(chosen.group, step, "group")
        return self._present(chosen.ids or (), step)

    def named(self, name: str, step: int, key: str) -> Ids:
        """The ids of the particles of a group, a structure or a tag that are there.

        Raises:
            InputError: if there is none of that name, or nobody of it is there.
        """
        everyone = self.initial.everyone
        if name not in everyone.names and name not in self.tags:
            known = ", ".join([*everyone.names, *self.tags])
            raise InputError(f"there is no group or tag '{name}'; there are {known}.", parameter=key)
        ids = self.tags[name] if name in self.tags else everyone.members(name)
        here = ids[self.there(step)[ids]]
        if not len(here):
            raise InputError(f"nobody of '{name}' is there at step {step}.", parameter=key)
        return here

    def _tagged(self, event: Event) -> Ids:
        assert event.tag is not None
        name = event.tag.name
        if name in self.initial.everyone.names:
            raise InputError(f"'{name}' is the name of a group; a tag needs another one.", parameter="name")
        return self._present(event.tag.ids, event.at)

    def _present(self, given: Sequence[int], step: int) -> Ids:
        there, ids = self.there(step), sorted(set(given))
        for each in ids:
            if each >= len(there) or not there[each]:
                text = f"particle {each} is not there at step {step}; ids are 0 to {len(there) - 1}."
                raise InputError(text, parameter="ids")
        return np.array(ids, np.int64)

    def there(self, step: int) -> NDArray[np.bool_]:
        """(N,) who is there before the next event, by id."""
        everyone = self.initial.everyone
        there = everyone.present(step) & ~self.removed
        come = self.base.structures + sum(event.plant is not None for event in self.events[: self.done])
        for planting in self.initial.later:
            if planting.number >= come:
                there[planting.ids] = False
        return np.asarray(there)

    # --- what would be wrong -------------------------------------------------------------------------------------

    def _require_vectors(self, event: Event) -> None:
        dimensions = self.initial.space.dimensions
        if event.kick is not None:
            of_dimension(event.kick.velocity, dimensions, "kick.velocity")
        if event.move is not None:
            of_dimension(event.move.by, dimensions, "move.by")

    def _require_place(self, event: Event) -> None:
        """Refuses a structure at a place that is known already and outside the space, or among nobody."""
        assert event.plant is not None
        everyone, there = self.initial.everyone, self.there(event.at)
        present = {everyone.names[number] for number in np.unique(everyone.species[there])}
        for key, name in event.plant.named_groups:
            if name not in present:
                known = ", ".join(sorted(present))
                text = f"there is no group '{name}' at step {event.at}; there are {known}."
                raise InputError(text, parameter=".".join(("plant", *key)))
        if isinstance(event.plant.place, PointPlace) and not event.plant.named_groups:
            start = self.initial.gas()
            start.step = event.at
            with about("plant"):
                self.initial.place_of(self.planting(self.done), start)

    # --- in files ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        """The events and how many of them have taken effect; nothing where there are none."""
        if not self.events:
            return {}
        text = json.dumps([event.data() for event in self.events])
        return {"events/list": np.frombuffer(text.encode(), np.uint8).copy(), "events/done": np.array(self.done)}

    def of_state(self, state: Mapping[str, NDArray[Any]], *, further: bool = False) -> Arrangement:
        """The arrangement that a state belongs to.

        Args:
            state: what `state` gave.
            further: whether the events are those of this arrangement, of which the state lists the first.

        Raises:
            InputError: if it is that of another simulation.
            ValueError: if it is no list of events.
        """
        events, done = self._listed(state)
        if not further:
            return self.again(events, done)
        step = int(state["gas/step"])
        if events[:done] != self.events[:done] or any(event.at < step for event in self.events[done:]):
            raise InputError("other events had taken effect.")
        return self.again(self.events, done)

    def _listed(self, state: Mapping[str, NDArray[Any]]) -> tuple[tuple[Event, ...], int]:
        if "events/list" not in state:
            return (), 0
        data = json.loads(bytes(state["events/list"]).decode())
        return tuple(self._known(each) for each in data), int(state["events/done"])

    def _known(self, data: Any) -> Event:
        event: Event = parse(Event, data)
        return event


def _as_events(error: InputError, planting: Sequence[int]) -> InputError:
    """An error about the N-th structure as one about its event."""
    first, _, rest = (error.parameter or "").removeprefix("plants.").partition(".")
    if not first.isdigit():
        return error
    place = f"events.{planting[int(first)]}.plant"
    return InputError(error.message, parameter=f"{place}.{rest}" if rest else place, value=error.value)
