"""Token counts: from a file, or from a tokenizer and a corpus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.tokenizing import read_tokenizer
from gasfield.printable import listed, shortened
from gasfield.reading import read_json, read_lines, stream_lines
from gasfield.tensors import Tensor, tensors_of

Counts = NDArray[np.int64]
_LINES, _CHARACTERS = 2_000, 1 << 24
"""Lines tokenized per batch, and characters, unless one line has more."""


def read_counts(path: Path) -> Counts:
    """Counts (V,) of all tokens, by id.

    Args:
        path: JSON (a list, or an object id -> count), npy or npz (one array), or text: one count per line, or an id
            and a count separated by a comma, a tab or spaces, with an optional header line. Missing ids have count 0.

    Raises:
        InputError: if the format is unknown, or a count is not a non-negative integer.
    """
    if not path.is_file():
        raise InputError("no such file.", parameter="counts", value=path)
    if path.suffix == ".json":
        return _of_json(read_json(path, "counts"), path)
    if path.suffix in (".npy", ".npz"):
        return _of_array(tensors_of(path), path)
    return _of_lines(read_lines(path, "counts"), path)


def count_tokens(tokenizer: Path, corpus: Sequence[Path]) -> tuple[Counts, dict[int, str]]:
    """Counts (V,) of the tokens in texts, read and tokenized in batches of lines; and their strings by id.

    Args:
        tokenizer: tokenizer.json of the package `tokenizers`; V is its size, including added tokens.
        corpus: UTF-8 texts, plain, .gz or .xz.

    Raises:
        InputError: if the package or a file is missing or damaged, or the texts contain no token.
    """
    code = _tokenizer(tokenizer)
    strings = _strings(code)
    counts = np.zeros(max(strings) + 1, np.int64)
    for path in corpus:
        for lines in _pieces(path):
            for encoding in code.encode_batch(lines, add_special_tokens=False):
                np.add.at(counts, encoding.ids, 1)
    if not counts.any():
        raise InputError("contains no token.", parameter="corpus", value=", ".join(map(str, corpus)))
    return counts, strings


def open_code(tokenizer: Path) -> tuple[Any, dict[int, str]]:
    """A tokenizer.json as an object of the package tokenizers, and the strings of all its tokens by id.

    Raises:
        InputError: if the package `tokenizers` or the file is missing, or the file is damaged.
    """
    code = _tokenizer(tokenizer)
    return code, _strings(code)


def _tokenizer(path: Path) -> Any:
    if find_spec("tokenizers") is None:
        raise InputError("needs the package tokenizers: pip install 'gasfield[record]'.", parameter="tokenizer")
    if not path.is_file():
        raise InputError("no such file.", parameter="tokenizer", value=path)
    return read_tokenizer(path, "tokenizer")


def _strings(code: Any) -> dict[int, str]:
    return {index: token for token, index in code.get_vocab(with_added_tokens=True).items()}


def _pieces(path: Path) -> Iterator[list[str]]:
    """Batches of lines, with line endings."""
    if not path.is_file():
        raise InputError("no such file.", parameter="corpus", value=path)
    lines: list[str] = []
    size = 0
    for line in stream_lines(path, "corpus"):
        lines.append(line)
        size += len(line)
        if len(lines) == _LINES or size >= _CHARACTERS:
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


def _of_json(data: Any, path: Path) -> Counts:
    if isinstance(data, list):
        return _checked(dict(enumerate(data)), path)
    if isinstance(data, dict):
        for key in data:
            if not re.fullmatch(r"\d{1,12}", key):
                message = "a key is not a token id; expected an object id -> count."
                raise InputError(message, parameter="counts", value=path)
        return _checked({int(key): value for key, value in data.items()}, path)
    raise InputError("expected a list of counts or an object id -> count.", parameter="counts", value=path)


def _of_array(arrays: Sequence[Tensor], path: Path) -> Counts:
    if len(arrays) != 1:
        message = f"expected one array, found {listed([each.name for each in arrays], 5)}."
        raise InputError(message, parameter="counts", value=path)
    array = arrays[0]
    if len(array.shape or ()) != 1 or not re.fullmatch("u?int(8|16|32|64)", array.numbers):
        message = f"expected a one-dimensional array of integers, not {array.numbers} {array.shape}."
        raise InputError(message, parameter="counts", value=path)
    return _checked(dict(enumerate(array.load().view(array.numbers).tolist())), path)


def _of_lines(lines: list[str], path: Path) -> Counts:
    rows = [(number, re.split(r"[,;\s]+", line.strip())) for number, line in enumerate(lines, 1) if line.strip()]
    if rows and not all(re.fullmatch(r"-?\d+", word) for word in rows[0][1]):
        rows = rows[1:]  # header
    found: dict[int, Any] = {}
    for number, words in rows:
        if len(words) not in (1, 2) or not all(re.fullmatch(r"-?\d{1,18}", word) for word in words):
            raise InputError("expected a count, or an id and a count, as integers.", location=f"{path}:{number}")
        token = int(words[0]) if len(words) == 2 else len(found)
        if token in found or token < 0:
            raise InputError(
                f"token {token} is {'negative' if token < 0 else 'listed twice'}.", location=f"{path}:{number}"
            )
        found[token] = int(words[-1])
    return _checked(found, path)


def _checked(counts: dict[int, Any], path: Path) -> Counts:
    if not counts:
        raise InputError("contains no counts.", parameter="counts", value=path)
    if max(counts) >= 10**8:
        raise InputError(f"token id {max(counts)} is out of range (below 10^8).", parameter="counts", value=path)
    for token, count in counts.items():
        if type(count) is not int or not 0 <= count < 2**62:
            given = f"count {count}" if isinstance(count, float) or type(count) is int else "no count"
            message = f"token {token} has {shortened(given)}; expected a non-negative integer."
            raise InputError(message, parameter="counts", value=path)
    filled = np.zeros(max(counts) + 1, np.int64)
    filled[list(counts)] = list(counts.values())
    return filled
