"""What a page may ask for: one message, one verb, read as strictly as a scenario.

    {"id": 7, "set": {"temperature": 0.8}}          a touch: an event without `at`
    {"id": 8, "pause": true}                        how the session goes on, or what is shown

A message is checked as a whole before anything is done: its size, its keys, every number, and how many particles it
would plant. A touch names no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from gasfield.errors import InputError, about
from gasfield.reading import parse_json
from gasfield.scenario.events import VERBS, Event
from gasfield.spec import Spec, parse
from gasfield.strict import LARGEST_STEP
from gasfield.tracers import Shape

LONGEST = 1 << 16
"""Bytes of a message."""
MOST_PLANTED = 20_000
"""Particles of a structure that a page plants."""
FASTEST = 100_000
"""Steps for each frame, at most."""


class Look(Spec):
    """What frames show."""

    axes: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2, max_length=3)] | None = None
    """Two or three coordinates; those of the space itself, or principal axes of the start, if left out."""
    colour: Annotated[str, Field(max_length=100)] = "group"
    """`group`, or the name of a number that each particle has."""
    underlay: Literal["none", "field", "energy"] = "none"
    """What lies under the particles."""


class Control(Spec):
    """How the session goes on, and what is shown of it: one of these."""

    pause: bool | None = None
    """Whether it waits."""
    step: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """So many steps, then it waits."""
    speed: Annotated[int, Field(ge=1, le=FASTEST)] | None = None
    """Steps for each frame."""
    undo: Literal[True] | None = None
    """Back to the state before the last touch."""
    restart: Literal[True] | None = None
    """Back to the start; all touches are undone."""
    look: Look | None = None
    """What frames show."""
    lattice: Annotated[str, Field(max_length=200)] | None = None
    """The structure whose stretches are among the numbers."""
    ready: Annotated[int, Field(ge=0, le=LARGEST_STEP)] | None = None
    """The frame of this number has been drawn."""


CONTROLS = tuple(Control.model_fields)


@dataclass(frozen=True)
class Message:
    """What is asked for.

    Attributes:
        number: the `id` that the answer repeats.
        verb: what is to be done.
        value: an `Event` for a touch, whose step is not known yet; else the value of the verb.
    """

    number: int
    verb: str
    value: Any

    @property
    def event(self) -> Event | None:
        """What is done to the gas; None for another message."""
        return self.value if isinstance(self.value, Event) else None


class Unreadable(InputError):  # noqa: N818 (a state, not a fault)
    """A message of which not even the number can be read."""


class _Numbered(Spec):
    id: Annotated[int, Field(ge=0, le=LARGEST_STEP)]


def number_of(text: str) -> int | None:
    """The `id` of a message that may be anything; None if it has none."""
    try:
        data = _mapping(text)
        return int(_Numbered(id=data["id"]).id)
    except (InputError, KeyError):
        return None


def read_message(text: str) -> Message:
    """The message that a text stands for.

    Raises:
        InputError: if it is too long, no JSON, or not exactly one verb with a value that fits it.
    """
    data = _mapping(text)
    number: _Numbered = parse(_Numbered, {"id": data.pop("id", None)})
    known = (*VERBS, *CONTROLS)
    if len(data) != 1:
        raise InputError(f"a message has an id and one verb: {', '.join(known)}.")
    verb, value = next(iter(data.items()))
    if verb in VERBS:
        event: Event = parse(Event, {"at": 0, verb: value})
        _require_plantable(event)
        return Message(number.id, verb, event)
    if value is None and verb != "lattice":
        raise InputError("needs a value.", parameter=verb if verb in CONTROLS else None)
    control: Control = parse(Control, data)
    return Message(number.id, verb, getattr(control, verb))


def _mapping(text: str) -> dict[str, Any]:
    if len(text.encode(errors="surrogatepass")) > LONGEST:
        raise InputError(f"a message has at most {LONGEST} bytes.")
    data = parse_json(text, "the message")
    if not isinstance(data, dict):
        raise InputError("a message is a mapping of an id and one verb.")
    return data


def _require_plantable(event: Event) -> None:
    """Refuses structures whose points are in a file, or are too many, before any is placed.

    Raises:
        InputError: if it is one.
    """
    if event.plant is None:
        return
    shape: Shape = event.plant.shape
    with about("plant", "shape"):
        if shape.from_file:
            raise InputError("a structure from a file is planted by a scenario, not by a touch.")
        if shape.size is None or shape.size > MOST_PLANTED:
            size = "an unknown number of" if shape.size is None else f"{shape.size:,}"
            raise InputError(f"has {size} points; a touch plants at most {MOST_PLANTED:,}.")
