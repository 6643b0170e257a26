"""Tracer structures: distances, bonds, frames and places."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from gasfield.errors import InputError
from gasfield.tracers import Shape, Tracer, plant

SHAPES = [
    ({"kind": "line", "count": 5, "spacing": 0.3}, 5, 1, 4),
    ({"kind": "square", "side": 3, "spacing": 0.2}, 9, 2, 12),
    ({"kind": "cubic", "side": 4, "spacing": 0.02}, 64, 3, 144),
]


@pytest.mark.parametrize(("given", "count", "k", "bonds"), SHAPES)
def test_bonds_join_neighbours(given: dict, count: int, k: int, bonds: int) -> None:
    structure = TypeAdapter(Shape).validate_python(given).structure()
    assert structure.points.shape == (count, k)
    assert len({tuple(sorted(pair)) for pair in structure.bonds.tolist()}) == bonds
    np.testing.assert_allclose(structure.points.mean(axis=0), 0, atol=1e-15)
    lengths = np.linalg.norm(np.subtract(*structure.points[structure.bonds].swapaxes(0, 1)), axis=1)
    np.testing.assert_allclose(lengths, given["spacing"], rtol=1e-12)
    apart = np.linalg.norm(structure.points[:, None] - structure.points, axis=-1)
    assert np.isclose(apart, given["spacing"]).sum() == 2 * bonds  # no neighbour is left unbonded


def tracer(**changes: object) -> Tracer:
    given = {"name": "t", "shape": SHAPES[2][0], "place": {"kind": "centroid", "of": "dead"}} | changes
    return Tracer.model_validate(given)


CENTROIDS = {"dead": np.arange(8.0)}


def test_planting_keeps_distances_in_any_dimension() -> None:
    planting = plant(tracer(), CENTROIDS, 8, seed=5, index=0)
    assert planting.positions.shape == (64, 8)
    np.testing.assert_allclose(planting.positions.mean(axis=0), CENTROIDS["dead"], atol=1e-12)
    lengths = np.linalg.norm(np.subtract(*planting.positions[planting.bonds].swapaxes(0, 1)), axis=1)
    np.testing.assert_allclose(lengths, 0.02, rtol=1e-9)


def test_random_frames_come_from_the_seed_and_the_index() -> None:
    first, same = (plant(tracer(), CENTROIDS, 8, 5, 0).positions for _ in range(2))
    np.testing.assert_array_equal(first, same)
    for seed, index in ((6, 0), (5, 1)):
        assert np.abs(plant(tracer(), CENTROIDS, 8, seed, index).positions - first).max() > 1e-3


def test_random_frames_are_uniform() -> None:
    """Haar: a squared component of a unit vector has mean 1/D and variance 2 (D-1) / (D^2 (D+2)); 4 standard errors."""
    line = {"kind": "line", "count": 2, "spacing": 1.0}
    axes = np.array([np.diff(plant(tracer(shape=line), CENTROIDS, 8, 1, i).positions, axis=0)[0] for i in range(2000)])
    error = np.sqrt(2 * 7 / (64 * 10) / len(axes))
    assert np.abs((axes**2).mean(axis=0) - 1 / 8).max() < 4 * error
    assert np.abs(axes.mean(axis=0)).max() < 4 * np.sqrt(1 / 8 / len(axes))
    skewed = axes * np.array([1.2, *[1.0] * 7])  # negative control
    assert np.abs((skewed**2).mean(axis=0) - 1 / 8).max() > 4 * error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"place": {"kind": "centroid", "of": "gone"}}, "place.of is 'gone'; the groups here are dead"),
        ({"place": {"kind": "point", "at": [0.0, 1.0]}}, "place.at has 2 coordinates; the space has 8"),
        ({"frame": {"kind": "random", "dimensions": 2}}, "frame.dimensions is 2, but a cubic structure has 3"),
        ({"frame": {"kind": "axes", "axes": [0, 1, 8]}}, "3 different numbers from 0 to 7"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plant(tracer(**changes), CENTROIDS, 8, 0, 0)


def test_a_cube_does_not_fit_a_plane() -> None:
    with pytest.raises(InputError, match="3 dimensions, the space only 2"):
        plant(tracer(), {"dead": np.zeros(2)}, 2, 0, 0)
