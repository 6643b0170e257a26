"""Koopman models: known eigenvalues, noise and its corrections, and the force that is the map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gasfield
from gasfield.errors import InputError, Note
from gasfield.gas import Gas
from gasfield.learning.fit import Fit
from gasfield.simulation import Simulation
from gasfield.trajectory import TrajectoryWriter

Array = NDArray[np.float64]
TRIANGULAR = np.array([[0.9, -0.1], [0.0, 0.8]])
"""The example of Williams, Kevrekidis and Rowley (2015), section 4.1."""


def written(path: Path, frames: Array, times: Array | None = None) -> Path:
    """A trajectory with these positions (T, N, D)."""
    count = frames.shape[1]
    gas = Gas(frames[0], np.zeros(count, np.int64), ["cloud"], np.arange(count), [""] * count)
    with TrajectoryWriter(path, gas, precision="float64", provenance={}) as writer:
        for number, x in enumerate(frames):
            writer.frame(number, float(number if times is None else times[number]), x)
    return path


def mapped(matrix: Array, *, frames: int, rows: int, seed: int = 0, size: float = 1.0) -> Array:
    """(T, N, D) rows that are multiplied by a matrix from frame to frame."""
    x = size * np.random.default_rng(seed).normal(size=(rows, len(matrix)))
    found = [x]
    for _ in range(frames - 1):
        found.append(found[-1] @ matrix.T)
    return np.array(found)


def held_out(fit: Fit) -> float:
    value = fit.quantities["held_out"].value
    assert isinstance(value, float)
    return value


def complex_eigenvalues(fit: Fit) -> NDArray[np.complex128]:
    parts = fit.field.terms["koopman"].arrays["eigenvalues"]
    return np.asarray(parts[:, 0] + 1j * parts[:, 1])


def test_edmd_has_the_eigenvalues_of_the_known_map(tmp_path: Path) -> None:
    """Monomials to degree 4 of a linear map are a closed set: the eigenvalues are products of .9 and .8."""
    path = written(tmp_path / "t.h5", mapped(TRIANGULAR, frames=11, rows=100))
    fit = gasfield.fit(path, {"kind": "koopman", "dictionary": "monomials", "degree": 4})
    known = [1.0, 0.9, 0.81, 0.8, 0.729, 0.72, 0.6561, 0.648]
    np.testing.assert_allclose(complex_eigenvalues(fit)[:8], known, atol=1e-9)
    assert fit.quantities["held_out"].value == pytest.approx(0.0, abs=1e-12)
    assert fit.quantities["unstable"].value == 0


def test_rows_and_the_whole_gas_have_the_same_map(tmp_path: Path) -> None:
    """One row is a gas of its own: both states give exp(+-i theta) of a rotation and the .95 of its contraction, and
    simulate the recorded frames."""
    c, s = 0.95 * np.cos(0.3), 0.95 * np.sin(0.3)
    known = sorted([1.0, c + 1j * s, c - 1j * s], key=np.angle)
    frames = mapped(np.array([[c, -s], [s, c]]), frames=40, rows=1)
    path = written(tmp_path / "t.h5", frames)
    for state in ("rows", "whole"):
        fit = gasfield.fit(path, {"kind": "koopman", "state": state}, tmp_path / f"{state}.h5")
        np.testing.assert_allclose(sorted(complex_eigenvalues(fit), key=np.angle), known, atol=1e-8)
        assert fit.quantities["growth"].value == pytest.approx(np.log(0.95), abs=1e-8)
        force = {"kind": "learned", "file": str(tmp_path / f"{state}.h5")}
        law = {"kind": "advection", "time_step": 1.0, "scheme": "euler"}
        end = Simulation(frames[0], forces=[force], dynamics=law).step(39).gas.positions
        np.testing.assert_allclose(end, frames[-1], atol=1e-8)


@pytest.mark.parametrize("dictionary", ["monomials", "radial"])
def test_the_force_of_a_nonlinear_dictionary_is_its_map(tmp_path: Path, dictionary: str) -> None:
    """x' = x + .1 (x - x^3) lies in the span of cubic monomials: Euler steps in the field give it to rounding;
    Gaussians approximate it, and a map without functions cannot."""
    x = np.linspace(-1.2, 1.2, 40)[:, None]
    frames = [x]
    for _ in range(30):
        frames.append(frames[-1] + 0.1 * (frames[-1] - frames[-1] ** 3))
    path = written(tmp_path / "t.h5", np.array(frames))
    model = {"kind": "koopman", "dictionary": dictionary, "degree": 3, "centres": 15}
    fit = gasfield.fit(path, model, tmp_path / "f.h5")
    law = {"kind": "advection", "time_step": 1.0, "scheme": "euler"}
    end = Simulation(x, forces=[{"kind": "learned", "file": str(tmp_path / "f.h5")}], dynamics=law).step(10).gas
    error = float(np.abs(end.positions - frames[10]).max())
    assert error < {"monomials": 1e-8, "radial": 1e-2}[dictionary]
    assert held_out(gasfield.fit(path, "koopman")) > 0.1
    assert held_out(fit) < {"monomials": 1e-12, "radial": 1e-3}[dictionary]


def test_noise_shrinks_eigenvalues_and_both_corrections_undo_it(tmp_path: Path) -> None:
    """A rotation by .3 of M = 40,000 pairs with variance 1 in each coordinate, measured with noise of variance .1 in
    each: plain DMD has |lambda| = 1/(1 + .1) by theory, total least squares and forward-backward 1. The standard error
    of a mean over M pairs with terms of variance about .1 is sqrt(.1/M) = .0016; five of them are allowed. The negative
    control: the plain value is 60 of them away from 1."""
    noise, rows, count = 0.1, 400, 101
    c, s = np.cos(0.3), np.sin(0.3)
    frames = mapped(np.array([[c, -s], [s, c]]), frames=count, rows=rows, seed=5)
    frames /= np.sqrt(np.mean(frames**2))
    measured = frames + np.sqrt(noise) * np.random.default_rng(6).normal(size=frames.shape)
    path = written(tmp_path / "t.h5", measured)
    allowed = 5.0 * np.sqrt(noise / (rows * (count - 1)))
    sizes = {
        how: np.abs(complex_eigenvalues(gasfield.fit(path, {"kind": "koopman", "noise": how}))[-1])
        for how in ("none", "total_least_squares", "forward_backward")
    }
    assert sizes["none"] == pytest.approx(1.0 / (1.0 + noise), abs=allowed)
    assert sizes["none"] < 1.0 - 10.0 * allowed
    sizes = {
        how: np.abs(complex_eigenvalues(gasfield.fit(path, {"kind": "koopman", "noise": how})))
        for how in ("total_least_squares", "forward_backward")
    }
    for found in sizes.values():
        np.testing.assert_allclose(found, 1.0, atol=allowed)


def test_unstable_modes_are_counted_and_clipped_on_request(tmp_path: Path) -> None:
    """A mode that grows by 1.05 is reported with its growth; clipped, it stays on the unit circle and the other one is
    as before."""
    path = written(tmp_path / "t.h5", mapped(np.diag([1.05, 0.7]), frames=12, rows=30))
    free = gasfield.fit(path, "koopman")
    assert free.quantities["unstable"].value == 1
    assert free.quantities["spectral_radius"].value == pytest.approx(1.05, abs=1e-9)
    assert free.quantities["growth"].value == pytest.approx(np.log(1.05), abs=1e-9)
    assert any("1 of 3 modes are unstable, up to 1.05" in note for note in free.notes)
    clipped = gasfield.fit(path, {"kind": "koopman", "clip": True}).field.terms["koopman"].arrays
    np.testing.assert_allclose(np.linalg.eigvals(clipped["matrix"] + np.eye(2)), [1.0, 0.7], atol=1e-9)


def test_errors_of_eigenvalues_cover_the_truth(tmp_path: Path) -> None:
    """A driven map x' = A x + noise, the case of plain DMD: eigenvalues lie within four bootstrap errors of those of A,
    and total least squares, which is not for this noise, lies outside of them."""
    generator, x = np.random.default_rng(8), np.zeros((50, 2))
    frames = []
    for _ in range(300):
        frames.append(x)
        x = x @ TRIANGULAR.T + generator.normal(size=x.shape)
    path = written(tmp_path / "t.h5", np.array(frames[50:]))
    found = gasfield.fit(path, {"kind": "koopman"})
    known, errors = np.array([1.0, 0.9, 0.8]), found.field.terms["koopman"].arrays["eigenvalues_error"]
    assert np.all(np.abs(complex_eigenvalues(found) - known)[1:] < 4.0 * errors[1:])
    wrong = gasfield.fit(path, {"kind": "koopman", "noise": "total_least_squares"})
    assert np.any(np.abs(np.sort(np.abs(complex_eigenvalues(wrong)))[::-1] - known)[1:] > 4.0 * errors[1:])


def test_another_time_step_is_pointed_out(tmp_path: Path) -> None:
    gasfield.fit(written(tmp_path / "t.h5", mapped(TRIANGULAR, frames=8, rows=9)), "koopman", tmp_path / "f.h5")
    force = {"kind": "learned", "file": str(tmp_path / "f.h5")}
    with pytest.warns(Note, match=r"time_step is 0\.5; the field was learned .* 1\.0"):
        Simulation(
            np.zeros((2, 2)), forces=[force], dynamics={"kind": "advection", "time_step": 0.5, "scheme": "euler"}
        )


@pytest.mark.parametrize(
    ("times", "model", "message"),
    [
        ([0, 1, 2, 4, 8, 9, 10, 11], {}, r"intervals between frames are 1 to 4: .* 4 frames from number 4 on, 1 apart"),
        (None, {"dictionary": "monomials", "degree": 10}, "pairs of successive positions for 66 functions: too little"),
        (None, {"rank": 5}, "have a spread along 2 axes, not 5"),
        (None, {"axes": 3, "dictionary": "radial"}, "spread along 2 axes of 2, not 3"),
        (None, {"state": "whole", "dictionary": "radial"}, "use state: rows"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    tmp_path: Path, times: list[float] | None, model: dict[str, Any], message: str
) -> None:
    path = written(
        tmp_path / "t.h5", mapped(TRIANGULAR, frames=8, rows=9), None if times is None else np.array(times, np.float64)
    )
    with pytest.raises(InputError, match=message):
        gasfield.fit(path, {"kind": "koopman"} | model)


def test_the_whole_gas_keeps_its_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "t.h5", mapped(TRIANGULAR, frames=20, rows=9))
    gasfield.fit(path, {"kind": "koopman", "state": "whole"}, tmp_path / "f.h5")
    force = {"kind": "learned", "file": str(tmp_path / "f.h5")}
    with pytest.raises(InputError, match=r"moves the 9 rows .* there are 4 particles"):
        Simulation(np.zeros((4, 2)), forces=[force], dynamics={"kind": "advection", "time_step": 1.0})
