"""A simulation: a gas, its forces and its dynamics, advanced step by step in memory.

    sim = Simulation(positions, forces=[{"kind": "harmonic", "stiffness": 1.0}],
                     dynamics={"kind": "langevin", "time_step": 0.01, "friction": 1.0}, temperature=0.4)
    sim.step(1_000)
    sim.gas.positions                      # look, and go on
    sim.step(1_000)

Between two events nothing but the dynamics is at work; at an event operations fire, each by its trigger. A scenario is
turned into a simulation by `from_scenario`.
"""

from __future__ import annotations

import time as clock
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.dynamics import AnyDynamics, DynamicsSpec
from gasfield.errors import BlowUp, InputError, Note, about
from gasfield.forces import AnyForce, Force, ForceSpec
from gasfield.gas import Gas
from gasfield.kernels.threads import threads_worth
from gasfield.operations import AnyOperation, ExtrapolationWatch, Operation, OperationSpec, StabilityMonitor, observe
from gasfield.plugins import plugins_in_use
from gasfield.resources import require_file
from gasfield.scenario import Scenario, load_scenario
from gasfield.scenario.acting import Acting
from gasfield.scenario.events import Event
from gasfield.scenario.minimize import Minimize
from gasfield.scenario.recordings import recordings_of
from gasfield.schedules import AnyTemperature, ByGroup, Schedule
from gasfield.simulation.arrangement import Arrangement
from gasfield.simulation.at_work import AtWork
from gasfield.simulation.events import Events
from gasfield.simulation.finite import require_finite_start
from gasfield.simulation.minimize import Minimum, minimize, require_energy
from gasfield.simulation.overlap import require_apart
from gasfield.simulation.parts import build_parts, parts_of
from gasfield.simulation.planting import PlantTracers
from gasfield.simulation.provenance import attributes, described
from gasfield.simulation.snapshot import Snapshot
from gasfield.simulation.start import Find, GasLike, initial_state, specification
from gasfield.simulation.state import restore_gas, state_of, under
from gasfield.spaces import Space
from gasfield.spec import parse
from gasfield.streams import require_seed
from gasfield.tracers import Tracer

_TICK = 1.0
"""Seconds between looks of operations while steps are taken to the next event."""
_FIRST = 3
"""Operations that fire before all others: monitor, planting, events."""
_CALL = 0.1
"""Seconds that one call of the dynamics may last, unless `least_steps` take longer: a simulation that is asked to stop
does so after it."""
_LIVE_CALL = 0.04
"""The same for one that is touched while it moves."""


