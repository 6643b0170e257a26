"""A gas without particles, in which structures are planted at the start or later, is that of the structures alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from force_cases import all_cases

import gasfield
from gasfield.errors import InputError
from gasfield.forces import TotalForce
from gasfield.gas import Gas
from gasfield.simulation import Simulation
from gasfield.tracers import Tracer

LINE = np.array([[0.3 + 0.5 * (i - 2), 0.3] for i in range(5)])
LAWS: list[tuple[dict[str, Any], float | None]] = [
    ({"kind": "newton", "time_step": 0.02}, None),
    ({"kind": "brownian", "time_step": 0.01}, 1.0),
    ({"kind": "andersen", "time_step": 0.02, "collision_rate": 2.0}, 1.0),
    ({"kind": "advection", "time_step": 0.05}, None),
    ({"kind": "metropolis", "step_length": 0.5}, 1.0),
    ({"kind": "hmc", "time_step": 0.02, "accept": "gas"}, 1.0),
    ({"kind": "adamw", "learning_rate": 0.01, "weight_dtype": "bfloat16", "weight_rounding": "kahan"}, None),
    ({"kind": "sgd", "learning_rate": 0.01, "momentum": 0.9}, None),
]
WELL = {"kind": "double_well", "barrier": 1.0, "width": 1.0, "stiffness": 2.0}
SOFT = {"kind": "soft_repulsion", "strength": 3.0, "cutoff": 0.8}


def line(plant_at: int = 0, **more: Any) -> Tracer:
    return Tracer.model_validate(
        {
            "name": "line",
            "active": True,
            "shape": {"kind": "line", "count": 5, "spacing": 0.5},
            "frame": {"kind": "axes"},
            "place": {"kind": "point", "at": [0.3, 0.3]},
            "plant_at": plant_at,
            **more,
        }
    )


def alone(law: dict[str, Any], temperature: float | None, gas: Any, tracers: list[Tracer]) -> Simulation:
    forces = [WELL] if law["kind"] in ("metropolis", "advection") else [WELL, SOFT]
    bath = {} if temperature is None else {"temperature": temperature}
    return Simulation(
        gas, space={"kind": "free", "dimensions": 2}, tracers=tracers, forces=forces, dynamics=law, **bath
    )


@pytest.mark.parametrize(("law", "temperature"), LAWS, ids=[law["kind"] for law, _ in LAWS])
def test_tracers_alone_move_as_a_gas_of_theirs(law: dict[str, Any], temperature: float | None) -> None:
    """The same ids, hence the same random numbers: the same bits. Planted later, the same law from there on."""
    structure = alone(law, temperature, [], [line()])
    velocities = None if structure.gas.velocities is None else structure.gas.velocities.copy()
    gas = alone(law, temperature, Gas(LINE, names=["line"], velocities=velocities), []).step(12)
    structure.step(12)
    np.testing.assert_array_equal(structure.gas.positions, gas.gas.positions)
    late = alone(law, temperature, [], [line(plant_at=5)]).step(12)
    assert late.gas.count == 5
    assert np.isfinite(late.gas.positions).all()
    if temperature is None and law["kind"] not in ("adamw",):  # whose first step depends on the number of steps taken
        early = alone(law, temperature, [], [line()]).step(7)
        np.testing.assert_allclose(late.gas.positions, early.gas.positions, rtol=1e-6)
    assert np.abs(late.gas.positions - gas.gas.positions).max() > 1e-5  # negative control


@pytest.mark.validate
def test_a_chain_of_thermostats_needs_a_structure_at_the_start() -> None:
    law = {"kind": "nose_hoover", "time_step": 0.02, "relaxation_time": 0.5}
    planted = alone(law, 1.0, [], [line()])
    assert planted.dynamics.degrees_of_freedom(planted.gas) == 10
    with pytest.raises(InputError, match=r"plant a structure at the start \(plant_at: 0\), or langevin") as fault:
        alone(law, 1.0, [], [line(plant_at=5)])
    assert "Use more particles" not in str(fault.value)


def test_every_force_on_nobody_is_nothing() -> None:
    for case in all_cases():
        force, dimensions = case.force(), case.space.dimensions
        nobody, total = Gas(np.empty((0, dimensions))), TotalForce([force], dimensions)
        assert total.force(nobody).shape == (0, dimensions), str(case)
        assert total.virial(nobody) == 0.0, str(case)
        total.measures(nobody)
        if force.conservative:
            assert total.energy(nobody).shape == total.laplacian(nobody).shape == (0,), str(case)


def test_a_charge_that_comes_later_is_a_charge() -> None:
    def start(charge: float) -> Simulation:
        law = {"kind": "newton", "time_step": 0.01}
        return Simulation(
            [],
            space={"kind": "free", "dimensions": 2},
            tracers=[line(plant_at=3, charge=charge)],
            forces=[{"kind": "coulomb", "softening": 0.1}],
            dynamics=law,
        )

    with pytest.raises(InputError, match="no particle has a charge"):
        start(0.0)
    apart = np.ptp(start(1.0).step(40).gas.positions[:, 0])
    assert apart > 2.01


def test_a_run_goes_on_from_before_the_first_particle() -> None:
    law, temperature = LAWS[1]
    whole = alone(law, temperature, [], [line(plant_at=5)]).step(12)
    first = alone(law, temperature, [], [line(plant_at=5)]).step(3)
    second = alone(law, temperature, [], [line(plant_at=5)])
    second.restore(first.state())
    np.testing.assert_array_equal(second.step(9).gas.positions, whole.gas.positions)


SCENARIO = """
space: {{kind: periodic, dimensions: 2, sides: [4.0, 4.0]}}
gas: []
tracers:
  - name: sheet
    shape: {{kind: sheet, side: [4, 4], spacing: 0.3}}
    frame: {{kind: axes}}
    place: {{kind: point, at: [2.0, 2.0]}}
    active: true
    plant_at: {plant_at}
