"""A simulation: a gas, its forces and its dynamics, advanced step by step in memory.

    sim = Simulation(positions, forces=[{"kind": "harmonic", "stiffness": 1.0}],
                     dynamics={"kind": "langevin", "time_step": 0.01, "friction": 1.0}, temperature=0.4)
    sim.step(1_000)
    sim.gas.positions                      # look, and go on
    sim.step(1_000)

`AtWork` is what there is and how events change it, `Stepping` advances it, `Restorable` gives its state and goes back
to one. Here it is built, from its parts or from a scenario, touched, and looked at.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics import AnyDynamics, DynamicsSpec
from gasfield.errors import InputError, Note, about
from gasfield.forces import AnyForce, Force, ForceSpec
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
from gasfield.simulation.events import Events
from gasfield.simulation.finite import require_finite_start
from gasfield.simulation.minimize import Minimum, minimize, require_energy
from gasfield.simulation.overlap import require_apart
from gasfield.simulation.parts import build_parts
from gasfield.simulation.planting import PlantTracers
from gasfield.simulation.provenance import attributes, described
from gasfield.simulation.restorable import Restorable
from gasfield.simulation.start import Find, GasLike, initial_state, specification
from gasfield.simulation.stepping import FIRST
from gasfield.spaces import Space
from gasfield.spec import parse
from gasfield.streams import require_seed
from gasfield.tracers import Tracer


class Simulation(Restorable):
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
        self._start_is_good = False
        self._left = self.start
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
        self.operations.insert(FIRST if first else len(self.operations), built)
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

    def _get_ready(self) -> None:
        if self._relaxation is not None:
            with about("minimize"):
                self.minimize(self._relaxation)
        self.require_start()

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