class Simulation(AtWork):
    """A gas that moves.

    Attributes:
        gas: the state; moves on with every step.
        everyone: all particles in the order of a trajectory, as they were at the start; NaN where one is planted later.
        space: where the particles live.
        forces: the sum of all forces.
        law: the specification of the dynamics.
        dynamics: the dynamics at work.
        bath: the temperatures; None where there is no bath.
        seed: of all random numbers.
        start: the step at which it began.
        operations: what happens along the way, in the order in which they fire.
        directory: where operations write their files.
        minimum: where the last relaxation has ended; None without one.
        scenario: what it was made from; None if it was built in Python.
        live: whether what is written at the step at which `step` returns waits until the next step begins, or until
            `close`, so that frames show what `apply` has done to the gas in between.
    """

    def __init__(
        self,
        gas: GasLike,
        *,
        dynamics: DynamicsSpec | Mapping[str, Any],
        forces: Sequence[Force | ForceSpec | Mapping[str, Any]] = (),
        space: Space | Mapping[str, Any] | None = None,
        temperature: float | Schedule | ByGroup | Mapping[str, Any] | None = None,
        seed: int = 0,
        tracers: Sequence[Tracer | Mapping[str, Any]] = (),
        operations: Sequence[Operation | OperationSpec | Mapping[str, Any]] = (),
        events: Sequence[Event | Mapping[str, Any]] = (),
        minimize: Minimize | Mapping[str, Any] | None = None,
        find: Find = require_file,
        directory: Path | str = ".",
    ) -> None:
        """Builds everything and checks that the parts fit together. Specifications are objects, or the same mappings
        as in YAML.

        Args:
            gas: see `GasLike`. A gas or an array is copied. Velocities of a gas are kept where the dynamics have any;
                without them particles start with thermal velocities at the temperature of the bath, or at rest.
            dynamics: how the gas moves.
            forces: all of them, in the order in which they are added up.
            space: where the particles live; all of R^D if left out.
            temperature: of the bath [energy]: a number, a schedule, or one for each group.
            seed: of all random numbers.
            tracers: structures to plant, now or later.
            operations: what happens along the way, in order.
            events: what is done to the gas at given steps, in their order; see `apply`.
            minimize: a relaxation before the first step; see `Simulation.minimize`.
            find: resolves the names of data files.
            directory: where operations write their files.

        Raises:
            InputError: if something is not a specification, a file, a group or a field is missing, or the parts do not
                fit together. Its `parameter` says which ("forces.0", "dynamics", ...).
        """
        self.seed, self.directory = require_seed(seed), Path(directory)
        self.scenario: Scenario | None = None
        self.law: DynamicsSpec = specification(AnyDynamics, dynamics, "dynamics")
        self.live = False
        self._forces = [
            force if isinstance(force, Force) else specification(AnyForce, force, "forces", number)
            for number, force in enumerate(forces)
        ]
        with about("dynamics"):
            self.law = self.law.resolved(recordings_of(self._forces, gas), find)
        self._relaxation = None if minimize is None else specification(Minimize, minimize, "minimize")
        self.minimum: Minimum | None = None
        self._temperature = None if temperature is None else specification(AnyTemperature, temperature, "temperature")
        structures = [specification(Tracer, tracer, "tracers", number) for number, tracer in enumerate(tracers)]
        listed = [specification(Event, event, "events", number) for number, event in enumerate(events)]
        base = initial_state(gas, structures, space, self.seed, find, self._forces)
        self.space = base.space
        self._take(Arrangement.of(base, Acting(tuple(self._forces), self._temperature), listed))
        self._parts = build_parts(self._arrangement, self.law, self.seed)
        self.start = self.gas.step
        self._monitor = StabilityMonitor()
        self._planting = PlantTracers(self._tracers_to_come(self.gas.ids), self._plant)
        self._events = Events(lambda: self._arrangement, self._act)
        self.operations: list[Operation] = [self._monitor, self._planting, self._events, *self._watches()]
        self.steered = ""
        self._training: list[OperationSpec] = []
        self._begun = self._restored = self._stopping = self._start_is_good = self._waiting = False
        self._stride, self._left = 1, self.start
        for number, operation in enumerate(operations):
            self.add_operation(operation, number)
        self._require_events()

    @classmethod
    def from_scenario(
        cls,
        scenario: Scenario | str | Path,
        overrides: Sequence[str] = (),
        *,
        directory: Path | str = ".",
    ) -> Self:
        """The simulation that a scenario describes, checked from its first to its last step.

        Args:
            scenario: a scenario, or its name or path.
            overrides: `a.b=value`, where a name or a path was given.
            directory: where its operations write their files.

        Raises:
            InputError: as for `Simulation`; it points at the line of the scenario.
        """
        if not isinstance(scenario, Scenario):
            scenario = load_scenario(scenario, overrides)
        with scenario.faults_at():
            simulation = cls(
                scenario.gas,
                dynamics=scenario.dynamics,
                forces=scenario.forces,
                space=scenario.space,
                temperature=scenario.temperature,
                seed=scenario.seed,
                tracers=scenario.tracers,
                operations=scenario.operations,
                events=scenario.events,
                minimize=scenario.minimize,
                find=scenario.find,
                directory=directory,
            )
            simulation.scenario = scenario
            simulation.require_forces(scenario.run.steps)
            if not scenario.run.early:
                simulation._arrangement.require_end(simulation.start + scenario.run.steps)
        return simulation

    def _watches(self) -> list[Operation]:
        """What looks along the way whether the forces are known where the gas is."""
        return [] if self.forces.outside(self.gas) is None else [ExtrapolationWatch()]

    # --- stepping ----------------------------------------------------------------------------------------------------

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
            if self._relaxation is not None:
                with about("minimize"):
                    self.minimize(self._relaxation)
            self.require_start()
        for operation in self.operations:
            operation.begin(self)
        if not self._restored:
            self._fire(last=True)

    def _next_event(self, end: int) -> int:
        """The next step at which something is to be done."""
        events = (operation.trigger.next(self.gas.step, self.start) for operation in self.operations)
        return min(end, *(event for event in events if event is not None))

    def _advance_to(self, step: int) -> None:
        for operation in self.operations:
            operation.prepare(self)
        due = clock.monotonic() + _TICK
        while self.gas.step < step and not self._is_stopping():
            begin = clock.monotonic()
            stride = max(self._stride, self.dynamics.least_steps)
            self.dynamics.run(self.gas, min(stride, step - self.gas.step), self._is_stopping)
            now = clock.monotonic()
            self._stride = _next_stride(self._stride, now - begin, _LIVE_CALL if self.live else _CALL)
            if now > due and self.gas.step < step:  # what an event writes comes after its checkpoint
                for operation in self.operations:
                    operation.tick(self)
                due = now + _TICK
        try:
            for operation in self.operations:
                operation.guard(self)
        except BlowUp as fault:
            raise self._with_files(fault) from None

    def _with_files(self, fault: BlowUp) -> BlowUp:
        """The same error, with what is kept where, and what to try."""
        files = [path for operation in self.operations if (path := operation.flush()) is not None]
        kept = f" The good frames, up to step {fault.last_good_step} at the latest, are in {files[0]}." if files else ""
        return BlowUp(f"{fault}{kept} {self.law.remedy}", last_good_step=fault.last_good_step)

    def _fire(self, *, last: bool = False) -> None:
        """Lets operations fire; where the last step of a call shall show what is done after it, some of them wait."""
        self._let_fire(self.operations[:_FIRST])
        self._waiting = self.live and last
        if not self._waiting:
            self._let_fire(self.operations[_FIRST:])

    def settle(self) -> None:
        """Lets those operations fire that have waited (`live`)."""
        if self._waiting:
            self._waiting = False
            self._let_fire(self.operations[_FIRST:])

    def _let_fire(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if operation.trigger.fires(self.gas.step, self.start):
                operation.fire(self)

    def _work(self) -> int:
        """About how many numbers one loop over the gas touches."""
        count = self.everyone.count
        return count * self.space.dimensions * (count if self.forces.interacting else 1)

    # --- events ------------------------------------------------------------------------------------------------------

    def apply(
        self,
        event: Event | Mapping[str, Any],
        *,
        keep: Callable[[Sequence[Event]], None] = lambda events: None,
    ) -> Self:
        """Does something to the gas, or to what acts on it, now: what an event of a scenario does after its step.

            simulation.apply({"set": {"temperature": 0.8}})
            simulation.apply({"kick": {"group": "gas", "velocity": [1.0, 0.0]}})

        The result is as if the event had been listed from the start. What operations have written of this step stays;
        see `live`.

        Args:
            event: as in the list `events` of a scenario; `at` is the present step, and may be left out.
            keep: called with all events when this one is known to be possible, before it acts.

        Raises:
            InputError: if it cannot be done; nothing has changed then.
        """
        self._begin()
        if isinstance(event, Mapping):
            event = {"at": self.gas.step, **event}
        asked: Event = specification(Event, event)
        if asked.at != self.gas.step:
            raise InputError(f"is {asked.at}; the simulation is at step {self.gas.step}.", parameter="at")
        before = self.snapshot()
        try:
            self._require_possible(asked)
            self._take(self._arrangement.with_next(asked))
            self._arrangement.after()
            keep(self.events)
            self._events.work += self._act()
            self._events.look()
        except InputError:
            self.restore(before)
            raise
        return self

    def add_operation(
        self, operation: Operation | OperationSpec | Mapping[str, Any], number: int = 0, *, first: bool = False
    ) -> Operation:
        """Adds an operation; between two calls of `step`, too.

        Args:
            operation: an operation, its specification, or a mapping as in YAML.
            number: its place in the list that it comes from, for messages.
            first: whether it fires before the others, and not after them.

        Raises:
            InputError: if it is not an operation, or does not fit the simulation.
        """
        with about("operations", number):
            built = operation if isinstance(operation, Operation) else self._built_from(parse(AnyOperation, operation))
        self.operations.insert(_FIRST if first else len(self.operations), built)
        if self._begun:
            built.begin(self)
        return built

    def _built_from(self, spec: OperationSpec) -> Operation:
        """The operation of a specification; one that trains a field is remembered for the provenance."""
        built = spec.build(self)
        if spec.replicas(self.gas.names):
            self.steered = str(spec.kind)
        if spec.trains is not None:
            self._training.append(spec)
        return built

    def __repr__(self) -> str:
        law = getattr(self.law, "kind", type(self.law).__name__)
        return (
            f"Simulation: {self.gas.count} particles in {self.space.dimensions} dimensions, {law}, step {self.gas.step}"
        )

    # --- what it is like now -----------------------------------------------------------------------------------------

    @property
    def work(self) -> float:
        """The energy that all events so far have given to the gas [energy]; NaN where it is not known."""
        return self._events.work

    @property
    def steps_done(self) -> int:
        """Steps since the start."""
        return self.gas.step - self.start

    def observe(self) -> dict[str, float]:
        """All observables that are defined for this simulation now: see `gasfield.operations.observe`, and `measures`
        of its operations."""
        with threads_worth(self._work()):
            numbers = observe(self.gas, self.space, self.forces, self.dynamics, self.bath)
        for operation in self.operations:
            numbers |= operation.measures(self)
        return numbers

    def energy(self) -> float:
        """Kinetic and potential energy of the gas [energy].

        Raises:
            ValueError: if a force has no potential energy.
        """
        kinetic = 0.0 if self.gas.velocities is None else float(self.gas.kinetic_energies().sum())
        with threads_worth(self._work()):
            return kinetic + float(self.forces.energy(self.gas).sum())

    @property
    def present(self) -> NDArray[np.bool_]:
        """(N,) who is there now, in the rows of `everyone`; the others are planted later."""
        there = np.zeros(self.everyone.count, bool)
        there[self.gas.ids] = True
        return there

    def in_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values (n, ...) of the particles of the gas, each in its row of `everyone`; NaN in rows of absent ones
        (`present`)."""
        return self._arrangement.initial.in_rows(self.gas, values)

    def forces_known(self) -> bool:
        """Whether the forces are known at the present step; a recorded field ends with its recording."""
        if self.law.looks_ahead:  # or it could not have come here
            return True
        try:
            self.forces.check_steps(self.gas.step, self.gas.step + 1)
        except InputError:
            return False
        return True

    def require_start(self) -> None:
        """Checks that steps can be taken from the start: forces are finite, and no particles are so close that the
        dynamics cannot follow the force between them. A start that is to be relaxed may be anything that has an
        energy.

        Raises:
            InputError: if they cannot; see `gasfield.simulation.finite`, `.overlap` and `.minimize`.
        """
        if self._start_is_good:
            return
        placed = nullcontext() if self.scenario is None else self.scenario.faults_at()
        if self._relaxation is not None and self.minimum is None:
            with placed, about("minimize"):
                require_energy(self.gas, self.forces)
            return
        with placed, threads_worth(self._work()):
            require_finite_start(self)
            with about("gas"):
                require_apart(self)
        self._start_is_good = True

    def minimize(self, given: Minimize | Mapping[str, Any] | None = None) -> Minimum:
        """Moves the particles that exert forces to a minimum of the potential energy, at the present step; velocities
        stay what they are, in a curved space along the surface.

        Args:
            given: tolerance and limits, or their mapping as in YAML; the defaults if left out.

        Raises:
            InputError: if a force has no energy, or the descent leaves the finite numbers.
        """
        with threads_worth(self._work()):
            self.minimum = minimize(self.gas, self.forces, self.space, specification(Minimize, given or {}))
        self.dynamics.project(self.gas)
        self.dynamics.restore(self.dynamics.state())  # which forgets the force at the former positions
        if self.gas.velocities is not None:
            self.space.tangent(self.gas.positions, self.gas.velocities)
        if not self.minimum.converged:
            note = (
                f"minimize: after {self.minimum.steps} steps the largest force is {self.minimum.force:.4g}; the "
                "tolerance was not reached"
            )
            warnings.warn(Note(note), stacklevel=2)
        return self.minimum

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

    # --- going on later ----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that is needed to go on, bit for bit: arrays by name, as copies."""
        return self._arrangement.state() | self._moving_state(self._own_operations())

    def _moving_state(self, operations: Sequence[Operation]) -> dict[str, NDArray[Any]]:
        """The same without the list of events, and with the state of some operations only."""
        arrays = state_of(self.gas)
        arrays |= {f"law/{name}": array for name, array in self.dynamics.state().items()}
        arrays |= self._monitor.state()
        if self.events:
            arrays["events/work"] = np.array(self._events.work)
        for number, operation in enumerate(self._own_operations()):
            if operation in operations:
                arrays |= {f"operation/{number}/{name}": array for name, array in operation.state().items()}
        return arrays

    def snapshot(self) -> Snapshot:
        """The present state in memory, for `restore`: afterwards everything is as if what has been done since had not
        been, ids and random numbers of planted particles included. A trajectory that is being written is cut back;
        other files stay."""
        rewinding = [operation for operation in self._own_operations() if operation.rewinds]
        return Snapshot(self._moving_state(rewinding), self._arrangement, self._restored, self._waiting)

    def restore(self, state: Mapping[str, NDArray[Any]] | Snapshot, *, further: bool = False) -> None:
        """Goes back, or on, to what `state` or `snapshot` gave: of this simulation, or of one built in the same way.

        Args:
            state: what it gave.
            further: whether the events are those of this simulation, also such as the state does not list, and not
                those that the state lists.

        Raises:
            InputError: if it is the state of another one.
        """
        arrays = state.arrays if isinstance(state, Snapshot) else state
        try:
            known = self._arrangement
            found = state.arrangement if isinstance(state, Snapshot) else known.of_state(arrays, further=further)
            ids = np.asarray(arrays["gas/ids"], np.int64)
            self._take(found, parts_of(ids, found, self.law, self.seed, self._parts.built))
            self._planting.wait_for(self._tracers_to_come(ids))
            self._events.work = float(arrays.get("events/work", 0.0))
            self._events.look()
            restore_gas(self.gas, self.space, arrays)
            self.dynamics.restore(under("law/", arrays))
            if "watch/scale" in arrays:
                self._monitor.restore(arrays)
            for number, operation in enumerate(self._own_operations()):
                own = under(f"operation/{number}/", arrays)
                if own and (operation.rewinds or not self._begun):
                    operation.restore(own)
        except (KeyError, ValueError, IndexError, RecursionError) as fault:
            raise InputError(f"the state is that of another simulation ({fault}).") from None
        self._restored = True
        self._waiting = False
        if isinstance(state, Snapshot):
            self._restored, self._waiting = state.restored or self._begun, state.waiting
        if self._begun:
            for operation in self.operations:
                operation.set_back(self, waiting=self._waiting)

    def leads_on(self, state: Mapping[str, NDArray[Any]]) -> bool:
        """Whether the events of this simulation are those that have led to a state, and others after it."""
        try:
            self._arrangement.of_state(state, further=True)
        except (InputError, KeyError, ValueError):
            return False
        return True

    def _own_operations(self) -> list[Operation]:
        return [operation for operation in self.operations if operation not in self.operations[:_FIRST]]

    # --- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Finishes what operations have begun, such as files. The simulation must not be stepped after that."""
        self.settle()
        for operation in self.operations:
            operation.close()

    def provenance(self) -> dict[str, Any]:
        """What a trajectory of this simulation says of its origin: attributes of the file."""
        specifications = [force for force in self._forces if isinstance(force, ForceSpec)]
        known = len(specifications) == len(self._forces)  # other forces cannot be written down
        scenario = self.scenario or (
            described(self, specifications, self._temperature, self._training, self.events) if known else None
        )
        if scenario is not None and scenario.events != self.events:
            scenario = scenario.model_copy(update={"events": self.events})
        plugins = plugins_in_use(scenario, self.law, tuple(self._forces))
        return attributes(self, scenario, plugins, self.events) | (
            {} if self.minimum is None else self.minimum.as_attributes()
        )


def _next_stride(stride: int, seconds: float, longest: float) -> int:
    """How many steps to take in the next call of the dynamics, after so many took so long."""
    if seconds < 0.5 * longest:
        return 2 * stride
    return max(stride // 2, 1) if seconds > longest else stride
