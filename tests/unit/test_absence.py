"""Who is there is data: a particle yet to be planted is told from one that is broken, in memory and in files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

import gasfield
from gasfield.diagnostics import Group
from gasfield.diagnostics.grouping import group_of
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.operations import Callback, TrajectoryRecorder
from gasfield.simulation import Simulation
from gasfield.trajectory import Trajectory

CLOUD = np.random.default_rng(0).standard_normal((20, 2))
LATE: dict[str, Any] = {
    "name": "ring", "shape": {"kind": "ring", "count": 5, "radius": 0.1},
    "place": {"kind": "centroid", "of": "gas"}, "plant_at": 30,
}  # fmt: skip
PLACE = "particles/vectors/position/value"


def write(path: Path, **more: Any) -> Path:
    """60 steps with a frame at every tenth."""
    law = {"kind": "newton", "time_step": 0.01}
    parts = {"forces": [{"kind": "harmonic", "stiffness": 1.0}], "dynamics": law, "tracers": [LATE]} | more
    recorder = TrajectoryRecorder(path, 10)
    simulation = Simulation(CLOUD, operations=[recorder], **parts).step(60)
    simulation.close()
    return path


def lose(path: Path, rows: slice, since: int) -> None:
    """Rows become NaN from a frame on."""
    with h5py.File(path, "a") as file:
        file[PLACE][since:, rows] = np.nan


def notes_of(path: Path) -> list[str]:
    return [note["note"] for note in gasfield.diagnose(path, ["motion", "order"]).as_json()["notes"]]


def test_the_mask_of_a_simulation_is_that_of_its_rows() -> None:
    seen: list[tuple[int, bool]] = []

    def look(simulation: Simulation) -> None:
        there = np.isfinite(simulation.in_rows(simulation.gas.positions)).all(axis=1)
        np.testing.assert_array_equal(there, simulation.present)
        np.testing.assert_array_equal(there, simulation.everyone.present(simulation.gas.step))
        seen.append((simulation.gas.step, bool(there[-1])))

    law = {"kind": "newton", "time_step": 0.01}
    Simulation(CLOUD, dynamics=law, tracers=[LATE], operations=[Callback(look, every=10)]).step(40)
    assert seen == [(0, False), (10, False), (20, False), (30, True), (40, True)]


@pytest.mark.parametrize("says", [True, False])
def test_a_trajectory_says_who_is_there(tmp_path: Path, says: bool) -> None:
    """The data set says it, and in files without it the first finite position."""
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        assert file["particles/vectors/appears"][:].tolist() == [0] * 20 + [30] * 5
        if not says:
            del file["particles/vectors/appears"]
    with Trajectory(path) as trajectory:
        np.testing.assert_array_equal(trajectory.appears, [0] * 20 + [30] * 5)
        assert [int(trajectory.present(frame).sum()) for frame in (0, 2, 3, -1)] == [20, 20, 25, 25]
        assert trajectory.gas(30).present(29).sum() == 20
    assert not any("finite" in note for note in notes_of(path))


def test_without_a_later_planting_the_file_is_as_before(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "a.h5", tracers=[LATE | {"plant_at": 0}])) as file:
        assert "appears" not in file["particles/vectors"]


@pytest.mark.parametrize("says", [True, False])
def test_broken_particles_are_reported_once_and_others_measured(tmp_path: Path, says: bool) -> None:
    """12 of the gas from step 40 on; 2 of the ring never were where they should be."""
    path = write(tmp_path / "a.h5")
    lose(path, slice(3, 15), 4)
    lose(path, slice(23, 25), 0)
    if not says:
        with h5py.File(path, "a") as file:
            del file["particles/vectors/appears"]
    notes = notes_of(path)
    assert notes.count("12 of 20 rows are not finite, from step 40 on: they are left out") == 1
    since = 30 if says else 0  # without the data set, a row that never has a position is broken from the start
    assert notes.count(f"2 of 5 rows are not finite, from step {since} on: they are left out") == 1
    with Trajectory(path) as trajectory:
        assert group_of(trajectory, "gas").present().count == 8


def test_rows_to_be_planted_are_no_broken_ones() -> None:
    x = np.random.default_rng(1).normal(size=(4, 6, 3))
    x[:2, 0], x[3, 5] = np.nan, np.nan
    group = Group("rows", np.arange(4), x, appears=np.array([2, 0, 0, 0, 0, 0]))
    found = group.present()
    assert found.count == 4
    assert found.notes == (
        "1 of 6 rows are planted later and are left out",
        "1 of 6 rows are not finite, from step 3 on: they are left out",
    )
    assert replace(group, appears=np.zeros(6, np.int64)).fault is not None


@pytest.mark.parametrize(
    ("changed", "parameter"),
    [
        ({"masses": np.array([1.0, np.nan, 1.0])}, "gas.0.masses"),
        ({"charges": np.array([np.inf, 0.0, 0.0])}, "gas.0.charges"),
        ({"velocities": np.full((3, 2), np.nan)}, "gas.0.velocities"),
        ({"positions": np.array([[0.0, 0.0], [1.0, np.nan], [2.0, 0.0]])}, "gas.0.positions"),
        ({"masses": np.ones(2)}, "gas.masses"),
        ({"species": np.array([0, 0, 7])}, "gas.species"),
        ({"velocities": np.zeros((3, 3))}, "gas.velocities"),
    ],
)
def test_a_gas_with_numbers_that_are_not_finite_or_too_few_is_refused(changed: dict[str, Any], parameter: str) -> None:
    gas = replace(Gas(np.arange(6.0).reshape(3, 2)), **changed)
    with pytest.raises(InputError) as fault:
        Simulation(gas, dynamics={"kind": "newton", "time_step": 0.1})
    assert str(fault.value).startswith(f"{parameter}: ") or fault.value.parameter == parameter


def test_an_array_that_is_replaced_between_two_calls_is_checked() -> None:
    simulation = Simulation(CLOUD, dynamics={"kind": "newton", "time_step": 0.1}).step(3)
    simulation.gas.masses = np.ones(3)
    with pytest.raises(InputError, match="masses"):
        simulation.step(1)


def test_a_stored_scenario_of_other_dimensions_is_no_model(tmp_path: Path) -> None:
    """Its kernels would read beyond the end of each position."""
    path = write(tmp_path / "a.h5", forces=[], tracers=[])
    with h5py.File(path, "a") as file:
        attributes = file["parameters/provenance"].attrs
        scenario = yaml.safe_load(attributes["scenario"])
        scenario["space"]["dimensions"] = 2000
        scenario["forces"] = [{"kind": "expression", "energy": "x1999**2"}]
        attributes["scenario"] = yaml.safe_dump(scenario)
    left_out = gasfield.diagnose(path, ["field_map", "pressure"]).left_out
    assert len(left_out) == 2
    assert all("space.dimensions is 2000, and positions have 2" in entry.reason for entry in left_out)
