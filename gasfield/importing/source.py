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
class Companion:
    """Something that comes with the frames.

    Attributes:
        shape: of one piece; () for a number.
        numbers: what its bits are, as in `Tensor`.
        pieces: one after the other; piece k belongs to frame k.
        count: how many.
    """

    shape: tuple[int, ...]
    numbers: str
    pieces: Callable[[], Iterator[Words]]
    count: int


@dataclass(frozen=True)
class Source:
    """Matrices in order.

    Attributes:
        origin: the file or folder.
        shape: (N, D) of each.
        lattice: "bfloat16", "float32" or "float64", which holds the numbers of all of them.
        steps: of each frame, ascending.
        frames: the matrices (N, D), one after the other, as numbers.
        companions: first_moment, second_moment, gradient (N, D), loss ().
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
    frames: Callable[[], Iterator[NDArray[Any]]]
    companions: Mapping[str, Companion] = field(default_factory=dict)
    token_ids: NDArray[np.int64] | None = None
    tokens: Mapping[int, str] = field(default_factory=dict)
    dead: NDArray[np.int64] | None = None
    padding: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def numbers_of(words: Words, numbers: str) -> NDArray[Any]:
    """Bits as the numbers that they are; bfloat16 and float16 as float32, which holds them."""
    if numbers in ("bfloat16", "uint16"):
        return np.asarray(from_bits(np.ascontiguousarray(words, np.uint16)))
    values: NDArray[Any] = np.ascontiguousarray(words).view(numbers)
    return values.astype(np.float32) if numbers == "float16" else values


def widest(lattices: Sequence[str]) -> str:
    """The one that holds the numbers of all."""
    return max(lattices, key=_WIDEST.index)


def check_numbers(numbers: str, where: str) -> None:
    """Refuses what is no embedding.

    Raises:
        InputError: if these are not floating-point numbers or the bits of bfloat16 ones.
    """
    if numbers not in LATTICES:
        raise InputError(
            f"{where}: {numbers} numbers; {', '.join(sorted(PRECISIONS.values()))}, or uint16 that are the bits of "
            "bfloat16, are wanted."
        )
