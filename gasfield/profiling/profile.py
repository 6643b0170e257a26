"""Where the time of a run went: by force, dynamics, lists, output, diagnostics, pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gasfield.operations import (
    Checkpointer,
    Every,
    Operation,
    ProgressReporter,
    SimulationLike,
    StabilityMonitor,
    TrajectoryRecorder,
)
from gasfield.profiling.sections import Clock, Section, Sections
from gasfield.quantity import Quantity
from gasfield.simulation import Simulation

_OF_FORCES = {
    "add": "force", "energy": "energy", "laplacian": "laplacian", "virial": "virial", "rotate_velocities": "rotation"
}  # fmt: skip
_OF_OPERATIONS = ("begin", "prepare", "guard", "fire", "tick", "complete", "flush", "close")
_SAVES = ("begin", "save")
"""Methods of a checkpointer that take time: it looks at the clock much more often than it saves."""
_NAMES: dict[type[Operation], tuple[str, str]] = {
    TrajectoryRecorder: ("output", "trajectory"), Checkpointer: ("output", "checkpoints"),
    StabilityMonitor: ("dynamics", "stability monitor"), ProgressReporter: ("output", "progress"),
}  # fmt: skip
REST = "the rest"
PICTURE = "picture"
"""Begins the name of a stage in which a picture is drawn."""


@dataclass(frozen=True)
class Line:
    """One line of a profile.

    Attributes:
        part: "start-up", "forces", "dynamics", "lists", "output", "operations", "diagnostics", "pictures", "the rest".
        name: of what has taken the time, such as "forces.0 lennard_jones: force".
        seconds: that it took, without what it called that has a line of its own.
        calls: how often it was called.
    """

    part: str
    name: str
    seconds: float
    calls: int


class _Follower(Operation):
    """Times what an event has put in the place of what was timed."""

    trigger = Every(steps=2**62)

    def __init__(self, profile: Profile, simulation: Simulation) -> None:
        self._profile, self._simulation = profile, simulation

    def fire(self, simulation: SimulationLike) -> None:
        """Nothing."""

    def touched(self, simulation: SimulationLike) -> None:
        """Looks for parts that are new."""
        self._profile.follow(self._simulation)


class Profile:
    """The stopwatch of one run. It replaces methods of the objects of the run by timed ones, so that a run without it
    has no cost; its own cost are two readings of the clock a call.

    What is done in one compiled call is one line: where the dynamics take many steps at once, the forces inside have
    no lines of their own and are named in that of the dynamics.

    Attributes:
        sections: the stopwatch.
        parts: name of a section -> part of the run.
    """

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        """Starts the stopwatch; the first section is the start-up."""
        self.sections = Sections(clock)
        self.parts: dict[str, str] = {REST: REST}
        self._kinds: list[str] = []
        self._law = ""
        self._timed: list[object] = []
        self._stage: str | None = None
        self._begin("start-up", "building")

    def attach(self, simulation: Simulation) -> None:
        """Times the parts of a simulation that is about to start, and ends the start-up."""
        self.end_stage()
        self.follow(simulation)
        self._time(simulation, "observe", "output", "observables")
        for operation in simulation.operations:
            part, name = _NAMES.get(type(operation), ("operations", type(operation).__name__))
            for method in _SAVES if isinstance(operation, Checkpointer) else _OF_OPERATIONS:
                self._time(operation, method, part, name)
        simulation.add_operation(_Follower(self, simulation))

    def follow(self, simulation: Simulation) -> None:
        """Times forces and dynamics, those that an event has put in the place of others too."""
        for number, law, force in simulation.numbered_forces:
            if not any(force is known for known in self._timed):
                self._timed.append(force)
                kind = getattr(law, "kind", type(force).__name__)
                self._kinds.append(kind)
                for method, what in _OF_FORCES.items():
                    self._time(force, method, "forces", f"forces.{number} {kind}: {what}")
                for owner, method in force.list_builders():
                    self._time(owner, method, "lists", f"forces.{number} {kind}: lists")
        if not any(simulation.dynamics is known for known in self._timed):
            self._timed.append(simulation.dynamics)
            self._law = getattr(simulation.law, "kind", type(simulation.law).__name__)
            many = "run" if hasattr(simulation.dynamics, "run") else "advance"
            self._time(simulation.dynamics, many, "dynamics", self._law)

    def stage(self, listener: Callable[[str], None] | None = None) -> Callable[[str], None]:
        """A listener for the stages after the simulation (a group and a diagnostic, or pictures), which are timed."""

        def begin(name: str) -> None:
            self.end_stage()
            drawing = name.startswith(f"{PICTURE} ")
            self._begin("pictures" if drawing else "diagnostics", "pictures" if drawing else name)
            if listener is not None:
                listener(name)

        return begin

    def end_stage(self) -> None:
        """Ends the start-up, or the present diagnostic."""
        if self._stage is not None:
            self.sections.leave()
            self._stage = None

    def _begin(self, part: str, name: str) -> None:
        self.parts[name] = part
        self.sections.enter(name)
        self._stage = name

    def _time(self, owner: object, method: str, part: str, name: str) -> None:
        self.parts[name] = part
        self.sections.time(owner, method, name)

    def lines(self) -> list[Line]:
        """All lines, the longest first, and what is in none of them."""
        sums: dict[str, Section] = {}
        for path, section in self.sections.found.items():
            own = sums.setdefault(path[-1] if path else REST, Section())
            own.seconds += section.seconds
            own.calls += section.calls
        lines = [Line(self.parts[name], self._shown(name), own.seconds, own.calls) for name, own in sums.items()]
        return sorted(lines, key=lambda line: (line.name == REST, -line.seconds))

    def _shown(self, name: str) -> str:
        """The name of a line; that of compiled steps names the forces inside."""
        apart = any(len(path) > 1 and path[0] == self._law for path in self.sections.found)
        if name != self._law or apart or not self._kinds:
            return name
        return f"{name}: compiled steps with {', '.join(dict.fromkeys(self._kinds))}"

    def by_part(self) -> dict[str, float]:
        """Part -> seconds, the longest first."""
        sums: dict[str, float] = {}
        for line in self.lines():
            sums[line.part] = sums.get(line.part, 0.0) + line.seconds
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    def as_json(self) -> dict[str, Any]:
        """Total, seconds by part, and all lines."""
        lines = self.lines()
        return {
            "total": Quantity(sum(line.seconds for line in lines), "s").leaf(),
            "parts": {part: Quantity(seconds, "s").leaf() for part, seconds in self.by_part().items()},
            "lines": [
                {"part": line.part, "name": line.name, "calls": line.calls, "time": Quantity(line.seconds, "s").leaf()}
                for line in lines
            ],
        }
