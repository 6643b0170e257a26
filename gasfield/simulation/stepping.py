"""A simulation as it is stepped: the dynamics between two events, operations at them, and what waits or stops.

Between two events nothing but the dynamics is at work; at an event operations fire, each by its trigger.
"""

from __future__ import annotations

import time as clock
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import BlowUp, InputError, about
from gasfield.gas import Gas
from gasfield.kernels.threads import threads_worth
from gasfield.operations import Operation
from gasfield.simulation.at_work import AtWork

_TICK = 1.0
"""Seconds between looks of operations while steps are taken to the next event."""
FIRST = 3
"""Operations that fire before all others: monitor, planting, events."""
_CALL = 0.1
"""Seconds that one call of the dynamics may last, unless `least_steps` take longer: a simulation that is asked to stop
does so after it."""
_LIVE_CALL = 0.04
"""The same for one that is touched while it moves."""


class Stepping(AtWork):
    """The part of a simulation that advances it."""

    live: bool = False
    _begun = _restored = _stopping = _waiting = False
    _stride = 1
    _left = 0

    @abstractmethod
    def _get_ready(self) -> None:
        """Relaxes the gas where that is asked for, and checks that steps can be taken from its start.

        Raises:
            InputError: if they cannot.
        """

    def step(self, steps: int = 1) -> Self:
        """Advances by some steps. Operations fire at the start, before the first step, and at their steps.

        Returns:
            The simulation itself: `sim.step(100).gas.positions`.

        Raises:
            BlowUp: if the state becomes non-finite or the energy jumps; what operations wrote before is kept.
            InputError: if a force is not known at one of the steps, a tracer is to be planted outside the space, or an
                array of the gas was replaced by one of another shape.
        """
        if steps < 0:
            raise InputError("a simulation does not run backwards.", parameter="steps")
        with about("gas"):
            self.gas.require_shapes(self.space.dimensions)
        self.require_forces(steps)
        with threads_worth(self._work()):
            self._begin()
            self._left = self.gas.step
            end = self.gas.step + steps
            if steps and not self._stopping:
                self.settle()
                while self.gas.step < end and not self._is_stopping():
                    self._advance_to(self._next_event(end))
                    self._fire(last=self.gas.step >= end or self._is_stopping())
                    if self.live and not self._waiting:  # a stop since then acts after another step
                        self._left = self.gas.step
            self._stopping = False
        return self

    def stop(self) -> None:
        """Lets `step` return after the present step or, where many are taken in one call, within a tenth of a second
        (of a large gas 16 steps), as if fewer had been asked for; may be called by a signal handler or another thread.
        What waits (`live`) is written only if a step follows.
        """
        self._stopping = True

    def sample(self, count: int, every: int, what: Callable[[Gas], ArrayLike]) -> NDArray[Any]:
        """(count, ...) values of a function of the gas, one after every so many steps: `sim.sample(200, 5, lambda gas:
        gas.positions**2)`.

        Raises:
            BlowUp, InputError: as for `step`.
        """
        return np.array([np.array(what(self.step(every).gas)) for _ in range(count)])

    def _is_stopping(self) -> bool:
        """Whether to return now; not before a step was taken, since what had waited for it was written."""
        return self._stopping and self.gas.step > self._left

    def _begin(self) -> None:
        """What is done once, before the first step."""
        if self._begun:
            return
        self._begun = True
        if not self._restored:
            self._get_ready()
        for operation in self.operations:
            operation.begin(self._itself)
        if not self._restored:
            self._fire(last=True)

    def _next_event(self, end: int) -> int:
        """The next step at which something is to be done."""
        events = (operation.trigger.next(self.gas.step, self.start) for operation in self.operations)
        return min(end, *(event for event in events if event is not None))

    def _advance_to(self, step: int) -> None:
        for operation in self.operations:
            operation.prepare(self._itself)
        due = clock.monotonic() + _TICK
        while self.gas.step < step and not self._is_stopping():
            begin = clock.monotonic()
            stride = max(self._stride, self.dynamics.least_steps)
            self.dynamics.run(self.gas, min(stride, step - self.gas.step), self._is_stopping)
            now = clock.monotonic()
            self._stride = _next_stride(self._stride, now - begin, _LIVE_CALL if self.live else _CALL)
            if now > due and self.gas.step < step:  # what an event writes comes after its checkpoint
                for operation in self.operations:
                    operation.tick(self._itself)
                due = now + _TICK
        try:
            for operation in self.operations:
                operation.guard(self._itself)
        except BlowUp as fault:
            raise self._with_files(fault) from None

    def _with_files(self, fault: BlowUp) -> BlowUp:
        """The same error, with what is kept where, and what to try."""
        files = [path for operation in self.operations if (path := operation.flush()) is not None]
        kept = f" The good frames, up to step {fault.last_good_step} at the latest, are in {files[0]}." if files else ""
        return BlowUp(f"{fault}{kept} {self.law.remedy}", last_good_step=fault.last_good_step)

    def _fire(self, *, last: bool = False) -> None:
        """Lets operations fire; where the last step of a call shall show what is done after it, some of them wait."""
        self._let_fire(self.operations[:FIRST])
        self._waiting = self.live and last
        if not self._waiting:
            self._let_fire(self.operations[FIRST:])

    def settle(self) -> None:
        """Lets those operations fire that have waited (`live`)."""
        if self._waiting:
            self._waiting = False
            self._let_fire(self.operations[FIRST:])

    def _let_fire(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if operation.trigger.fires(self.gas.step, self.start):
                operation.fire(self._itself)

    def forces_known(self) -> bool:
        """Whether the forces are known at the present step; a recorded field ends with its recording."""
        if self.law.looks_ahead:  # or it could not have come here
            return True
        try:
            self.forces.check_steps(self.gas.step, self.gas.step + 1)
        except InputError:
            return False
        return True

    def require_forces(self, steps: int) -> None:
        """Checks that all forces are known for the next steps.

        Raises:
            InputError: if one is not, or the law of motion is not.
        """
        now = self.gas.step
        for number, _, force in self.numbered_forces:
            with about("forces", number):
                force.check_steps(now, now + steps + int(self.law.looks_ahead))
        with about("dynamics"):
            self.dynamics.check_steps(now, now + steps)

    def close(self) -> None:
        """Finishes what operations have begun, such as files. The simulation must not be stepped after that."""
        self.settle()
        for operation in self.operations:
            operation.close()


def _next_stride(stride: int, seconds: float, longest: float) -> int:
    """How many steps to take in the next call of the dynamics, after so many took so long."""
    if seconds < 0.5 * longest:
        return 2 * stride
    return max(stride // 2, 1) if seconds > longest else stride
