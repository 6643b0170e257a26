"""All dead rows of a recording as a gas: where they start, what they are compared with, and how they move."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paths import RECORDINGS

import gasfield
from gasfield.diagnostics import Group
from gasfield.diagnostics.kinematics.motion import Motion
from gasfield.errors import InputError
from gasfield.runs.run import RunResult
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation
from gasfield.statistics.motion_decomposition import KINDS
from gasfield.trajectory import Trajectory

STEPS = 16
FLOAT32 = "{kind: adamw, learning_rate: 1.0e-3, parameters: float32, state: float32}"
RECORDING = "recordings/kjv-fp32.h5"
SETTINGS = [
    *(f"{key}={RECORDING}" for key in ("gas.0.from.file", "gas.1.from.file", "forces.0.file", "compare.with")),
    f"run.steps={STEPS}",
]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    settings = [*SETTINGS, f"dynamics={FLOAT32}"]
    return gasfield.run("lattice-in-the-thrust", overrides=settings, output=tmp_path_factory.mktemp("twin") / "run")


def test_all_dead_rows_start_where_they_were_surveyed(twin: RunResult) -> None:
    with Trajectory(twin.directory / "trajectory.h5") as run, Trajectory(RECORDINGS / "kjv-fp32.h5") as fp32:
        rows = run.members("survey")
        np.testing.assert_array_equal(run.frame(0)[rows], fp32.survey().values[0])
        np.testing.assert_array_equal(run.token_ids[rows], fp32.survey_ids)


def test_the_twin_moves_in_the_same_kinds_as_the_real_rows(twin: RunResult) -> None:
    """Shares of the thermal motion after 16 steps of AdamW in the affine field, to 1% of all of it. The field has no
    rotation; the optimiser, which divides by the size of each coordinate's gradient, makes one."""
    assert twin.comparison is not None
    found = twin.comparison.groups["survey"].quantities()
    for kind in KINDS[1:]:
        assert found[f"thermal_{kind}.difference"].value == pytest.approx(0.0, abs=0.01), kind
    assert found["thermal_rotation.real"].value > 0.1  # type: ignore[operator]
    assert found["thermal_shear.real"].value > 0.3  # type: ignore[operator]


def test_gradient_descent_in_the_same_field_does_not_rotate(tmp_path: Path) -> None:
    """Negative control of the rotation: every step is a symmetric map, and the product of small ones nearly so."""
    settings = [*SETTINGS, "dynamics={kind: sgd, learning_rate: 20.0, parameters: float32}"]
    result = gasfield.run(
        "lattice-in-the-thrust", overrides=[*settings, "compare=null", "diagnostics=[cloud]"], output=tmp_path / "run"
    )
    with Trajectory(result.directory / "trajectory.h5") as run:
        descent = Motion(over_time=False).compute(Group.of(run, "survey"))
    with Trajectory(RECORDINGS / "kjv-fp32.h5") as recording:
        survey = Group.survey(recording)
        assert survey is not None
        until = int(np.searchsorted(survey.steps, STEPS)) + 1
        real = Motion(over_time=False).compute(
            replace(survey, steps=survey.steps[:until], times=survey.times[:until], positions=survey.positions[:until])
        )
    assert descent.quantities()["motion.thermal.rotation"].value == pytest.approx(0.0, abs=0.03)
    assert real.quantities()["motion.thermal.rotation"].value > 0.1  # type: ignore[operator]


def test_a_step_without_a_survey_is_refused() -> None:
    with pytest.raises(InputError, match=r"no survey at step 3; there are 0, 1, 2, 4, 9"):
        Simulation(load_scenario("lattice-in-the-thrust", ["gas.0.from.step=3", "gas.1.from.step=3"]))
