"""Landscapes from samples: known mixtures, the temperature of the motion, and what cannot be resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gasfield
from gasfield.errors import InputError
from gasfield.forces import Surroundings
from gasfield.forces.learned.mixture import MixtureForce
from gasfield.learning.methods.gaussian_mixture import Density, fit_mixture, kernel_density, kernel_scores
from gasfield.operations import TrajectoryRecorder
from gasfield.simulation import Simulation
from gasfield.spaces import Free

Array = NDArray[np.float64]
TRUE = Density(
    np.array([[0.0, 0.0], [3.0, 0.5], [-1.0, 3.0]]),
    np.log([0.5, 0.3, 0.2]),
    np.array([[[2.0, 0.0], [0.0, 1.5]], [[3.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [1.0, 1.5]]]),
)


def drawn(count: int, seed: int = 0) -> Array:
    """(count, 2) from the true mixture."""
    chance = np.random.default_rng(seed)
    chosen = chance.choice(3, size=count, p=np.exp(TRUE.log_weights))
    noise = np.einsum("nij,nj->ni", np.linalg.inv(TRUE.shapes)[chosen], chance.normal(size=(count, 2)))
    return np.asarray(TRUE.centres[chosen] + noise)


def matrix_of(path: Path, rows: Array) -> Path:
    """One matrix of rows (N, D) as a trajectory of one frame."""
    np.savez(path.with_suffix(".npz"), W=rows[None])
    gasfield.import_recording(path.with_suffix(".npz"), path)
    return path


def value(fit: gasfield.Fit, name: str) -> float:
    return float(np.asarray(fit.quantities[name].value))


@pytest.mark.parametrize("estimator", ["mixture", "kernel"])
def test_a_known_mixture_is_learned_from_a_single_matrix(tmp_path: Path, estimator: str) -> None:
    """The held-out log-likelihood is that of the true density on the same places but for KL(true || fit): about
    p/(2 n) = 17/1920 for the mixture, and 0.03 for kernels. The energy is -T log p, at T = 2."""
    rows = drawn(1200)
    fit = gasfield.fit(
        matrix_of(tmp_path / "t.h5", rows), {"kind": "density", "temperature": 2.0, "estimator": estimator}
    )
    best = float(TRUE.log_at(rows).mean())
    assert best - (0.03 if estimator == "mixture" else 0.06) < value(fit, "log_likelihood") < best + 0.01
    assert value(fit, "log_likelihood.over_one_gaussian") > 0.3
    if estimator == "mixture":
        assert value(fit, "components") == 3
    term, fresh = fit.field.terms["density"], drawn(500, seed=1)
    force = term.law.build(term.arrays, Surroundings(Free(dimensions=2)))
    assert isinstance(force, MixtureForce)
    off = force.energy_at(fresh) / 2.0 + TRUE.log_at(fresh)
    assert np.mean(off) == pytest.approx(0.0, abs=0.06)


def test_densities_have_the_integral_one() -> None:
    """On a grid that holds all of the sample."""
    x = np.linspace(-6.0, 8.0, 141)
    grid = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    for density in (TRUE, fit_mixture(drawn(300), 2, 0), kernel_density(drawn(300), 0.3)):
        assert np.exp(density.log_at(grid)).sum() * (x[1] - x[0]) ** 2 == pytest.approx(1.0, abs=2e-3)


def test_scores_of_kernels_leave_the_own_fold_out() -> None:
    points, folds = drawn(60), np.arange(60) % 3
    (scores,) = kernel_scores(points, (0.5,), folds)
    shape = kernel_density(points, 0.5).shapes
    for fold in range(3):
        others = points[folds != fold]
        direct = Density(others, np.full(len(others), -np.log(len(others))), shape).log_at(points[folds == fold])
        np.testing.assert_allclose(scores[folds == fold], direct, rtol=1e-10)


def test_sixty_four_dimensions_show_no_more_than_a_gaussian(tmp_path: Path) -> None:
    """A Gaussian cloud in 64 dimensions: one component is chosen, and kernels alone are named as worse."""
    path = matrix_of(tmp_path / "t.h5", np.random.default_rng(0).normal(size=(500, 64)))
    one = gasfield.fit(path, {"kind": "density", "temperature": 1.0})
    assert value(one, "components") == 1
    kernels = gasfield.fit(path, {"kind": "density", "temperature": 1.0, "estimator": "kernel"})
    assert value(kernels, "log_likelihood.over_one_gaussian") < -1.0
    assert any("not better than that of a single Gaussian" in note for note in kernels.notes)


@pytest.mark.parametrize(
    ("law", "estimator", "target"),
    [
        ({"kind": "langevin", "time_step": 0.02, "friction": 1.0}, "kinetic", "force"),
        ({"kind": "brownian", "time_step": 0.01, "friction": 2.0}, "diffusion", "force"),
        ({"kind": "brownian", "time_step": 0.01, "friction": 2.0}, "configurational", "force"),
    ],
)
def test_the_temperature_of_the_motion_is_that_of_the_bath(
    tmp_path: Path, law: dict[str, Any], estimator: str, target: str
) -> None:
    """Frames are five steps apart: within three errors, and 2% for the discrete steps and the interval, (k h)^2 = 1%.
    The landscape then has the stiffness of the well."""
    start = np.random.default_rng(0).normal(size=(300, 2)) * np.sqrt(0.7 / 4.0)
    sim = Simulation(start, forces=[{"kind": "harmonic", "stiffness": 4.0}], dynamics=law, temperature=0.7, seed=2)
    sim.add_operation(TrajectoryRecorder(tmp_path / "t.h5", 5))
    sim.step(600)
    sim.close()
    fit = gasfield.fit(tmp_path / "t.h5", {"kind": "density", "temperature": estimator, "components": 1})
    found = fit.quantities["temperature"]
    assert found.value == pytest.approx(0.7, abs=0.014 + 3 * float(np.asarray(found.error)))
    assert any(estimator in note for note in fit.notes)
    assert fit.field.moved.target == target
    shape = fit.field.terms["density"].arrays["shapes"][0]
    np.testing.assert_allclose(value(fit, "temperature") * np.diag(shape.T @ shape), 4.0, rtol=0.15)


def test_a_matrix_without_a_temperature_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="samples fix only U/T, and fewer than three frames show no motion"):
        gasfield.fit(matrix_of(tmp_path / "t.h5", drawn(100)), "density")
    with pytest.raises(InputError, match="no kinetic temperature: no velocities were kept"):
        gasfield.fit(tmp_path / "t.h5", {"kind": "density", "temperature": "kinetic"})
    with pytest.raises(InputError, match="1 different places: at least 10 are needed"):
        gasfield.fit(matrix_of(tmp_path / "same.h5", np.ones((20, 2))), {"kind": "density", "temperature": 1.0})
