"""Whole runs, from scenario through the trajectory file to the diagnostics, against laws that are known.

Every tolerance is four standard errors of the diagnostic itself, whose calibration has tests of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gasfield.diagnostics import Diagnosis, diagnose
from gasfield.quantity import Quantity
from gasfield.runs import simulate
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation
from gasfield.trajectory import Trajectory

SOFT = {"kind": "soft_repulsion", "strength": 4.0, "cutoff": 1.5}
LANGEVIN = {"kind": "langevin", "time_step": 0.05, "friction": 1.0}


def ran(folder: Path, name: str, diagnostics: list[str], **parts: Any) -> Diagnosis:
    """Runs a scenario made of the given parts and diagnoses its trajectory."""
    scenario = {
        "title": name,
        "question": "Is the law kept?",
        "dynamics": LANGEVIN,
        "temperature": 1.0,
        "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 500}}],
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(scenario | parts))
    simulate(Simulation.from_scenario(load_scenario(path)), folder / f"{name}.h5")
    with Trajectory(folder / f"{name}.h5") as trajectory:
        return diagnose(trajectory, diagnostics)


def found(diagnosis: Diagnosis, diagnostic: str, key: str) -> Quantity:
    results = {**diagnosis.whole, **diagnosis.results["gas"]}
    return results[diagnostic].quantities()[key]


def agrees(quantity: Quantity, expected: float, slack: float = 0.0) -> bool:
    assert quantity.error
    return bool(abs(quantity.value - expected) < 4 * quantity.error + slack)


@pytest.mark.parametrize("kind", ["box", "ball"])
@pytest.mark.parametrize("dimensions", [2, 3, 8])
def test_pressure_of_the_ideal_gas(dimensions: int, kind: str, tmp_path: Path) -> None:
    """P V = N T, at the wall and by the virial, in any number of dimensions. A bath 5% off would be seen: the error of
    1,000 particles over 60 time units is well below 1%."""
    size = {"side": 3.0} if kind == "box" else {"radius": 2.0}
    diagnosis = ran(
        tmp_path, "ideal", ["pressure"], space={"kind": kind, "dimensions": dimensions, **size},
        run={"steps": 1200, "record_every": 400, "observe_every": 4}, temperature=1.3,
        dynamics=LANGEVIN | {"friction": 2.0}, gas=[{"name": "gas", "from": {"kind": "uniform", "count": 1000}}],
    )  # fmt: skip
    for way in ("wall", "virial"):
        ratio = found(diagnosis, "pressure", f"pressure.{way}_over_ideal")
        assert agrees(ratio, 1.0), (way, ratio)
        assert ratio.error < 0.01
        assert not agrees(ratio, 1.0 / 1.05)


def test_pressure_of_soft_spheres_is_the_same_at_the_wall_and_by_the_virial(tmp_path: Path) -> None:
    """Clausius: both count the same momentum. It is not that of the ideal gas, by far."""
    diagnosis = ran(
        tmp_path, "dense", ["pressure"], space={"kind": "box", "dimensions": 3, "side": 4.4}, forces=[SOFT],
        run={"steps": 3000, "record_every": 500, "observe_every": 5}, dynamics=LANGEVIN | {"time_step": 0.02},
        gas=[{"name": "gas", "from": {"kind": "uniform", "count": 200}}],
    )  # fmt: skip
    wall, virial = (found(diagnosis, "pressure", f"pressure.{way}_over_ideal") for way in ("wall", "virial"))
    assert wall.error
    assert virial.error
    assert abs(wall.value - virial.value) < 4 * np.hypot(wall.error, virial.error)
    assert virial.value > 1.5


def circulation_rate(omega: float, h: float) -> float:
    """Entropy production of x' = -x + omega J x at T = k = gamma = 1, D = 2, by the scheme of Leimkuhler and Matthews.

    With z = x0 + i x1 and a = 1 - h + i omega h the scheme is z' = a z + sqrt(h/2) (R + R'), whose stationary
    <|z|^2> is S = 2 (2 - h)/(2 - h (1 + omega^2)), and the work of the mean force along a step omega h Im(conj(z) z'),
    with <conj(z) z'> = a S + h. As h goes to zero the rate goes to omega^2 S/T = 2 omega^2.
    """
    return omega**2 * 2 * (2 - h) / (2 - h * (1 + omega**2))


@pytest.mark.parametrize("h", [0.02, 0.5])
def test_entropy_production_of_a_circulation(h: float, tmp_path: Path) -> None:
    parts: dict[str, Any] = {
        "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 5000, "spread": 1.0}}],
        "dynamics": {"kind": "brownian", "time_step": h},
        "run": {"steps": int(40 / h), "record_every": int(10 / h), "observe_every": max(1, int(0.1 / h))},
    }
    well, turn = {"kind": "harmonic", "stiffness": 1.0}, {"kind": "circulation", "rate": 0.5}
    driven = found(
        ran(tmp_path, "driven", ["entropy_production"], forces=[well, turn], **parts),
        "entropy_production", "entropy_production.rate",
    )  # fmt: skip
    assert agrees(driven, circulation_rate(0.5, h)), driven
    if h == 0.5:
        assert not agrees(driven, 2 * 0.5**2)  # the law of a step that is not its own
    still = ran(tmp_path, "still", ["entropy_production"], forces=[well], **parts)
    rate = found(still, "entropy_production", "entropy_production.rate")
    assert agrees(rate, 0.0)
    assert not agrees(rate, circulation_rate(0.5, h))  # negative control


FLUID: dict[str, Any] = {
    "space": {"kind": "periodic", "dimensions": 3, "side": 5.0},
    "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 120}}],
    "forces": [SOFT],
    "run": {"steps": 3000, "record_every": 1000, "observe_every": 10},
    "dynamics": LANGEVIN | {"time_step": 0.02},
}


@pytest.fixture(scope="module")
def fluid(tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    """Under Langevin."""
    return ran(tmp_path_factory.mktemp("fluid"), "fluid", ["thermodynamics"], **FLUID)


def energy_of(diagnosis: Diagnosis) -> tuple[float, float]:
    """Potential energy and its error."""
    quantity = found(diagnosis, "thermodynamics", "energy.potential")
    assert quantity.error
    return float(quantity.value), float(quantity.error)


def energy(folder: Path, name: str, **changes: Any) -> tuple[float, float]:
    return energy_of(ran(folder, name, ["thermodynamics"], **FLUID | changes))


def same(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return bool(abs(a[0] - b[0]) < 4 * np.hypot(a[1], b[1]))


@pytest.mark.validate
def test_ask_twice_two_seeds_one_macrostate(tmp_path: Path) -> None:
    """Microstates differ in every number, macrostates agree within their errors; another temperature is another one."""
    first, second = energy(tmp_path, "first", seed=1), energy(tmp_path, "second", seed=2)
    assert first != second
    assert same(first, second)
    assert not same(first, energy(tmp_path, "warmer", temperature=1.3))  # negative control
    ends = []
    for name in ("first", "second"):
        with Trajectory(tmp_path / f"{name}.h5") as trajectory:
            ends.append(trajectory.frame(-1))
    assert np.abs(ends[0] - ends[1]).mean() > 0.5


@pytest.mark.parametrize(
    "law",
    [
        {"kind": "nose_hoover", "time_step": 0.02, "relaxation_time": 0.5},
        pytest.param({"kind": "andersen", "time_step": 0.02, "collision_rate": 1.0}, marks=pytest.mark.validate),
        {"kind": "brownian", "time_step": 0.004},
        pytest.param(
            {"kind": "hmc", "time_step": 0.04, "leapfrog_steps": 8, "accept": "gas"}, marks=pytest.mark.validate
        ),
    ],
    ids=lambda law: law["kind"],
)
def test_every_thermostat_has_the_same_macrostate(law: dict[str, Any], fluid: Diagnosis, tmp_path: Path) -> None:
    """The potential energy of a dense fluid under Langevin and under another law, at one temperature."""
    steps = {"steps": 1000, "record_every": 500, "observe_every": 4} if law["kind"] == "hmc" else FLUID["run"]
    assert same(energy_of(fluid), energy(tmp_path, "other", dynamics=law, run=steps))


def test_configurational_and_kinetic_temperature_of_a_fluid(fluid: Diagnosis) -> None:
    """Both are the bath's, by Langevin's positions (Rugh, 1997) and velocities; those at h = 0.02 are slower by less
    than h^2/4 times the largest squared frequency, 3e-3."""
    assert agrees(found(fluid, "thermodynamics", "temperature.configurational"), 1.0, slack=1e-3)
    assert agrees(found(fluid, "thermodynamics", "temperature.kinetic"), 1.0, slack=3e-3)
    assert not agrees(found(fluid, "thermodynamics", "temperature.configurational"), 1.15)


def test_groups_at_two_temperatures_keep_them(tmp_path: Path) -> None:
    """Without forces between them two groups never mix their heat."""
    diagnosis = ran(
        tmp_path, "two", ["thermodynamics"], space={"kind": "periodic", "dimensions": 2, "side": 5.0},
        gas=[{"name": "gas", "from": {"kind": "uniform", "count": 500}},
             {"name": "cold", "from": {"kind": "uniform", "count": 500}, "mass": 3.0}],
        temperature={"kind": "by_group", "groups": {"gas": 2.0, "cold": 0.5}},
        run={"steps": 1000, "record_every": 500, "observe_every": 5},
    )  # fmt: skip
    for group, temperature in (("gas", 2.0), ("cold", 0.5)):
        kinetic = diagnosis.results[group]["thermodynamics"].quantities()["temperature.kinetic"]
        assert agrees(kinetic, temperature)
        assert not agrees(kinetic, 1.05 * temperature)


def test_a_tracer_planted_on_the_way_feels_and_does_not_push(tmp_path: Path) -> None:
    """Before its step it has no position; afterwards it moves, and the gas does as if it were not there."""
    tracer = {
        "name": "square", "shape": {"kind": "sheet", "side": 2, "spacing": 0.2}, "plant_at": 30,
        "place": {"kind": "centroid", "of": "gas"},
    }  # fmt: skip
    short = FLUID | {"run": {"steps": 60, "record_every": 10}}
    frames = {}
    for name, tracers in (("without", []), ("with", [tracer]), ("active", [tracer | {"active": True}])):
        ran(tmp_path, name, ["cloud"], **short, tracers=tracers)
        with Trajectory(tmp_path / f"{name}.h5") as trajectory:
            frames[name] = trajectory.positions()
    assert np.isnan(frames["with"][:3, 120:]).all()
    assert np.isfinite(frames["with"][3:, 120:]).all()
    assert np.abs(frames["with"][4, 120:] - frames["with"][3, 120:]).max() > 0
    np.testing.assert_array_equal(frames["with"][:, :120], frames["without"])
    np.testing.assert_array_equal(frames["active"][:4, :120], frames["without"][:4])
    assert not np.array_equal(frames["active"][5, :120], frames["without"][5])
