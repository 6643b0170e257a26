"""Stochastic rounding of weights: unbiased, a function of seed, step, particle and column, and a cure of freezing."""

from __future__ import annotations

import numpy as np
import pytest
from gradients import initial_weights, training_gradients
from prescribed import Prescribed

from gasfield.dynamics import SGD, AdamW, Conditions
from gasfield.dynamics.optimiser import Draws
from gasfield.gas import Gas
from gasfield.kernels.lattices import is_on, round_to, spacing
from gasfield.spaces import Free

pytestmark = pytest.mark.usefixtures("one_numba_thread")


def start_and_gradient(precision: str) -> tuple[np.ndarray, np.ndarray]:
    """(4,) weights and gradients of a tenth to almost half of a cell."""
    start = round_to([0.3, -0.02, 1.7, -0.9], precision)
    return start, (np.array([0.3, -0.2, 0.1, 0.45]) * spacing(start, precision)).astype(np.float32)


def after_one_step(rounding: str, precision: str, ids: np.ndarray, seed: int = 5) -> np.ndarray:
    """(N, D) rows that start alike and feel the same gradient."""
    law = SGD(learning_rate=1.0, weight_dtype=precision, gradient_dtype="float32", weight_rounding=rounding)
    start, gradient = start_and_gradient(precision)
    weights, gradient = (np.tile(row, (len(ids), 1)) for row in (start, gradient))
    law.update(weights, gradient, law.start(weights), 1, Draws(seed, ids))
    return weights


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"])
def test_the_mean_is_the_number_within_its_exact_standard_error(precision: str) -> None:
    """Each coordinate is one of two neighbours, with known probability p: the error is cell sqrt(p (1 - p) / N)."""
    count = 20_000
    start, gradient = start_and_gradient(precision)
    exact = (start - gradient).astype(float)
    cell = spacing(np.minimum(np.abs(start), np.abs(exact)), precision)
    p = np.abs(exact - start) / cell
    error = cell * np.sqrt(p * (1 - p) / count)
    off = {}
    for rounding in ("stochastic", "nearest"):
        found = after_one_step(rounding, precision, np.arange(count))
        assert is_on(found, precision).all()
        off[rounding] = np.abs(found.mean(axis=0, dtype=float) - exact) / error
    assert np.all(off["stochastic"] < 4.5)
    assert np.all(off["nearest"] > 20), "the negative control: nothing moves by less than half a cell"


def test_random_bits_depend_on_seed_step_particle_and_column_only() -> None:
    ids = np.arange(500)
    whole = after_one_step("stochastic", "bfloat16", ids)
    some = ids[::-7].copy()
    np.testing.assert_array_equal(after_one_step("stochastic", "bfloat16", some), whole[some])
    assert np.any(after_one_step("stochastic", "bfloat16", ids, seed=6) != whole)
    same = after_one_step("stochastic", "bfloat16", np.zeros(500, np.int64))
    assert np.all(same == same[0])
    ups = (whole != whole.min(axis=0)).astype(float)
    correlations = np.corrcoef(ups.T)[np.triu_indices(4, 1)]
    assert np.all(np.abs(correlations) < 4.5 / np.sqrt(500))


def test_steps_below_half_a_cell_drift_at_their_mean_rate_where_rounding_to_nearest_freezes() -> None:
    """500 steps of a tenth of a cell: the mean displacement is their sum, to 5 standard errors of a binomial law."""
    rows, steps, cell = 2_000, 500, 2.0**-9
    moved = {}
    for rounding in ("nearest", "stochastic"):
        law = SGD(learning_rate=cell / 10, weight_dtype="bfloat16", weight_rounding=rounding)
        weights = np.full((rows, 1), 0.25 + 20 * cell, np.float32)
        start = weights.copy()
        for step in range(1, steps + 1):
            law.update(weights, -np.ones_like(weights), law.start(weights), step, Draws(1, np.arange(rows)))
        moved[rounding] = (weights - start).astype(float) / cell
    assert np.all(moved["nearest"] == 0.0)
    assert abs(moved["stochastic"].mean() - steps / 10) < 5 * np.sqrt(steps * 0.09 / rows)
    assert moved["stochastic"].std() == pytest.approx(np.sqrt(steps * 0.09), rel=0.1)


