"""Token strings, and padding rows of a matrix: vocabularies are padded to round numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.tensors import Tensor

_FILES = ("tokenizer.json", "vocab.json", "vocab.txt")


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
        InputError: if it is none of these.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".txt":
            return dict(enumerate(text.splitlines()))
        data = json.loads(text)
        vocabulary = _vocabulary(data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise InputError(f"{path}: not a tokenizer.json, vocab.json or vocab.txt ({fault}).") from None
    if "model" in data and find_spec("tokenizers") is not None:
        return _decoded(path, vocabulary)
    return vocabulary


def _vocabulary(data: Any) -> dict[int, str]:
    if "model" not in data:
        return {int(index): str(token) for token, index in data.items()}
    entries = data["model"]["vocab"]
    if isinstance(entries, list):  # unigram models: pairs of token and score
        found = {index: str(entry[0]) for index, entry in enumerate(entries)}
    else:
        found = {int(index): str(token) for token, index in entries.items()}
    return found | {int(entry["id"]): str(entry["content"]) for entry in data.get("added_tokens", [])}


def _decoded(path: Path, vocabulary: dict[int, str]) -> dict[int, str]:
    """Tokens as text; those not printable (part of a character, a control code) keep their spelling."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as fault:  # the package raises bare Exceptions
        raise InputError(f"{path}: not a tokenizer ({fault}).") from None
    decoded = {index: tokenizer.decode([index], skip_special_tokens=False) for index in vocabulary}
    return {
        index: text if text and text.isprintable() and "\ufffd" not in text else vocabulary[index]
        for index, text in decoded.items()
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
