"""The common form of everything that can be imported: an ordered sequence of matrices with metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import from_bits
from gasfield.tensors import PRECISIONS, Words, what_they_are

LATTICES = {
    "bfloat16": "bfloat16",
    "uint16": "bfloat16",
    "float16": "float32",
    "float32": "float32",
    "float64": "float64",
}
"""Lattice of the trajectory for each number type of a file. float32 represents every float16 exactly."""
_WIDEST = ("bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Piece:
    """A matrix (N, D) or a single number, as stored in a file.

    Attributes:
        words: its bits, mapped or in memory.
        numbers: their type, as in `Tensor`.
        others: gives a digest of the other tensors of its checkpoint, or None if there are none; computed only for
            matrices that are the same in two checkpoints. None if the matrix is alone.
    """

    words: Words
    numbers: str
    others: Callable[[], bytes | None] | None = None

    def rows(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Some rows (n, D) as numbers; of a mapped file only these are read."""
        together = bool(np.all(np.diff(index) == 1))  # a slice is not copied
        words = self.words[slice(index[0], index[-1] + 1)] if together else self.words[index]
        return numbers_of(words, self.numbers)

    def number(self) -> float:
        """The value of a single number."""
        return float(numbers_of(self.words, self.numbers).item())


Pieces = Callable[[int], Iterator[Piece]]
"""Given k, yields each k-th piece, starting with the first."""


@dataclass(frozen=True)
class Source:
    """An ordered sequence of matrices with metadata.

    Attributes:
        origin: the file or folder.
        shape: (N, D) of each matrix.
        lattice: "bfloat16", "float32" or "float64", which represents the numbers of all matrices.
        steps: of each frame, ascending.
        frames: the matrices (N, D) in order.
        companions: `first_moment`, `second_moment`, `gradient`: (N, D) by name. Piece k belongs to frame k; there may
            be fewer pieces than frames.
        precisions: number type of each companion, as in `Tensor`.
        loss: single numbers; piece k belongs to frame k. None if unknown.
        token_ids: (N,) of the rows, -1 if unknown; None if the rows are the tokens.
        tokens: strings of the tokens by id, as far as known.
        labels: (N,) strings of the rows, instead of those by id; None if unknown.
        dead: ids of dead tokens; None if unknown.
        padding: first row that is not a token; None if there is none.
        provenance: text and numbers by name.
        notes: on choices made.
        conversions: notes on numbers that an import keeps as others.
        checkpoints: whether each frame is a checkpoint of its own: two that are identical are one that was saved twice.
    """

    origin: str
    shape: tuple[int, int]
    lattice: str
    steps: NDArray[np.int64]
    frames: Pieces
    companions: Mapping[str, Pieces] = field(default_factory=dict)
    precisions: Mapping[str, str] = field(default_factory=dict)
    loss: Pieces | None = None
    token_ids: NDArray[np.int64] | None = None
    tokens: Mapping[int, str] = field(default_factory=dict)
    labels: Sequence[str] | None = None
    dead: NDArray[np.int64] | None = None
    padding: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    conversions: tuple[str, ...] = ()
    checkpoints: bool = False


def numbers_of(words: Words, numbers: str) -> NDArray[Any]:
    """Bits as numbers; bfloat16 and float16 as float32, which represents them exactly."""
    if numbers in ("bfloat16", "uint16"):
        return np.asarray(from_bits(np.ascontiguousarray(words, np.uint16).reshape(words.shape)))
    values: NDArray[Any] = np.ascontiguousarray(words).reshape(words.shape).view(numbers)
    return values.astype(np.float32) if numbers == "float16" else values


def widest(lattices: Sequence[str]) -> str:
    """The lattice that represents the numbers of all."""
    return max(lattices, key=_WIDEST.index)


def check_numbers(numbers: str, bits: str | None, where: str) -> tuple[str, ...]:
    """Checks the number type of an embedding; returns a note if it is taken for another.

    Args:
        numbers: as in `Tensor`.
        bits: "bfloat16" if uint16 numbers are the bits of bfloat16 ones.
        where: file and tensor.

    Raises:
        InputError: if these are not floating-point numbers or the bits of bfloat16 ones.
    """
    if numbers not in LATTICES:
        raise InputError(
            f"{where}: {numbers} numbers are not supported ({', '.join(sorted(PRECISIONS.values()))}, or uint16 as the "
            f"bits of bfloat16, are){what_they_are(numbers)}."
        )
    if bits and numbers != "uint16":
        raise InputError(f"is for uint16 numbers; these are {numbers} ({where}).", parameter="bits", value=bits)
    if numbers == "uint16" and not bits:
        return (f"{where}: uint16 numbers are taken as the bits of bfloat16 ones",)
    return ()


def conversions_of(numbers: str, where: str) -> tuple[str, ...]:
    """A note if numbers of a type are kept as others."""
    return (f"{where}: float16 numbers are kept as float32",) if numbers == "float16" else ()
