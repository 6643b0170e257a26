"""The linear part of a deformation, and what it leaves over, against exact maps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.kinematics.deformation import Deformation, DeformationResult, intrinsic_frame
from gasfield.kernels.bfloat16 import round_to_bfloat16
from gasfield.statistics.affine_remainder import local_d2min, neighbourhoods
from gasfield.tracers.shapes.grids import Cubic

Values = NDArray[np.float64]
D = 7
GRID = np.array(list(product(range(4), range(3), range(5)))) - np.array([1.5, 1.0, 2.0])
"""A lattice with three different extents, so that its own axes are determined."""


def frame(k: int, seed: int = 0, dimensions: int = D) -> Values:
    """Random orthonormal columns (D, k)."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dimensions, k)))[0]


def deform(before: Values, after: Values) -> DeformationResult:
    return Deformation().compute(Group("lattice", np.arange(2), np.stack([before, after])))


def rotation(angle: float, i: int, j: int, dimensions: int = D) -> Values:
    matrix = np.eye(dimensions)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix


def test_an_affine_map_comes_back_and_leaves_nothing() -> None:
    rng = np.random.default_rng(1)
    before = GRID @ frame(3).T + rng.normal(size=D)
    matrix, shift = rng.normal(size=(D, D)), rng.normal(size=D)
    result = deform(before, before @ matrix.T + shift)
    assert result.frame.shape == (D, 3)
    assert result.maps[-1] == pytest.approx(matrix @ result.frame, abs=1e-12)
    assert result.d2min[-1] < 1e-24
    assert result.stretches[-1] == pytest.approx(np.linalg.svd(matrix @ frame(3))[1], rel=1e-12)
    isometry = result.isometries[-1]
    assert isometry.T @ isometry == pytest.approx(np.eye(3), abs=1e-12)
    # Negative control: a map that is not affine leaves something.
    assert deform(before, (before @ matrix.T) ** 2).d2min[-1] > 1e-3


@pytest.mark.parametrize("angle", [0.0, 1e-6, 30.0, 89.0, 90.0, 91.0, 150.0, 179.0])
def test_a_rotation_within_the_plane_is_a_turn(angle: float) -> None:
    """A fit that takes dilation first makes a contraction of it, by the cosine; here stretches stay 1."""
    before = np.zeros((len(GRID), D))
    before[:, :3] = GRID
    result = deform(before, before @ rotation(angle, 0, 1).T)
    assert result.stretches[-1] == pytest.approx([1, 1, 1], abs=1e-12)
    assert result.turns[-1] == pytest.approx([angle], abs=1e-7)
    assert result.tilts[-1] == pytest.approx([0, 0, 0], abs=1e-7)


@pytest.mark.parametrize("angle", [1e-6, 30.0, 45.0, 60.0, 89.0, 90.0])
def test_a_rotation_out_of_the_plane_is_a_tilt(angle: float) -> None:
    before = np.zeros((len(GRID), D))
    before[:, :3] = GRID
    result = deform(before, before @ rotation(angle, 0, 5).T)
    assert result.stretches[-1] == pytest.approx([1, 1, 1], abs=1e-12)
    assert result.tilts[-1] == pytest.approx([angle, 0, 0], abs=1e-7)
    if angle < 90:
        assert result.turns[-1] == pytest.approx([0], abs=1e-6)


