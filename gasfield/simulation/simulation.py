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

from gasfield.closing import Closing
from gasfield.dynamics import AnyDynamics, DynamicsSpec
from gasfield.errors import BlowUp, InputError, Note, about
from gasfield.forces import AnyForce, Force, ForceSpec
from gasfield.gas import Gas
from gasfield.kernels.threads import threads_worth
from gasfield.operations import AnyOperation, ExtrapolationWatch, Operation, OperationSpec, StabilityMonitor, observe
from gasfield.plugins import plugins_in_use
from gasfield.resources import require_file
from gasfield.scenario import Scenario, load_scenario
from gasfield.scenario.initial_state import ScheduledTracer
from gasfield.scenario.minimize import Minimize
from gasfield.scenario.recordings import recordings_of
from gasfield.schedules import AnyTemperature, ByGroup, Schedule
from gasfield.simulation.finite import require_finite_start
from gasfield.simulation.minimize import Minimum, minimize
from gasfield.simulation.overlap import require_apart
from gasfield.simulation.parts import build_parts
from gasfield.simulation.planting import PlantTracers
from gasfield.simulation.provenance import attributes, described
from gasfield.simulation.start import Find, GasLike, initial_state, specification
from gasfield.simulation.state import restore_gas, state_of, under
from gasfield.spaces import Space
from gasfield.spec import parse
from gasfield.streams import require_seed
from gasfield.tracers import Tracer

_TICK = 1.0
"""Seconds between looks of operations while steps are taken to the next event."""
_CALL = 0.1
"""Seconds that one call of the dynamics may last: a simulation that is asked to stop does so after it."""


