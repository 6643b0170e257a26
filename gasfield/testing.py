"""Contracts that every registered component must fulfil, as functions for a test suite.

gasfield's own suite runs them for every registered component; authors of plug-ins run them for theirs:

    from gasfield.testing import check_force

    def test_shell():
        check_force({"kind": "shell", "stiffness": 3.0, "radius": 1.5}, Free(dimensions=3))

Each check raises an AssertionError that names the violated property. A contract is a tuple of checks
(`FORCE_CONTRACT`, ...), each of which can be called alone.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher
from numpy.typing import NDArray

from gasfield.dynamics import DYNAMICS, Bath, Conditions, Dynamics, DynamicsSpec
from gasfield.errors import InputError
from gasfield.forces import FORCES, Force, ForceSpec, Surroundings, TotalForce
from gasfield.gas import Gas
from gasfield.operations import OPERATIONS, OperationSpec
from gasfield.scenario.sources import GAS_SOURCES, GasSource, SourceContext
from gasfield.schedules import Constant
from gasfield.simulation import Simulation
from gasfield.spaces import SPACES, Free, Space
from gasfield.testing_diagnostics import check_diagnostic as check_diagnostic
from gasfield.tracers import SHAPES, Shape

Array = NDArray[np.float64]

TOLERANCE = 1e-6
"""Tolerated relative error of derivatives by finite differences."""
_H = 1e-4
"""Step of central differences. Their relative truncation error, h^2/6 times a ratio of derivatives two orders apart, is
(1e-4/0.2)^2/6 = 4e-8 for length scales of a fifth or more; their rounding error is 1e-16 U/h = 1e-12 U."""


# --- forces ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ForceCase:
    """A force and a gas on which to check it.

    Attributes:
        law: the specification.
        space: where the particles live.
        gas: returns a new gas.
        find: resolves names of data files.
    """

    law: ForceSpec
    space: Space
    gas: Callable[[], Gas]
    find: Callable[[str], Path] = Path

    def build(self, law: ForceSpec | None = None) -> Force:
        """The built force; of another specification in the same surroundings if one is given."""
        return (law or self.law).build(Surroundings(self.space, self.find))


def check_force(
    law: ForceSpec | Mapping[str, Any],
    space: Space,
    gas: Gas | None = None,
    *,
    oracle: Callable[[Gas], Array] | None = None,
    find: Callable[[str], Path] = Path,
) -> None:
    """Runs the contract of forces.

    Args:
        law: the specification, or the mapping that a scenario would have.
        space: where the particles live.
        gas: particles on which to check it; 12 at random, most within a distance 1 of the origin, if left out.
        oracle: gas -> force (N, D), computed independently; the two must agree to 1e-11 of the largest force.
        find: resolves names of data files.

    Raises:
        AssertionError: if a check fails.
    """
    like = gas if gas is not None else gas_of(_places(space, 12))
    case = ForceCase(FORCES.parse(law), space, lambda: copy.deepcopy(like), find)
    for check in FORCE_CONTRACT:
        check(case)
    if oracle is not None:
        _close(force_on(case.build(), case.gas()), oracle(case.gas()), 1e-11, "the force differs from its oracle")


def force_is_minus_the_gradient(case: ForceCase) -> None:
    """F = -grad U by central differences, one coordinate of one particle after the other."""
    force, gas = case.build(), case.gas()
    if not force.conservative:
        return
    slope = np.zeros(gas.positions.shape)
    with _threads(1):
        for i, j in np.ndindex(slope.shape):
            ahead, behind = (_energy_behind(force, _moved(gas, i, j, by), i) for by in (_H, -_H))
            slope[i, j] = (ahead - behind) / (2 * _H)
        _close(force_on(force, gas), -slope, TOLERANCE, "the force is not minus the gradient of the energy")


def laplacian_is_minus_the_divergence(case: ForceCase) -> None:
    """The Laplacian of U is -div F by central differences."""
    force, gas = case.build(), case.gas()
    if not force.conservative:
        return
    divergence = np.zeros(gas.count)
    with _threads(1):
        for i, j in np.ndindex(gas.positions.shape):
            ahead, behind = (force_on(force, _moved(gas, i, j, by))[i, j] for by in (_H, -_H))
            divergence[i] += (ahead - behind) / (2 * _H)
        _close(force.laplacian(gas), -divergence, TOLERANCE, "the Laplacian is not minus the divergence of the force")


def no_energy_without_potential(case: ForceCase) -> None:
    """A force that is not a gradient raises for its energy."""
    force, gas = case.build(), case.gas()
    for force_or_sum in (force, TotalForce([force])):
        if not force.conservative:
            _refuses(ValueError, force_or_sum.energy, gas, "a force without potential has an energy")
            _refuses(ValueError, force_or_sum.laplacian, gas, "a force without potential has a Laplacian")


def force_does_not_depend_on_threads(case: ForceCase) -> None:
    """The same bits with one thread and with two."""
    force, gas = case.build(), case.gas()
    found = []
    for count in (1, 2):
        with _threads(count):
            numbers = [force_on(force, gas), np.array(force.virial(gas))]
            found.append([*numbers, force.energy(gas), force.laplacian(gas)] if force.conservative else numbers)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two, "bits depend on the number of threads")


def force_adds_and_keeps_positions(case: ForceCase) -> None:
    """`add` adds to the given array, and does not change the gas."""
    force, gas = case.build(), case.gas()
    total = force_on(force, gas)
    force.add(gas, total)
    _close(total, 2.0 * force_on(force, gas), 1e-12, "add does not add")
    np.testing.assert_array_equal(gas.positions, case.gas().positions, "add changes positions")


def coincident_particles_are_finite_and_alike(case: ForceCase) -> None:
    """Coincident particles have finite and equal forces, and finite energies."""
    force, gas = case.build(), case.gas()
    gas.charges[:] = 1.0
    scale = float(np.abs(force_on(force, gas)).max())
    gas.positions[:], gas.is_source[:] = gas.positions[0], True
    total = force_on(force, gas)
    _require(np.isfinite(total).all(), "the force on coincident particles is not finite")
    alike = np.abs(total - total[0]).max() <= 1e-14 * scale
    _require(alike, "coincident particles have different forces")
    if force.conservative:
        finite = np.isfinite(force.energy(gas)).all() and np.isfinite(force.laplacian(gas)).all()
        _require(finite, "energy or Laplacian of coincident particles is not finite")


def non_finite_position_spoils_no_other(case: ForceCase) -> None:
    """A particle at a NaN position leaves the forces on the others finite."""
    force, gas = case.build(), case.gas()
    gas.positions[1] = np.nan
    others = np.delete(force_on(force, gas), 1, axis=0)
    _require(np.isfinite(others).all(), "one NaN position makes the forces on other particles non-finite")


def other_parameters_compile_nothing(case: ForceCase) -> None:
    """Parameters are arguments of kernels: other values, including integers, do not trigger recompilation."""
    _use(case.build(), case.gas())
    before = _compiled(type(case.law))
    written = case.law.model_dump(by_alias=True, exclude_unset=True) | {"kind": case.law.kind}
    _use(case.build(type(case.law).model_validate(_whole_numbers(written))), case.gas())
    _require(_compiled(type(case.law)) == before, "other values of parameters trigger recompilation of a kernel")


FORCE_CONTRACT: tuple[Callable[[ForceCase], None], ...] = (
    force_is_minus_the_gradient,
    laplacian_is_minus_the_divergence,
    no_energy_without_potential,
    force_does_not_depend_on_threads,
    force_adds_and_keeps_positions,
    coincident_particles_are_finite_and_alike,
    non_finite_position_spoils_no_other,
    other_parameters_compile_nothing,
)


def force_on(force: Force, gas: Gas) -> Array:
    """(N, D) force of a single force [energy/length]."""
    total = np.zeros(gas.positions.shape)
    force.add(gas, total)
    return total


def _energy_behind(force: Force, gas: Gas, i: int) -> float:
    """The energy of which the force on particle i is minus the gradient."""
    energy = force.energy(gas)
    return float(energy[gas.is_source].sum() if gas.is_source[i] else energy[i])


def _use(force: Force, gas: Gas) -> None:
    force_on(force, gas)
    if force.conservative:
        force.energy(gas)
        force.laplacian(gas)


def _compiled(law: type[ForceSpec]) -> dict[str, int]:
    """Kernel -> number of compiled signatures, of gasfield's forces and of the module of a law."""
    modules = [module for name, module in sys.modules.items() if name.startswith("gasfield.forces.")]
    kernels = [
        value
        for module in [*modules, sys.modules[law.__module__]]
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    ]
    return {f"{kernel.py_func.__module__}.{kernel.py_func.__name__}": len(kernel.signatures) for kernel in kernels}