forces: [{{kind: soft_repulsion, strength: 3.0, cutoff: 0.4}}]
dynamics: {{kind: langevin, time_step: 0.02, friction: 1.0}}
temperature: 0.5
run: {{steps: 400, record_every: 20}}
"""


@pytest.mark.parametrize("plant_at", [0, 100])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_run_of_tracers_alone_has_results_and_pictures(plant_at: int, tmp_path: Path) -> None:
    path = tmp_path / "alone.yaml"
    path.write_text(SCENARIO.format(plant_at=plant_at))
    result = gasfield.run(str(path), output=tmp_path / "run", pictures="all" if plant_at else "none")
    found = result.diagnosis.results["sheet"]
    assert {"cloud", "bonds", "motion"} <= set(found)
    assert (len(result.plots) > 5) == (plant_at > 0)
    with result.open() as trajectory:
        assert np.isnan(trajectory.frame(0)).all() == (plant_at > 0)
        assert np.isfinite(trajectory.frame(-1)).all()
        assert trajectory.appears.tolist() == [plant_at] * 16


def test_nothing_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing.yaml"
    path.write_text(
        "space: {kind: free, dimensions: 2}\ngas: []\ndynamics: {kind: newton, time_step: 0.1}\nrun: {steps: 3}\n"
    )
    with pytest.raises(InputError, match=r"nothing.yaml:2: gas: is empty, and there are no tracers"):
        gasfield.load_scenario(str(path))
    with pytest.raises(InputError):
        Simulation([], space={"kind": "free", "dimensions": 2}, dynamics={"kind": "newton", "time_step": 0.1})


def test_places_and_frames_by_a_group_need_one(tmp_path: Path) -> None:
    for key in ("place", "frame"):
        with pytest.raises(InputError, match="gas"):
            alone(
                LAWS[0][0],
                None,
                [],
                [line(**{key: {"kind": "centroid" if key == "place" else "principal", "of": "gas"}})],
            )
