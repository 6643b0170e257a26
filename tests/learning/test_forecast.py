"""Forecasts: every baseline on the motion that it is best for, the negative control, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import gasfield
from gasfield.cli.main import app
from gasfield.diagnostics import Group
from gasfield.dynamics.adamw import AdamW
from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import round_to_bfloat16
from gasfield.learning.forecasting import FORECASTERS, Forecast, History, Predictor, Unavailable
from gasfield.learning.forecasting.baselines.constant_displacement import ConstantDisplacement
from gasfield.learning.forecasting.baselines.damped_trend import DampedTrend
from gasfield.learning.forecasting.baselines.persistence import Persistence
from gasfield.learning.forecasting.control import without_memory
from gasfield.learning.forecasting.errors import OriginBlocks, ratio
from gasfield.learning.forecasting.protocol import tasks_of
from gasfield.learning.forecasting.trial import Trial
from gasfield.learning.model import MODELS
from gasfield.learning.recorded.gradients import RowGradients
from gasfield.learning.recorded.law import RecordedLaw
from gasfield.operations import TrajectoryRecorder
from gasfield.simulation import Simulation
from gasfield.trajectory import AffineField, Series, open_trajectory
from gasfield.trajectory.field import pack_symmetric

RECORDING = "recordings/kjv-fp32.h5"
UNEVEN = np.cumsum([0, 1, 1, 2, 4, 8, 1, 3, 5, 2, 7, 1, 1, 6, 2, 9, 4, 1, 2, 3, 8, 5, 1, 2])


def history_of(positions: np.ndarray, steps: np.ndarray | None = None, precision: str = "float64") -> History:
    steps = np.arange(len(positions)) if steps is None else steps
    group = Group("rows", steps, positions, precision, times=steps.astype(float))
    return History(group, RowGradients.none("no field is recorded"), RecordedLaw.none("no optimiser is recorded"))


def judged(history: History, stop: int, horizons: tuple[int, ...], *kinds: str) -> Forecast:
    trial = Trial.of(history, slice(0, stop), horizons, lambda name: None)
    for kind in dict.fromkeys(("persistence", *(kinds or FORECASTERS))):
        trial.run(kind, FORECASTERS.parse({"kind": kind}))
    return trial.result(Path("memory"), tuple(FORECASTERS))


def fading(steps: np.ndarray, damping: float, seed: int = 0, count: int = 3) -> np.ndarray:
    """Rows (T, count, 2) whose displacement in step k is v damping^k."""
    start, velocity = np.random.default_rng(seed).normal(size=(2, count, 2))
    return start + velocity * ((1 - damping**steps) / (1 - damping))[:, None, None]


# --- each baseline on the motion that it is best for ----------------------------------------------------------------


def test_constant_velocities_are_forecast_exactly_on_uneven_frames() -> None:
    start, velocity = np.random.default_rng(1).normal(size=(2, 3, 2))
    positions = start + velocity * UNEVEN[:, None, None]
    found = judged(history_of(positions, UNEVEN), 12, (1, 5))
    for model in ("constant_displacement", "damped_trend"):
        assert [found.skill[h][model].value for h in (1, 5)] == pytest.approx([1.0, 1.0], abs=1e-12)
    assert found.mse[5]["dmd"].value is None
    assert "training frames are 1 to 8 steps apart" in found.as_json()["mse"]["5"]["dmd"]["reason"]
    assert found.as_json()["skill"]["1"]["optimiser_replay"]["reason"] == "no field is recorded"
    assert found.verdict[0].startswith("nothing beats")


@pytest.mark.parametrize("smoothing", [0.0, 0.6])
def test_a_fading_velocity_is_forecast_exactly_on_uneven_frames(smoothing: float) -> None:
    """Displacements v phi^k: Gardner's damped trend with that phi, for every smoothing."""
    positions = fading(UNEVEN, 0.9)
    history = history_of(positions, UNEVEN)
    origins = np.array([12, 15])
    tasks = tasks_of(history, origins, (1, 6))
    (forecast,) = DampedTrend(damping=0.9, smoothing=smoothing).fit(history.until(12), (1,)).forecasts(history, tasks)
    np.testing.assert_allclose(forecast, positions[origins[:, None] + [1, 6]], rtol=0, atol=1e-12)
    assert judged(history, 12, (1, 6), "damped_trend").skill[6]["damped_trend"].value == pytest.approx(1, abs=1e-6)