def _whole_numbers(values: Any) -> Any:
    """The same parameters as integers of at least 1; vectors, whose components may be related, are unchanged."""
    if isinstance(values, Mapping):
        return {key: _whole_numbers(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_whole_numbers(value) if isinstance(value, Mapping) else value for value in values]
    return max(1, int(values)) if isinstance(values, float) else values


# --- dynamics --------------------------------------------------------------------------------------------------------


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
            gas = gas_of(_places(self.space, 48))
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
        _require(gas.step == step, "a step is not counted once")
        _require(gas.time > time, "time does not increase")
    _require(case.space.contains(gas.positions).all(), "particles have left the space")
    _require(bool(np.any(gas.positions != start)), "nothing moves in five steps")


def motion_does_not_depend_on_threads(case: DynamicsCase) -> None:
    """The same bits with one thread and with two."""
    ends = []
    for count in (1, 2):
        with _threads(count):
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
    _refuses(
        ValueError,
        dynamics.restore,
        {**state, "of_another_law": np.zeros(1)},
        "a state with an unknown name is restored",
    )
    for name, array in state.items():
        if array.ndim:
            wrong = {**state, name: np.concatenate([array, array])}
            _refuses(ValueError, dynamics.restore, wrong, f"{name} of another size is restored")


def newcomers_are_taken_in(case: DynamicsCase) -> None:
    """Particles that are added during a run move with the others, and are part of the state."""
    gas, dynamics = case.begin()
    _advanced(gas, dynamics, 3, begin=True)
    grown = _grown(gas)
    dynamics.add_particles(grown, 3)
    dynamics.project(grown)
    _advanced(grown, dynamics, 3)
    _require(np.isfinite(grown.positions).all(), "particles that were added make positions non-finite")
    _, other = case.begin(copy.deepcopy(grown))
    other.restore(dynamics.state())


DYNAMICS_CONTRACT: tuple[Callable[[DynamicsCase], None], ...] = (
    motion_counts_steps_and_stays_in_space,
    motion_does_not_depend_on_threads,
    state_restores_the_run,
    foreign_state_is_refused,
    newcomers_are_taken_in,
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
    _require((one.step, one.time) == (other.step, other.time), message)


# --- spaces ----------------------------------------------------------------------------------------------------------


def check_space(space: Space | Mapping[str, Any]) -> None:
    """Runs the contract of spaces.

    Raises:
        AssertionError: if a check fails.
    """
    for check in SPACE_CONTRACT:
        check(SPACES.parse(space))


def flight_can_be_run_backwards(space: Space) -> None:
    """With velocities reversed, and with time reversed, particles return to their initial positions."""
    start, moving = _flying(space, 200)
    for sign, time in ((-1.0, 1.3), (1.0, -1.3)):
        x, v, turned = _flown(space, start, moving, 1.3)
        back, w, again = _flown(space, x, sign * v, time)
        _near(back, start, "a flight is not reversible in positions")
        _near(sign * w, moving, "a flight is not reversible in velocities")
        _near(again, turned, "the change of velocity at walls differs in the reversed flight")


def two_flights_are_one(space: Space) -> None:
    """Flights over h and h' equal one over h + h'; a flight over zero time is the identity."""
    start, moving = _flying(space, 200)
    x, v, turned = _flown(space, start, moving, 0.7)
    twice, once = _flown(space, x, v, 0.9), _flown(space, start, moving, 1.6)
    _near(twice[0], once[0], "two flights differ in positions from one over the total time")
    _near(twice[1], once[1], "two flights differ in velocities from one over the total time")
    _near(
        turned + twice[2], once[2], "two flights differ in the change of velocity at walls from one over the total time"
    )
    _near(_flown(space, start, moving, 0.0)[0], start, "a flight over zero time moves particles")


def flight_keeps_speed_and_space(space: Space) -> None:
    """Speed is conserved, and particles stay in the space."""
    x, v = _flying(space, 200)
    speed = np.linalg.norm(v, axis=1)
    for _ in range(50):
        space.drift(x, v, 0.9, np.zeros(len(x)))
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), speed, rtol=1e-12, err_msg="speed is not conserved")
    _require(space.contains(x).all(), "particles leave the space")


