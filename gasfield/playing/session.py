"""A simulation that is played with: what messages do to it, and what a page is shown of it.

A session has no process, no socket and no clock of its own: the engine's process steps it, and so may a notebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gasfield.errors import BlowUp, InputError
from gasfield.playing.history import MOST_BYTES, History
from gasfield.playing.messages import Look, Message
from gasfield.playing.numbers import Numbers
from gasfield.playing.structures import Structures
from gasfield.playing.touches import Touch
from gasfield.playing.view import View
from gasfield.scenario.events import Event
from gasfield.simulation import Simulation
from gasfield.simulation.snapshot import Snapshot

_LISTED = 200
"""Touches that a page is told of when it connects."""
MOST_TOUCHES = 20_000
"""Touches of a session."""


class Keeper(Protocol):
    """What keeps a session in files."""

    def before(self, events: Sequence[Event], step: int) -> None:
        """Called before the events become these, at a step."""

    def back(self, events: Sequence[Event], step: int) -> None:
        """Called before the simulation is set back to a step, with the events that it has then."""


class _Nobody:
    def before(self, events: Sequence[Event], step: int) -> None:
        return None

    def back(self, events: Sequence[Event], step: int) -> None:
        return None


@dataclass
class Course:
    """How a session goes on.

    Attributes:
        paused: whether it waits.
        speed: steps for each frame.
        left: steps to be done before it waits; None where it goes on.
        reason: why it waits, where nobody has asked for it.
        failed: whether the state is bad, so that it can only be set back.
    """

    paused: bool = False
    speed: int = 1
    left: int | None = None
    reason: str | None = None
    failed: bool = False


class Session:
    """A simulation that is played with.

    Attributes:
        simulation: it; may be used between two calls.
        course: how it goes on.
        view: what is shown of it.
    """

    def __init__(
        self,
        simulation: Simulation,
        *,
        keeper: Keeper | None = None,
        speed: int | None = None,
        paused: bool = False,
        recording: bool = False,
        start: Snapshot | None = None,
        touches: Sequence[Event] = (),
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Begins a simulation, or goes on with one.

        Args:
            simulation: what is played with; its frames show what is done in between (`live`) from now on.
            keeper: keeps the session in files.
            speed: steps for each frame; those between frames of the scenario if left out.
            paused: whether it waits at first.
            recording: whether its frames are written to a file.
            start: the state of the start, where the simulation is at a later one.
            touches: those before, which cannot be undone one by one.
            most_bytes: of the states before touches.

        Raises:
            InputError, BlowUp: as the first step of a simulation.
        """
        self.simulation, self._keeper = simulation, keeper or _Nobody()
        simulation.live = True
        simulation.step(0)
        self._start = start or simulation.snapshot()
        self._touches = [Touch(event, float("nan")) for event in touches]
        self._history = History(most_bytes)
        self.course = Course(paused=paused, speed=speed or _speed_of(simulation))
        self._structures = Structures()
        self._structures.look(simulation)
        self.numbers = Numbers(simulation, self._structures)
        self.view = View(simulation, self._structures, self.numbers, recording=recording)

    # --- what is so --------------------------------------------------------------------------------------------------

    @property
    def touches(self) -> int:
        """Touches so far; those that were undone do not count."""
        return len(self._touches)

    @property
    def can_undo(self) -> int:
        """Touches that can be undone."""
        return len(self._history)

    def state(self) -> dict[str, Any]:
        """For `state`."""
        course = self.course
        return {
            "paused": course.paused,
            "speed": course.speed,
            "step": self.simulation.gas.step,
            "touches": self.touches,
            "undo": self.can_undo,
            "reason": course.reason,
        }

    def hello(self) -> dict[str, Any]:
        """For `hello`."""
        listed = [touch.described() for touch in self._touches[-_LISTED:]]
        return self.view.hello() | {"paused": self.course.paused, "speed": self.course.speed, "touchlist": listed}

    # --- what is asked for -------------------------------------------------------------------------------------------

    def take(self, message: Message) -> dict[str, Any]:
        """Does what a message asks for; the answer.

        Raises:
            InputError: if it cannot be done; nothing has changed then.
        """
        if (event := message.event) is None:
            getattr(self, f"_{message.verb}")(message.value)
            return self.answer(message.number)
        return self.answer(message.number, self.touch(event))

    def answer(self, number: int, touch: Touch | None = None) -> dict[str, Any]:
        """For `done`."""
        step, described = self.simulation.gas.step, touch and touch.described()
        work = described and described["work"]
        counts = {"touches": self.touches, "undo": self.can_undo}
        return {"id": number, "step": step, "work": work, "touch": described, **counts}

    def touch(self, event: Event) -> Touch:
        """Does something to the gas after the present step.

        Raises:
            InputError: if it cannot be done; nothing has changed then.
        """
        if self.course.failed:
            raise InputError(f"{self.course.reason}.")
        if self.touches >= MOST_TOUCHES:
            raise InputError(f"a session has at most {MOST_TOUCHES:,} touches.")
        simulation = self.simulation
        event = event.after(simulation.gas.step)
        before, work = simulation.snapshot(), simulation.work
        try:
            simulation.apply(event, keep=lambda events: self._keeper.before(events, event.at))
        except InputError:
            self._keeper.before(simulation.events, event.at)
            raise
        touch = Touch(event, simulation.work - work)
        self._history.add(before)
        self._touches.append(touch)
        self._changed()
        self.course.reason = None
        return touch

    def _pause(self, wanted: bool) -> None:
        if not wanted and self.course.failed:
            raise InputError(f"{self.course.reason}.")
        self.course.paused, self.course.left = wanted, None
        if not wanted:
            self.course.reason = None

    def _step(self, steps: int) -> None:
        self._pause(False)
        self.course.left = steps

    def _speed(self, steps: int) -> None:
        self.course.speed = steps

    def _undo(self, wanted: bool) -> None:
        if not self.can_undo:
            raise InputError("there is no touch that can be undone.")
        snapshot = self._history.last()
        self._set_back(snapshot)
        self._history.drop()
        self._touches.pop()

    def _restart(self, wanted: bool) -> None:
        self._set_back(self._start)
        self._history.clear()
        self._touches.clear()
        self._structures.restart()
        self._structures.look(self.simulation)

    def _set_back(self, snapshot: Snapshot) -> None:
        simulation = self.simulation
        self._keeper.back(snapshot.arrangement.events, int(snapshot.arrays["gas/step"]))
        simulation.restore(snapshot)
        failed, self.course.failed, self.course.reason = self.course.failed, False, None
        self.course.left = None
        self.course.paused = self.course.paused or failed
        self._changed()

    def _ready(self, number: int) -> None:
        """Whoever sends frames counts those that were drawn."""

    def _look(self, look: Look) -> None:
        self.view.look(look)

    def _lattice(self, name: str | None) -> None:
        if name is not None and name not in self._structures:
            known = ", ".join(self._structures.names) or "none"
            raise InputError(f"there is no structure '{name}' now; there are {known}.", parameter="lattice")
        self.numbers.choose(name)
        self.view.changed()

    def _changed(self) -> None:
        """After a touch, or its undoing."""
        self._structures.look(self.simulation)
        self.numbers.restart()
        self.numbers.look()
        self.view.changed()

    # --- stepping ----------------------------------------------------------------------------------------------------

    def advance(self, steps: int) -> int:
        """Takes some steps, or fewer if it is to wait then, or `Simulation.stop` was called; how many."""
        simulation, course = self.simulation, self.course
        if course.paused:
            return 0
        wanted = steps if course.left is None else min(steps, course.left)
        begun, pending = simulation.gas.step, len(simulation.pending)
        try:
            simulation.step(self._possible(wanted))
        except BlowUp as fault:
            self._fail(str(fault))
        except InputError as fault:
            self._wait(fault.message)
        done = simulation.gas.step - begun
        if course.left is not None and not course.failed:
            course.left -= done
            if course.left <= 0:
                course.paused, course.left = True, None
        if len(simulation.pending) != pending:  # events of the scenario
            self._changed()
        self._structures.look(simulation)
        return done

    def _possible(self, steps: int) -> int:
        """As many of some steps as the forces are known for.

        Raises:
            InputError: if there is none.
        """
        while steps > 1:
            try:
                self.simulation.require_forces(steps)
                return steps
            except InputError:
                steps //= 2
        return steps

    def _fail(self, text: str) -> None:
        offered = "one step back: undo" if self.can_undo else "go back to the start"
        self.course.failed = True
        self._wait(f"{text.removesuffix('.')}; {offered}")

    def _wait(self, reason: str) -> None:
        self.course.paused, self.course.left, self.course.reason = True, None, reason


def _speed_of(simulation: Simulation) -> int:
    """Steps for each frame: those between frames of its file."""
    every = simulation.scenario.run.record_every if simulation.scenario is not None else 1
    return max(1, min(every, 1000))
