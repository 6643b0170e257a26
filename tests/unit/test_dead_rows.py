"""Dead rows from token counts, and from the matrix alone where it decides."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from gasfield.embedding import Matrix
from gasfield.errors import InputError
from gasfield.inspection import find_dead, open_matrix
from gasfield.inspection.by_matrix import ByMatrix, by_matrix
from gasfield.inspection.counts import count_tokens, read_counts
from gasfield.inspection.dormancy import densest
from gasfield.inspection.two_classes import two_classes

COUNTS = [0, 5, 2, 0, 1]
ROWS, WIDTH, DEAD = 1500, 24, 500


def cloud(drift: float, seed: int = 0) -> np.ndarray:
    """A Gaussian cloud with a common drift; rows from 500 on also have individual displacements."""
    chance = np.random.default_rng(seed)
    rows = chance.standard_normal((ROWS, WIDTH)) * 0.02
    rows += drift * np.ones(WIDTH) / np.sqrt(WIDTH)
    rows[DEAD:] += drift * chance.standard_normal((ROWS - DEAD, WIDTH)) * 0.1
    return rows.astype(np.float32)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps(COUNTS)),
        ("a.json", json.dumps({"1": 5, "2": 2, "4": 1})),
        ("a.csv", "id,count\n1,5\n2,2\n4,1\n"),
        ("a.tsv", "4\t1\n1\t5\n2\t2\n"),
        ("a.txt", "0\n5\n2\n0\n1\n"),
    ],
)
def test_counts_in_every_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_counts(tmp_path / name).tolist() == COUNTS


def test_counts_in_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", COUNTS)
    np.savez(tmp_path / "a.npz", counts=COUNTS)
    assert read_counts(tmp_path / "a.npy").tolist() == read_counts(tmp_path / "a.npz").tolist() == COUNTS


BAD = {
    "negative": ("a.txt", "3\n-1\n", "token 1 has count -1"),
    "no number": ("a.txt", "3\nmany\n", r"a.txt:2: expected a count, or an id and a count, as integers"),
    "three": ("a.csv", "1,2,3\n", "a.csv:1"),
    "twice": ("a.csv", "1,2\n1,3\n", "a.csv:2: token 1 is listed twice"),
    "fraction": ("a.json", "[1, 0.5]", "token 1 has count 0.5"),
    "words": ("a.json", '{"the": 3}', "a key is not a token id"),
    "scalar": ("a.json", "3", "expected a list of counts or an object"),
    "no JSON": ("a.json", "[1,", "a.json: not JSON: line 1, column 4"),
    "empty": ("a.txt", "\n", "contains no counts"),
    "far": ("a.json", '{"999999999": 1}', "out of range"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_counts_are_refused(tmp_path: Path, name: str) -> None:
    file, text, message = BAD[name]
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=message):
        read_counts(tmp_path / file)


def test_pickled_and_other_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="an array of objects; this is a pickle"):
        read_counts(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.zeros((2, 2), int))
    with pytest.raises(InputError, match="one-dimensional array of integers"):
        read_counts(tmp_path / "b.npy")
    np.savez(tmp_path / "c.npz", a=COUNTS, b=COUNTS)
    with pytest.raises(InputError, match="found a, b"):
        read_counts(tmp_path / "c.npz")
    with pytest.raises(InputError, match="no such file"):
        read_counts(tmp_path / "d.npz")


def tokenizer(folder: Path) -> Path:
    tokenizers = pytest.importorskip("tokenizers", reason="counting needs the extra `gasfield[record]`")
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"the": 0, "cat": 1, "dog": 2, "[UNK]": 3}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def test_a_corpus_is_counted_in_pieces_and_unpacked(tmp_path: Path) -> None:
    text = "the cat\nthe the\n" * 3001 + "a cat"
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(text.encode()))
    for name in ("a.txt", "a.txt.gz", "a.txt.xz"):
        counts, strings = count_tokens(tokenizer(tmp_path), [tmp_path / name])
        assert counts.tolist() == [9003, 3002, 0, 1]
        assert strings[2] == "dog"
    twice, _ = count_tokens(tokenizer(tmp_path), [tmp_path / "a.txt", tmp_path / "a.txt.gz"])
    assert twice.tolist() == [18006, 6004, 0, 2]


def test_bad_corpora_are_refused(tmp_path: Path) -> None:
    made = tokenizer(tmp_path)
    for name, content, message in (
        ("a.txt", b"\xff\xfe", "not UTF-8"),
        ("b.txt", b"", "contains no token"),
        ("c.gz", b"nonsense", "cannot be read"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            count_tokens(made, [tmp_path / name])
    with pytest.raises(InputError, match="no such file"):
        count_tokens(made, [tmp_path / "d.txt"])
    with pytest.raises(InputError, match="not a tokenizer"):
        count_tokens(tmp_path / "a.txt", [tmp_path / "b.txt"])
    with pytest.raises(InputError, match="no such file"):
        count_tokens(tmp_path / "none.json", [tmp_path / "b.txt"])


def test_dead_nearly_dead_and_padding(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(COUNTS))
    np.save(tmp_path / "m.npy", np.random.default_rng(0).standard_normal((7, 3)))
    found = find_dead(tmp_path / "m.npy", counts=tmp_path / "a.json", at_most=2)
    assert found.dead.tolist() == [0, 3]
    assert found.nearly.tolist() == [2, 4]
    assert found.padding.tolist() == [5, 6]
    found.write(tmp_path / "ids.txt")
    lines = [line.split()[0] for line in (tmp_path / "ids.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["0", "3", "2", "4"]
    np.save(tmp_path / "short.npy", np.zeros((4, 3)))
    with pytest.raises(InputError, match="counts of 5 tokens, but the matrix has 4 rows"):
        find_dead(tmp_path / "short.npy", counts=tmp_path / "a.json")


def test_rows_that_drifted_together_are_told_by_the_matrix_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", cloud(drift=1.0))
    np.save(tmp_path / "counts.npy", np.repeat([0, 3], [DEAD, ROWS - DEAD]))
    alone = find_dead(tmp_path / "m.npy")
    assert np.mean(np.isin(np.arange(DEAD), alone.dead)) > 0.99
    assert np.mean(alone.dead >= DEAD) < 0.01
    known = find_dead(tmp_path / "m.npy", counts=tmp_path / "counts.npy")
    assert known.auc is not None
    assert known.auc.value > 0.999


def test_control_where_nothing_drifted_nothing_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", cloud(drift=0.0))
    np.save(tmp_path / "counts.npy", np.repeat([0, 3], [DEAD, ROWS - DEAD]))
    alone = find_dead(tmp_path / "m.npy")
    assert not len(alone.dead)
    assert any("cannot tell from the matrix alone" in note for note in alone.notes)
    known = find_dead(tmp_path / "m.npy", counts=tmp_path / "counts.npy")
    assert known.auc is not None
    assert known.auc.error is not None
    assert abs(known.auc.value - 0.5) < 4 * known.auc.error


def test_the_densest_place_is_not_that_of_the_many(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    few, many = chance.normal(3.0, 0.01, (200, 8)), chance.normal(0.0, 1.0, (800, 8))
    np.save(tmp_path / "m.npy", chance.permutation(np.concatenate([few, many])))
    matrix = open_matrix(tmp_path / "m.npy")
    np.testing.assert_allclose(densest(matrix, np.arange(1000)), 3.0, atol=0.01)


def alone(rows: np.ndarray, tokens: dict[int, str] | None = None) -> ByMatrix:
    """The classes of a matrix in memory."""
    matrix = Matrix("", "", "float64", np.ascontiguousarray(rows, np.float64).view(np.uint64))
    return by_matrix(matrix, np.arange(matrix.rows), tokens or {})


def healthy(kind: str, rows: int, width: int, seed: int) -> np.ndarray:
    """Matrices without dead rows: normal, with heavy tails, of scattered norms, with a few outliers, along one line."""
    chance = np.random.default_rng(seed)
    x = chance.normal(0, 0.05, (rows, width))
    if kind == "heavy tails":
        return chance.standard_t(3, (rows, width))
    if kind == "scattered norms":
        return x * chance.lognormal(0, 0.5, (rows, 1))
    if kind == "outliers":
        x[: rows // 20] *= 10
    if kind == "one outlier":
        x[17] *= 10
    if kind == "along a line":
        return chance.normal(1, 0.3, (rows, width)) * chance.lognormal(0, 1, (rows, 1))
    return x


@pytest.mark.parametrize(
    "kind", ["normal", "heavy tails", "scattered norms", "one outlier", "outliers", "along a line"]
)
def test_no_row_of_a_healthy_matrix_is_called_dead(kind: str) -> None:
    for rows, width, seeds in ((300, 8, 8), (4000, 32, 2), (2000, 384, 1)):
        for seed in range(seeds):
            found = alone(healthy(kind, rows, width, seed))
            assert not len(found.dead)
            assert any("cannot tell from the matrix alone" in note for note in found.notes)


@pytest.mark.parametrize(("share", "drift"), [(0.03, 0.1), (0.3, 0.0), (0.3, 0.1), (0.85, 0.1)])
def test_a_planted_population_of_dead_rows_is_found(share: float, drift: float) -> None:
    """Beside rows that scatter three times as widely, with and without a common drift. The expected number of false
    ones is an upper estimate, because the density of the upper class falls faster than linearly."""
    chance = np.random.default_rng(1)
    x = chance.normal(0, 0.05, (4000, 64)) * chance.lognormal(0, 0.3, (4000, 1))
    planted = int(share * len(x))
    x[:planted] = drift + chance.normal(0, 0.017, (planted, 64))
    found = alone(x)
    false = int(np.sum(found.dead >= planted))
    assert np.mean(np.isin(np.arange(planted), found.dead)) > 0.97
    assert false <= 0.02 * len(found.dead)
    assert false <= found.expected_false + 3 * np.sqrt(found.expected_false + 1)
    assert found.expected_false < 0.15 * len(found.dead)
    assert np.all((found.probability > 0.5) & (found.probability <= 1.0))


def test_zero_rows_and_identical_rows_are_classes_of_their_own() -> None:
    x = healthy("normal", 4000, 32, 1)
    x[17], x[100:400], x[500:502] = 0.0, x[100], x[500]
    found = alone(x)
    assert not len(found.dead)
    assert found.zero.tolist() == [17]
    assert [group.tolist() for group in found.identical] == [list(range(100, 400)), [500, 501]]
    assert len(found.scored) == 4000 - 303
    assert any("rows of zeros" in note for note in found.notes)
    assert any("302 rows are identical" in note for note in found.notes)


def test_rows_that_are_likely_false_are_named() -> None:
    """Near the boundary by their probability; by their tokens, where strings are known."""
    x = cloud(drift=1.0)
    tokens = {row: f"[unused{row}]" for row in range(DEAD)} | {3: "##\u0905", 4: "the"}
    found = alone(x, tokens | dict.fromkeys(range(DEAD, ROWS), "word"))
    assert found.ordinary is not None
    assert {3, 4} <= set(found.ordinary.tolist())
    note = next(note for note in found.notes if note.startswith("likely false"))
    assert "1 of them non-ASCII" in note
    assert "##\u0905" in note
    chance = np.random.default_rng(0)
    rare = chance.normal(0, 0.02, (200, WIDTH)) + np.linspace(0.05, 1, 200)[:, None] * chance.normal(
        0, 0.1, (200, WIDTH)
    )
    between = alone(np.vstack([x, rare + 1 / np.sqrt(WIDTH)]))
    assert np.sum(between.uncertain >= ROWS) > 0.5 * len(between.uncertain) > 0


def test_probabilities_do_not_overstate() -> None:
    """Of two overlapping normal distributions: among the numbers with a probability about p at least the share p is of
    the lower one. The density of the upper one is taken to fall linearly, and a Gaussian falls faster."""
    chance = np.random.default_rng(0)
    values = np.concatenate([chance.normal(0, 1, 30000), chance.normal(6, 2, 70000)])
    found = two_classes(values, 1.0)
    lower = np.arange(len(values)) < 30000
    assert found.separation == pytest.approx(np.sqrt(2) * 6 / np.hypot(1, 2), rel=0.15)
    assert found.probability[lower].mean() > 0.6
    assert found.probability[~lower].mean() < 0.05
    for low in np.arange(0.1, 0.7, 0.1):
        some = (found.probability > low) & (found.probability <= low + 0.1)
        assert np.mean(lower[some]) > low
    assert two_classes(chance.normal(0, 1, 5000), 1.0).why_not is not None


def test_strings_need_no_corpus(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.random.default_rng(0).standard_normal((60, 3)))
    found = find_dead(tmp_path / "m.npy", tokenizer=tokenizer(tmp_path))
    assert found.counts is None
    assert found.tokens[2] == "dog"
    assert found.as_json()["ordinary"]["rows"]["value"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no input: give a matrix"),
        ({"counts": "a", "tokenizer": "b", "corpus": ["c"]}, "not both"),
        ({"tokenizer": "b"}, "must be given together"),
        ({"counts": "a", "at_most": -1}, "at_most -1"),
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_dead(**options)