def flight_does_not_depend_on_threads(space: Space) -> None:
    """The same bits with one thread and with two."""
    start, moving = _flying(space, 5000)
    ends = []
    for count in (1, 2):
        with _threads(count):
            ends.append(_flown(space, start, moving, 2.5))
    for one, two in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, two, "bits depend on the number of threads")


def settled_is_inside(space: Space) -> None:
    """`settle` maps positions into the space, and does not change those in it; NaN is never in it."""
    far = 5.0 * np.random.default_rng(1).standard_normal((200, space.dimensions))
    space.settle(far)
    _require(space.contains(far).all(), "settled positions are not in the space")
    again = far.copy()
    space.settle(again)
    _near(again, far, "positions in the space are changed by settle", 1e-12)
    far[0] = np.nan
    _require(not space.contains(far)[0], "contains accepts a NaN position")


def uniform_is_inside(space: Space) -> None:
    """A bounded space draws positions inside it, reproducibly; an unbounded one raises InputError."""
    if not space.bounded:
        _refuses(
            InputError, partial(space.uniform, count=3), np.random.default_rng(0), "an unbounded space draws positions"
        )
        _require(not np.isfinite(space.volume), "an unbounded space has a finite volume")
        return
    drawn, again = (space.uniform(np.random.default_rng(0), 500) for _ in range(2))
    _require(drawn.shape == (500, space.dimensions), f"uniform returns the shape {drawn.shape}")
    _require(space.contains(drawn).all(), "uniform draws positions outside the space")
    np.testing.assert_array_equal(drawn, again, "uniform does not depend on its generator only")


