"""Dead rows from token counts, and from the matrix alone where it decides."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.inspection import find_dead, open_matrix
from gasfield.inspection.counts import count_tokens, read_counts
from gasfield.inspection.dormancy import densest, two_kinds

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
    "no number": ("a.txt", "3\nmany\n", r"a.txt:2: expected a count, or an id and a count: many"),
    "three": ("a.csv", "1,2,3\n", "a.csv:1"),
    "twice": ("a.csv", "1,2\n1,3\n", "a.csv:2: token 1 is listed twice"),
    "fraction": ("a.json", "[1, 0.5]", "token 1 has count 0.5"),
    "words": ("a.json", '{"the": 3}', "'the' is not a token id"),
    "scalar": ("a.json", "3", "expected a list of counts or an object"),
    "no JSON": ("a.json", "[1,", "cannot be read"),
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
    with pytest.raises(InputError, match="cannot be read"):
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
    with pytest.raises(InputError, match="not a valid tokenizer"):
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
    assert any("undecided" in note for note in alone.notes)
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


def test_two_kinds() -> None:
    chance = np.random.default_rng(0)
    threshold, separation, share = two_kinds(np.concatenate([chance.normal(0, 1, 3000), chance.normal(8, 2, 7000)]))
    assert separation == pytest.approx(np.sqrt(2) * 8 / np.hypot(1, 2), rel=0.05)
    assert share == pytest.approx(0.3, abs=0.02)
    assert 2 < threshold < 4
    assert two_kinds(chance.normal(0, 1, 5000))[1] < 2


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
