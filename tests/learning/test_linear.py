"""The linear field: drift, decay and a matrix of low rank, recovered from motion of which they are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import gasfield
from gasfield.errors import InputError
from gasfield.forces.base import Surroundings
from gasfield.forces.learned import LearnedField
from gasfield.forces.learned.drift import DriftForce
from gasfield.gas import Gas
from gasfield.learning.fit import Fit
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.trajectory import TrajectoryWriter

RECORDING = "recordings/kjv-bf16.h5"
D = 6


def moved(
    path: Path, steps: NDArray[np.int64], matrix: NDArray[np.float64], drift: NDArray[np.float64], noise: float = 0.0
) -> Path:
    """A trajectory of x(t + h) = x + h (a(t) + A x) + noise, h the interval between its frames, with a(t) (T, D)."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(40, matrix.shape[0]))
    gas = Gas(x, np.zeros(40, np.int64), ["cloud"], np.arange(40), [""] * 40)
    with TrajectoryWriter(path, gas, precision="float64", provenance={}) as writer:
        for number, step in enumerate(steps.tolist()):
            writer.frame(step, step, x)
            span = steps[number + 1] - step if number + 1 < len(steps) else 0
            x = x + span * (drift[number] + x @ matrix.T) + noise * generator.normal(size=x.shape)
    return path


def planted(rank: int, rate: float) -> NDArray[np.float64]:
    """-rate + a symmetric matrix of some rank with eigenvalues -.1, -.08, ..."""
    q, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(D, D)))
    matrix: NDArray[np.float64] = (q[:, :rank] * (-0.1 + 0.02 * np.arange(rank))) @ q[:, :rank].T - rate * np.eye(D)
    return matrix


def matrix_of(fit: Fit) -> NDArray[np.float64]:
    """A = -decay + K of a fit."""
    hessian, rate = fit.field.terms["hessian"].arrays, fit.field.terms["decay"].arrays["rate"]
    return np.asarray(hessian["left"].T @ hessian["core"] @ hessian["right"] - rate * np.eye(hessian["left"].shape[1]))


@pytest.mark.parametrize("symmetric", [True, False])
def test_drift_decay_and_a_matrix_of_rank_two_are_recovered(tmp_path: Path, symmetric: bool) -> None:
    """Without noise all parts are exact, and held-out data choose the rank that is there."""
    steps, drift = np.arange(60), np.repeat([[0.02] * D, [-0.01] * D], 30, axis=0)
    path = moved(tmp_path / "t.h5", steps, planted(2, 0.005), drift)
    fit = gasfield.fit(path, {"kind": "linear", "windows": 2, "symmetric": symmetric})
    np.testing.assert_allclose(matrix_of(fit), planted(2, 0.005), atol=1e-9)
    assert fit.quantities["hessian.rank"].value == 2
    assert fit.quantities["decay.rate"].value == pytest.approx(0.005, abs=1e-9)
    assert fit.quantities["hessian.eigenvalues"].value == pytest.approx([-0.1, -0.08], abs=1e-9)


def test_the_terms_of_a_field_act_by_name(tmp_path: Path) -> None:
    """The parts add up to the whole, and each alone is its own law."""
    path = moved(tmp_path / "t.h5", np.arange(40), planted(2, 0.01), np.full((40, D), 0.02))
    gasfield.fit(path, {"kind": "linear", "rank": 2, "symmetric": True}, tmp_path / "f.h5")
    x = 0.3 * np.random.default_rng(1).normal(size=(5, D))

    def velocity(**which: object) -> NDArray[np.float64]:
        force = {"kind": "learned", "file": str(tmp_path / "f.h5")} | which
        law = {"kind": "advection", "time_step": 1.0, "scheme": "euler"}
        return Simulation(x, forces=[force], dynamics=law).step(1).gas.positions - x

    np.testing.assert_allclose(velocity(), 0.02 + x @ planted(2, 0.01).T, atol=1e-9)
    np.testing.assert_allclose(velocity(terms=["decay"]), -0.01 * x, atol=1e-9)
    parts = [velocity(terms=[name]) for name in ("drift", "decay", "hessian")]
    np.testing.assert_allclose(np.sum(parts, axis=0), velocity(), atol=1e-12)


def test_slopes_of_uneven_frames(tmp_path: Path) -> None:
    """Frames at steps 0, 1, 2, 4, ... of a constant drift give the drift per step; the displacement per frame would be
    off by the mean interval."""
    steps = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    path = moved(tmp_path / "t.h5", steps, np.zeros((D, D)), np.full((len(steps), D), 0.02))
    fit = gasfield.fit(path, {"kind": "linear", "terms": ["drift"]})
    np.testing.assert_allclose(fit.field.terms["drift"].arrays["values"], 0.02, rtol=1e-12)
    assert any("longer than the usual" in note for note in fit.notes)


