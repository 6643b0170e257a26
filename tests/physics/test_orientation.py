"""A rotation is proper: what folds over is reversed, not turned, and turns keep their sense beyond half a turn."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ortho_group

from gasfield.diagnostics import Group
from gasfield.diagnostics.kinematics.deformation import Deformation, DeformationResult
from gasfield.diagnostics.kinematics.motion import Motion
from gasfield.statistics.polar import polar, tilts, turns
from gasfield.tracers.shapes.grids import Sheet

Values = NDArray[np.float64]
FRAMES = 41
SHEET = Sheet(side=(6, 5), spacing=1.0).structure()


def plane(angle: Values) -> Values:
    """Rotations (..., 2, 2) by angles (...,) [degrees]."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.stack([np.stack([c, -s], axis=-1), np.stack([s, c], axis=-1)], axis=-2)


def moved(maps: Values) -> Group:
    """A sheet under maps (T, D, 2)."""
    return Group("sheet", np.arange(len(maps)), np.einsum("tdk,mk->tmd", maps, SHEET.points), bonds=SHEET.bonds)


def deformed(maps: Values) -> DeformationResult:
    return Deformation().compute(moved(maps))


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_any_map_is_a_proper_rotation_of_a_signed_stretch(k: int) -> None:
    """F = R U with det R = 1 and U symmetric, whose eigenvalues are the signed stretches; their product is det F."""
    maps = np.random.default_rng(k).normal(size=(200, k, k))
    found = polar(maps, np.eye(k))
    assert np.linalg.det(found.isometry) == pytest.approx(1.0, abs=1e-9)
    assert found.stretches.prod(axis=1) == pytest.approx(np.linalg.det(maps), rel=1e-6, abs=1e-9)
    assert found.reversed == pytest.approx(np.linalg.det(maps) < 0)
    assert 50 < found.reversed.sum() < 150
    u = found.isometry.swapaxes(1, 2) @ maps
    assert u == pytest.approx(u.swapaxes(1, 2), abs=1e-9)
    closest = np.linalg.norm(maps - found.isometry, axis=(1, 2))
    for seed in range(20 if k > 1 else 0):  # no other rotation is closer (Kabsch 1976)
        other = ortho_group.rvs(k, random_state=seed)
        other[:, 0] *= np.linalg.det(other)
        assert (np.linalg.norm(maps - other, axis=(1, 2)) >= closest - 1e-12).all()


@pytest.mark.parametrize("embedded", [2, 3])
def test_a_sheet_that_folds_over_while_it_turns_is_reversed_and_only_turns(embedded: int) -> None:
    """y -> a(t) y with a from 1 to -1/2, turned by 3 degrees a frame: the stretch passes through zero, the turn goes
    on, and no share of rotation jumps. In three dimensions the plane does not tilt."""
    width, angles = np.linspace(1.0, -0.5, FRAMES), 3.0 * np.arange(FRAMES)
    maps = plane(angles) @ np.stack([np.diag([1.0, a]) for a in width])
    maps = np.concatenate([maps, np.zeros((FRAMES, embedded - 2, 2))], axis=1)
    result = deformed(maps)
    sense = 1.0 if embedded == 2 else np.sign(np.linalg.det(result.frame[:2]))
    assert sense * result.turns[:, 0] == pytest.approx(angles, abs=1e-9)
    assert result.tilts == pytest.approx(np.zeros((FRAMES, 2)), abs=1e-6)
    assert result.stretches[:, 0] == pytest.approx(np.ones(FRAMES))
    assert result.stretches[:, 1] == pytest.approx(width)
    folded = width < -1e-12
    assert result.reversed.tolist() == folded.tolist()
    assert result.local.reversed.all()
    assert sense * result.local.turns == pytest.approx(np.full((len(SHEET.points), 1), angles[-1]), abs=1e-9)
    found = result.quantities()
    assert found["reversed.fraction"].value == pytest.approx(folded.mean())
    assert found["reversed.local"].value == 1.0
    assert any(f"first at step {np.flatnonzero(folded)[0]}" in note for note in result.notes)
    motion = Motion().compute(moved(maps))
    rotation = motion.cumulated_thermal[:, 0]
    assert motion.reversed.tolist() == folded[1:].tolist()
    assert np.isnan(rotation[folded[1:]]).all()
    assert np.nanmax(np.abs(np.diff(rotation))) < 0.1
    assert motion.quantities()["motion.reversed"].value == pytest.approx(folded[1:].mean())
    assert motion.quantities()["motion.thermal.rotation"].value is None


def test_a_reflection_that_stretches_alike_has_no_rotation() -> None:
    """diag(1, -1) is as close to every rotation: none is reported. diag(1, -.9) is closest to none at all."""
    for width, known in ((-1.0, False), (-0.9, True)):
        result = deformed(np.array([np.eye(2), np.diag([1.0, width])]))
        assert (result.quantities()["rotation.in_frame"].value is not None) == known
        assert np.isfinite(result.turns[-1, 0]) == known
    assert result.turns[-1] == pytest.approx([0.0], abs=1e-12)


def test_a_sheet_turned_over_in_space_is_rotated_and_not_reversed() -> None:
    """About an axis of its own by 0 to 180 degrees: the tilt goes through 90 and on."""
    angles = np.linspace(0.0, 180.0, 13)
    maps = np.stack([np.array([[1.0, 0.0], [0.0, np.cos(a)], [0.0, np.sin(a)]]) for a in np.radians(angles[:-1])])
    result = deformed(maps)
    assert not result.reversed.any()
    assert result.tilts[:, 0] == pytest.approx(angles[:-1], abs=1e-6)
    assert result.stretches == pytest.approx(np.ones((12, 2)))
    known = np.abs(angles[:-1] - 90.0) > 1.0
    assert result.turns[known] == pytest.approx(np.zeros((11, 1)), abs=1e-6)


@pytest.mark.parametrize("rate", [35.0, -35.0])
def test_turns_keep_their_sense_and_are_followed_beyond_half_a_turn(rate: float) -> None:
    result = deformed(plane(rate * np.arange(FRAMES)))
    assert result.turns[:, 0] == pytest.approx(rate * np.arange(FRAMES), abs=1e-9)
    assert result.quantities()["rotation.local"].value == pytest.approx(rate * (FRAMES - 1))
    assert not any("miscounted" in note for note in result.notes)
    assert any("miscounted" in note for note in deformed(plane(3.0 * rate * np.arange(FRAMES))).notes)


@pytest.mark.parametrize("dimensions", [3, 4])
def test_proper_turns_come_in_pairs_of_eigenvalues(dimensions: int) -> None:
    """The turn of a reversed lattice of three or four dimensions is that of its rotation about the reversed axis."""
    grid = np.array(list(product(*(range(n) for n in (5, 4, 3, 2)[:dimensions]))), np.float64)
    turn = np.eye(dimensions)
    turn[:2, :2] = plane(np.array(40.0))
    found = polar(turn @ np.diag([1.3, 1.2, 1.1, -0.5][-dimensions:]), np.eye(dimensions))
    assert turns(found.isometry, np.eye(dimensions))[0] == pytest.approx(40.0)
    assert tilts(found.isometry, np.eye(dimensions)) == pytest.approx(np.zeros(dimensions), abs=1e-6)
    result = Motion().compute(Group("grid", np.arange(2), np.stack([grid, grid * ([1.0] * (dimensions - 1) + [-1.0])])))
    assert result.quantities()["motion.thermal.rotation"].value is None
    assert result.quantities()["motion.reversed"].value == 1.0
