"""The Helmholtz-Hodge split of learned fields: planted rotations with their closed-form shares, and none in a gradient.

For F = M x and a centred Gaussian sample of covariance S, the gradient part is A x with A S + S A = M S + S M^T, and
its share is tr(A S A)/tr(M S M^T). With M = -k + w J and S = diag(a, b) the rotational share is

    w^2/(k^2 + w^2)  4 a b/(a + b)^2

because k x is a gradient, J x is orthogonal to it, and of w J x the part w (a - b)/(a + b) (x2, x1) is a gradient.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import gasfield
from gasfield.forces.learned import Term
from gasfield.learning.least_squares.uncertainty import force_of
from gasfield.simulation import Simulation

Array = NDArray[np.float64]
RATE, ROTATION = 1.0, 0.7
STEP = 0.02
PLANTED = np.array([[-RATE, -ROTATION], [ROTATION, -RATE]])


def moved(
    path: Path, matrix: Array, spreads: tuple[float, ...], frames: int, noise: float = 0.0, seed: int = 0
) -> Path:
    """300 rows (3000 without noise) of Euler steps in dx = M x dt + sqrt(2 T) dB, from a Gaussian sample."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(300 if noise else 3000, len(spreads))) * spreads
    positions = [x]
    for _ in range(frames - 1):
        x = x + STEP * x @ matrix.T + np.sqrt(2.0 * noise * STEP) * chance.normal(size=x.shape)
        positions.append(x)
    np.savez(path.with_suffix(".npz"), W=np.array(positions))
    gasfield.import_recording(path.with_suffix(".npz"), path)
    return path


def rotational_share(a: float, b: float) -> float:
    return ROTATION**2 / (RATE**2 + ROTATION**2) * 4.0 * a * b / (a + b) ** 2


@pytest.mark.parametrize("spreads", [(1.0, 1.0), (1.0, 0.5), (1.0, 0.2)])
def test_a_planted_rotation_has_its_closed_form_share(tmp_path: Path, spreads: tuple[float, float]) -> None:
    """Without noise the field is exact, and what is left is the sample of 3000: its ratio of variances is off by 4%,
    the share by up to as much, and gradients fit a part of the rotation as large as their number over 6000."""
    path = moved(tmp_path / "t.h5", PLANTED, spreads, 3)
    fit = gasfield.fit(path, {"kind": "general", "scheme": "forward"})
    a, b = np.square(spreads)
    assert fit.quantities["share.rotational"].value == pytest.approx(rotational_share(a, b), rel=0.05)
    assert float(
        np.sum([fit.quantities[f"share.{part}"].value for part in ("gradient", "rotational")])
    ) == pytest.approx(1)


def test_the_share_in_noise_is_right_within_its_error(tmp_path: Path) -> None:
    """Eight times more noise than field: the rotation of the noise itself is subtracted."""
    path = moved(tmp_path / "t.h5", PLANTED, (1.0, 1.0), 60, noise=1.0)
    share = gasfield.fit(path, {"kind": "general", "count": 50}).quantities["share.rotational"]
    error = float(np.asarray(share.error))
    assert error < 0.1
    assert share.value == pytest.approx(rotational_share(1.0, 1.0), abs=3 * error)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_gradient_has_no_rotation(tmp_path: Path, seed: int) -> None:
    """The negative control, with the noise of the test before: 0 within three errors, far below the planted share."""
    path = moved(tmp_path / "t.h5", -RATE * np.eye(2), (1.0, 1.0), 60, noise=1.0, seed=seed)
    share = gasfield.fit(path, {"kind": "general", "count": 50}).quantities["share.rotational"]
    assert share.value == pytest.approx(0.0, abs=3 * float(np.asarray(share.error)))
    assert abs(float(np.asarray(share.value))) < 0.1 * rotational_share(1.0, 1.0)


def test_both_parts_add_up_and_each_acts_alone(tmp_path: Path) -> None:
    """The terms of the file: a gradient with an energy, and a rest orthogonal to gradients over the sample."""
    path = moved(tmp_path / "t.h5", PLANTED, (1.0, 0.6), 3)
    fit = gasfield.fit(path, {"kind": "general", "count": 30, "scheme": "forward"}, tmp_path / "field.h5")
    places = np.random.default_rng(3).normal(size=(40, 2)) * 0.5
    parts = [_on(tmp_path, places, (name,)) for name in ("gradient", "rotational")]
    whole = _on(tmp_path, places, None)
    np.testing.assert_allclose(parts[0] + parts[1], whole, atol=1e-12)
    np.testing.assert_allclose(whole, STEP * places @ PLANTED.T, atol=1e-6)
    gradient = fit.field.terms["gradient"]
    np.testing.assert_allclose(force_of(Term(gradient.law, gradient.arrays)).force_at(places), parts[0], atol=1e-14)
    with gasfield.open(path) as trajectory:
        sample = trajectory.positions()[0].astype(np.float64)
    one, other = (_on(tmp_path, sample, (name,)) for name in ("gradient", "rotational"))
    assert abs(np.sum(one * other)) < 0.02 * np.sqrt(np.sum(one**2) * np.sum(other**2))


def _on(folder: Path, places: Array, terms: tuple[str, ...] | None) -> Array:
    force = {"kind": "learned", "file": str(folder / "field.h5")} | ({"terms": terms} if terms else {})
    sim = Simulation(places, forces=[force], dynamics={"kind": "advection", "time_step": 0.1})
    return np.asarray(sim.forces.force(sim.gas))