def test_a_second_moment_decays_where_its_rounding_is_random() -> None:
    """In bfloat16 .999 v rounds back to v; with random roundings the mean of many decays by .999 a step."""
    kept = {}
    for rounding in ("nearest", "stochastic"):
        law = AdamW(learning_rate=1e-3, second_moment_dtype="bfloat16", moment_rounding=rounding)
        weights = np.zeros((4_000, 1), np.float32)
        moments = law.start(weights)
        moments["second_moment"][...] = 2.0**-7
        for step in range(1, 201):
            law.update(weights, np.zeros_like(weights), moments, step)
        kept[rounding] = moments["second_moment"].mean(dtype=float) / 2.0**-7
    assert kept["nearest"] == 1.0
    assert kept["stochastic"] == pytest.approx(0.999**200, abs=0.005)


def pull(positions: np.ndarray, step: int) -> np.ndarray:
    return -1e-3 * np.asarray(positions, np.float64) * (1 + 0.1 * np.cos(step))


@pytest.mark.parametrize(
    "law",
    [
        AdamW(learning_rate=1e-3, weight_dtype="bfloat16", weight_rounding="stochastic", moment_rounding="stochastic"),
        AdamW(learning_rate=1e-3, weight_dtype="bfloat16", moment_dtype="bfloat16", weight_rounding="kahan"),
        AdamW(learning_rate=1e-3, weight_dtype="bfloat16", weight_rounding="master", amsgrad=True),
        AdamW(learning_rate=1e-3, weight_dtype="float8_e5m2", moment_dtype="blockwise_8bit", centred=True),
    ],
    ids=["stochastic", "kahan", "master", "8-bit, centred"],
)
def test_a_restored_law_goes_on_bit_by_bit(law: AdamW) -> None:
    conditions = Conditions(Free(dimensions=16), Prescribed(pull), seed=9)
    gas = Gas(initial_weights(20, 16).astype(np.float64))
    motion = law.build(gas, conditions)
    motion.project(gas)
    for _ in range(7):
        motion.advance(gas)
    saved, resumed = motion.state(), Gas(gas.positions.copy())
    resumed.step = gas.step
    for _ in range(7):
        motion.advance(gas)
    again = law.build(resumed, conditions)
    again.project(resumed)
    again.restore(saved)
    for _ in range(7):
        again.advance(resumed)
    assert resumed.positions.tobytes() == gas.positions.tobytes()
    for name, array in motion.state().items():
        assert again.state()[name].tobytes() == array.tobytes()
    motion.add_particles(Gas(np.concatenate([gas.positions, gas.positions[:3]])), 3) if not law.centred else None


def test_threads_and_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    from gasfield.dynamics import optimiser

    law = AdamW(learning_rate=1e-3, weight_dtype="bfloat16", weight_rounding="stochastic")
    found = []
    for block in (optimiser._BLOCK, 64 * 10):
        monkeypatch.setattr(optimiser, "_BLOCK", block)
        gas = Gas(initial_weights(37, 64), ids=np.arange(37) * 3)
        motion = law.build(gas, Conditions(Free(dimensions=64), Prescribed(pull), seed=9))
        motion.project(gas)
        for _ in range(3):
            motion.advance(gas)
        found.append(gas.positions.tobytes())
    assert found[0] == found[1]


def test_centring_keeps_the_mean_row_at_zero() -> None:
    """To the rounding of each coordinate; without it the cloud drifts with the common gradient."""
    gradients = list(training_gradients(50, 48, 8))
    radius = {}
    for centred in (True, False):
        law = AdamW(learning_rate=1e-3, centred=centred)
        gas = Gas(initial_weights(48, 8))
        field = Prescribed(lambda x, step: -np.abs(gradients[step].astype(float)))
        motion = law.build(gas, Conditions(Free(dimensions=8), field))
        motion.project(gas)
        for _ in range(50):
            motion.advance(gas)
        radius[centred] = float(np.abs(gas.positions.mean(axis=0, dtype=float)).max())
    assert radius[True] < 2.0**-24 * 0.1
    assert radius[False] > 0.01
