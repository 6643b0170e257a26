"""Crossings of a plane, counted and placed."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield.diagnostics import Group
from gasfield.diagnostics.structure.crossings import Crossings

PLANE = Crossings(through=(0.5, 0.0), normal=(2.0, 0.0), at=(0.5, 1.0), reach=0.25)


def test_crossings_are_where_straight_ways_meet_the_plane() -> None:
    """Of five crossings of four particles three are near (0.5, 1): there, back, and one that ends at a slant."""
    ways = np.array([
        [[0.0, 1.0], [1.0, 1.0], [0.0, 1.0]],
        [[0.0, 0.0], [1.0, 2.2], [2.0, 2.2]],
        [[0.0, 3.0], [1.0, 3.0], [0.0, 3.0]],
        [[0.0, 1.0], [0.4, 1.0], [0.0, 1.0]],
    ])  # fmt: skip
    result = PLANE.compute(Group("gas", np.arange(3), ways.swapaxes(0, 1)))
    assert result.crossings.tolist() == [2, 1, 2, 0]
    assert result.near.tolist() == [2, 1, 0, 0]
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    assert values == {"crossings.count": 5, "crossings.near": pytest.approx(0.6), "crossings.beyond": 0.25}


def test_the_error_is_the_scatter_of_gases() -> None:
    """Particles cross once to four times, a third of them through the opening, always the same ones."""
    rng = np.random.default_rng(3)

    def gas() -> Group:
        side = np.cumsum(np.ones((5, 400)), axis=0) % 2
        side[rng.integers(2, 6, 400)[None] <= np.arange(5)[:, None]] = 0.0
        return Group("gas", np.arange(5), np.stack([side, np.tile(rng.integers(1, 4, 400), (5, 1))], axis=2))

    found = [PLANE.compute(gas()).quantities()["crossings.near"] for _ in range(100)]
    scatter = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.error for one in found]) == pytest.approx(scatter, rel=0.25)
    assert np.mean([one.value for one in found]) == pytest.approx(1 / 3, abs=4 * scatter / 10)


@pytest.mark.parametrize("wrong", [{"normal": (0.0, 0.0)}, {"at": (1.0,)}])
def test_of_what_is_no_plane_it_says_so(wrong: dict) -> None:
    still = Group("gas", np.arange(2), np.zeros((2, 3, 2)))
    assert next(iter(wrong)) in (Crossings(**wrong).why_not(still) or "")


def test_where_nobody_crosses_the_share_is_undefined() -> None:
    result = PLANE.compute(Group("gas", np.arange(2), np.zeros((2, 3, 2))))
    assert result.quantities()["crossings.near"].value is None
    assert "no particle crosses" in result.notes[-1]
