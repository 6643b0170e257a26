"""What is at work in a simulation now, and how an event changes it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gasfield.closing import Closing
from gasfield.dynamics import Bath, Dynamics, DynamicsSpec
from gasfield.errors import InputError, about
from gasfield.forces import Force, ForceSpec, TotalForce
from gasfield.gas import Gas
from gasfield.kernels.threads import threads_worth
from gasfield.operations import Operation, SimulationLike
from gasfield.scenario.acting import Acting
from gasfield.scenario.events import Event
from gasfield.scenario.initial_state import ScheduledTracer
from gasfield.simulation.arrangement import Arrangement
from gasfield.simulation.finite import require_finite_start
from gasfield.simulation.overlap import require_apart
from gasfield.simulation.parts import Parts, rebuilt
from gasfield.simulation.touching import kick, move, rows_of, without
from gasfield.spaces import Space


class AtWork(Closing):
    """A gas and what acts on it, as its events have left them: the part of a simulation that events change.

    Attributes:
        space: where the particles live.
        law: the specification of the dynamics.
        seed: of all random numbers.
        start: the step at which it began.
        operations: what is to be called when an event has acted.
        steered: the operation that exchanges temperatures, which nobody else sets; empty where there is none.
    """

    space: Space
    law: DynamicsSpec
    seed: int
    start: int
    operations: list[Operation]
    _arrangement: Arrangement
    _parts: Parts
    steered: str

    @abstractmethod
    def energy(self) -> float:
        """Kinetic and potential energy of the gas [energy]."""

    @abstractmethod
    def forces_known(self) -> bool:
        """Whether the forces are known at the present step."""

    @abstractmethod
    def _work(self) -> int:
        """About how many numbers one loop over the gas touches."""

    # --- what is there now -------------------------------------------------------------------------------------------

    @property
    def gas(self) -> Gas:
        """The state; moves on with every step."""
        return self._parts.gas

    @gas.setter
    def gas(self, gas: Gas) -> None:
        self._parts = replace(self._parts, gas=gas)

    @property
    def bath(self) -> Bath | None:
        """The temperatures; None where there is no bath."""
        return self._parts.bath

    @property
    def forces(self) -> TotalForce:
        """The sum of all forces that are on."""
        return self._parts.forces

    @property
    def numbered_forces(self) -> list[tuple[int, Force | ForceSpec, Force]]:
        """(number, what it was built from, the force) of each that is on."""
        known = zip(self._arrangement.acting.numbered, self.forces, strict=True)
        return [(number, given, force) for (number, given), force in known]

    @property
    def dynamics(self) -> Dynamics:
        """The dynamics at work."""
        return self._parts.dynamics

    @property
    def everyone(self) -> Gas:
        """All particles in the order of a trajectory, as they were at the start; NaN where one is planted later."""
        return self._arrangement.initial.everyone

    @property
    def acting(self) -> Acting:
        """What acts on the gas now, as specifications."""
        return self._arrangement.acting

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, those that have taken effect and those to come."""
        return self._arrangement.events

    @property
    def pending(self) -> tuple[Event, ...]:
        """The events that have not taken effect yet."""
        return self._arrangement.pending

    @property
    def tags(self) -> dict[str, NDArray[np.int64]]:
        """Label -> ids of particles, as events have given them."""
        return dict(self._arrangement.tags)

    # --- events ------------------------------------------------------------------------------------------------------

    def _act(self) -> float:
        """Lets the next event take effect; its work [energy], NaN where the energy is not known."""
        number, event = self._arrangement.done, self._arrangement.pending[0]
        energy, forces = self._known_energy(), self.forces
        arrangement, ids = self._arrangement.after(), np.empty(0, np.int64)
        if (chosen := event.kick or event.move) is not None:
            ids = self._arrangement.chosen(chosen, event.at)
        with threads_worth(self._work()):
            left = None
            if event.remove is not None:
                left = without(self.gas, self._arrangement.named(event.remove, event.at, "remove"))
            self._take(arrangement, rebuilt(self._parts, arrangement, self.law, self.seed, left))
            if event.kick is not None:
                kick(self.gas, self.space, rows_of(self.gas, ids), event.kick)
            if event.move is not None:
                move(self.gas, self.space, self.dynamics, rows_of(self.gas, ids), event.move)
            if event.plant is not None:
                with about("plant"):
                    self._plant(arrangement.planting(number))
            placed = event.move is not None or (event.plant is not None and event.plant.active)
            if placed or self.forces is not forces:  # else the force on everybody is what it was
                with about(event.verb):
                    require_finite_start(self._itself)
                    require_apart(self._itself)
            for operation in self.operations:
                operation.touched(self._itself)
        return self._known_energy() - energy

    def _plant(self, planting: ScheduledTracer) -> None:
        """Adds a structure to the gas, where it belongs now."""
        positions = self._arrangement.initial.place_of(planting, self.gas)
        planting.add_to(self.gas, positions)
        self.dynamics.add_particles(self.gas, len(positions))
        self.dynamics.project(self.gas)
        require_apart(self._itself)

    def _known_energy(self) -> float:
        known = self.forces.conservative and not self.law.force_is_velocity and self.forces_known()
        return self.energy() if known else float("nan")

    def _require_events(self) -> None:
        """Checks the events of the list: each is possible after those before it.

        Raises:
            InputError: at the first that is not.
        """
        arrangement, parts = self._arrangement, self._parts
        for number, event in enumerate(arrangement.events):
            with about("events", number):
                if number and event.at < arrangement.events[number - 1].at:
                    raise InputError("events are in the order of their steps.", parameter="at", value=event.at)
                if event.at < self.start:
                    raise InputError(f"is before the start, step {self.start}.", parameter="at", value=event.at)
                self._require_possible(event)
                arrangement = arrangement.after()
                with about(event.verb):
                    parts = rebuilt(parts, arrangement, self.law, self.seed)

    def _require_possible(self, event: Event) -> None:
        """Refuses what the law of motion, or an operation, does not allow.

        Raises:
            InputError: with the reason.
        """
        if event.numbers is not None and self.steered and any(path.startswith("temp") for path in event.numbers):
            raise InputError(f"temperatures are exchanged by {self.steered}.", parameter="set")
        if (reason := self.impossible.get(event.verb)) is not None:
            raise InputError(f"{reason}.", parameter=event.verb)

    @property
    def impossible(self) -> dict[str, str]:
        """Verbs of events that the law of motion does not allow, each with the reason."""
        found = {}
        if not self.law.has_velocities:
            found["kick"] = f"{self.law.kind} has no velocities, so nothing can be kicked"
        if (fixed := self.law.refuses_newcomers) is not None:
            found |= dict.fromkeys(("plant", "remove"), f"{fixed}; none of it can be taken away either")
        return found

    def _take(self, arrangement: Arrangement, parts: Parts | None = None) -> None:
        """Goes over to another arrangement; the gas stays the same object."""
        self._arrangement = arrangement
        if parts is None:
            return
        if parts.gas is not self.gas:
            for name, value in vars(parts.gas).items():
                setattr(self.gas, name, value)
            parts = replace(parts, gas=self.gas)
        self._parts = parts

    def _tracers_to_come(self, present: NDArray[np.int64]) -> list[ScheduledTracer]:
        """The tracers, without those of events, that are not there yet and never were."""
        initial, removed = self._arrangement.initial, self._arrangement.removed
        own = [planting for planting in initial.later if planting.number < self._arrangement.base.structures]
        return [each for each in own if not (removed[each.ids].any() or np.isin(each.ids, present).any())]

    @property
    def _itself(self) -> SimulationLike:
        return cast(SimulationLike, self)
