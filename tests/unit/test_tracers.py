"""Tracer structures: distances, bonds, frames and places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from gasfield.errors import InputError
from gasfield.tracers import (
    AnyShape,
    GroupSnapshot,
    PlacedStructure,
    PlacementContext,
    Structure,
    Tracer,
    plant,
    structure_of,
)

SHAPES = [
    ({"kind": "line", "count": 5, "spacing": 0.3}, 5, 1, 4),
    ({"kind": "sheet", "side": 3, "spacing": 0.2}, 9, 2, 12),
    ({"kind": "cubic", "side": 4, "spacing": 0.02}, 64, 3, 144),
]


def shaped(given: dict) -> Structure:
    return structure_of(TypeAdapter(AnyShape).validate_python(given), Path)


@pytest.mark.parametrize(("given", "count", "k", "bonds"), SHAPES)
def test_bonds_join_neighbours(given: dict, count: int, k: int, bonds: int) -> None:
    structure = shaped(given)
    assert structure.points.shape == (count, k)
    assert len({tuple(sorted(pair)) for pair in structure.bonds.tolist()}) == bonds
    np.testing.assert_allclose(structure.points.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(lengths(structure), given["spacing"], rtol=1e-12)
    apart = np.linalg.norm(structure.points[:, None] - structure.points, axis=-1)
    assert np.isclose(apart, given["spacing"]).sum() == 2 * bonds  # no neighbour is left unbonded


# Shapes. Interior points have the coordination number of their lattice.

LATTICES = [
    ({"kind": "hexagonal", "rings": 3}, 37, 2, 6),
    ({"kind": "cubic", "side": 5}, 125, 3, 6),
    ({"kind": "cubic", "side": 3, "dimensions": 5}, 243, 5, 10),
    ({"kind": "bcc", "side": 3}, 91, 3, 8),
    ({"kind": "fcc", "side": 2}, 63, 3, 12),
    ({"kind": "d4", "shells": 3}, 145, 4, 24),
    ({"kind": "e8"}, 241, 8, 240),
]
POLYTOPES = [
    ({"kind": "simplex", "dimensions": 7}, 8, 7, 7, np.sqrt(7 / 16)),
    ({"kind": "cross_polytope", "dimensions": 6}, 12, 6, 10, np.sqrt(1 / 2)),
    ({"kind": "hypercube", "dimensions": 4}, 16, 4, 4, 1.0),
]


def degrees(structure: Structure) -> np.ndarray:
    return np.bincount(structure.bonds.ravel(), minlength=len(structure.points))


def lengths(structure: Structure) -> np.ndarray:
    return np.linalg.norm(np.subtract(*structure.points[structure.bonds].swapaxes(0, 1)), axis=1)


@pytest.mark.parametrize(("given", "count", "k", "coordination"), LATTICES)
def test_lattices_have_their_coordination_numbers(given: dict, count: int, k: int, coordination: int) -> None:
    structure = shaped(given | {"spacing": 0.3})
    assert structure.points.shape == (count, k)
    np.testing.assert_allclose(structure.points.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(lengths(structure), 0.3, rtol=1e-9)
    middle = np.argmin(np.linalg.norm(structure.points, axis=1))
    if given["kind"] == "bcc":  # three cells: the middle of the block is the middle of a cell
        assert np.linalg.norm(structure.points[middle]) < 1e-12
    assert degrees(structure)[middle] == coordination
    assert degrees(structure).max() == coordination
    apart = np.linalg.norm(structure.points[:, None] - structure.points, axis=-1)
    assert apart[~np.eye(count, dtype=bool)].min() > 0.3 * (1 - 1e-9)


@pytest.mark.parametrize(("given", "count", "k", "coordination", "circumradius"), POLYTOPES)
def test_polytopes_are_regular(given: dict, count: int, k: int, coordination: int, circumradius: float) -> None:
    structure = shaped(given | {"spacing": 2.0})
    assert structure.points.shape == (count, k)
    assert set(degrees(structure)) == {coordination}
    np.testing.assert_allclose(lengths(structure), 2.0, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(structure.points, axis=1), 2.0 * circumradius, rtol=1e-9)


def test_rings_and_helices_are_evenly_spaced_chains() -> None:
    ring = shaped({"kind": "ring", "count": 12, "radius": 2.0})
    np.testing.assert_allclose(lengths(ring), 4.0 * np.sin(np.pi / 12), rtol=1e-12)
    assert set(degrees(ring)) == {2}
    helix = shaped({"kind": "helix", "count": 41, "radius": 2.0, "pitch": 0.5, "turns": 4})
    assert np.ptp(helix.points[:, 2]) == pytest.approx(2.0)
    np.testing.assert_allclose(lengths(helix), np.sqrt((4.0 * np.sin(np.pi / 10)) ** 2 + 0.05**2), rtol=1e-12)
    assert sorted(degrees(helix))[:3] == [1, 1, 2]
    sheet = shaped({"kind": "sheet", "side": [2, 4], "spacing": 1.0})
    assert (len(sheet.points), len(sheet.bonds)) == (8, 10)


@pytest.mark.parametrize("k", [2, 3, 4, 8, 64])
def test_a_shell_is_even(k: int) -> None:
    """Exact radius, mean 0, second moments of the sphere, unlike random points."""
    count = 600
    points = shaped({"kind": "shell", "count": count, "radius": 3.0, "dimensions": k}).points
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 3.0, rtol=1e-12)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-8)
    chance = np.random.default_rng(0).normal(size=(count, k))
    chance *= 3.0 / np.linalg.norm(chance, axis=1, keepdims=True)
    uneven = [np.linalg.norm(x.T @ x / count - 9.0 / k * np.eye(k)) for x in (points, chance)]
    assert uneven[0] < 1e-6 * uneven[1]
    nearest = [np.sort(np.linalg.norm(x[:, None] - x, axis=-1), axis=1)[:, 1].min() for x in (points, chance)]
    assert nearest[0] > (3 if k <= 4 else 1.2) * nearest[1]


def test_no_shape_has_more_points_than_memory() -> None:
    for given, many in (
        ({"kind": "cubic", "side": 1000, "spacing": 1.0}, 10**9),
        ({"kind": "fcc", "side": 500, "spacing": 1.0}, 501**3 + 3 * 500**2 * 501),
        ({"kind": "line", "count": 10**9, "spacing": 1.0}, 10**9),
    ):
        with pytest.raises(InputError, match=f"has {many} points; the maximum is 100000"):
            shaped(given)
    for given in (
        *(case[0] | {"spacing": 0.3} for case in LATTICES),
        *(case[0] | {"spacing": 2.0} for case in POLYTOPES),
    ):
        shape: Any = TypeAdapter(AnyShape).validate_python(given)
        assert shape.size == len(shape.structure().points)


def test_points_come_from_a_file(tmp_path: Path) -> None:
    array = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    np.save(tmp_path / "p.npy", array)
    (tmp_path / "p.csv").write_text("# three points\n0, 0, 0\n2, 0, 0\n0, 4, 0\n")
    for name in ("p.npy", "p.csv"):
        found = shaped({"kind": "points", "file": str(tmp_path / name), "scale": 0.5, "bond_within": 1.5})
        np.testing.assert_allclose(found.points, 0.5 * (array - array.mean(axis=0)))
        assert found.bonds.tolist() == [[0, 1]]
    np.save(tmp_path / "pickled.npy", np.array([{}, {}], object), allow_pickle=True)
    (tmp_path / "words.txt").write_text("a b c\n")
    (tmp_path / "nan.txt").write_text("1 2\nnan 2\n")
    for name, reason in (("pickled.npy", "not a file"), ("words.txt", "not a file"), ("nan.txt", "finite")):
        with pytest.raises(InputError, match=reason):
            shaped({"kind": "points", "file": str(tmp_path / name)})


# PlacedStructure.


def tracer(**changes: object) -> Tracer:
    given = {"name": "t", "shape": SHAPES[2][0], "place": {"kind": "centroid", "of": "dead"}} | changes
    return Tracer.model_validate(given)


def planted(tracer: Tracer, dimensions: int = 8, seed: int = 0, index: int = 0, **group: object) -> PlacedStructure:
    """Among 30 rows whose centroid is 0, 1, 2, ..."""
    rows = np.random.default_rng(1).normal(size=(30, dimensions)) * np.linspace(3, 1, dimensions)
    dead = GroupSnapshot(rows - rows.mean(axis=0) + np.arange(dimensions), np.arange(100, 130), **group)  # type: ignore[arg-type]
    return plant(tracer, PlacementContext({"dead": dead}, dimensions, seed, Path), index)


def test_planting_keeps_distances_in_any_dimension() -> None:
    planting = planted(tracer(), 8, 5, 0)
    assert planting.positions.shape == (64, 8)
    np.testing.assert_allclose(planting.positions.mean(axis=0), np.arange(8.0), atol=1e-12)
    np.testing.assert_allclose(lengths(Structure(planting.positions, planting.bonds)), 0.02, rtol=1e-9)


def test_random_frames_come_from_the_seed_and_the_index() -> None:
    first, same = (planted(tracer(), 8, 5, 0).positions for _ in range(2))
    np.testing.assert_array_equal(first, same)
    for seed, index in ((6, 0), (5, 1)):
        assert np.abs(planted(tracer(), 8, seed, index).positions - first).max() > 1e-3


def test_random_frames_are_uniform() -> None:
    """Haar: a squared component of a unit vector has mean 1/D and variance 2 (D-1) / (D^2 (D+2)); 4 standard errors."""
    line = {"kind": "line", "count": 2, "spacing": 1.0}
    axes = np.array([np.diff(planted(tracer(shape=line), 8, 1, i).positions, axis=0)[0] for i in range(2000)])
    error = np.sqrt(2 * 7 / (64 * 10) / len(axes))
    assert np.abs((axes**2).mean(axis=0) - 1 / 8).max() < 4 * error
    assert np.abs(axes.mean(axis=0)).max() < 4 * np.sqrt(1 / 8 / len(axes))
    skewed = axes * np.array([1.2, *[1.0] * 7])  # negative control
    assert np.abs((skewed**2).mean(axis=0) - 1 / 8).max() > 4 * error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"place": {"kind": "centroid", "of": "gone"}}, "place.of: there is no group 'gone'; the groups here are dead"),
        ({"place": {"kind": "point", "at": [0.0, 1.0]}}, "place.at: 2 coordinates are given; the space has 8"),
        ({"frame": {"kind": "random", "dimensions": 2}}, "frame.dimensions: it is 2, but a cubic structure has 3"),
        ({"frame": {"kind": "axes", "axes": [0, 1, 8]}}, "3 distinct numbers from 0 to 7"),
        (
            {"frame": {"kind": "principal", "of": "gone"}},
            "frame.of: there is no group 'gone'; the groups here are dead",
        ),
        ({"frame": {"kind": "given", "vectors": [[1.0] * 8] * 2}}, "3 vectors of 8 numbers"),
        ({"frame": {"kind": "given", "vectors": [[1.0] * 8] * 3}}, "3 vectors are not linearly independent"),
        ({"place": {"kind": "row", "of": "dead", "row": 30}}, "the rows of 'dead' are 0 to 29"),
        ({"place": {"kind": "row", "of": "dead", "token": 5}}, "no row of 'dead' has the token id 5"),
        ({"place": {"kind": "ahead", "of": "dead", "by": 1.0}}, "has not moved yet"),
        (
            {"place": {"kind": "centroid", "of": "dead", "offset": [1.0]}},
            "place.offset: 1 coordinates are given; the space has 8",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planted(tracer(**changes))


def test_a_cube_does_not_fit_a_plane() -> None:
    with pytest.raises(InputError, match="3 dimensions, but the space has only 2"):
        planted(tracer(), 2)


def test_places_and_offsets() -> None:
    line = {"kind": "line", "count": 3, "spacing": 1e-9}
    rows = planted(tracer(shape=line, place={"kind": "row", "of": "dead", "row": 4})).positions[1]
    token = planted(tracer(shape=line, place={"kind": "row", "of": "dead", "token": 104})).positions[1]
    np.testing.assert_allclose(rows, token)
    assert np.abs(rows - np.arange(8.0)).max() > 0.1
    shifted = planted(tracer(shape=line, place={"kind": "centroid", "of": "dead", "offset": [1.0] * 8})).positions[1]
    np.testing.assert_allclose(shifted, np.arange(8.0) + 1.0, atol=1e-9)
    ahead = tracer(shape=line, place={"kind": "ahead", "of": "dead", "by": 2.0})
    began = np.arange(8.0) - 3.0 * np.eye(8)[2]
    np.testing.assert_allclose(planted(ahead, began=began).positions[1], np.arange(8.0) + 2.0 * np.eye(8)[2], atol=1e-9)
    flying = planted(ahead, velocity=-5.0 * np.eye(8)[0])
    np.testing.assert_allclose(flying.positions[1], np.arange(8.0) - 2.0 * np.eye(8)[0], atol=1e-9)


def test_frames() -> None:
    """The variance is largest along x0, then x1; given vectors are orthonormalised in their order."""
    along = planted(tracer(frame={"kind": "principal", "of": "dead"})).positions - np.arange(8.0)
    assert np.linalg.norm(along[:, :3]) > 0.8 * np.linalg.norm(along)
    vectors = [[3.0] + [0.0] * 7, [1.0, 2.0] + [0.0] * 6, [1.0, 1.0, -5.0] + [0.0] * 5]
    given = planted(tracer(frame={"kind": "given", "vectors": vectors})).positions - np.arange(8.0)
    np.testing.assert_allclose(given[:, 3:], 0.0, atol=1e-14)
    np.testing.assert_allclose(given[:, :3], shaped(SHAPES[2][0]).points * [1.0, 1.0, -1.0], atol=1e-14)  # type: ignore[arg-type]


def test_jitter_is_gaussian_and_from_the_seed() -> None:
    """Variance known to sqrt(2/n); 4 errors. Without jitter the points are unchanged."""
    calm, first, same = planted(tracer()), planted(tracer(jitter=0.3)), planted(tracer(jitter=0.3))
    np.testing.assert_array_equal(first.positions, same.positions)
    shift = first.positions - calm.positions
    assert np.mean(shift**2) == pytest.approx(0.09, abs=4 * 0.09 * np.sqrt(2 / shift.size))
    assert np.mean(shift**2) != pytest.approx(0.09 * 1.5, abs=4 * 0.09 * np.sqrt(2 / shift.size))  # negative control
    assert (
        np.abs(planted(tracer(jitter=0.3), seed=1).positions - planted(tracer(), seed=1).positions - shift).max() > 0.1
    )
