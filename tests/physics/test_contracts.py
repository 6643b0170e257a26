"""The contracts that ship for plug-in authors hold for everything that is registered, and notice what is wrong.

(The contract of forces runs in test_forces, over the cases of every force.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_transformers import tiny_llama

from gasfield.dynamics import DYNAMICS, Conditions, Dynamics, DynamicsSpec
from gasfield.forces import ExternalForce, Force, ForceSpec, Surroundings, pointwise_kernel
from gasfield.gas import Gas
from gasfield.operations import OPERATIONS, Operation, OperationSpec, SimulationLike
from gasfield.scenario.sources import GAS_SOURCES, GasSource, SourceContext
from gasfield.simulation import Simulation
from gasfield.spaces import SPACES, Free
from gasfield.testing import (
    check_dynamics,
    check_force,
    check_operation,
    check_shape,
    check_source,
    check_space,
)
from gasfield.testing.tools import gas_of
from gasfield.tracers import SHAPES, Shape, Structure
from gasfield.trajectory import TrajectoryWriter

WELL = {"kind": "double_well", "barrier": 1.0, "width": 1.0, "stiffness": 2.0}
SOFT = {"kind": "soft_repulsion", "strength": 3.0, "cutoff": 0.8}

LAWS: list[tuple[dict[str, Any], list[dict[str, Any]], float | None]] = [
    ({"kind": "newton", "time_step": 0.02}, [SOFT], None),
    ({"kind": "langevin", "time_step": 0.05, "friction": 1.0}, [WELL, SOFT], 1.0),
    ({"kind": "langevin", "scheme": "obabo", "time_step": 0.05, "friction": 1.0}, [WELL], 1.0),
    ({"kind": "brownian", "time_step": 0.01}, [WELL, SOFT], 1.0),
    ({"kind": "brownian", "scheme": "euler_maruyama", "time_step": 0.01}, [WELL], 1.0),
    ({"kind": "nose_hoover", "time_step": 0.02, "relaxation_time": 0.4}, [SOFT], 1.0),
    ({"kind": "andersen", "time_step": 0.02, "collision_rate": 2.0}, [WELL], 1.0),
    ({"kind": "advection", "time_step": 0.05}, [WELL, {"kind": "circulation", "rate": 1.0}], None),
    ({"kind": "layers"}, [{"kind": "circulation", "rate": 0.3}], None),
    ({"kind": "layers", "precision": "float64"}, [{"kind": "circulation", "rate": 0.3}], 0.1),
    ({"kind": "metropolis", "step_length": 0.5}, [WELL], 1.0),
    ({"kind": "mala", "time_step": 0.05}, [WELL], 1.0),
    ({"kind": "hmc", "time_step": 0.02, "accept": "gas"}, [WELL, SOFT], 1.0),
    ({"kind": "adamw", "learning_rate": 0.01, "weight_dtype": "bfloat16"}, [WELL], None),
    ({"kind": "sgd", "learning_rate": 0.01, "momentum": 0.9}, [WELL], None),
    ({"kind": "lion", "learning_rate": 0.01, "weight_dtype": "float16", "weight_rounding": "stochastic"}, [WELL], None),
    ({"kind": "coupled_adam", "learning_rate": 0.01}, [WELL], None),
    ({"kind": "adafactor"}, [WELL], None),
    ({"kind": "muon", "learning_rate": 0.01}, [WELL], None),
]
SPACES_TRIED: list[dict[str, Any]] = [
    {"kind": "free", "dimensions": 3},
    {"kind": "periodic", "dimensions": 2, "sides": [1.0, 2.0]},
    {"kind": "box", "dimensions": 3, "side": 2.0},
    {"kind": "ball", "dimensions": 3, "radius": 0.7},
    {"kind": "sphere", "dimensions": 4},
]
SHAPES_TRIED: list[dict[str, Any]] = [
    {"kind": "line", "count": 5, "spacing": 0.5},
    {"kind": "ring", "count": 7, "radius": 1.0},
    {"kind": "helix", "count": 9, "radius": 1.0, "pitch": 0.3},
    {"kind": "sheet", "side": [3, 4], "spacing": 0.5},
    {"kind": "hexagonal", "rings": 2, "spacing": 0.5},
    {"kind": "cubic", "side": 3, "spacing": 0.5},
    {"kind": "bcc", "side": 2, "spacing": 0.5},
    {"kind": "fcc", "side": 2, "spacing": 0.5},
    {"kind": "d4", "spacing": 0.5},
    {"kind": "e8", "spacing": 0.5},
    {"kind": "simplex", "dimensions": 5, "spacing": 0.5},
    {"kind": "cross_polytope", "dimensions": 5, "spacing": 0.5},
    {"kind": "hypercube", "dimensions": 4, "spacing": 0.5},
    {"kind": "shell", "count": 50, "radius": 1.0},
    {"kind": "points", "file": "points.txt", "bond_within": 2.5},
]


SOURCES_TRIED: list[dict[str, Any]] = [
    {"kind": "gaussian", "count": 7, "centre": [1.0, 0.0, 2.0]},
    {"kind": "uniform", "count": 7},
    {"kind": "wall", "count": 7, "axis": 1, "end": "high"},
    {"kind": "lattice", "count": 7, "spacing": 1.0, "jitter": 0.1},
    {"kind": "places", "at": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]},
    {"kind": "point", "count": 4, "at": [0.0, 1.0, 2.0]},
    {"kind": "matrix", "file": "rows.npy", "rows": [4, 0]},
    {"kind": "recording", "file": "start.h5", "group": "gas"},
    {"kind": "prompt", "model": "llama", "tokens": [3, 39, 0, 3]},
]
NOT_DRAWN = {"array"}
"""It stands for positions that only its trajectory has, and refuses."""
OPERATIONS_TRIED: list[dict[str, Any]] = [
    {"kind": "trajectory", "file": "frames.h5", "trigger": 2, "observables": 3},
    {"kind": "train_field", "group": "student", "teacher": "teacher", "momentum": 0.5, "trigger": 2},
    {"kind": "train_field", "group": "student", "teacher": "teacher", "objective": "reverse_kl", "file": "field.json"},
    {"kind": "replica_exchange", "trigger": 1, "adapt": {"steps": 8}},
]


def test_every_kind_is_tried() -> None:
    assert {source["kind"] for source in SOURCES_TRIED} | NOT_DRAWN == set(GAS_SOURCES)
    assert {operation["kind"] for operation in OPERATIONS_TRIED} == set(OPERATIONS)
    assert {law["kind"] for law, _, _ in LAWS} == set(DYNAMICS)
    assert {space["kind"] for space in SPACES_TRIED} == set(SPACES)
    assert {shape["kind"] for shape in SHAPES_TRIED} == set(SHAPES)


@pytest.mark.parametrize(("law", "forces", "temperature"), LAWS, ids=lambda given: str(given)[:50])
def test_laws_of_motion(law: dict[str, Any], forces: list[dict[str, Any]], temperature: float | None) -> None:
    check_dynamics(law, forces=forces, temperature=temperature)


@pytest.mark.parametrize("space", [case for case in SPACES_TRIED if case["kind"] != "free"], ids=lambda s: s["kind"])
def test_motion_in_every_space(space: dict[str, Any]) -> None:
    check_dynamics({"kind": "langevin", "time_step": 0.05, "friction": 1.0}, forces=[], space=space, temperature=0.3)


@pytest.mark.parametrize("space", SPACES_TRIED, ids=lambda space: space["kind"])
def test_spaces(space: dict[str, Any]) -> None:
    check_space(space)


@pytest.mark.parametrize("shape", SHAPES_TRIED, ids=lambda shape: shape["kind"])
def test_shapes(shape: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "points.txt").write_text("0 0 0\n2 0 0\n0 4 0\n")
    check_shape(shape, find=lambda name: tmp_path / name)


@pytest.mark.parametrize("source", SOURCES_TRIED, ids=lambda source: source["kind"])
def test_sources(source: dict[str, Any], tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((5, 3))
    np.save(tmp_path / "rows.npy", rows)
    with TrajectoryWriter(tmp_path / "start.h5", gas_of(rows), precision="float64", provenance={}) as writer:
        writer.frame(0, 0.0, rows)
    tiny_llama(width=3).write(tmp_path / "llama", "model.")
    space = SPACES.parse({"kind": "box", "dimensions": 3, "side": 20.0})
    check_source(source, space, find=lambda name: tmp_path / name)


@pytest.mark.parametrize("operation", OPERATIONS_TRIED, ids=lambda operation: operation["kind"])
def test_operations(operation: dict[str, Any]) -> None:
    check_operation(operation, {"train_field": school, "replica_exchange": replicas}.get(operation["kind"]))


def school(directory: Path) -> Simulation:
    """A simulation with a group that can learn from another one."""
    places = np.random.default_rng(0).standard_normal((20, 2))
    student = {"kind": "harmonic", "stiffness": 1.0, "train": ["centre", "stiffness"], "groups": ["student"]}
    return Simulation(
        Gas(places, np.repeat([0, 1], 10), ["teacher", "student"]),
        dynamics={"kind": "langevin", "time_step": 0.1, "friction": 1.0},
        forces=[{"kind": "double_well", "groups": ["teacher"]}, student],
        temperature=0.5,
        directory=directory,
    )


def replicas(directory: Path) -> Simulation:
    """A simulation of one gas at three temperatures."""
    places = np.random.default_rng(0).standard_normal((12, 2))
    names = ["cold", "warm", "hot"]
    return Simulation(
        Gas(places, np.repeat([0, 1, 2], 4), names),
        dynamics={"kind": "langevin", "time_step": 0.1, "friction": 1.0},
        forces=[{"kind": "double_well"}],
        temperature={"kind": "by_group", "groups": dict(zip(names, [0.2, 0.5, 1.0], strict=True))},
        directory=directory,
    )


def test_a_force_on_velocities() -> None:
    check_force({"kind": "lorentz", "field": 2.0}, Free(dimensions=2))


# --- what is wrong is noticed -----------------------------------------------------------------------------------------


class Crooked(ForceSpec):
    """A parabola whose force, Laplacian or both are wrong by a part of a thousand."""

    kind: Literal["crooked"] = "crooked"
    force: float = 1.0
    laplacian: float = 1.0
    conservative: bool = True

    def build(self, surroundings: Surroundings) -> ExternalForce:
        return ExternalForce("crooked", crooked, (self.force, self.laplacian), conservative=self.conservative)


@pointwise_kernel
def crooked(x, p, force):  # type: ignore[no-untyped-def]
    force -= p[0] * x
    return 0.5 * np.sum(x * x), p[1] * x.size


class Sticky(Force):
    """Sets the force instead of adding to it."""

    conservative = False

    def add(self, gas: Gas, force: NDArray[np.float64]) -> None:
        force[:] = gas.positions

    def energy(self, gas: Gas) -> NDArray[np.float64]:
        raise ValueError("none")

    laplacian = energy


class Overwriting(ForceSpec):
    kind: Literal["overwriting"] = "overwriting"

    def build(self, surroundings: Surroundings) -> Force:
        return Sticky()


@pytest.mark.parametrize(
    ("law", "says"),
    [
        (Crooked(force=1.001), "minus the gradient"),
        (Crooked(laplacian=1.001), "minus the divergence"),
        (Overwriting(), "add does not add"),
    ],
)
def test_a_wrong_force_is_noticed(law: ForceSpec, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_force(law, Free(dimensions=2))


def test_a_force_that_differs_from_its_oracle_is_noticed() -> None:
    check_force(Crooked(), Free(dimensions=2), oracle=lambda gas: -gas.positions)
    with pytest.raises(AssertionError, match="differs from its oracle"):
        check_force(Crooked(), Free(dimensions=2), oracle=lambda gas: -1.001 * gas.positions)


class Drifting(DynamicsSpec):
    """Moves particles by one unit a step, and makes one mistake."""

    kind: Literal["drifting"] = "drifting"
    mistake: str

    def build(self, gas: Gas, conditions: Conditions) -> Dynamics:
        return Drift(gas, self.mistake)


class Drift(Dynamics):
    def __init__(self, gas: Gas, mistake: str) -> None:
        self._mistake, self._ages = mistake, np.zeros(gas.count)

    def advance(self, gas: Gas) -> None:
        self._ages += 1.0
        gas.positions += 0.1 * self._ages[:, None]
        gas.step += 2 if self._mistake == "counts twice" else 1
        gas.time += 1.0

    def state(self) -> dict[str, NDArray[Any]]:
        if self._mistake == "forgets":
            return {}
        return {"ages": self._ages if self._mistake == "shares" else self._ages.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        if self._mistake != "takes any" and (set(state) != set(self.state())):
            raise ValueError("the state of another law")
        if "ages" in state:
            if state["ages"].shape != self._ages.shape:
                raise ValueError("another size")
            self._ages[:] = state["ages"]

    def add_particles(self, gas: Gas, added: int) -> None:
        if self._mistake != "ignores newcomers":
            self._ages = np.concatenate([self._ages, np.zeros(added)])


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("counts twice", "not counted once"),
        ("forgets", "differs from the original"),
        ("shares", "does not return a copy"),
        ("takes any", "unknown name is restored"),
    ],
)
def test_a_wrong_law_of_motion_is_noticed(mistake: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_dynamics(Drifting(mistake=mistake))


def test_a_law_without_mistakes_passes_and_one_that_ignores_newcomers_does_not() -> None:
    check_dynamics(Drifting(mistake="none"))
    with pytest.raises(ValueError, match="broadcast"):
        check_dynamics(Drifting(mistake="ignores newcomers"))


class Leaky(Free):
    """Free space with one mistake."""

    bounded: ClassVar[bool] = False
    mistake: str

    def drift(
        self, positions: NDArray[Any], velocities: NDArray[np.float64], time_step: float, turned: NDArray[np.float64]
    ) -> None:
        super().drift(positions, velocities, time_step, turned)
        if self.mistake == "slows down":
            velocities *= 0.999
        if self.mistake == "always ahead":
            positions += 0.01

    def contains(self, positions: NDArray[Any]) -> NDArray[np.bool_]:
        return np.ones(len(positions), bool) if self.mistake == "holds anything" else super().contains(positions)


@pytest.mark.parametrize(
    ("mistake", "says"),
    [("slows down", "not reversible"), ("always ahead", "not reversible"), ("holds anything", "accepts a NaN")],
)
def test_a_wrong_space_is_noticed(mistake: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_space(Leaky(dimensions=2, mistake=mistake))


class Pair(Shape):
    """Two points, with one mistake."""

    kind: Literal["pair"] = "pair"
    shift: float = 0.0
    bonds: tuple[tuple[int, int], ...] = ((0, 1),)
    announced: int = 2

    @property
    def size(self) -> int:
        return self.announced

    def structure(self, find: Callable[[str], Path] = Path) -> Structure:
        return Structure(np.array([[-1.0], [1.0]]) + self.shift, np.array(self.bonds, np.int64))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"shift": 0.1}, "not centred"),
        ({"bonds": ((0, 0),)}, "bonded to itself"),
        ({"bonds": ((0, 2),)}, "missing point"),
        ({"bonds": ((0, 1), (1, 0))}, "duplicated"),
        ({"announced": 3}, "size is 3"),
    ],
)
def test_a_wrong_shape_is_noticed(wrong: dict[str, Any], says: str) -> None:
    check_shape(Pair())
    with pytest.raises(AssertionError, match=says):
        check_shape(Pair(**wrong))


class Faulty(GasSource):
    """Five particles, with one mistake."""

    kind: Literal["faulty"] = "faulty"
    mistake: str = ""

    def gas(self, context: SourceContext) -> Gas:
        chance = np.random.default_rng() if self.mistake == "no seed" else context.generator()
        positions = chance.standard_normal((5, 3 if self.mistake == "three" else context.dimensions))
        if self.mistake == "not finite":
            positions[3, 0] = np.inf
        return Gas(positions, names=["gas" if self.mistake == "own name" else context.name])


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("no seed", "other positions"),
        ("three", "neither given nor refused"),
        ("not finite", "not finite"),
        ("own name", "given name"),
    ],
)
def test_a_wrong_source_is_noticed(mistake: str, says: str) -> None:
    check_source(Faulty())
    with pytest.raises(AssertionError, match=says):
        check_source(Faulty(mistake=mistake))


class Counting(OperationSpec):
    """Counts how often it fires, with one mistake."""

    kind: Literal["counting"] = "counting"
    mistake: str = ""

    def build(self, simulation: SimulationLike) -> Operation:
        return Counter(self)


class Counter(Operation):
    def __init__(self, spec: Counting) -> None:
        self.trigger, self._mistake, self._count = spec.trigger, spec.mistake, 0

    def begin(self, simulation: SimulationLike) -> None:
        self._path = simulation.directory / "count.txt"

    def fire(self, simulation: SimulationLike) -> None:
        self._count += 1
        if self._mistake == "heats":
            simulation.gas.positions *= np.random.default_rng().uniform(1.0, 1.1)

    def close(self) -> None:
        self._path.write_text(str(self._count))

    def state(self) -> dict[str, NDArray[Any]]:
        return {} if self._mistake == "forgets" else {"count": np.array(self._count)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._count = int(state["count"])


@pytest.mark.parametrize(("mistake", "says"), [("heats", "another gas/positions"), ("forgets", r"another count\.txt")])
def test_a_wrong_operation_is_noticed(mistake: str, says: str) -> None:
    check_operation(Counting(trigger={"kind": "every", "steps": 2}))
    with pytest.raises(AssertionError, match=says):
        check_operation(Counting(trigger={"kind": "every", "steps": 2}, mistake=mistake))