class Simulation(Closing):
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
        self._initial = initial_state(gas, structures, space, self.seed, find, self._forces)
        self.everyone, self.space = self._initial.everyone, self._initial.space
        self._monitor = StabilityMonitor()
        self._build()
        self.operations: list[Operation] = [self._monitor, self._planting, *self._watches()]
        self._training: list[OperationSpec] = []
        self._begun = self._restored = self._stopping = self._start_is_good = False
        self._stride = 1
        for number, operation in enumerate(operations):
            self.add_operation(operation, number)

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
                minimize=scenario.minimize,
                find=scenario.find,
                directory=directory,
            )
            simulation.scenario = scenario
            simulation.require_forces(scenario.run.steps)
            simulation._initial.require_planting(simulation.start + scenario.run.steps)
        return simulation

    def _build(self) -> None:
        """The gas as it starts, and everything that acts on it."""
        parts = build_parts(self._initial, self.law, self._forces, self._temperature, self.seed)
        self.gas, self.bath, self.forces, self.dynamics = parts.gas, parts.bath, parts.forces, parts.dynamics
        self._planting = PlantTracers(self._initial, self._add)
        self.start = self.gas.step

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
            end = self.gas.step + steps
            while self.gas.step < end and not self._stopping:
                self._advance_to(self._next_event(end))
                self._fire()
            self._stopping = False
        return self

    def stop(self) -> None:
        """Lets `step` return after the present step or, where many are taken in one call, within a tenth of a second,
        as if fewer steps had been asked for; may be called by a signal handler or another thread."""
        self._stopping = True

    def sample(self, count: int, every: int, what: Callable[[Gas], ArrayLike]) -> NDArray[Any]:
        """(count, ...) values of a function of the gas, one after every so many steps: `sim.sample(200, 5, lambda gas:
        gas.positions**2)`.

        Raises:
            BlowUp, InputError: as for `step`.
        """
        return np.array([np.array(what(self.step(every).gas)) for _ in range(count)])

    def _is_stopping(self) -> bool:
        return self._stopping

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
            self._fire()

    def _next_event(self, end: int) -> int:
        """The next step at which something is to be done."""
        events = (operation.trigger.next(self.gas.step, self.start) for operation in self.operations)
        return min(end, *(event for event in events if event is not None))

    def _advance_to(self, step: int) -> None:
        for operation in self.operations:
            operation.prepare(self)
        due = clock.monotonic() + _TICK
        while self.gas.step < step and not self._stopping:
            begin = clock.monotonic()
            self.dynamics.run(self.gas, min(self._stride, step - self.gas.step), self._is_stopping)
            now = clock.monotonic()
            self._stride = _next_stride(self._stride, now - begin)
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

    def _fire(self) -> None:
        for operation in self.operations:
            if operation.trigger.fires(self.gas.step, self.start):
                operation.fire(self)

    def _work(self) -> int:
        """About how many numbers one loop over the gas touches."""
        count = self.everyone.count
        return count * self.space.dimensions * (count if self.forces.interacting else 1)

    def _add(self, planting: ScheduledTracer, positions: NDArray[np.float64]) -> None:
        planting.add_to(self.gas, positions)
        self.dynamics.add_particles(self.gas, len(positions))
        self.dynamics.project(self.gas)

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
        self.operations.insert(2 if first else len(self.operations), built)  # behind monitor and planting
        if self._begun:
            built.begin(self)
        return built

    def _built_from(self, spec: OperationSpec) -> Operation:
        """The operation of a specification; one that trains a field is remembered for the provenance."""
        built = spec.build(self)
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
        return self._initial.in_rows(self.gas, values)

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
        dynamics cannot follow the force between them. A start that is to be relaxed may be anything.

        Raises:
            InputError: if they cannot; see `gasfield.simulation.finite` and `.overlap`.
        """
        if self._start_is_good or (self._relaxation is not None and self.minimum is None):
            return
        placed = nullcontext() if self.scenario is None else self.scenario.faults_at()
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
        for number, force in enumerate(self.forces):
            with about("forces", number):
                force.check_steps(now, now + steps + int(self.law.looks_ahead))
        with about("dynamics"):
            self.dynamics.check_steps(now, now + steps)

    # --- going on later ----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that is needed to go on, bit for bit: arrays by name, as copies."""
        arrays = state_of(self.gas)
        arrays |= {f"law/{name}": array for name, array in self.dynamics.state().items()}
        arrays |= self._monitor.state()
        for number, operation in enumerate(self._own_operations()):
            arrays |= {f"operation/{number}/{name}": array for name, array in operation.state().items()}
        return arrays

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes back, or on, to what `state` gave: of this simulation, or of one built in the same way.

        Raises:
            InputError: if it is the state of another one.
        """
        if self._begun or self._restored:  # tracers may have been planted since
            place = self.operations.index(self._planting)
            self._build()
            self.operations[place] = self._planting
        try:
            self._planting.plant_again(state["gas/ids"])
            restore_gas(self.gas, self.space, state)
            self.dynamics.restore(under("law/", state))
            if "watch/scale" in state:
                self._monitor.restore(state)
            for number, operation in enumerate(self._own_operations()):
                own = under(f"operation/{number}/", state)
                if own and (operation.rewinds or not self._begun):
                    operation.restore(own)
        except (KeyError, ValueError) as fault:
            raise InputError(f"the state is that of another simulation ({fault}).") from None
        self._restored = True

    def _own_operations(self) -> list[Operation]:
        return [operation for operation in self.operations if operation not in (self._monitor, self._planting)]

    # --- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Finishes what operations have begun, such as files. The simulation must not be stepped after that."""
        for operation in self.operations:
            operation.close()

    def provenance(self) -> dict[str, Any]:
        """What a trajectory of this simulation says of its origin: attributes of the file."""
        specifications = [force for force in self._forces if isinstance(force, ForceSpec)]
        known = len(specifications) == len(self._forces)  # other forces cannot be written down
        scenario = self.scenario or (
            described(self, specifications, self._temperature, self._training) if known else None
        )
        plugins = plugins_in_use(scenario, self.law, tuple(self._forces))
        return attributes(self, scenario, plugins) | ({} if self.minimum is None else self.minimum.as_attributes())


def _next_stride(stride: int, seconds: float) -> int:
    """How many steps to take in the next call of the dynamics, after so many took so long."""
    if seconds < 0.5 * _CALL:
        return 2 * stride
    return max(stride // 2, 1) if seconds > _CALL else stride
