"""The study of black holes: its fast law is AdamW's, its field the recording's, its statistics see what is planted."""

from __future__ import annotations

import sys
from dataclasses import asdict

import numpy as np
import pytest
from paths import ROOT

from gasfield.dynamics.adamw import AdamW
from gasfield.kernels.bfloat16 import round_to_bfloat16

sys.path.insert(0, str(ROOT / "docs" / "studies"))

import black_holes_published as published
from black_holes import RECIPES
from black_holes_cast import cast_of, describe, predicted_split
from black_holes_field import EPSILON, Surrogate, fit
from black_holes_law import BETAS, Moments, Recipe, march
from black_holes_page import has_sizes, is_whole
from black_holes_rows import Law, steps


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def cloud(rows: int, dimensions: int, spread: float = 0.02, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, (rows, dimensions)).astype(np.float32)


def test_a_common_gradient_moves_rows_as_adamw_does_to_the_bit() -> None:
    recipe = Recipe("", 1e-3, 0.5, 200, warmup=50, kind="cosine")
    rows = cloud(30, 8)
    gradients = np.random.default_rng(2).normal(1e-8, 1e-8, (200, 8)).astype(np.float32)
    columns, moments = np.ascontiguousarray(rows.T), Moments(8)
    for first in (0, 120):
        count = 120 if first == 0 else 80
        march(columns, *moments.updates(gradients[first : first + count], recipe.rates(first, count), recipe.decay))
    state = {name: np.zeros_like(rows) for name in ("first_moment", "second_moment")}
    for step, (gradient, rate) in enumerate(zip(gradients, recipe.rates(0, 200), strict=True), 1):
        law = AdamW(learning_rate=float(rate), weight_decay=0.5, betas=BETAS)
        law.update(rows, np.repeat(gradient[None], len(rows), axis=0), state, step)
    np.testing.assert_array_equal(columns.T, rows)


def test_recipes_have_the_sums_of_their_schedules() -> None:
    """Peak x decay x steps x mean of the schedule, less half of the warm-up."""
    means = {"cosine": 0.55, "steps": 0.8 + 0.0316 + 0.01, "wsd": 0.95}
    for recipe in RECIPES:
        expected = recipe.peak * recipe.decay * (recipe.steps * means[recipe.kind] - recipe.warmup / 2)
        assert recipe.total == pytest.approx(expected, rel=1e-3)


def test_the_surrogate_has_the_size_and_the_memory_of_the_recorded_field() -> None:
    gradients = Surrogate(np.random.default_rng(3), 64, 2.0).gradients(20_000) / (2.0 * EPSILON)
    rest = gradients - gradients.mean(axis=0)
    assert np.sqrt(np.mean(gradients.astype(np.float64) ** 2)) == pytest.approx(1.0, abs=0.01)
    correlation = np.sum(rest[1:] * rest[:-1]) / np.sum(rest**2)
    # The standard error of the coefficient is sqrt((1 - phi^2) / n); coordinates with little noise count for less.
    assert abs(correlation - fit().correlation) < 4 * np.sqrt(1 / 20_000 / 8)
    assert abs(correlation) > 0.4


def test_a_gaussian_cloud_is_a_product_and_two_lumps_are_not() -> None:
    source = np.random.default_rng(4)
    centre = source.normal(0, 0.01, (300, 1))
    rows = (centre + source.normal(0, 1e-7, (300, 2000))).astype(np.float32)
    smooth = cast_of(rows)
    assert smooth.split >= 3
    assert smooth.p_value > 0.01
    assert smooth.alike == smooth.leaps == 0
    cell = np.spacing(np.abs(centre[:, 0]).astype(np.float32)) * 2.0**16
    far = np.argsort(-np.abs(centre[:, 0]))[:2]
    rows[far, :700] += (3 * cell[far])[:, None].astype(np.float32)
    lumps = cast_of(rows)
    assert lumps.p_value <= 0.01
    assert lumps.alike >= 1
    assert lumps.leaps >= 2


def test_the_number_of_split_coordinates_is_predicted_by_the_ranges() -> None:
    """Boundaries lie anywhere: a sum of independent events, whose variance is below their number."""
    source = np.random.default_rng(5)
    columns = (source.normal(0, 0.01, (4000, 1)) + source.normal(0, 5e-7, (4000, 300))).astype(np.float32)
    expected = predicted_split(columns)
    assert abs(cast_of(columns).split - expected) < 4 * np.sqrt(expected)
    assert 20 < expected < 2000


def test_the_published_groups_are_no_product() -> None:
    cells = published.cells()
    found = describe(cells, np.abs(published.values()) / published.MEDIAN_SIZE)
    assert found.sizes == published.SIZES
    assert (found.split, found.leaps, found.widest) == (20, 2, 11)
    assert found.p_value <= 0.005
    assert found.alike >= 5
    assert published.product_null(20)[:, 0].min() > 10 * found.groups
    measured, null = published.mixing_null(99)
    assert measured < null.min()


def test_only_dependent_coordinates_with_leaps_are_like_the_published() -> None:
    """The published cells are; independently permuted ones of the same four largest groups are not."""
    cells, sizes = published.cells(), np.abs(published.values()) / published.MEDIAN_SIZE
    assert is_whole({"cast": asdict(describe(cells, sizes))})
    source = np.random.default_rng(8)
    halves = np.stack([source.permutation(2100) < share for share in (1030, 954, 20, 10)], axis=1).astype(np.int64)
    found = {"cast": asdict(describe(halves, np.ones(4)))}
    assert has_sizes(found)
    assert not is_whole(found)


def test_rows_with_one_cast_stay_as_in_a_common_field() -> None:
    """The gradient at the cast is then one for all; at the masters it is not."""
    start = (0.5 + 1e-6 * cloud(4, 64, 1.0)).astype(np.float32)
    assert len(np.unique(round_to_bfloat16(start), axis=0)) == 1
    recipe = Recipe("", 1e-5, 0.1, 40, warmup=1)
    found = {}
    for name, law in (
        ("common", Law()), ("view", Law(fit().tidal, view=True)), ("masters", Law(1e3 * fit().tidal)),
    ):  # fmt: skip
        rows = start.copy()
        for _ in steps(rows, law, recipe, Surrogate(np.random.default_rng(6), 64, 10.0), 10.0, 1):
            pass
        found[name] = rows
    np.testing.assert_array_equal(found["view"], found["common"])
    assert np.any(found["masters"] != found["common"])


def test_identical_rows_are_told_apart_by_noise_only() -> None:
    recipe = Recipe("", 1e-3, 0.1, 30, warmup=1)
    for noise, distinct in ((0.0, 1), (2.0**-9, 20)):
        rows = np.repeat(cloud(1, 64), 20, axis=0)
        for _ in steps(rows, Law(noise=noise), recipe, Surrogate(np.random.default_rng(7), 64, 1.0), 1.0, 1):
            pass
        assert len(np.unique(rows, axis=0)) == distinct
