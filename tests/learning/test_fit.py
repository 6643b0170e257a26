"""Fitting fields: exact recovery, what is refused, and the file between a fit and a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flows import FLOW, MATRIX, recorded_flow, write_frames
from numpy.typing import NDArray

import gasfield
from gasfield.errors import InputError, Note
from gasfield.forces.learned import LearnedField
from gasfield.learning.least_squares.normal_equations import NormalEquations
from gasfield.simulation import Simulation


def test_an_affine_flow_is_recovered_and_simulated(tmp_path: Path) -> None:
    """Euler steps in an affine flow determine it to rounding; the learned field moves a gas as the true one does."""
    fit = gasfield.fit(recorded_flow(tmp_path / "t.h5"), "affine", tmp_path / "field.h5")
    found = fit.field.terms["affine"].arrays
    np.testing.assert_allclose(found["matrix"], MATRIX, atol=1e-9)
    assert fit.quantities["held_out"].value == pytest.approx(0.0, abs=1e-15)
    start = np.random.default_rng(2).normal(size=(5, 2)) * 0.3
    law = {"kind": "advection", "time_step": 0.05}
    ends = [
        Simulation(start, forces=[force], dynamics=law).step(20).gas.positions
        for force in (
            {"kind": "learned", "file": str(tmp_path / "field.h5")},
            FLOW,
        )
    ]
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-9)


def test_a_learned_field_is_read_as_it_was_written(tmp_path: Path) -> None:
    fit = gasfield.fit(recorded_flow(tmp_path / "t.h5"), "affine", tmp_path / "field.h5", frames="0:30")
    again = LearnedField.read(tmp_path / "field.h5")
    assert (again.moved, again.span, again.notes) == (fit.field.moved, (0, 29), fit.field.notes)
    assert again.report["held_out"] == fit.quantities["held_out"].leaf()
    for name, values in fit.field.terms["affine"].arrays.items():
        np.testing.assert_array_equal(again.terms["affine"].arrays[name], values)


def test_a_run_says_when_it_leaves_the_sampled_region(tmp_path: Path) -> None:
    gasfield.fit(recorded_flow(tmp_path / "t.h5"), "affine", tmp_path / "field.h5")
    force = {"kind": "learned", "file": str(tmp_path / "field.h5")}
    law = {"kind": "advection", "time_step": 0.05}
    inside, outside = np.array([[0.1, 0.0]]), np.array([[0.1, 0.0], [30.0, 0.0]])
    with pytest.warns(Note, match="50.0% of the particles are outside"):
        sim = Simulation(outside, forces=[force], dynamics=law).step(1)
    assert sim.observe()["outside"] == 0.5
    assert Simulation(inside, forces=[force], dynamics=law).step(1).observe()["outside"] == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dynamics": {"kind": "adamw", "learning_rate": 1e-3}}, "learned as the velocity of the rows"),
        ({"positions": np.zeros((2, 3))}, "2 dimensions, the space 3"),
        ({"terms": ["kernel"]}, "there is no term 'kernel'; the terms are affine"),
    ],
)
def test_a_learned_field_elsewhere_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    gasfield.fit(recorded_flow(tmp_path / "t.h5"), "affine", tmp_path / "field.h5")
    force = {"kind": "learned", "file": str(tmp_path / "field.h5")} | {k: v for k, v in change.items() if k == "terms"}
    with pytest.raises(InputError, match=message):
        Simulation(
            change.get("positions", np.zeros((2, 2))),  # type: ignore[arg-type]
            forces=[force],
            dynamics=change.get("dynamics", {"kind": "advection", "time_step": 0.1}),  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((10, 4, 3)), "no row of all rows moves between steps 0 and 9"),
        (np.random.default_rng(0).normal(size=(2, 4, 3)), "2 frames; at least 3 are needed"),
        (np.random.default_rng(0).normal(size=(3, 1, 30)), "2 equations for 31 coefficients: too little data"),
        (np.full((5, 4, 3), np.nan), "no row of all rows has a finite position"),
    ],
)
def test_data_that_do_not_suffice_are_refused_with_the_numbers(
    tmp_path: Path, frames: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        gasfield.fit(write_frames(tmp_path / "t.h5", frames), "affine")


def test_blocked_errors_cover_the_truth() -> None:
    """Coefficients of y = A c + noise lie within their bootstrap errors: the mean of (c - c0)^2 / error^2 over 300
    coefficients is 1 within 30% (20 blocks make errors of 16%); with noise of twice the size in the data of the errors'
    own estimate it is not."""
    generator = np.random.default_rng(5)
    squares = []
    for _ in range(60):
        truth = generator.normal(size=(5, 1))
        equations = NormalEquations(5, 1, 20)
        for block in range(20):
            design = generator.normal(size=(50, 5))
            equations.add(block, design, design @ truth + generator.normal(size=(50, 1)))
        found = equations.solve([0.0])
        squares.append(((found.coefficients - truth) / found.errors) ** 2)
    assert 0.7 < np.mean(squares) < 1.3
    assert not 0.7 < np.mean(squares) / 4 < 1.3


def test_held_out_error_tells_noise_from_law() -> None:
    """Pure noise has a held-out error of at least 1: nothing can be learned from it; a law has that of its noise."""
    generator = np.random.default_rng(6)
    law, noise = NormalEquations(3, 1, 10), NormalEquations(3, 1, 10)
    for block in range(10):
        design, error = generator.normal(size=(200, 3)), generator.normal(size=(200, 1))
        law.add(block, design, design @ np.ones((3, 1)) + error)
        noise.add(block, design, error)
    found = law.solve()
    assert found.held_out == pytest.approx(1 / 4, abs=4 * found.held_out_error)  # noise 1 of a total of 3 + 1
    assert noise.solve([0.0]).held_out > 1.0


def test_every_training_place_is_inside_the_region(tmp_path: Path) -> None:
    """More places than the sample that gives the axes, with an extreme one that the sample misses."""
    positions = np.random.default_rng(7).normal(size=(30, 1000, 2))
    positions[17, 511] = [9.0, -9.0]
    field = gasfield.fit(write_frames(tmp_path / "t.h5", positions), "affine").field
    assert field.region is not None
    assert not any(field.region.outside(frame.astype(np.float32)).any() for frame in positions)
    assert field.region.outside(np.array([[10.0, -10.0]])).all()