@pytest.mark.parametrize("shear", [0.0, 0.1, 1.0, 5.0])
def test_stretches_of_simple_shear(shear: float) -> None:
    before = GRID[:, :2] @ frame(2).T
    axes = frame(2)
    matrix = np.eye(D) + shear * np.outer(axes[:, 0], axes[:, 1])
    largest = sqrt(1 + shear**2 / 2 + shear * sqrt(1 + shear**2 / 4))
    assert deform(before, before @ matrix.T).stretches[-1] == pytest.approx([largest, 1 / largest], rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_noise_leaves_its_degrees_of_freedom(k: int) -> None:
    """E[sum of squared residuals] = s^2 D (M - k - 1): a sum of D (M - k - 1) squares of variance s^2, each known to
    sqrt 2 s^2, so that the mean of many draws has a known error."""
    sigma, draws = 0.05, 200
    before = np.unique(GRID[:, :k], axis=0) @ frame(k).T
    count = len(before)
    noisy = before + np.random.default_rng(2).normal(0, sigma, (draws, count, D))
    result = Deformation().compute(Group("noisy", np.arange(draws + 1), np.concatenate([before[None], noisy])))
    freedom = D * (count - k - 1)
    total = count * result.d2min[1:].mean()
    error = sigma**2 * sqrt(2 * freedom / draws)
    assert total == pytest.approx(sigma**2 * freedom, abs=4 * error)
    # Negative control: the count without the k D parameters of the map.
    assert abs(total - sigma**2 * D * (count - 1)) > 4 * error


def _affine(x: Values) -> Values:
    return x @ np.random.default_rng(3).normal(size=(D, D)).T


def _bent(x: Values) -> Values:
    return x + 0.1 * x**2


@pytest.mark.parametrize("change", [_affine, _bent])
def test_leaving_a_point_out_is_exact(change: Callable[[Values], Values]) -> None:
    """The jackknife uses down-dated moments and leverages; here each fit is done again from the start."""
    before = GRID @ frame(3).T
    after = change(before) + np.random.default_rng(4).normal(0, 0.01, before.shape)
    claimed = deform(before, after).quantities()
    axes = intrinsic_frame(before)
    stretches, leftovers = [], []
    for left_out in range(len(before)):
        rest = np.delete(np.arange(len(before)), left_out)
        design = np.column_stack([before[rest] @ axes, np.ones(len(rest))])
        fitted, *_ = np.linalg.lstsq(design, after[rest])
        stretches.append(np.linalg.svd(fitted[:3].T)[1])
        leftovers.append(np.square(after[rest] - design @ fitted).sum() / len(rest))
    for key, values in (("stretch.principal", stretches), ("d2min.mean", leftovers)):
        error = np.sqrt((len(before) - 1) * np.var(values, axis=0))
        assert claimed[key].error == pytest.approx(error.tolist(), rel=1e-6)


def test_rounding_adds_no_dimensions() -> None:
    """A cubic lattice of spacing .02 written in bfloat16 has 64 dimensions to the letter, and three in truth."""
    points = 0.02 * (np.array(list(product(range(4), repeat=3))) - 1.5) @ frame(3, dimensions=64).T + 0.001
    rounded = round_to_bfloat16(points)
    assert np.linalg.matrix_rank(rounded - rounded.mean(axis=0)) > 3
    for precision in (np.float32, np.float64):
        assert intrinsic_frame(rounded.astype(precision)).shape == (64, 3)
    assert intrinsic_frame(points).shape == (64, 3)
    # Negative control: the same extent in a fourth direction is no rounding.
    thick = points + 0.02 * np.random.default_rng(5).normal(size=points.shape)
    assert intrinsic_frame(round_to_bfloat16(thick)).shape[1] > 3


def test_too_few_points_leave_nothing_and_say_so() -> None:
    before = np.random.default_rng(6).normal(size=(4, D))
    result = deform(before, before * 2)
    assert result.quantities()["d2min.mean"].value is None
    assert result.quantities()["stretch.principal"].value == pytest.approx([2, 2, 2])
    assert any("fits them exactly" in note for note in result.notes)


# Local maps, and rates.


def test_local_d2min_of_a_linear_map_is_nothing() -> None:
    """A lattice under any linear map: every neighbourhood is mapped alike. One particle that is pushed aside is seen by
    itself and by its neighbours, and by nobody beyond them."""
    before, bonds = lattice(5)
    matrix = np.random.default_rng(7).normal(size=(3, 3))
    after = before @ matrix.T + 1.0
    steps = np.arange(2)
    result = Deformation().compute(Group("lattice", steps, np.stack([before, after]), bonds=bonds))
    assert np.nanmax(result.local.d2min) < 1e-24
    pushed = int(np.argmin(np.linalg.norm(before, axis=1)))
    after[pushed] += 0.1
    result = Deformation().compute(Group("lattice", steps, np.stack([before, after]), bonds=bonds))
    seen = set(np.flatnonzero(result.local.d2min > 1e-20).tolist())
    assert seen == {pushed, *neighbourhoods(bonds, len(before))[pushed].tolist()}


@pytest.mark.parametrize("k", [2, 3])
def test_noise_of_neighbours_leaves_its_degrees_of_freedom(k: int) -> None:
    """E[D2] = s^2 D (n - k) with a noiseless centre; within 4 errors of many draws."""
    sigma, draws, n = 0.05, 400, 4 * k
    rng = np.random.default_rng(8)
    star = np.vstack([np.zeros(k), rng.normal(size=(n, k))])
    around = [np.arange(1, n + 1)] + [np.empty(0, np.int64)] * n
    axes = frame(k)
    noise = rng.normal(0, sigma, (draws, n + 1, D))
    noise[:, 0] = 0.0
    sums = np.array([local_d2min(star, star @ axes.T + shake, around)[0][0] for shake in noise])
    error = sigma**2 * sqrt(2 * D * (n - k) / draws)
    assert sums.mean() == pytest.approx(sigma**2 * D * (n - k), abs=4 * error)
    assert abs(sums.mean() - sigma**2 * D * n) > 4 * error  # negative control: without the numbers of the map


@pytest.mark.parametrize("elapsed", [0.5, 2.0, 7.0])
def test_ftle_of_a_saddle_is_its_rate(elapsed: float) -> None:
    """x' = a x, y' = -a y: the largest stretch is exp(a t) at any time; a rigid rotation has rate 0."""
    rate, before = 0.7, GRID[:, :2].astype(float)
    after = before * np.exp(np.array([rate, -rate]) * elapsed)
    turned = before @ rotation(70.0, 0, 1, 2).T
    for later, expected in ((after, rate), (turned, 0.0)):
        group = Group("lattice", np.arange(2), np.stack([before, later]), times=np.array([1.0, 1.0 + elapsed]))
        quantity = Deformation().compute(group).quantities()["ftle.global"]
        assert quantity.value == pytest.approx(expected, abs=1e-12)
        assert quantity.unit == "1/time"


def lattice(side: int) -> tuple[Values, NDArray[np.int64]]:
    """A cubic lattice and its bonds."""
    structure = Cubic(side=side, spacing=1.0).structure()
    return structure.points, structure.bonds
