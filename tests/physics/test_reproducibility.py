"""The same scenario gives the same bits: for any number of threads, and across a kill, under every law of motion."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numba
import numpy as np
import pytest
import yaml

import gasfield
from gasfield.dynamics import DYNAMICS
from gasfield.kernels import threads
from gasfield.runs import simulate
from gasfield.scenario import Scenario, load_scenario
from gasfield.simulation import Simulation
from gasfield.trajectory import Checkpoint

SOFT = {"kind": "soft_repulsion", "strength": 3.0, "cutoff": 0.8}
WELL = {"kind": "double_well", "barrier": 1.0, "width": 1.0, "stiffness": 2.0}
STEPS = 60

LAWS: dict[str, dict[str, Any]] = {
    "newton": {"dynamics": {"time_step": 0.02}, "forces": [SOFT]},
    "langevin": {"dynamics": {"time_step": 0.05, "friction": 1.0}, "temperature": 1.0, "forces": [WELL, SOFT]},
    "brownian": {
        "dynamics": {"time_step": 0.01},
        "temperature": {"kind": "ramp", "from": 2.0, "to": 0.5, "steps": STEPS},
        "forces": [WELL, SOFT],
    },
    "nose_hoover": {
        "dynamics": {"time_step": 0.02, "relaxation_time": 0.4}, "temperature": 1.0, "forces": [SOFT],
    },
    "andersen": {"dynamics": {"time_step": 0.02, "collision_rate": 2.0}, "temperature": 1.0, "forces": [WELL]},
    "advection": {"dynamics": {"time_step": 0.05}, "forces": [WELL, {"kind": "circulation", "rate": 1.0}]},
    "metropolis": {"dynamics": {"step_length": 0.5}, "temperature": 1.0, "forces": [WELL]},
    "mala": {"dynamics": {"time_step": 0.05}, "temperature": 1.0, "forces": [WELL]},
    "hmc": {"dynamics": {"time_step": 0.02, "accept": "gas"}, "temperature": 1.0, "forces": [WELL, SOFT]},
    "adamw": {"dynamics": {"learning_rate": 0.01}, "forces": [WELL]},
    "sgd": {"dynamics": {"learning_rate": 0.01, "momentum": 0.9}, "forces": [WELL]},
    "lion": {
        "dynamics": {"learning_rate": 0.01, "weight_dtype": "bfloat16", "weight_rounding": "stochastic"},
        "forces": [WELL],
    },
    "coupled_adam": {"dynamics": {"learning_rate": 0.01}, "forces": [WELL]},
    "adafactor": {"dynamics": {}, "forces": [WELL]},
    "muon": {"dynamics": {"learning_rate": 0.01}, "forces": [WELL]},
    "layers": {"dynamics": {}, "temperature": 0.01, "forces": [{"kind": "harmonic", "stiffness": 0.1}]},
}  # fmt: skip
"""A scenario for each law of motion."""


def test_every_law_of_motion_has_a_case() -> None:
    assert set(LAWS) == set(DYNAMICS)


def write_scenario(folder: Path, kind: str, **changes: Any) -> Path:
    """A scenario file: 48 particles, and for the laws that can have one, a tracer planted on the way."""
    case = LAWS[kind]
    scenario = {
        "title": f"{kind} at work",
        "question": "Does it give the same bits?",
        "seed": 3,
        "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 48, "spread": 1.0}}],
        "forces": case["forces"],
        "dynamics": {"kind": kind, **case["dynamics"]},
        "run": {"steps": STEPS, "record_every": 7, "observe_every": 3, "checkpoint_every": 10},
        "diagnostics": ["cloud"],
    }
    if kind not in ("nose_hoover", "newton", "hmc", "coupled_adam", "adafactor", "muon"):
        scenario["tracers"] = [
            {
                "name": "square", "shape": {"kind": "sheet", "side": 2, "spacing": 0.1}, "plant_at": 25,
                "jitter": 0.01, "frame": {"kind": "principal", "of": "gas"},
                "place": {"kind": "ahead", "of": "gas", "by": 0.2},
            }
        ]  # fmt: skip
    if "temperature" in case:
        scenario["temperature"] = case["temperature"]
    path = folder / f"{kind}.yaml"
    path.write_text(yaml.safe_dump(scenario | changes))
    return path


def contents(file: Path) -> dict[str, Any]:
    """Every data set and attribute of a trajectory."""
    found: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        for key, value in item.attrs.items():
            if not isinstance(value, h5py.Reference):
                found[f"{name}@{key}"] = value
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(file) as opened:
        opened.visititems(note)
    return found


def assert_same(a: Path, b: Path) -> None:
    one, other = contents(a), contents(b)
    assert set(one) == set(other)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.fixture
def many_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However small the gas; the engine itself gives one as small as these a single thread."""
    monkeypatch.setattr(threads, "_ALONE", 0)
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def run_on(number: int, scenario: Scenario, path: Path) -> Simulation:
    """A whole run on a number of threads, which is seen to have been used."""
    used: set[int] = set()
    numba.set_num_threads(number)
    simulation = Simulation.from_scenario(scenario)
    simulate(simulation, path, progress=lambda _: used.add(numba.get_num_threads()))
    assert used == {number}
    return simulation


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize("kind", LAWS)
def test_bits_do_not_depend_on_threads(kind: str, tmp_path: Path) -> None:
    scenario = load_scenario(write_scenario(tmp_path, kind), ["run.steps=28"])
    one, two = (run_on(number, scenario, tmp_path / f"{number}.h5").gas for number in (1, 2))
    np.testing.assert_array_equal(one.positions, two.positions)
    assert_same(tmp_path / "1.h5", tmp_path / "2.h5")