def test_a_trend_of_the_drift_is_recovered_and_kept_beyond_the_span(tmp_path: Path) -> None:
    """a(t) = t is a trend; after the training span the force keeps the last value."""
    times = np.arange(81.0)
    path = moved(tmp_path / "t.h5", times.astype(np.int64), np.zeros((D, D)), np.tile(1e-3 * times[:, None], D))
    fit = gasfield.fit(path, {"kind": "linear", "terms": ["drift"], "windows": 2, "profile": "trend"})
    (force,) = [term.law.build(term.arrays, Surroundings(Free(dimensions=D))) for term in fit.field.terms.values()]
    assert isinstance(force, DriftForce)
    assert [float(force.at(t)[0]) for t in (0.0, 20.0, 60.0)] == pytest.approx([0.0, 0.02, 0.06], abs=1e-9)
    assert force.at(200.0)[0] == force.at(80.0)[0]


def test_decay_errors_cover_the_truth(tmp_path: Path) -> None:
    """With noise, the eigenvalues of K and the decay lie within a few of their bootstrap errors; the negative control,
    a truth shifted by ten of them, does not."""
    path = moved(tmp_path / "t.h5", np.arange(400), planted(2, 0.02), np.zeros((400, D)), noise=0.05)
    fit = gasfield.fit(path, {"kind": "linear", "symmetric": True, "rank": 2})
    found = [fit.quantities["decay.rate"], *fit.quantities["hessian.eigenvalues"].parts()]
    values, errors = np.array([each.value for each in found]), np.array([each.error for each in found])
    scores = (values - [0.02, -0.1, -0.08]) / errors
    assert np.all(np.abs(scores) < 4.0)
    assert np.all(np.abs(scores + 10.0) > 4.0)


def test_about_the_centroid_the_drift_alone_moves_the_centroid(tmp_path: Path) -> None:
    fit_to = moved(tmp_path / "t.h5", np.arange(40), planted(2, 0.01), np.full((40, D), 0.02))
    gasfield.fit(fit_to, {"kind": "linear", "centre": "centroid", "symmetric": True}, tmp_path / "f.h5")
    force = {"kind": "learned", "file": str(tmp_path / "f.h5"), "terms": ["decay", "hessian"]}
    x = 0.3 * np.random.default_rng(1).normal(size=(5, D))
    sim = Simulation(x, forces=[force], dynamics={"kind": "advection", "time_step": 1.0}).step(10)
    np.testing.assert_allclose(sim.gas.positions.mean(axis=0), x.mean(axis=0), atol=1e-12)
    assert np.abs(sim.gas.positions - x).max() > 0.03


def test_the_gradient_of_dead_rows_is_the_recorded_field(tmp_path: Path) -> None:
    """The recorded field is affine in each step, g + H (w - c), with a symmetric H: the fit over three steps is that of
    their mean, which one step alone differs from; the recorded optimiser is the law of its motion."""
    fit = gasfield.fit(
        RECORDING, {"kind": "linear", "target": "gradient", "symmetric": True, "rank": 64}, tmp_path / "f.h5",
        rows="lattice,dead", frames="300:304",
    )  # fmt: skip
    learned = LearnedField.read(tmp_path / "f.h5")
    assert (learned.moved.target, fit.notes) == ("gradient", learned.notes)
    law = learned.moved.law
    assert (law["kind"], law["weight_dtype"], law["moment_dtype"]) == ("adamw", "bfloat16", "bfloat16")
    assert [law["learning_rate"], *law["betas"]] == pytest.approx([1e-3, 0.9, 0.999])
    residuals, gradients = [], []
    with gasfield.open(RECORDING) as recording:
        field, dead = recording.affine_field(), recording.members("dead")
        for step in (300, 301, 302):
            at, w = field.at(step), recording.frame(step)[dead].astype(float)
            gradients.append(at.gradient + (w - at.reference) @ at.hessian)
            gas = Gas(w, np.zeros(len(w), np.int64), ["dead"], dead, [""] * len(w), step=step, time=float(step))
            force = np.zeros_like(w)
            for part in learned.build(Surroundings(Free(dimensions=64))):
                part.add(gas, force)
            residuals.append(force + gradients[-1])
    size = np.linalg.norm(np.mean(gradients, axis=0))
    assert np.linalg.norm(np.mean(residuals, axis=0)) < 0.01 * size
    assert np.linalg.norm(residuals[0]) > 0.05 * size


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"windows": 6}, "6 windows need at least 12 blocks"),
        ({"rank": 7}, "at most the number of axes, 6 of 6"),
        ({"axes": 9}, "there are 6 dimensions, not 9"),
        ({"target": "gradient"}, "no affine field is recorded"),
        ({"target": "gradient", "scheme": "trapezoid"}, "use forward"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_numbers(
    tmp_path: Path, model: dict[str, object], message: str
) -> None:
    path = moved(tmp_path / "t.h5", np.arange(40), planted(2, 0.01), np.zeros((40, D)))
    with pytest.raises(InputError, match=message):
        gasfield.fit(path, {"kind": "linear"} | model)