def test_autoregressive_increments_are_forecast_as_well_as_possible() -> None:
    """d <- phi d + noise: no forecast has a smaller MSE at horizon h than sigma^2 sum_j ((1 - phi^j)/(1 - phi))^2."""
    phi, chance = 0.8, np.random.default_rng(2)
    increments = np.zeros((600, 40, 2))
    for k in range(1, len(increments)):
        increments[k] = phi * increments[k - 1] + chance.normal(size=(40, 2))
    found = judged(history_of(np.cumsum(increments, axis=0)), 300, (1, 5), "damped_trend")
    assert found.fitted["damped_trend"]["damping"].value == pytest.approx(phi, abs=0.02)
    for horizon in (1, 5):
        best = np.sum(((1 - phi ** np.arange(1, horizon + 1)) / (1 - phi)) ** 2)
        mse = found.mse[horizon]["damped_trend"]
        assert mse.value == pytest.approx(best, abs=3 * mse.error)
        assert mse.error < 0.05 * best
    loss = found.terms["damped_trend"]["damping"].loss[5]
    assert loss.value > 3 * loss.error


def test_a_linear_map_is_found_by_dmd() -> None:
    """x <- A x in six numbers, of which rank 4 is excited."""
    chance = np.random.default_rng(3)
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    inner = np.block([[0.99 * turn, np.zeros((2, 2))], [np.zeros((2, 2)), np.diag([0.97, 0.9])]])
    basis = np.linalg.qr(chance.normal(size=(6, 4)))[0]
    states = [chance.normal(size=4)]
    for _ in range(60):
        states.append(inner @ states[-1])
    found = judged(history_of((np.array(states) @ basis.T).reshape(-1, 3, 2)), 30, (1, 20), "dmd")
    assert [found.skill[h]["dmd"].value for h in (1, 20)] == pytest.approx([1.0, 1.0], abs=1e-9)
    assert (found.fitted["dmd"]["rank"].value, found.fitted["dmd"]["largest_eigenvalue"].value) == (
        4,
        pytest.approx(0.99, abs=1e-9),
    )


def test_rows_that_jitter_about_a_common_drift() -> None:
    """x_i(k) = v k + e_i(k) of variance s^2: common drift of N rows has MSE 2 s^2 (1 + h/N + h^2/N), constant
    displacement of each row that with N = 1."""
    count, chance = 8, np.random.default_rng(4)
    positions = 0.5 * np.arange(800)[:, None, None] + chance.normal(size=(800, count, 3))
    found = judged(history_of(positions), 100, (1, 4), "common_drift", "constant_displacement")
    for h in (1, 4):
        for model, n in (("common_drift", count), ("constant_displacement", 1)):
            mse = found.mse[h][model]
            assert mse.value == pytest.approx(2 * (1 + h / n + h**2 / n), abs=4 * mse.error)
            assert mse.error < 0.1 * mse.value
    assert found.apart["centroid"][0][1]["common_drift"].value == pytest.approx(
        found.apart["centroid"][0][1]["constant_displacement"].value
    )


@pytest.mark.parametrize("kept", ["float32", "bfloat16"])
def test_a_constant_gradient_is_replayed_to_the_bit(kept: str) -> None:
    """AdamW in a uniform field: moments and positions are those of the training, whatever the precision."""
    law = AdamW(learning_rate=1e-3, weight_decay=0.1, weight_dtype=kept, moment_dtype=kept)
    history = trained(law, np.random.default_rng(5).normal(size=3), np.zeros((3, 3)), 60)
    found = judged(history, 20, (1, 30), "optimiser_replay", "constant_displacement")
    assert [found.mse[h]["optimiser_replay"].value for h in (1, 30)] == [0.0, 0.0]
    assert found.mse[30]["constant_displacement"].value > 0


