"""The touches of a session, each in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gasfield.scenario.events import Chosen, Event
from gasfield.schedules import Constant, Schedule

_SHOWN = 4
"""Numbers of a vector that are shown."""
_LONGEST = 120


@dataclass(frozen=True)
class Touch:
    """What was done.

    Attributes:
        event: it.
        work: the energy that it gave to the gas [energy]; NaN where that is not known.
    """

    event: Event
    work: float

    def described(self) -> dict[str, Any]:
        """For a page."""
        work = float(self.work) if np.isfinite(self.work) else None
        return {"step": self.event.at, "verb": self.event.verb, "text": in_words(self.event), "work": work}


def in_words(event: Event) -> str:
    """An event in one line."""
    return _in_words(event)[:_LONGEST]


def _in_words(event: Event) -> str:
    if event.numbers is not None:
        return ", ".join(f"{path} {_number(number)}" for path, number in event.numbers.items())
    if event.switch is not None:
        return ", ".join(f"{path} {state}" for path, state in event.switch.items())
    if event.plant is not None:
        return f"plant {event.plant.name} ({event.plant.shape.kind})"
    if event.kick is not None:
        return f"kick {_who(event.kick)} by {_vector(event.kick.velocity)}"
    if event.move is not None:
        return f"move {_who(event.move)} by {_vector(event.move.by)}"
    if event.tag is not None:
        return f"tag {len(event.tag.ids)} particles as {event.tag.name}"
    return f"remove {event.remove}"


def _number(number: Schedule) -> str:
    return (
        f"= {number.value:.4g}" if isinstance(number, Constant) else f"follows a {getattr(number, 'kind', 'schedule')}"
    )


def _who(chosen: Chosen) -> str:
    if chosen.group is not None:
        return chosen.group
    return f"{len(chosen.ids or ())} particles" if len(chosen.ids or ()) != 1 else f"particle {(chosen.ids or (0,))[0]}"


def _vector(numbers: tuple[float, ...]) -> str:
    shown = ", ".join(f"{number:.3g}" for number in numbers[:_SHOWN])
    return f"({shown}{', ...' if len(numbers) > _SHOWN else ''})"
