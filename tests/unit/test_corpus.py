"""Tokens that never occur: the text is cut where the wanted number of them is left."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="recording needs the extra `gasfield[record]`")

from gasfield.errors import InputError
from gasfield.recording.corpus import read_text, tokenize

TEXT = "\n".join(f"verse {i}: the {'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10 % 10]} is {i * i}" for i in range(400))


@pytest.fixture
def text(tmp_path: Path) -> str:
    (tmp_path / "t.txt").write_text(TEXT, encoding="utf-8")
    return str(tmp_path / "t.txt")


@pytest.mark.parametrize("dead", [300, 350])
def test_part_is_the_longest_with_so_many_dead(text: str, dead: int) -> None:
    whole, part = tokenize(text, 500, 0), tokenize(text, 500, dead)
    assert part.dead.sum() == dead
    assert set(part.ids) == set(part.live_ids)
    np.testing.assert_array_equal(part.ids, whole.ids[: len(part.ids)])
    longer = np.unique(whole.ids[: len(part.ids) + 1])
    assert 500 - len(longer) == dead - 1  # one token more would bring one of them to life


def test_unused_ids_are_dead_and_named(text: str) -> None:
    corpus = tokenize(text, 5000, 0)
    assert len(corpus.vocabulary) == 5000
    assert corpus.vocabulary[-1] == "<unused 4999>"
    assert corpus.dead[-1]


def test_every_token_has_a_printable_string(text: str) -> None:
    vocabulary = tokenize(text, 500, 0).vocabulary
    assert all(token.isprintable() and token for token in vocabulary)
    assert len(set(vocabulary)) == 500


def test_compressed_texts_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.xz").write_bytes(lzma.compress(TEXT.encode()))
    (tmp_path / "a.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert read_text(str(tmp_path / "a.xz"))[1] == read_text(str(tmp_path / "a.gz"))[1] == TEXT.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe\x00", "not UTF-8 text .byte 0"), (b" \n", "the text is empty"), (None, "no such text file")],
)
def test_bad_texts_are_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_text(str(tmp_path / "t.txt"))


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.xz").write_bytes(lzma.compress(TEXT.encode())[:-40])
    with pytest.raises(InputError, match="cannot be read"):
        read_text(str(tmp_path / "t.xz"))


def test_impossible_numbers_are_refused(text: str) -> None:
    for vocabulary, dead, parameter, value in ((100, 0, "vocabulary", "100"), (500, 500, "dead", "500")):
        with pytest.raises(InputError) as refused:
            tokenize(text, vocabulary, dead)
        assert (refused.value.parameter, refused.value.value) == (parameter, value)
