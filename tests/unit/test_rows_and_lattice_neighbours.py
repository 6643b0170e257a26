"""Identical rows and components of neighbours, compared with all pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from embeddings import bfloat16_rows
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from gasfield.kernels import lattice_neighbours, rows
from gasfield.kernels.bfloat16 import from_bits, keys
from gasfield.kernels.lattice_neighbours import neighbour_labels
from gasfield.kernels.rows import count_marks, first_equal, groups_of

ZERO, MINUS_ZERO, ONE = 0x0000, 0x8000, 0x3F80


def all_pairs(words: NDArray[np.uint16], cells: int) -> NDArray[np.int64]:
    """First row of each row's component, by comparing all with all."""
    key = keys(from_bits(words))
    near = np.array([np.abs(key - row).max(axis=1) <= cells for row in key])
    labels = connected_components(near)[1]
    return np.array([np.flatnonzero(labels == label)[0] for label in labels])


@pytest.mark.parametrize("dimensions", [1, 2, 7, 64])
@pytest.mark.parametrize("kind", [np.uint16, np.uint32, np.uint64])
def test_identical_rows_are_found_by_every_width_of_word(kind: type, dimensions: int) -> None:
    words = (
        np.random.default_rng(dimensions).integers(0, 3 if dimensions < 3 else 1 << 16, (600, dimensions)).astype(kind)
    )
    words[[5, 80, 300]], words[[7, 8]] = words[5], words[7]
    expected = np.unique(words, axis=0, return_inverse=True)[1].ravel()
    first = np.array([np.flatnonzero(expected == label)[0] for label in expected])
    assert np.array_equal(first_equal(words, np.arange(600)), first)
    words[300, -1] ^= kind(1)  # one bit apart is not identical
    assert first_equal(words, np.arange(600))[300] != 5


def test_identical_means_bits() -> None:
    words = np.array([[ZERO, ONE], [MINUS_ZERO, ONE], [ZERO, ONE]], np.uint16)
    assert first_equal(words, np.arange(3)).tolist() == [0, 1, 0]
    assert neighbour_labels(words, np.arange(3), 0).tolist() == [0, 0, 0], "the two zeros share a cell"


def test_equal_fingerprints_alone_do_not_make_rows_identical() -> None:
    """With equal hashes for all rows the result depends on the comparison of bits alone."""
    words = np.random.default_rng(0).integers(0, 2, (200, 6)).astype(np.uint16)
    every = np.arange(200)
    same = rows._compare(words, every, np.zeros((2, 200), np.uint64), every)
    assert np.array_equal(same, first_equal(words, every))
    assert len(np.unique(same)) == len(np.unique(words, axis=0))


def test_rows_that_differ_in_upper_bits_have_different_fingerprints() -> None:
    """Where words are multiplied modulo 2^64 without a carry to fold, such rows would collide in pairs."""
    words = np.zeros((256, 64), np.uint16)
    words[:, 3::8] = (np.arange(256)[:, None] >> np.arange(8) & 1) << 15
    prints = rows._fingerprints(words, np.arange(256))
    assert len(np.unique(prints[0])) == len(np.unique(prints[1])) == 256


