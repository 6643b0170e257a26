"""The contract of dynamics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics import DYNAMICS, Bath, Conditions, Dynamics, DynamicsSpec
from gasfield.errors import InputError
from gasfield.forces import FORCES, ForceSpec, Surroundings, TotalForce
from gasfield.gas import Gas
from gasfield.schedules import Constant
from gasfield.spaces import SPACES, Space
from gasfield.testing.tools import (
    gas_of,
    on_threads,
    places_in,
    require,
    require_refused,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DynamicsCase:
    """Dynamics and the conditions in which to check it.

    Attributes:
        law: the specification.
        forces: those on the particles.
        space: where they live.
        temperature: of the bath [energy]; None without one.
    """

    law: DynamicsSpec
    forces: Sequence[ForceSpec]
    space: Space
    temperature: float | None

    def begin(self, gas: Gas | None = None) -> tuple[Gas, Dynamics]:
        """A gas of 48 particles, or a given one, and its dynamics."""
        if gas is None:
            gas = gas_of(places_in(self.space, 48))
            if self.law.has_velocities:
                gas.velocities = np.random.default_rng(1).standard_normal(gas.positions.shape)
                self.space.tangent(gas.positions, gas.velocities)
        field = TotalForce([force.build(Surroundings(self.space)) for force in self.forces])
        bath = None if self.temperature is None else Bath(Constant(value=self.temperature), gas.names)
        dynamics = self.law.build(gas, Conditions(self.space, field, bath, seed=3))
        dynamics.project(gas)
        return gas, dynamics


def check_dynamics(
    law: DynamicsSpec | Mapping[str, Any],
    *,
    forces: Sequence[ForceSpec | Mapping[str, Any]] = ({"kind": "harmonic", "stiffness": 1.0},),
    space: Space | Mapping[str, Any] | None = None,
    temperature: float | None = None,
) -> None:
    """Runs the contract of dynamics.

    Args:
        law: the specification, or the mapping that a scenario would have.
        forces: those on the particles; a harmonic well if left out.
        space: where they live; two free dimensions if left out.
        temperature: of the bath [energy], for dynamics with a bath.

    Raises:
        AssertionError: if a check fails.
    """
    case = DynamicsCase(
        DYNAMICS.parse(law),
        [FORCES.parse(force) for force in forces],
        SPACES.parse(space if space is not None else {"kind": "free", "dimensions": 2}),
        temperature,
    )
    for check in DYNAMICS_CONTRACT:
        check(case)


def motion_counts_steps_and_stays_in_space(case: DynamicsCase) -> None:
    """A step increments `step` once, time increases, and particles stay in the space."""
    gas, dynamics = case.begin()
    dynamics.begin(gas)
    start = gas.positions.copy()
    for step in range(1, 6):
        time = gas.time
        dynamics.advance(gas)
        require(gas.step == step, "a step is not counted once")
        require(gas.time > time, "time does not increase")
    require(case.space.contains(gas.positions).all(), "particles have left the space")
    require(bool(np.any(gas.positions != start)), "nothing moves in five steps")


def motion_does_not_depend_on_threads(case: DynamicsCase) -> None:
    """The same bits with one thread and with two."""
    ends = []
    for count in (1, 2):
        with on_threads(count):
            ends.append(_advanced(*case.begin(), 10, begin=True))
    _same_gas(ends[0], ends[1], "bits depend on the number of threads")


def state_restores_the_run(case: DynamicsCase) -> None:
    """Dynamics with a restored state, and a copy of the gas, continues with the same bits."""
    gas, dynamics = case.begin()
    _advanced(gas, dynamics, 5, begin=True)
    saved, state = copy.deepcopy(gas), dynamics.state()
    kept = copy.deepcopy(state)
    _advanced(gas, dynamics, 5)
    for name, array in kept.items():
        np.testing.assert_array_equal(state[name], array, f"state does not return a copy of {name}")
    again, other = case.begin(copy.deepcopy(saved))
    again.positions[...] = saved.positions  # `project` may change positions by a rounding error
    other.restore(state)
    _same_gas(gas, _advanced(again, other, 5), "a restored run differs from the original")


def foreign_state_is_refused(case: DynamicsCase) -> None:
    """A state with an unknown name, or of a gas of another size, raises ValueError."""
    _, dynamics = case.begin()
    state = dynamics.state()
    require_refused(
        ValueError,
        dynamics.restore,
        {**state, "of_another_law": np.zeros(1)},
        "a state with an unknown name is restored",
    )
    for name, array in state.items():
        if array.ndim:
            wrong = {**state, name: np.concatenate([array, array])}
            require_refused(ValueError, dynamics.restore, wrong, f"{name} of another size is restored")


def newcomers_are_taken_in(case: DynamicsCase) -> None:
    """Particles that are added during a run move with the others, and are part of the state, or they are refused."""
    gas, dynamics = case.begin()
    _advanced(gas, dynamics, 3, begin=True)
    grown = _grown(gas)
    if case.law.refuses_newcomers is not None:
        require_refused(
            InputError, partial(dynamics.add_particles, grown), 3, "particles that the law refuses are added"
        )
        return
    dynamics.add_particles(grown, 3)
    dynamics.project(grown)
    _advanced(grown, dynamics, 3)
    require(np.isfinite(grown.positions).all(), "particles that were added make positions non-finite")
    _, other = case.begin(copy.deepcopy(grown))
    other.restore(dynamics.state())


def exchanges_are_followed(case: DynamicsCase) -> None:
    """Particles that exchange places, and do so again, leave the state as it was."""
    if not case.law.exchanges:
        return
    gas, dynamics = case.begin()
    _advanced(gas, dynamics, 3, begin=True)
    before, mirrored = dynamics.state(), np.arange(gas.count)[::-1].copy()
    for scale in (2.0, 0.5):  # exact in binary numbers
        dynamics.exchange(mirrored, np.full(gas.count, scale), np.zeros(gas.count))
    for name, array in dynamics.state().items():
        np.testing.assert_array_equal(array, before[name], f"two exchanges change {name}")


DYNAMICS_CONTRACT: tuple[Callable[[DynamicsCase], None], ...] = (
    motion_counts_steps_and_stays_in_space,
    motion_does_not_depend_on_threads,
    state_restores_the_run,
    foreign_state_is_refused,
    newcomers_are_taken_in,
    exchanges_are_followed,
)


def _advanced(gas: Gas, dynamics: Dynamics, steps: int, *, begin: bool = False) -> Gas:
    if begin:
        dynamics.begin(gas)
    for _ in range(steps):
        dynamics.advance(gas)
    return gas


def _grown(gas: Gas) -> Gas:
    """The gas with copies of its first three particles appended, with new ids."""
    grown = gas.select(np.concatenate([np.arange(gas.count), np.arange(3)]))
    grown.ids = np.arange(grown.count)
    return grown


def _same_gas(one: Gas, other: Gas, message: str) -> None:
    np.testing.assert_array_equal(one.positions, other.positions, message)
    if one.velocities is not None and other.velocities is not None:
        np.testing.assert_array_equal(one.velocities, other.velocities, message)
    require((one.step, one.time) == (other.step, other.time), message)
