"""Sums over all pairs: the bits of the plainest loop, in any number of dimensions; the error of single precision."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from gasfield.forces import direct
from gasfield.forces.pairs.softened import softened
from gasfield.kernels.pointwise import in_float32, parameters_in_float32

STRENGTH, SOFTENING2 = -1.3, 0.01
COUNT = 90
"""More than a tile of targets, and a part of one."""


def crowd(dimensions: int, side: float) -> dict[str, Any]:
    """Particles of which 7 in 10 are sources, some at one place, in a box of this side."""
    chance = np.random.default_rng(dimensions)
    places, strengths = 2.0 * chance.random((COUNT, dimensions)), chance.normal(size=COUNT)
    places[5:9] = places[5]
    rows = np.flatnonzero(chance.random(COUNT) < 0.7)
    sides = np.full(dimensions, side)
    return {"places": places, "others": np.ascontiguousarray(places[rows].T), "rows": rows, "sides": sides,
            "own": strengths, "theirs": strengths[rows]}  # fmt: skip


def in_order(crowd: dict[str, Any], reach2: float, core2: float) -> tuple[np.ndarray, np.ndarray]:
    """Forces (N, D) and sums (N, 3) by NumPy, one source after another in the order of their indices."""
    places, sides = crowd["places"], crowd["sides"]
    dimensions = places.shape[1]
    force, sums = np.zeros(places.shape), np.zeros((COUNT, 3))

    def continued(u: np.ndarray) -> tuple[np.ndarray, ...]:
        edge = np.maximum(u, core2)
        energy, slope, bend = softened.py_func(edge, (STRENGTH, SOFTENING2))
        inside = u - edge
        return energy + inside * (slope + 0.5 * inside * bend), slope + inside * bend, bend

    shift = continued(np.float64(reach2))[0] if np.isfinite(reach2) else 0.0
    for j, strength in zip(crowd["rows"], crowd["theirs"], strict=True):
        apart = places - places[j]
        back = np.where(apart > 0.5 * sides, apart - sides, apart)
        apart = np.where(apart < -0.5 * sides, apart + sides, back)
        u = apart[:, 0] ** 2
        for k in range(1, dimensions):
            u = u + apart[:, k] ** 2
        energy, slope, bend = continued(u)
        near = (u < reach2) & (np.arange(COUNT) != j)
        force += np.where(near, strength * slope, 0.0)[:, None] * apart
        terms = [
            strength * (energy - shift),
            strength * (4.0 * u * bend + 2.0 * dimensions * slope),
            strength * (u * slope),
        ]
        sums += np.where(near[:, None], np.stack(terms, 1), 0.0)
    own = crowd["own"][:, None]
    return (-2.0 * own) * force, np.hstack([own * sums[:, :2], (-2.0 * own) * sums[:, 2:]])


def summed(crowd: dict[str, Any], reach2: float, core2: float) -> tuple[np.ndarray, np.ndarray]:
    force, sums = np.zeros(crowd["places"].shape), np.zeros((COUNT, 3))
    with np.errstate(invalid="ignore"):
        direct.push(softened, (STRENGTH, SOFTENING2), **crowd, reach2=reach2, core2=core2, force=force)
        direct.sums(softened, (STRENGTH, SOFTENING2), **crowd, reach2=reach2, core2=core2, out=sums)
    return force, sums


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 5])
def test_bits_are_those_of_the_definition(dimensions: int) -> None:
    """Open without a cut-off, and periodic with one; one thread and two."""
    before = numba.get_num_threads()
    for side, reach2, core2 in ((np.inf, np.inf, 0.0), (2.0, 0.9, 0.02)):
        some = crowd(dimensions, side)
        force, sums = in_order(some, reach2, core2)
        for threads in (1, 2):
            numba.set_num_threads(threads)
            ours = summed(some, reach2, core2)
            numba.set_num_threads(before)
            np.testing.assert_array_equal(ours[0], force)
            np.testing.assert_array_equal(ours[1], sums)


@pytest.mark.parametrize("dimensions", [3, 5])
def test_a_particle_nowhere_neither_pushes_nor_is_pushed(dimensions: int) -> None:
    some = crowd(dimensions, np.inf)
    lost = some["rows"][3]
    rest = some | {name: np.delete(some[name], 3, axis=-1) for name in ("others", "rows", "theirs")}
    some["places"][lost] = np.nan
    some["others"][:, 3] = np.nan
    rest["places"] = some["places"]
    ours, expected = summed(some, np.inf, 0.0), summed(rest, np.inf, 0.0)
    for found, without in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(found, without)
        assert not found[lost].any()


@pytest.mark.parametrize("dimensions", [3, 5])
def test_single_precision_differs_by_its_rounding(dimensions: int) -> None:
    """Rounding of a coordinate, 2^-24 of it, changes a distance by as much; a force, a third power of distances not
    below the softening, by a multiple of 2 / 0.1. Errors are independent, so the bound on the mean square is generous;
    without single precision they would be zero."""
    some = crowd(dimensions, np.inf)
    exact, _ = summed(some, np.inf, 0.0)
    narrow = some | {name: some[name].astype(np.float32) for name in ("places", "others", "own", "theirs")}
    force = np.zeros(exact.shape)
    law, parameters = in_float32(softened), parameters_in_float32((STRENGTH, SOFTENING2))
    direct.push(law, parameters, **narrow, reach2=np.inf, core2=0.0, force=force)
    error = np.sqrt(np.mean((force - exact) ** 2) / np.mean(exact**2))
    assert 2.0**-27 < error < 20.0 * 2.0**-24