def tangent_projects(space: Space) -> None:
    """The projection onto the tangent space is idempotent."""
    x, v = _flying(space, 50)
    once = v.copy()
    space.tangent(x, once)
    _near(once, v, "a tangent velocity is changed by tangent", 1e-12)


SPACE_CONTRACT: tuple[Callable[[Space], None], ...] = (
    flight_can_be_run_backwards,
    two_flights_are_one,
    flight_keeps_speed_and_space,
    flight_does_not_depend_on_threads,
    settled_is_inside,
    uniform_is_inside,
    tangent_projects,
)


def _flying(space: Space, count: int) -> tuple[Array, Array]:
    """Positions (count, D) in the space and velocities."""
    x, v = _places(space, count), np.random.default_rng(2).standard_normal((count, space.dimensions))
    space.tangent(x, v)
    return x, v


def _flown(space: Space, x: Array, v: Array, time: float) -> tuple[Array, Array, Array]:
    """Positions, velocities and changes of velocity at walls after a time, as new arrays."""
    x, v, turned = x.copy(), v.copy(), np.zeros(len(x))
    space.drift(x, v, time, turned)
    return x, v, turned


# --- shapes ----------------------------------------------------------------------------------------------------------


def check_shape(shape: Shape | Mapping[str, Any], *, find: Callable[[str], Path] = Path) -> None:
    """Runs the contract of shapes: centred finite distinct points, of the stated number, and bonds between them.

    Args:
        shape: the specification, or the mapping that a scenario would have.
        find: resolves names of data files.

    Raises:
        AssertionError: if a check fails.
    """
    spec = SHAPES.parse(shape)
    made, again = spec.structure(find), spec.structure(find)
    points, bonds = made.points, made.bonds
    _require(points.ndim == 2 and points.dtype == np.float64, "points are not a float64 array (M, k)")
    _require(spec.size in (None, len(points)), f"size is {spec.size}, but there are {len(points)} points")
    _require(np.isfinite(points).all(), "a point is not finite")
    extent = float(np.abs(points).max())
    _require(np.abs(points.mean(axis=0)).max() <= 1e-12 * extent, "points are not centred on the origin")
    _require(len(np.unique(points.round(12), axis=0)) == len(points), "two points coincide")
    _require(bonds.ndim == 2 and bonds.shape[1] == 2 and bonds.dtype == np.int64, "bonds are not an int64 array (B, 2)")
    _require(((bonds >= 0) & (bonds < len(points))).all(), "a bond refers to a missing point")
    _require((bonds[:, 0] != bonds[:, 1]).all(), "a point is bonded to itself")
    _require(len(np.unique(np.sort(bonds, axis=1), axis=0)) == len(bonds), "a bond is duplicated")
    np.testing.assert_array_equal(points, again.points, "the same specification gives different points")


# --- gas sources -----------------------------------------------------------------------------------------------------


def check_source(
    source: GasSource | Mapping[str, Any], space: Space | None = None, *, find: Callable[[str], Path] = Path
) -> None:
    """Runs the contract of gas sources: finite positions of one group with the given name, in the dimensions of the
    space, the same each time; in another number of dimensions it gives these, or refuses.

    Args:
        source: the specification, or the mapping that a scenario would have.
        space: where the particles live; three free dimensions if left out.
        find: resolves names of data files.

    Raises:
        AssertionError: if something does not hold.
    """
    spec, space = GAS_SOURCES.parse(source), space or Free(dimensions=3)
    gas, again = (spec.gas(SourceContext("some", space, 5, 1, find)) for _ in range(2))
    _require(gas.count > 0 and np.isfinite(gas.positions).all(), "there is no particle, or a position is not finite")
    _require(gas.dimensions == space.dimensions, f"positions have {gas.dimensions} dimensions, not {space.dimensions}")
    _require(gas.names == ["some"] and not gas.species.any(), "the particles are not one group with the given name")
    _require(set(gas.bonds) <= {"some"}, "bonds belong to no group")
    np.testing.assert_array_equal(gas.positions, again.positions, "the same context gives other positions")
    wider = Free(dimensions=space.dimensions + 1)
    try:
        other = spec.gas(SourceContext("some", wider, 5, 1, find))
    except InputError:
        return
    _require(other.dimensions == wider.dimensions, "another number of dimensions is neither given nor refused")


