"""The precision study: its replays are gasfield's own, and its effects are what they say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from paths import RECORDINGS, ROOT

from gasfield.dynamics import Conditions
from gasfield.forces import Surroundings, TotalForce
from gasfield.forces.fields.recorded_gradient import RecordedGradient
from gasfield.gas import Gas
from gasfield.kernels.bfloat16 import is_on_lattice, round_to_bfloat16
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

sys.path.insert(0, str(ROOT / "docs" / "studies"))

import precision_effects as effects
import precision_replays as replays

RECORDING = RECORDINGS / "kjv-bf16.h5"
ALL_ROUNDED = ("bfloat16", "bfloat16", "bfloat16")


def some_rows(count: int = 40) -> Gas:
    with Trajectory(RECORDING) as opened:
        return replays.gas_of(opened.survey().values[0][:count])


def test_the_fast_field_is_the_recorded_one_to_the_bit_of_a_gradient() -> None:
    with Trajectory(RECORDING) as opened:
        field = opened.affine_field()
    fast = TotalForce([replays.ScaledField(field, np.ones(len(field.steps)))])
    slow = TotalForce([RecordedGradient(file=str(RECORDING)).build(Surroundings(Free(dimensions=64)))])
    gas = some_rows()
    for step in (0, 1, 250, 499):
        gas.step = step
        np.testing.assert_array_equal(fast.force(gas).astype(np.float32), slow.force(gas).astype(np.float32))


def test_a_held_field_keeps_its_strength_and_no_other_does() -> None:
    steps = np.arange(1200)
    gradient = np.zeros((1200, 4), np.float32)
    gradient[:, 0] = np.exp(-steps / 300.0)
    field = replays.AffineField(
        steps=steps, origin="", reference=gradient, gradient=gradient, hessian=gradient, potential=steps
    )
    factors = replays.holding(field)
    held = factors * replays.strength(field)
    assert np.all(factors[: replays.HELD_AT + 1] == 1)
    np.testing.assert_allclose(held[replays.HELD_AT :], held[replays.HELD_AT], rtol=1e-12)
    assert replays.strength(field)[-30] < 0.2 * held[-30]


def moved(case: replays.Case, steps: int = 30) -> tuple[Gas, dict[str, np.ndarray]]:
    gas = some_rows()
    with Trajectory(RECORDING) as opened:
        field = opened.affine_field()
    force = TotalForce([replays.ScaledField(field, np.ones(len(field.steps)))])
    dynamics = replays._law(case).build(gas, Conditions(Free(dimensions=64), force))
    dynamics.project(gas)
    for _ in range(steps):
        replays._step(gas, dynamics, case)
    return gas, dynamics.state()


def test_moments_are_kept_in_what_the_case_says() -> None:
    for case in replays.CASES[:9]:
        gas, state = moved(case)
        assert is_on_lattice(gas.positions).all() == (case.weights == "bfloat16"), case
        assert is_on_lattice(state["first_moment"]).all() == (case.first == "bfloat16"), case
        assert is_on_lattice(state["second_moment"]).all() == (case.second == "bfloat16"), case


def test_rounding_what_is_stored_is_not_rounding_each_operation() -> None:
    stored, _ = moved(replays.Case(*ALL_ROUNDED))
    each, _ = moved(replays.Case(*ALL_ROUNDED, each_operation=True))
    assert np.any(stored.positions != each.positions)


def test_the_second_moment_is_stored_after_the_update_was_made_of_it() -> None:
    """The first step of AdamW in float32, every result rounded once."""
    gas, state = moved(replays.Case(*ALL_ROUNDED), steps=1)
    start = some_rows()
    with Trajectory(RECORDING) as opened:
        field = opened.affine_field()
    force = TotalForce([replays.ScaledField(field, np.ones(len(field.steps)))])
    gradient = round_to_bfloat16(-force.force(start)).astype(np.float64)
    v = 0.001 * gradient**2
    expected = start.positions - 1e-3 * gradient / (np.sqrt(v) / np.sqrt(0.001) + 1e-8)
    np.testing.assert_array_equal(gas.positions, round_to_bfloat16(expected))
    np.testing.assert_allclose(state["second_moment"], v, rtol=2**-8)
    assert is_on_lattice(state["second_moment"]).all()


def test_a_replay_comes_back_from_its_file_and_is_not_done_twice(tmp_path: Path) -> None:
    path = tmp_path / "cloud.npz"
    replays.store(path, {"radius": np.arange(3.0)})
    np.testing.assert_array_equal(replays.load(path)["radius"], [0, 1, 2])
    assert [file.name for file in tmp_path.iterdir()] == ["cloud.npz"]


def test_what_decides_a_replay_is_in_its_name() -> None:
    names = {replays.kept_file(RECORDING, "a", case) for case in replays.CASES}
    assert len(names) == len(replays.CASES) == 12
    assert replays.kept_file(RECORDING, "b", replays.CASES[0]) not in names


def test_factorial_effects_find_what_was_put_in() -> None:
    def number(case: replays.Case) -> float:
        w, m, v = (kept == "bfloat16" for kept in (case.weights, case.first, case.second))
        return 1 + 10 * w + 3 * m + 5 * v + 7 * (m and v) + 100 * case.each_operation - 1000 * case.held

    found = {case: number(case) for case in replays.CASES}
    told = {cause: effect(found) for cause, effect in effects.CAUSES.items()}
    assert told["rounding the weights, v in fp32"] == 10
    assert told["rounding m, on bf16 weights"] == pytest.approx(3 + 7 / 2)
    assert told["rounding v, on fp32 weights"] == pytest.approx(5 + 7 / 2)
    assert told["both moments: interaction, on bf16 weights"] == 7
    assert told["rounding each operation, all in bf16"] == 100
    assert told["the fading of the field, all in fp32"] == 1000


def test_the_error_is_that_over_seeds() -> None:
    mean = effects.OverSeeds((1.0, 2.0, 6.0))
    assert mean.mean == 3.0
    assert mean.error == pytest.approx(np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert mean.half_width == pytest.approx(4.30265 * mean.error, rel=1e-5)
    assert mean.text() == "+3.0 ± 1.5"
    assert effects.OverSeeds((1.0, 1.1, 0.9)).text(2) == "+1.00 ± 0.06 ●"
    assert effects.OverSeeds((-0.01, 0.01, 0.0)).text() == "0.0 in each"
    assert effects.OverSeeds((np.nan, 1.0, 2.0)).text() == "–"


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    """With three seeds, 95% by Student; the interval of two standard errors, which is not honest, is the control."""
    draws = np.random.default_rng(5).normal(size=(4000, 3))
    means = [effects.OverSeeds(tuple(row)) for row in draws]
    assert np.mean([abs(one.mean) < one.half_width for one in means]) == pytest.approx(0.95, abs=0.012)
    assert np.mean([abs(one.mean) < 2 * one.error for one in means]) < 0.85


def test_half_a_cell_is_where_rounding_turns() -> None:
    for x in (0.03, 0.0625, 0.1):
        half = effects.half_cell(np.array([x]))
        start = round_to_bfloat16(np.array([x]))
        assert round_to_bfloat16(start * (1 + 1e-9) + 0.99 * half) == start
        assert round_to_bfloat16(start + 1.01 * half) == start + 2 * half


def cloud(last_motion: list[list[int]], steps: list[int]) -> replays.Cloud:
    return {"survey": np.array(steps), "last_motion": np.array(last_motion)}


def test_frozen_is_by_last_motion_and_a_thaw_is_seen() -> None:
    seen = cloud([[0, 0, 0], [5, 90, 100], [180, 90, 200]], [0, 100, 200])
    assert effects.frozen(seen, 50) == pytest.approx(100 / 3)
    assert effects.frozen(seen, 50, at=1) == pytest.approx(100 / 3)
    assert np.isnan(effects.frozen(seen, 100, at=1))
    still, again = effects.thawed(seen, 50)
    assert still == pytest.approx(200 / 3)
    assert again == pytest.approx(100 / 3)


def test_the_deepest_thaw_is_found_between_others() -> None:
    unmoved = np.concatenate([np.full(100, 0.5), np.full(100, 0.2), np.full(100, 0.9), np.full(100, 0.3)])
    assert effects.deepest_thaw(unmoved) == pytest.approx((250, 90.0, 350, 30.0))


def test_collapsed_kinds_are_not_told() -> None:
    """The study leaves out rotation, dilation and shear where gasfield says that rows have collapsed."""
    import precision_kinds as kinds

    from gasfield.diagnostics import Group
    from gasfield.diagnostics.kinematics.motion import Motion

    chance = np.random.default_rng(2)
    start = chance.normal(size=(300, 4))
    flat = start * np.array([1.0, 1.0, 1.0, 1e-4])
    told = [
        any(note.startswith(kinds.COLLAPSED) for note in Motion().compute(Group("x", np.arange(2), places)).notes)
        for places in (np.stack([start, flat]), np.stack([start, 0.5 * start]))
    ]
    assert told == [True, False]
