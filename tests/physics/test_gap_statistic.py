"""The gap statistic of Tibshirani, Walther and Hastie: their cases of one and of three groups."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield.statistics.gap import gap_statistic, within


def groups(centres: list[list[float]], seed: int, each: int = 40) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return np.concatenate([np.array(c) + chance.standard_normal((each, len(c))) for c in centres])


def test_three_groups_are_three_and_one_cloud_is_one() -> None:
    """Section 6: centres (0, 0), (0, 5), (5, -3) with unit variance; a uniform cloud in ten dimensions."""
    three = groups([[0, 0], [0, 5], [5, -3]], 0)
    assert gap_statistic(three, 5, np.random.default_rng(1), references=20).count == 3
    cloud = np.random.default_rng(0).random((200, 10))
    assert gap_statistic(cloud, 4, np.random.default_rng(1), references=10).count == 1


def test_within_is_the_sum_of_squares_about_the_means() -> None:
    points = groups([[0.0, 0.0], [50.0, 0.0]], 4)
    one = np.sum((points - points.mean(axis=0)) ** 2)
    two = sum(np.sum((half - half.mean(axis=0)) ** 2) for half in (points[:40], points[40:]))
    chance = np.random.default_rng(0)
    assert within(points, 1, chance) == pytest.approx(one)
    assert within(points, 2, chance) == pytest.approx(two)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="3 points"):
        gap_statistic(np.zeros((3, 2)), 4, np.random.default_rng(0))
