"""Token strings, and padding rows of a matrix: vocabularies are padded to round numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.language.base import readable
from gasfield.language.tokenizing import read_tokenizer
from gasfield.reading import read_json, read_lines, whole
from gasfield.tensors import Tensor

_FILES = ("tokenizer.json", "vocab.json", "vocab.txt")
_LARGEST = 2**31 - 1
"""Of token ids."""


def find_tokenizer(*places: Path) -> Path | None:
    """A tokenizer or vocabulary in one of some folders."""
    for place in places:
        for name in _FILES:
            if place.is_dir() and (place / name).is_file():
                return place / name
    return None


def read_vocabulary(path: Path) -> dict[int, str]:
    """Token strings by id.

    Args:
        path: tokenizer.json of `tokenizers`, vocab.json (token -> id), or vocab.txt (one token per line).

    Raises:
        InputError: if it is none of these, or two tokens have the same id.
    """
    if path.suffix == ".txt":
        return dict(enumerate(read_lines(path)))
    data = read_json(path)
    try:
        vocabulary = _vocabulary(data)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise InputError(f"{path}: not a tokenizer.json, vocab.json or vocab.txt.") from None
    if isinstance(data.get("model"), dict) and find_spec("tokenizers") is not None:
        return _decoded(path, vocabulary)
    return vocabulary


def _vocabulary(data: Any) -> dict[int, str]:
    if not isinstance(data.get("model"), dict):
        return _by_id(data.items())
    entries = data["model"]["vocab"]
    if isinstance(entries, list):  # unigram models: pairs of token and score
        found = {index: str(entry[0]) for index, entry in enumerate(entries)}
    else:
        found = _by_id(entries.items())
    return found | {_id(entry["id"]): str(entry["content"]) for entry in data.get("added_tokens") or []}


def _by_id(items: Iterable[tuple[str, Any]]) -> dict[int, str]:
    """Tokens by id; each id is given once.

    Raises:
        ValueError: if an id is no integer from 0, or is given twice.
    """
    pairs = [(_id(index), token) for token, index in items]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _id(value: Any) -> int:
    number = whole(value)
    if number is None or not 0 <= number <= _LARGEST:
        raise ValueError
    return number


def _decoded(path: Path, vocabulary: dict[int, str]) -> dict[int, str]:
    """Tokens as text; those not printable (part of a character, a control code) keep their spelling."""
    tokenizer = read_tokenizer(path)
    return {
        index: readable(tokenizer.decode([index], skip_special_tokens=False), spelled)
        for index, spelled in vocabulary.items()
    }


def padding_of(matrix: Tensor, tokens: Mapping[int, str], origin: Path) -> tuple[int | None, tuple[str, ...]]:
    """The first padding row, or None, and a note on how it was found.

    With a tokenizer it is the first row beyond its ids. Without one, two or more last rows that are identical to the
    bit, or a zero last row, are padding: no update ever moved them.

    Args:
        matrix: of the last checkpoint.
        tokens: strings by id; empty without a tokenizer.
        origin: the tokenizer's file, or the checkpoint's.

    Raises:
        InputError: if the tokenizer has more tokens than the matrix has rows.
    """
    rows = (matrix.shape or (0,))[0]
    if tokens:
        known = max(tokens) + 1
        if known > rows:
            raise InputError(
                f"{origin}: the tokenizer has {known} tokens, the matrix {matrix.name} only {rows} rows; "
                "give the tokenizer of this matrix.",
                parameter="tokenizer",
            )
        note = f"rows {known} to {rows - 1} are beyond the tokenizer's {known} tokens: group padding"
        return (known, (note,)) if known < rows else (None, ())
    words = matrix.load()
    last = np.asarray(words[-1])
    first = rows - 1
    while first > 0 and np.array_equal(words[first - 1], last):
        first -= 1
    if first == 0 or (rows - first < 2 and last.any()):  # if all rows are identical, none is padding
        return None, ()
    if rows - first == 1:
        return first, (f"row {first}, the last one, is zero, and taken as padding: group padding",)
    return first, (f"rows {first} to {rows - 1} are identical to the bit, and taken as padding: group padding",)
