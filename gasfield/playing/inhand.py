"""A session in the process of whoever holds its simulation, with one page: for notebooks.

It is stepped a little at a time, and in between the simulation is its owner's: to look at, to compute with, to go on.
"""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable
from typing import Any

from gasfield.errors import InputError
from gasfield.playing.messages import number_of, read_message
from gasfield.playing.pace import Pace
from gasfield.playing.session import Session
from gasfield.playing.shown import Shown

Send = Callable[[str | bytes], None]
_AHEAD = 2
"""Frames that a page may have unanswered."""


class InHand:
    """A session, and one page.

    Attributes:
        session: what is played.
    """

    def __init__(self, session: Session, send: Send) -> None:
        """Plays a session.

        Args:
            session: what is played.
            send: takes what the page is told: text in JSON, or a frame in bytes.
        """
        self.session, self._send = session, send
        self._pace = Pace()
        self._open = False
        self._begin()

    def _begin(self) -> None:
        self._drawing: list[int] = []
        self._generation = self._under = -1
        self._seen: Any = None
        self._told: dict[str, Any] = {}
        self._steps: int | None = None
        self._version = 0

    def open(self) -> None:
        """A page is there, or there anew: it is told everything."""
        self._begin()
        self._open = True
        self._tell()

    def take(self, text: str) -> None:
        """Does what a message of the page asks for, and answers."""
        try:
            message = read_message(text)
            if message.verb == "ready":
                self._drawing = [number for number in self._drawing if number > message.value]
                return
            answer = self.session.take(message)
        except InputError as fault:
            self._say({"refused": {"id": number_of(text), "message": str(fault)}})
            return
        self._version += 1
        self._answer_steps(superseded=message.verb in ("pause", "step", "undo", "restart"))
        if message.verb == "step":
            self._steps = message.number
        else:
            self._say({"done": answer})
        self._tell()

    def go_on(self) -> float:
        """Takes the steps that are due and shows where they lead; seconds until the next ones."""
        course, now = self.session.course, clock.monotonic()
        if not course.paused and self._pace.is_due(now):
            done = self.session.advance(self._pace.steps(course.speed, hurry=course.left is not None, watched=True))
            self._pace.note(done, now, clock.monotonic(), course.speed)
            self._answer_steps()
        if self._open:
            self._tell()
            self._show()
        now = clock.monotonic()
        return self._pace.until_frame(now) if course.paused else self._pace.wait(now)

    def _answer_steps(self, *, superseded: bool = False) -> None:
        if self._steps is not None and (superseded or self.session.course.left is None):
            self._say({"done": self.session.answer(self._steps)})
            self._steps = None

    def _say(self, data: dict[str, Any]) -> None:
        self._send(json.dumps(data, allow_nan=False))

    def _tell(self) -> None:
        """Says what is different now."""
        key = (self._version, self.session.view.generation, len(self.session.simulation.events))
        if key != self._told.get("key"):
            self._told["key"] = key
            if (hello := self.session.hello()) != self._told.get("hello"):
                self._told["hello"] = hello
                self._say({"hello": hello})
        state = self.session.state()
        if {**state, "step": 0} != self._told.get("state"):
            self._told["state"] = {**state, "step": 0}
            self._say({"state": state})

    def _show(self) -> None:
        """Sends a frame, if there is something new and the page has drawn those before."""
        now = clock.monotonic()
        simulation = self.session.simulation
        seen = (simulation.gas.step, self._version, len(simulation.events))
        if seen == self._seen or len(self._drawing) >= _AHEAD or self._pace.until_frame(now) > 0.0:
            return
        self._seen = seen
        self._pace.frame_at(now)
        shot = self.session.view.shot(self.session.touches)
        frame = Shown(shot.header, shot.blobs, shot.who, shot.under, shot.under_header, shot.under_number)
        content = frame.packed(who=frame.generation != self._generation, under=frame.under_number != self._under)
        self._generation, self._under = frame.generation, frame.under_number
        self._drawing.append(frame.number)
        self._send(content)
