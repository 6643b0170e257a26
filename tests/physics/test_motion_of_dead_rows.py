"""All dead rows of a recording as a gas: where they start, what they are compared with, and how they move."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from paths import RECORDINGS

import gasfield
from gasfield.errors import InputError
from gasfield.runs import RunResult
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation
from gasfield.statistics.motion_decomposition import KINDS, Moments, Reference, Values
from gasfield.statistics.smoothing import Neighbours
from gasfield.trajectory import Trajectory
from gasfield.trajectory.field import unpack_symmetric

STEPS = 16
FLOAT32 = "{kind: adamw, learning_rate: 1.0e-3, weight_dtype: float32, moment_dtype: float32}"
RECORDING = "recordings/kjv-fp32.h5"
SETTINGS = [
    *(f"{key}={RECORDING}" for key in ("gas.0.from.file", "gas.1.from.file", "forces.0.file", "compare.with")),
    f"run.steps={STEPS}",
]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    settings = [*SETTINGS, f"dynamics={FLOAT32}", "diagnostics=[cloud]", "compare=null"]
    folder = tmp_path_factory.mktemp("twin") / "run"
    return gasfield.run("lattice-in-the-early-burst", overrides=settings, output=folder, pictures="none")


def thermal_shares(start: Values, end: Values) -> dict[str, float]:
    """Shares of each kind in the thermal motion of rows (N, D) from start to end."""
    reference = Reference.of(start, np.eye(start.shape[1]))
    moments = Moments.of(reference, end.astype(np.float64) - start, Neighbours.of(reference.places))
    return dict(zip(KINDS[1:], moments.shares()[1], strict=True))


def real_shares() -> dict[str, float]:
    """Of all dead rows of the recording in its first 16 steps."""
    with Trajectory(RECORDINGS / "kjv-fp32.h5") as recording:
        survey = recording.survey()
        return thermal_shares(survey.values[0], survey.values[list(survey.steps).index(STEPS)])


def test_all_dead_rows_start_where_they_were_surveyed(twin: RunResult) -> None:
    with Trajectory(twin.directory / "trajectory.h5") as run, Trajectory(RECORDINGS / "kjv-fp32.h5") as fp32:
        rows = run.members("survey")
        np.testing.assert_array_equal(run.frame(0)[rows], fp32.survey().values[0])
        np.testing.assert_array_equal(run.token_ids[rows], fp32.survey_ids)


def test_the_twin_moves_in_the_same_kinds_as_the_real_rows(twin: RunResult) -> None:
    """Shares of the thermal motion after 16 steps of AdamW in the affine field, to 1% of all of it. The field has no
    rotation; the optimiser, which divides by the size of each coordinate's gradient, makes one."""
    with Trajectory(twin.directory / "trajectory.h5") as run:
        rows = run.members("survey")
        simulated = thermal_shares(run.frame(0)[rows], run.frame(-1)[rows])
    real = real_shares()
    for kind in KINDS[1:]:
        assert simulated[kind] == pytest.approx(real[kind], abs=0.01), kind
    assert real["rotation"] > 0.1
    assert real["shear"] > 0.3


def test_gradient_descent_in_the_same_field_does_not_rotate(tmp_path: Path) -> None:
    """Negative control of the rotation: a step of gradient descent is the symmetric map 1 - eta H.

    The product P of 16 such maps is symmetric up to commutators of second order in eta H, so that it rotates little;
    how little is computed from the recorded Hessians. Rows differ from P by the rounding of 16 positions of size |W| to
    float32, at random, which leaves of a displacement |u| less than 4 sqrt(16) 2^-24 |W| / |u|.
    """
    rate = 20.0
    settings = [*SETTINGS, f"dynamics={{kind: sgd, learning_rate: {rate}, weight_dtype: float32}}"]
    result = gasfield.run(
        "lattice-in-the-early-burst",
        overrides=[*settings, "compare=null", "diagnostics=[cloud]"],
        output=tmp_path / "run",
    )
    with Trajectory(result.directory / "trajectory.h5") as run:
        rows = run.members("survey")
        start, end = run.frame(0)[rows], run.frame(-1)[rows]
    with Trajectory(RECORDINGS / "kjv-fp32.h5") as recording:
        hessians = unpack_symmetric(recording.affine_field().hessian[:STEPS]).astype(np.float64)
    product = reduce(lambda before, hessian: before - rate * hessian @ before, hessians, np.eye(start.shape[1]))
    centred = start.astype(np.float64) - start.mean(axis=0, dtype=np.float64)
    expected = thermal_shares(centred, centred @ product.T)["rotation"]
    thermal = centred @ (product - np.eye(len(product))).T
    rounding = 4 * np.sqrt(STEPS) * 2.0**-24 * np.linalg.norm(start) / np.linalg.norm(thermal)
    assert thermal_shares(start, end)["rotation"] == pytest.approx(expected, abs=rounding)
    assert rounding < 1e-4
    assert abs(expected) < 0.2 * real_shares()["rotation"]
    # Negative control: the same maps in another order have commutators of the other sign.
    backwards = reduce(lambda before, hessian: before - rate * hessian @ before, hessians[::-1], np.eye(len(product)))
    assert abs(thermal_shares(centred, centred @ backwards.T)["rotation"] - expected) > 10 * rounding


def test_a_step_without_a_survey_is_refused() -> None:
    with pytest.raises(InputError, match=r"no survey at step 3; there are 0, 1, 2, 4, 9"):
        Simulation.from_scenario(
            load_scenario("lattice-in-the-early-burst", ["gas.0.from.step=3", "gas.1.from.step=3"])
        )