# --- operations ------------------------------------------------------------------------------------------------------


def check_operation(
    operation: OperationSpec | Mapping[str, Any], simulation: Callable[[Path], Simulation] | None = None
) -> None:
    """Runs the contract of operations: a simulation that was killed, and goes on from its state, ends with the same
    bits and leaves the same files.

    Args:
        operation: the specification, or the mapping that a scenario would have.
        simulation: makes a simulation in a directory, without operations; a warm gas in a harmonic well if left out.

    Raises:
        AssertionError: if something does not hold.
    """
    spec, make = OPERATIONS.parse(operation), simulation or _warm_well
    with TemporaryDirectory() as whole, TemporaryDirectory() as parts:

        def begin(directory: str) -> Simulation:
            made = make(Path(directory))
            made.add_operation(spec.model_copy(deep=True))
            return made

        with begin(whole) as through:
            end = through.step(12).state()
        with begin(parts) as killed:
            state = killed.step(5).state()
            killed.step(4)  # lost
        with begin(parts) as resumed:
            resumed.restore(state)
            again = resumed.step(7).state()
        _require(set(end) == set(again), f"a resumed simulation has another state: {sorted(set(end) ^ set(again))}")
        for name, array in end.items():
            np.testing.assert_array_equal(array, again[name], f"a resumed simulation ends with another {name}")
        written, left = _files_in(Path(whole)), _files_in(Path(parts))
        _require(set(written) == set(left), "a resumed simulation leaves other files")
        for file, content in written.items():
            _require(content == left[file], f"a resumed simulation leaves another {file}")


def _warm_well(directory: Path) -> Simulation:
    return Simulation(
        _places(Free(dimensions=2), 12),
        dynamics={"kind": "langevin", "time_step": 0.1, "friction": 1.0},
        forces=[{"kind": "harmonic", "stiffness": 1.0}],
        temperature=0.5,
        directory=directory,
    )


def _files_in(directory: Path) -> dict[str, bytes]:
    """What the files say; of HDF5 files, whose layout depends on how they were written, the data sets."""
    found: dict[str, bytes] = {}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = str(path.relative_to(directory))
        if not h5py.is_hdf5(path):
            found[name] = path.read_bytes()
            continue
        places: list[str] = []
        with h5py.File(path) as file:
            file.visit(places.append)
            sets = {place: file[place] for place in places if isinstance(file[place], h5py.Dataset)}
            found |= {f"{name}/{place}": np.asarray(values).tobytes() for place, values in sets.items()}
    return found


# --- tools -----------------------------------------------------------------------------------------------------------


def gas_of(positions: Array) -> Gas:
    """A gas of one group, `gas`, at positions (N, D)."""
    count = len(positions)
    return Gas(positions, np.zeros(count, np.int64), ["gas"], np.full(count, -1), [""] * count)


def _places(space: Space, count: int) -> Array:
    """Positions (count, D) in a space: uniform if it is bounded, otherwise a normal cloud."""
    chance = np.random.default_rng(0)
    if space.bounded:
        return space.uniform(chance, count)
    places = chance.standard_normal((count, space.dimensions))
    space.settle(places)
    return places


def _moved(gas: Gas, i: int, j: int, by: float) -> Gas:
    positions = gas.positions.copy()
    positions[i, j] += by
    return replace(gas, positions=positions)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sets the number of threads, at most as many as Numba has."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.set_num_threads(before)


def _require(holds: Any, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def _close(found: Array, truth: Array, tolerance: float, message: str) -> None:
    """Equal within a fraction of the largest component."""
    _require(found.shape == truth.shape, f"{message}: the shape is {found.shape}, not {truth.shape}")
    error, scale = float(np.abs(found - truth).max()), float(np.abs(truth).max())
    _require(error <= tolerance * scale, f"{message}: the error is {error:.3g}, the largest value {scale:.3g}")


def _near(found: Array, truth: Array, message: str, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(found, truth, rtol=0.0, atol=tolerance, err_msg=message)


def _refuses(fault: type[Exception], asked: Callable[[Any], Any], argument: Any, message: str) -> None:
    try:
        asked(argument)
    except fault:
        return
    raise AssertionError(message)
