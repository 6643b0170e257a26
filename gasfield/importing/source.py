"""What can be imported looks like this: matrices in order, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import from_bits
from gasfield.tensors import PRECISIONS, Words

LATTICES = {
    "bfloat16": "bfloat16",
    "uint16": "bfloat16",
    "float16": "float32",
    "float32": "float32",
    "float64": "float64",
}
"""What numbers in a file become: the lattice of the trajectory. float32 holds every float16."""
_WIDEST = ("bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Piece:
    """A matrix (N, D), or a single number, as it lies in a file.

    Attributes:
        words: its bits, mapped or in memory.
        numbers: what they are the bits of, as in `Tensor`.
    """

    words: Words
    numbers: str

    def rows(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Some rows (n, D) as numbers; no others are read where the file is mapped."""
        together = bool(np.all(np.diff(index) == 1))  # a slice is not copied
        words = self.words[slice(index[0], index[-1] + 1)] if together else self.words[index]
        return numbers_of(words, self.numbers)

    def number(self) -> float:
        """What it is if it is a single one."""
        return float(numbers_of(self.words, self.numbers).item())


Pieces = Callable[[int], Iterator[Piece]]
"""Given k: each k-th, the first one first."""


@dataclass(frozen=True)
class Source:
    """Matrices in order.

    Attributes:
        origin: the file or folder.
        shape: (N, D) of each.
        lattice: "bfloat16", "float32" or "float64", which holds the numbers of all of them.
        steps: of each frame, ascending.
        frames: the matrices (N, D), one after the other.
        companions: `first_moment`, `second_moment`, `gradient`: (N, D) by name. Piece k belongs to frame k; there may
            be fewer pieces than frames.
        precisions: the numbers of each companion, as in `Tensor`.
        loss: single numbers, piece k belongs to frame k; None if unknown.
        token_ids: (N,) of the rows.
        tokens: strings of the tokens by id, as far as they are known.
        dead: ids of dead tokens, if somebody says so.
        padding: rows from here on are no tokens.
        provenance: text and numbers by name.
        notes: what a reader must know.
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
    dead: NDArray[np.int64] | None = None
    padding: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def numbers_of(words: Words, numbers: str) -> NDArray[Any]:
    """Bits as the numbers that they are; bfloat16 and float16 as float32, which holds them."""
    if numbers in ("bfloat16", "uint16"):
        return np.asarray(from_bits(np.ascontiguousarray(words, np.uint16).reshape(words.shape)))
    values: NDArray[Any] = np.ascontiguousarray(words).reshape(words.shape).view(numbers)
    return values.astype(np.float32) if numbers == "float16" else values


def widest(lattices: Sequence[str]) -> str:
    """The one that holds the numbers of all."""
    return max(lattices, key=_WIDEST.index)


def check_numbers(numbers: str, bits: str | None, where: str) -> tuple[str, ...]:
    """Refuses what is no embedding; and a note where the numbers are kept as others.

    Args:
        numbers: as in `Tensor`.
        bits: "bfloat16" if somebody said that uint16 numbers are the bits of such.
        where: file and tensor.

    Raises:
        InputError: if these are not floating-point numbers or the bits of bfloat16 ones.
    """
    if numbers not in LATTICES:
        raise InputError(
            f"{where}: {numbers} numbers; {', '.join(sorted(PRECISIONS.values()))}, or uint16 that are the bits of "
            "bfloat16, are wanted."
        )
    if bits and numbers != "uint16":
        raise InputError(f"is for uint16 numbers; these are {numbers} ({where}).", parameter="bits", value=bits)
    if numbers == "uint16" and not bits:
        return (f"{where}: uint16 numbers are taken for the bits of bfloat16 ones",)
    return (f"{where}: float16 numbers are kept as float32",) if numbers == "float16" else ()
