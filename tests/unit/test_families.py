"""Groups of identical rows that agree in most coordinates: how far apart, and whether their sizes factorise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from embeddings import EMBEDDING, bfloat16_rows, write_safetensors
from numpy.typing import NDArray
from scipy.stats import hypergeom

from gasfield.inspection import inspect
from gasfield.kernels.bfloat16 import from_bits, keys
from gasfield.statistics.product_structure import (
    expected_occupied,
    independence,
    independence_of_table,
    odds_ratio,
)

pytestmark = pytest.mark.usefixtures("one_numba_thread")


def test_the_arithmetic_of_published_sizes() -> None:
    """Thirteen groups of dead rows of a published model: 814, 704, 306, 228 and nine of 11 to 2. The four large ones
    are close to a product of two binary coordinates; with three rare ones a product has about as many groups."""
    large = np.array([[814, 704], [306, 228]])
    found = independence_of_table(large)
    assert odds_ratio(large) == pytest.approx(0.86, abs=0.005)
    assert found.chi_square == pytest.approx(2.16, abs=0.01)
    assert (found.freedom, found.permutations) == (1, 0)
    assert found.p_value == pytest.approx(0.142, abs=0.001)
    shares = [(large.sum() - large[1].sum()) / large.sum(), large[:, 0].sum() / large.sum(), 0.99, 0.992, 0.995]
    expected = expected_occupied([np.array([share, 1 - share]) for share in shares], 2100)
    assert expected is not None
    assert expected.any == pytest.approx(15.4, abs=0.05)
    assert expected.shared == pytest.approx(13.3, abs=0.05)


def test_sizes_that_do_not_factorise_are_seen() -> None:
    """Negative control: the same marginal counts, with rows that prefer the same side of both boundaries."""
    found = independence_of_table(np.array([[814 + 60, 704 - 60], [306 - 60, 228 + 60]]))
    assert found.p_value < 1e-4


def test_expected_numbers_are_those_of_draws() -> None:
    two = expected_occupied([np.array([0.5, 0.5])], 2)
    assert two is not None
    assert (two.any, two.shared) == (1.5, 0.5)
    shares, count = [np.array([0.9, 0.1]), np.array([0.7, 0.2, 0.1]), np.array([0.98, 0.02])], 60
    draws = np.random.default_rng(1)
    numbers = []
    for _ in range(2000):
        columns = np.stack([draws.choice(len(share), count, p=share) for share in shares], axis=1)
        sizes = np.unique(columns @ [1, 10, 100], return_counts=True)[1]
        numbers.append((len(sizes), np.sum(sizes > 1)))
    expected = expected_occupied(shares, count)
    assert expected is not None
    spread = np.std(numbers, axis=0, ddof=1)
    error = spread / np.sqrt(len(numbers))
    assert abs(np.mean(numbers, axis=0) - [expected.any, expected.shared]) / error == pytest.approx([0, 0], abs=4)
    assert np.all(spread < 1.05 * np.array([expected.any_spread, expected.shared_spread]))


def test_permutations_are_exact_where_counts_are_small() -> None:
    """Against the hypergeometric law of a 2 x 2 table with the same margins, ordered by the likelihood ratio."""
    table = np.array([[7, 1], [3, 5]])
    found = independence_of_table(table, draws=4000)
    corners = np.arange(2, 9)  # rows 8 and 8, columns 10 and 6
    tables = np.stack([corners, 8 - corners, 10 - corners, corners - 2], axis=1).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.nansum(tables * np.log(tables), axis=1)
    chances = hypergeom(16, 10, 8).pmf(corners)
    exact = chances[far >= far[corners == 7] - 1e-9].sum()
    assert found.permutations == 4000
    assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4000))


def cloud(generator: np.random.Generator, rows: int, boundaries: int, common: float = 0.0) -> NDArray[np.int64]:
    """On which side of a boundary each row of a Gaussian cloud is, in each coordinate; `common` is the share of the
    variance that all coordinates share."""
    x = np.sqrt(1 - common) * generator.normal(size=(rows, boundaries))
    x += np.sqrt(common) * generator.normal(size=(rows, 1))
    return (x > np.linspace(0.3, 2.0, boundaries)).astype(np.int64)


def test_p_values_are_uniform_under_the_null_and_small_otherwise() -> None:
    """200 rows across five boundaries, rare ones among them: sixty clouds. A p-value below .2 comes 12 times on the
    average, with a standard deviation of 3.1; in a cloud of another shape it is the rule."""
    generator = np.random.default_rng(3)
    null = [independence(cloud(generator, 200, 5), draws=99, seed=seed).p_value for seed in range(60)]
    assert 2 <= np.sum(np.array(null) <= 0.2) <= 24
    other = [independence(cloud(generator, 200, 5, common=0.5), draws=99, seed=seed).p_value for seed in range(10)]
    assert np.median(other) <= 0.01


def planted(path: Path, sides: NDArray[np.int64], cells: list[int], dimensions: int = 24) -> NDArray[np.uint16]:
    """Writes rows that are one row moved by some cells in the first coordinates, where `sides` says so, then 50 rows of
    another kind, and two that differ from the first in three further coordinates; returns the bits."""
    generator = np.random.default_rng(0)
    words = np.repeat(bfloat16_rows(generator, 1, dimensions), len(sides), axis=0)
    words[:, : len(cells)] += (sides * np.array(cells)).astype(np.uint16)
    strays = np.repeat(words[:1], 2, axis=0)
    strays[:, 20:23] += np.array([[1], [2]], np.uint16)
    words = np.concatenate([words, bfloat16_rows(generator, 50, dimensions), strays])
    write_safetensors(path, {EMBEDDING: ("BF16", words)})
    return words


def test_families_of_a_file(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    sides, cells = cloud(generator, 700, 4), [1, 1, 10, 2]
    words = planted(tmp_path / "a.safetensors", sides, cells)
    data = inspect(tmp_path / "a.safetensors").as_json()
    family = data["families"]["1"]
    _, counts = np.unique(words[:700], axis=0, return_counts=True)
    assert family["sizes"]["value"] == sorted(counts[counts > 1].tolist(), reverse=True)
    assert family["singles"]["value"] == np.sum(counts == 1)
    assert family["others"]["value"] == 2
    assert family["coordinates"]["value"] == [0, 1, 2, 3]
    leaders = [words[group[0]] for group in data["identical"]["members"]["value"]]
    lattice = keys(from_bits(np.array(leaders)))
    apart = np.abs(lattice[:, None] - lattice[None])
    assert family["differing"]["value"] == np.sum(apart > 0, axis=2).tolist()
    assert family["linf"]["value"] == apart.max(axis=2).tolist()
    assert family["l1"]["value"] == apart.sum(axis=2).tolist()
    assert family["l1"]["unit"] == "cells"
    widest = {key: leaf["value"] for key, leaf in family["widest"].items()}
    first = np.abs(from_bits(np.array(leaders[0])))
    assert (widest["coordinate"], widest["cells"]) == (2, 10)
    assert widest["size"] == pytest.approx(first[2] / np.median(first))
    assert family["product"]["p_value"]["value"] > 0.01
    assert abs(len(family["sizes"]["value"]) - family["product"]["expected"]["groups"]["value"]) < 5
    assert any("families.1" in note and "are compatible with a product" in note for note in data["notes"])


def test_a_family_whose_sizes_do_not_factorise(tmp_path: Path) -> None:
    planted(tmp_path / "a.safetensors", cloud(np.random.default_rng(6), 700, 3, common=0.6), [1, 1, 1])
    data = inspect(tmp_path / "a.safetensors").as_json()
    assert data["families"]["1"]["product"]["p_value"]["value"] <= 0.01
    assert any("do not factorise" in note for note in data["notes"])


def test_unrelated_groups_are_no_family(tmp_path: Path) -> None:
    words = bfloat16_rows(np.random.default_rng(1), 30, 16)
    words[3], words[5] = words[4], words[6]
    write_safetensors(tmp_path / "a.safetensors", {EMBEDDING: ("BF16", words)})
    data = inspect(tmp_path / "a.safetensors").as_json()
    assert data["identical"]["groups"]["value"] == [2, 2]
    assert "families" not in data
