"""The recorded field is the one that training had (docs/science.md, "A dead row is a test particle")."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from paths import RECORDINGS

from gasfield.errors import InputError
from gasfield.forces import Force, Surroundings
from gasfield.forces.fields.recorded_gradient import RecordedGradient
from gasfield.gas import Gas
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

FIELDS = ("affine", "full")


def build(path: Path, field: str, dimensions: int) -> Force:
    spec = RecordedGradient.model_validate({"file": str(path), "field": field})
    return spec.build(Surroundings(Free(dimensions=dimensions)))


def gas_at(positions: np.ndarray, step: int) -> Gas:
    rows = len(positions)
    return Gas(positions, np.zeros(rows, np.int64), ["dead"], np.arange(rows), [""] * rows, step=step)


def pull(force: Force, positions: np.ndarray, step: int) -> np.ndarray:
    total = np.zeros(positions.shape)
    force.add(gas_at(positions, step), total)
    return total


def dead_rows(recording: Trajectory) -> np.ndarray:
    return np.concatenate([recording.members("lattice"), recording.members("dead")])


def relative_errors(recording: Trajectory, field: str, *, wrong: float = 1.0) -> np.ndarray:
    """(steps, rows) of |force + gradient of training| / |gradient| at the steps at which both are known."""
    full, force = recording.full_field(), build(recording.path, field, recording.dimensions)
    rows = dead_rows(recording)
    errors = []
    for step in full.steps:
        positions = full.position_at(step)[rows]
        truth = full.gradient_at(step)[rows]
        error = np.linalg.norm(wrong * pull(force, positions, step) + truth, axis=1)
        errors.append(error / np.linalg.norm(truth, axis=1))
    return np.array(errors)


def test_full_field_is_the_gradient_of_training(shipped: Trajectory) -> None:
    """fp32: 1e-6. bf16: the gradient of training was itself rounded to 8 significant bits, uniform in half a unit of
    the last place: relative to a mantissa between 1 and 2 that is 2^-8 / sqrt 3 / 1.4 = 1.6e-3 in the mean and
    2^-8 = 3.9e-3 at worst. The rounding of the logits averages out over 2,048 positions."""
    errors = relative_errors(shipped, "full")
    assert len(errors) == 20
    assert errors.max() < (1e-6 if shipped.precision == "float32" else 2**-8)
    assert errors.mean() < (5e-7 if shipped.precision == "float32" else 2.2e-3)
    assert relative_errors(shipped, "full", wrong=1.005).mean() > 4e-3  # a force half a per cent too strong is seen


def test_affine_field_is_good_to_two_per_cent(shipped: Trajectory) -> None:
    assert relative_errors(shipped, "affine").mean(axis=1).max() < 0.02


def test_tidal_matrix_is_what_improves_it(bf16: Trajectory) -> None:
    """Negative control: without H the same rows are off by several times as much."""
    field, full = bf16.affine_field(), bf16.full_field()
    truth = full.gradient_at(int(full.steps[10]))[bf16.members("dead")]
    constant = field.at(int(full.steps[10])).gradient
    without = np.linalg.norm(constant - truth, axis=1) / np.linalg.norm(truth, axis=1)
    assert without.mean() > 5 * relative_errors(bf16, "affine")[10].mean()


def test_field_of_a_live_training(record_small: Callable[..., Path]) -> None:
    """Exact states kept at every step of a small training: the force is the gradient to float32 rounding."""
    with Trajectory(record_small(precision="fp32", field="full")) as recording:
        full = recording.full_field()
        force = build(recording.path, "full", recording.dimensions)
        rows = recording.members("dead")
        np.testing.assert_array_equal(full.steps, np.arange(40))
        for step in (0, 7, 39):
            truth = full.gradient_at(step)[rows]
            force_there = pull(force, recording.gas(step).positions[rows].astype(np.float64), step)
            error = np.linalg.norm(force_there + truth, axis=1) / np.linalg.norm(truth, axis=1)
            assert error.max() < 1e-6


@pytest.mark.parametrize("field", FIELDS)
def test_a_step_that_was_not_recorded_is_refused_beforehand(field: str) -> None:
    force = build(RECORDINGS / "kjv-bf16.h5", field, 64)
    with pytest.raises(InputError, match=r"field at step 500 is not recorded|field at step 7 is not recorded"):
        force.check_steps(0, 501)