def trained(law: AdamW, gradient: np.ndarray, hessian: np.ndarray, steps: int, every: int = 1) -> History:
    """Dead rows moved by AdamW in the field gradient + hessian w, recorded with it."""
    weights = np.random.default_rng(6).normal(0, 0.02, size=(5, 3)).astype(np.float32)
    weights = np.array(round_to_bfloat16(weights)) if law.weight_dtype == "bfloat16" else weights
    moments = {name: np.zeros_like(weights) for name in law.moment_names}
    frames = [weights.copy()]
    for step in range(steps):
        law.update(weights, (gradient + weights.astype(float) @ hessian).astype(np.float32), moments, step + 1)
        frames.append(weights.copy())
    field = AffineField(
        np.arange(steps),
        "memory",
        np.zeros((steps, 3), np.float32),
        np.tile(gradient, (steps, 1)),
        np.tile(pack_symmetric(hessian), (steps, 1)),
        np.zeros(steps),
    )
    dead = RowGradients(field.steps, "", field, np.ones(5, bool), None, np.full(5, -1))
    history = history_of(np.array(frames)[::every], np.arange(0, steps + 1, every), law.weight_dtype)
    return replace(history, gradients=dead, law=RecordedLaw(law))


# --- the protocol -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(FORECASTERS))
def test_a_forecast_uses_nothing_after_its_origin(kind: str) -> None:
    """Later frames, and gradients and learning rates from the origin on, are replaced by others; no number changes."""
    law, gradient = AdamW(learning_rate=1e-3), np.array([1.0, -0.5, 0.2])
    real = trained(law, gradient, np.diag([0.5, 1.0, 2.0]), 80, every=2)
    rates = Series(np.arange(80), np.arange(80.0), np.linspace(1e-3, 2e-3, 80))
    real = replace(real, law=RecordedLaw(law, series={"learning_rate": rates}))
    forecaster = FORECASTERS.parse({"kind": kind})
    predictor = forecaster.fit(real.until(20), (1, 5))
    origin = 25
    positions = np.array(real.group.positions)
    positions[origin + 1 :] += np.random.default_rng(7).normal(size=positions[origin + 1 :].shape)
    field = real.gradients.field
    others = np.array(field.gradient)
    others[2 * origin :] *= -3.0
    later = replace(rates, values=np.where(rates.steps < 2 * origin, rates.values, 1.0))
    other = replace(
        real,
        group=replace(real.group, positions=positions),
        gradients=replace(real.gradients, field=replace(field, gradient=others)),
        law=RecordedLaw(law, series={"learning_rate": later}),
    )
    tasks = tasks_of(real, np.array([20, origin]), (1, 5))
    (one,), (two,) = predictor.forecasts(real, tasks), predictor.forecasts(other, tasks)
    np.testing.assert_array_equal(one, two)
    in_blocks = [
        found for origin in (20, 25) for found in predictor.forecasts(real, tasks_of(real, np.array([origin]), (1, 5)))
    ]
    np.testing.assert_allclose(np.concatenate(in_blocks), one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("in_memory", [True, False])
def test_mean_squared_errors_are_those_of_the_protocol(in_memory: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame from the end of training on is an origin while its target is recorded; by hand for a recording,
    whether it fits into memory or goes through a scratch file."""
    monkeypatch.setattr("gasfield.diagnostics.grouping.IN_MEMORY_BYTES", (1 << 28) * in_memory)
    with open_trajectory(RECORDING) as recording:
        found = gasfield.forecast(recording, "0:25", [1, 10], rows="dead", models=[])
        x = recording.positions(recording.members("dead")).astype(np.float64)
    for horizon in (1, 10):
        origins = np.arange(25, len(x) - horizon)
        still = np.mean((x[origins + horizon] - x[origins]) ** 2)
        going = np.mean((x[origins + horizon] - x[origins] - horizon * (x[origins] - x[origins - 1])) ** 2)
        assert found.mse[horizon]["persistence"].value == pytest.approx(still, rel=1e-12)
        assert found.mse[horizon]["constant_displacement"].value == pytest.approx(going, rel=1e-12)
        assert found.skill[horizon]["constant_displacement"].value == pytest.approx(1 - going / still, rel=1e-12)
        assert found.origins[horizon] == len(origins)
    assert found.mse[1]["optimiser_replay"].value < found.mse[1]["persistence"].value


@pytest.mark.parametrize("horizon", [1, 4])
def test_without_memory_nothing_has_a_skill(horizon: int) -> None:
    """The negative control, over eight seeds: no mean skill exceeds zero by two standard errors; that of the motion
    itself is high."""
    steps = np.arange(90)
    drift = fading(steps, 0.99, count=6) + 0.2 * np.sin(0.2 * steps[:, None, None] + np.arange(12).reshape(6, 2))
    history = history_of(drift)
    skills: dict[str, list[float]] = {}
    for seed in range(8):
        control = replace(history, group=without_memory(history.group, seed))
        for model, skill in judged(control, 45, (horizon,)).skill[horizon].items():
            skills.setdefault(model, []).append(np.nan if skill.value is None else skill.value)
    for model in ("common_drift", "constant_displacement", "damped_trend", "dmd"):
        assert np.mean(skills[model]) <= 2 * np.std(skills[model], ddof=1) / np.sqrt(8), model
    real = judged(history, 45, (horizon,)).skill[horizon]
    assert real["constant_displacement"].value > 0.5
    moved = np.abs(np.diff(history.group.places(), axis=0)).sum(axis=(1, 2))
    again = np.abs(np.diff(control.group.places(), axis=0)).sum(axis=(1, 2))
    np.testing.assert_allclose(np.sort(moved), np.sort(again), rtol=1e-9)


def test_errors_include_the_overlap_of_target_spans() -> None:
    """The MSE of persistence for a random walk at horizon 60 from 90 origins: its stated error is its scatter."""
    chance, horizon = np.random.default_rng(8), 60
    values, errors = [], []
    for _ in range(300):
        walk = np.cumsum(chance.normal(size=150))
        squares = (walk[horizon:] - walk[:-horizon]) ** 2
        blocks = OriginBlocks(0, len(squares), horizon)
        place = blocks.block_of(np.arange(len(squares)))
        found = ratio(
            np.bincount(place, squares)[:, None], np.bincount(place)[:, None].astype(float), blocks, "length^2"
        )
        values.append(found.value)
        errors.append(found.error)
    assert OriginBlocks(0, 200, 1).inflation(16) == pytest.approx(1.0)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.25)


def test_frozen_is_judged_by_the_last_motion() -> None:
    """Rows that go on by one cell a frame and stop at frames 22, 32, 42 and never: constant displacement says of each
    that it is frozen as soon as it has rested for a frame."""
    stops = np.array([22, 32, 42, 61])
    cells = 2.0**-7 * np.minimum(np.arange(61)[:, None], stops)
    history = history_of((1.0 + cells[:, :, None]).astype(np.float32), precision="bfloat16")
    found = judged(history, 20, (1, 4), "constant_displacement")
    for horizon in (1, 4):
        origins = np.arange(20, 55 - horizon)
        told = origins[:, None] > stops
        frozen = stops <= (origins + horizon)[:, None]
        calibration = found.calibration["constant_displacement"][horizon]
        assert calibration.brier.value == pytest.approx(np.mean(told != frozen))
        assert calibration.frozen_if_said.value == 1.0
        assert calibration.said.value == pytest.approx(told.mean())
    assert found.by_phase["late"][1][1]["constant_displacement"].value is not None
    assert found.by_phase["early"][1][1]["constant_displacement"].value is None


def test_a_forecaster_may_be_scored_from_some_of_the_origins() -> None:
    """Its skills, of rows and of the centroid, are relative to persistence from the same origins."""

    class Slow(ConstantDisplacement):
        def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
            predictor = super().fit(past, horizons)
            predictor.most_origins = 6
            return predictor

    history = history_of(fading(np.arange(90), 0.9999))
    trial = Trial.of(history, slice(0, 30), (3,), lambda name: None)
    for name, forecaster in (("persistence", Persistence()), ("all", ConstantDisplacement()), ("some", Slow())):
        trial.run(name, forecaster)
    found = trial.result(Path("memory"), ("persistence", "all"))
    assert trial.scores["some"].origins == (6,)
    for table in (found.skill, found.apart["centroid"][1]):
        assert 1 - table[3]["some"].value == pytest.approx(1 - table[3]["all"].value, rel=1e-2)
    gain = trial._named_difference("some", "persistence", 0)
    assert gain.value == found.skill[3]["some"].value
    assert gain.error == found.skill[3]["some"].error
    assert "some: scored from 6 origins, evenly spaced" in found.notes


# --- what is refused, and the command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "horizons", "numbers"),
    [
        ("0:3", None, ("3 frames", "at least 4")),
        ("0:51", None, ("leaves 0 of the 51 frames",)),
        ("0:80", None, ("51 frames",)),
        ("0:25", [1, 26], ("26 frames ahead", "26 frames, and horizons of at most 25")),
        ("0:25", [0], ("positive",)),
    ],
)
def test_spans_that_do_not_fit_are_refused_with_the_numbers(train: str, horizons: list[int], numbers: tuple) -> None:
    with pytest.raises(InputError) as fault:
        gasfield.forecast(RECORDING, train, horizons, models=[])
    assert all(number in str(fault.value) for number in numbers), str(fault.value)


def test_a_learned_field_is_judged_beside_the_baselines(tmp_path: Path) -> None:
    """A spiral: the field is exact; one that has seen the test span is refused."""
    flow = {"kind": "linear_flow", "dilation": -0.5, "rotation": [{"plane": [0, 1], "rate": 1.0}]}
    start = np.random.default_rng(9).normal(size=(12, 2))
    sim = Simulation(start, forces=[flow], dynamics={"kind": "advection", "time_step": 0.05, "scheme": "euler"})
    sim.add_operation(TrajectoryRecorder(tmp_path / "t.h5", 1))
    sim.step(60)
    sim.close()
    gasfield.fit(tmp_path / "t.h5", "affine", tmp_path / "past.h5", frames="0:30")
    found = gasfield.forecast(tmp_path / "t.h5", "0:30", [1, 20], models=["affine", tmp_path / "past.h5"])
    for model in ("affine", "past"):
        assert [found.skill[h][model].value for h in (1, 20)] == pytest.approx([1.0, 1.0], abs=1e-9)
    assert found.mse[1]["optimiser_replay"].value is None
    gasfield.fit(tmp_path / "t.h5", "affine", tmp_path / "all.h5")
    with pytest.raises(InputError, match="up to step 60, and the training span ends at step 29"):
        gasfield.forecast(tmp_path / "t.h5", "0:30", [1], models=[tmp_path / "all.h5"])


def test_models_that_are_made_for_other_data_are_not_tried_unasked() -> None:
    tried = {kind for kind, model in MODELS.items() if model.tried}
    assert tried >= {"affine", "kernel", "koopman", "linear", "potential"}
    assert not tried & {"attention", "density", "emission_receptivity", "general"}


def test_the_command_prints_leaves_and_draws_pictures(tmp_path: Path) -> None:
    arguments = ["forecast", RECORDING, "--train", "0:25", "--horizon", "1,10", "--rows", "dead", "--model", "affine"]
    done = CliRunner().invoke(app, [*arguments, "--json", "--plots", str(tmp_path)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    for table in ("mse", "skill"):
        assert set(found[table]) == {"1", "10"}
        for row in found[table].values():
            assert set(row) == {*FORECASTERS, "affine"}
            assert all({"value", "unit", "error"} <= set(leaf) for leaf in row.values())
    assert found["mse"]["1"]["persistence"]["unit"] == "length^2"
    assert found["mse"]["1"]["persistence"]["error"] > 0
    assert "beats" in found["verdict"][0]
    assert {path.name for path in tmp_path.iterdir()} >= {"skill.png", "apart.png", "calibration.png"}
    refused = CliRunner().invoke(app, ["forecast", RECORDING, "--train", "0:25", "--horizon", "100"])
    assert refused.exit_code == 2
    assert "--horizon" in refused.output


def test_what_cannot_be_fitted_says_why() -> None:
    with pytest.raises(Unavailable, match="no two successive increments"):
        DampedTrend().fit(history_of(np.zeros((2, 3, 2))), (1,))
    alone = judged(history_of(np.arange(6.0)[:, None, None] ** 2), 4, (1,), "constant_displacement")
    assert alone.skill[1]["constant_displacement"].error is None
    assert alone.verdict[0].startswith("nothing beats persistence at horizon 1: the best skill is")
    still = judged(history_of(np.ones((20, 3, 2))), 10, (1, 2))
    assert still.skill[1]["damped_trend"].value is None
    assert still.verdict[0] == "horizon 1: there is no skill, because nothing moves"