@pytest.mark.parametrize("dimensions", [1, 3, 4, 50, 51])
def test_copied_rows_have_the_fingerprints_of_rows_in_place(
    dimensions: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rows of any size, misaligned, not contiguous or mapped: as those padded with zeros to whole 64-bit words."""
    every = np.arange(700)
    padded = np.zeros((700, -(-dimensions // 4) * 4), np.uint16)
    padded[:, :dimensions] = np.random.default_rng(4).integers(0, 9, (700, dimensions))
    words = np.ascontiguousarray(padded[:, :dimensions])
    expected = rows._fingerprints(padded, every)
    monkeypatch.setattr(rows, "_COPIED_BYTES", 8 * 100)
    misaligned = np.zeros(words.size + 1, np.uint16)[1:].reshape(words.shape)
    misaligned[:] = words
    np.save(tmp_path / "rows.npy", words)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for kept in (words, misaligned, mapped, padded[:, :dimensions], np.asfortranarray(words)):
        assert np.array_equal(rows._fingerprints(kept, every), expected)
        assert np.array_equal(first_equal(kept, every[::2]), first_equal(padded, every[::2]))


def test_rows_made_to_share_a_fingerprint_are_told_apart() -> None:
    """Knowing the salt, a second row with the same first hash is easy to make: x + s with its halves exchanged."""
    salt = np.random.default_rng(rows._SALT_SEED).integers(0, 1 << 64, (2, 3), dtype=np.uint64)
    words = np.random.default_rng(5).integers(0, 1 << 64, (5, 3), dtype=np.uint64)
    shifted = words[0] + salt[0]
    words[3] = ((shifted << np.uint64(32)) | (shifted >> np.uint64(32))) - salt[0]
    words[4] = words[0]
    prints = rows._fingerprints(words, np.arange(5))
    assert prints[0, 0] == prints[0, 3] == prints[0, 4]
    assert first_equal(words, np.arange(5)).tolist() == [0, 1, 2, 3, 0]


def test_groups_come_largest_first() -> None:
    assert [group.tolist() for group in groups_of(np.array([0, 1, 2, 1, 0, 2, 2, 7]))] == [[2, 5, 6], [0, 4], [1, 3]]


@pytest.mark.parametrize("cells", [0, 1, 2, 7])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 40, 130])
def test_chains_are_those_of_all_pairs(dimensions: int, cells: int) -> None:
    """A cloud, a dense clump in it, and rows that differ from each other in one coordinate only."""
    generator = np.random.default_rng(dimensions)
    words = bfloat16_rows(generator, 900, dimensions)
    words[:300] = words[0] + generator.integers(0, 4, (300, dimensions)).astype(np.uint16)
    words[300:450] = words[300]
    words[300:450, -1] += np.arange(0, 300, 2, dtype=np.uint16)
    words = words[generator.permutation(900)]
    assert np.array_equal(neighbour_labels(words, np.arange(900), cells), all_pairs(words, cells))


def test_keys_in_few_cells_are_cut_all_the_same() -> None:
    """Every division puts many rows in both parts here; small parts need many divisions."""
    words = np.random.default_rng(1).integers(0, 9, (700, 12)).astype(np.uint16) + np.uint16(0x3C00)
    assert np.array_equal(neighbour_labels(words, np.arange(700), 1), all_pairs(words, 1))
    assert len(np.unique(all_pairs(words, 2))) < len(np.unique(all_pairs(words, 1)))


def test_what_only_one_late_coordinate_tells_apart_is_cut_there() -> None:
    """Two crowds, identical but for the last of 200 coordinates, which is no pilot: rows are cut by it."""
    words = np.full((400, 200), ONE, np.uint16)
    words[:, :40] = bfloat16_rows(np.random.default_rng(2), 1, 40)
    words[:, -1] += (np.arange(400) % 2 * 5).astype(np.uint16)
    words[:, -2] += (np.arange(400) // 2).astype(np.uint16)
    labels = neighbour_labels(words, np.arange(400), 1)
    assert sorted(np.unique(labels, return_counts=True)[1]) == [200, 200]


@pytest.mark.parametrize("cells", [1, 3])
def test_a_planted_chain_holds_and_breaks_with_one_cell_more(cells: int) -> None:
    """Each link moves another coordinate by k cells: the ends are far apart, and joined; a link of k + 1 parts them."""
    generator = np.random.default_rng(cells)
    words = bfloat16_rows(generator, 2000, 64)
    chain = generator.permutation(2000)[:30]
    words[chain] = words[chain[0]]
    for link in range(1, 30):
        words[chain[link:], link] += np.uint16(cells)
    whole = neighbour_labels(words, np.arange(2000), cells)
    assert np.flatnonzero(whole == whole[chain[0]]).tolist() == sorted(chain)
    words[chain[15:], 15] += np.uint16(1)
    broken = neighbour_labels(words, np.arange(2000), cells)
    assert np.flatnonzero(broken == broken[chain[0]]).tolist() == sorted(chain[:15])
    assert np.flatnonzero(broken == broken[chain[15]]).tolist() == sorted(chain[15:])


def test_neighbours_about_zero_are_counted_across_the_sign() -> None:
    words = np.array([[ZERO + 1], [MINUS_ZERO + 1], [ONE]], np.uint16)
    assert neighbour_labels(words, np.arange(3), 1).tolist() == [0, 1, 2]
    assert neighbour_labels(words, np.arange(3), 2).tolist() == [0, 0, 2]


def test_a_dense_clump_of_two_thousand_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    words = bfloat16_rows(generator, 12_000, 32)
    clump = np.sort(generator.permutation(12_000)[:2000])
    words[clump] = words[clump[0]] + generator.integers(0, 2, (2000, 32)).astype(np.uint16)
    labels = neighbour_labels(words, np.arange(12_000), 1)
    assert groups_of(labels)[0].tolist() == clump.tolist()
    monkeypatch.setattr(lattice_neighbours, "_PILOTS", 1)
    assert np.array_equal(neighbour_labels(words, np.arange(12_000), 1), labels)


@pytest.mark.parametrize(("kind", "fraction", "largest"), [("bfloat16", 7, 0x7F7F), ("float16", 10, 0x7BFF)])
def test_zeros_and_powers_of_two_of_every_16_bit_number(kind: str, fraction: int, largest: int) -> None:
    words = np.arange(1 << 16).astype(np.uint16)
    with np.errstate(invalid="ignore"):  # signalling NaN
        values = (from_bits(words) if kind == "bfloat16" else words.view(np.float16)).astype(np.float64)
    finite = np.isfinite(values)
    marks = count_marks(words[:, None], fraction, largest)
    assert np.array_equal(marks[:, 0], values == 0)
    assert np.array_equal(marks[:, 2], ~finite)
    assert np.array_equal(marks[finite, 1], np.abs(np.frexp(values[finite])[0]) == 0.5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_powers_of_two_of_wide_numbers(kind: type) -> None:
    smallest = np.finfo(kind).smallest_subnormal
    values = np.array([[1, -2, 3, 0, -0.0, 0.1, smallest, 3 * smallest, np.finfo(kind).max, 2.0**-20]], kind)
    words = values.view(f"u{values.itemsize}")
    largest = int(np.array(np.finfo(kind).max).view(words.dtype))
    assert count_marks(words, np.finfo(kind).nmant, largest).tolist() == [[2, 4, 0]]