CROWD: dict[str, Any] = {
    "gas": [
        {"name": "a", "from": {"kind": "gaussian", "count": 40, "spread": 1.0}, "charge": 1.0},
        {"name": "b", "from": {"kind": "gaussian", "count": 30, "spread": 1.0}, "charge": -1.0, "mass": 2.0},
    ],
    "tracers": [],
    "forces": [
        {"kind": "lorentz", "field": 2.0},
        {"kind": "coulomb", "softening": 0.3},
        {"kind": "gravity", "softening": 0.3, "groups": "each"},
        {"kind": "attention", "beta": 0.5, "groups": ["a"]},
        {"kind": "orbiting_wells", "wells": [{"radius": 1.0, "rate": 2.0, "depth": 1.0, "width": 0.5}]},
        {"kind": "expression", "energy": "0.1*x0**2*(1 + sin(3*t))"},
        {"kind": "pair_expression", "energy": "a*exp(-r**2)", "parameters": {"a": 0.2}, "cutoff": 3.0},
    ],
}
"""Forces that know of time, charges, masses, velocities and groups."""


@pytest.mark.usefixtures("many_threads")
def test_bits_of_a_crowd_do_not_depend_on_threads(tmp_path: Path) -> None:
    scenario = load_scenario(write_scenario(tmp_path, "langevin", **CROWD), ["run.steps=10"])
    for number in (1, 2):
        run_on(number, scenario, tmp_path / f"{number}.h5")
    assert_same(tmp_path / "1.h5", tmp_path / "2.h5")


def test_another_seed_gives_other_bits(tmp_path: Path) -> None:
    """Negative control."""
    ends = []
    for seed in (3, 4):
        simulation = Simulation.from_scenario(load_scenario(write_scenario(tmp_path, "langevin", seed=seed)))
        simulate(simulation, tmp_path / f"{seed}.h5")
        ends.append(simulation.gas.positions)
    assert not np.array_equal(ends[0], ends[1])


@pytest.mark.parametrize("kind", [*LAWS, "a crowd"])
@pytest.mark.parametrize("killed_at", [13, pytest.param(34, marks=pytest.mark.validate)])
def test_a_resumed_run_ends_with_the_same_bits(kind: str, killed_at: int, tmp_path: Path) -> None:
    """The files as they lie on the disk in the middle of a run are what a kill leaves; `resume` goes on from them."""
    path = write_scenario(tmp_path, "langevin", **CROWD) if kind == "a crowd" else write_scenario(tmp_path, kind)
    whole, killed = tmp_path / "whole", tmp_path / "killed"

    def freeze(simulation: Simulation) -> Any:
        def listen(_: int) -> None:
            if simulation.gas.step >= killed_at and not killed.exists():
                shutil.copytree(whole, killed)

        return listen

    gasfield.run(path, output=whole, pictures="none", progress=freeze)
    assert Checkpoint.load_newest(killed) is not None
    assert not (killed / "summary.json").exists()
    gasfield.resume(killed, pictures="none")
    assert_same(whole / "trajectory.h5", killed / "trajectory.h5")


def test_frames_after_the_checkpoint_are_made_again(tmp_path: Path) -> None:
    """A trajectory that was flushed farther than its checkpoint knows is cut back before the run goes on."""
    path = write_scenario(tmp_path, "langevin")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    held: dict[str, bytes] = {}

    def checkpoints() -> list[Path]:
        return list(whole.glob("checkpoint*"))

    def freeze(simulation: Simulation) -> Any:
        def listen(_: int) -> None:
            if simulation.gas.step == 12:
                held.update({each.name: each.read_bytes() for each in checkpoints()})
            if simulation.gas.step == 51:
                shutil.copytree(whole, killed)

        return listen

    gasfield.run(path, output=whole, pictures="none", progress=freeze)
    assert held
    Checkpoint.delete_all(killed)
    for name, data in held.items():
        (killed / name).write_bytes(data)
    gasfield.resume(killed, pictures="none")
    assert_same(whole / "trajectory.h5", killed / "trajectory.h5")


def test_a_run_killed_before_its_first_checkpoint_begins_again(tmp_path: Path) -> None:
    path = write_scenario(tmp_path, "brownian")
    whole, killed = tmp_path / "whole", tmp_path / "killed"

    def freeze(simulation: Simulation) -> Any:
        return lambda _: killed.exists() or shutil.copytree(whole, killed)

    gasfield.run(path, output=whole, pictures="none", progress=freeze)
    assert Checkpoint.load_newest(killed) is None
    gasfield.resume(killed, pictures="none")
    assert_same(whole / "trajectory.h5", killed / "trajectory.h5")
