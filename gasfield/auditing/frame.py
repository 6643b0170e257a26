"""What an audit reads of a frame: the bits of its matrix, and a digest of the other tensors of its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gasfield.embedding import Matrix
from gasfield.kernels.rows import count_marks
from gasfield.tensors import Words

ROUNDING = {"bfloat16": 2.0**-9, "float16": 2.0**-12, "float32": 2.0**-25, "float64": 2.0**-54}
"""Largest relative error of a number that was rounded to a type."""
_BLOCK = 1 << 24
"""Bytes that are hashed at a time."""
_NUMBERS = 1 << 20
"""Numbers that are converted at a time."""


class Frame(Protocol):
    """A matrix (N, D) as stored in a file."""

    @property
    def words(self) -> Words:
        """Its bits, mapped or in memory."""

    @property
    def numbers(self) -> str:
        """Their type, as in `Tensor`."""

    @property
    def others(self) -> Callable[[], bytes | None] | None:
        """Gives a digest of the other tensors of its checkpoint, None if there are none; it does not hold the frame."""

    def rows(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Some rows (n, D) as numbers."""


@dataclass(frozen=True)
class Marks:
    """Which rows of a frame are special.

    Attributes:
        zero: (N,) whether all numbers are 0.
        broken: (N,) whether any is no number, infinite or beyond 1e100.
    """

    zero: NDArray[np.bool_]
    broken: NDArray[np.bool_]


def bits_of(frame: Frame) -> Words:
    """(N, D) its bits as unsigned integers, rows contiguous; importers of others may give the numbers themselves."""
    words = np.ascontiguousarray(frame.words)
    return words if words.dtype.kind == "u" else words.view(f"u{words.itemsize}")


def marks_of(frame: Frame) -> Marks:
    """Rows of zeros, and rows that are not finite."""
    matrix = Matrix("", "", type_of(frame), bits_of(frame))
    marks = count_marks(matrix.words, matrix.fraction_bits, matrix.largest_word)
    return Marks(marks[:, 0] == matrix.dimensions, marks[:, 2] > 0)


def type_of(frame: Frame) -> str:
    """The number type; uint16 numbers are the bits of bfloat16 ones."""
    return "bfloat16" if frame.numbers == "uint16" else frame.numbers


def digest_of(words: Words, numbers: str) -> bytes:
    """Of the number type, the shape and the bits of an array, a block of rows at a time."""
    digest = blake2b(f"{numbers}{words.shape}".encode(), digest_size=16)
    flat = words.reshape(-1) if words.flags.c_contiguous else words
    count = max(1, _BLOCK // max(1, flat[:1].nbytes)) if flat.ndim else 1
    for start in range(0, len(flat) if flat.ndim else 0, count):
        digest.update(np.ascontiguousarray(flat[start : start + count]).data)
    return digest.digest()


def blocks(frame: Frame) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """All rows as numbers (n, D), some at a time."""
    count, width = frame.words.shape
    length = max(1, _NUMBERS // max(1, width))
    for start in range(0, count, length):
        place = slice(start, min(start + length, count))
        yield place, frame.rows(np.arange(place.start, place.stop)).astype(np.float64)
