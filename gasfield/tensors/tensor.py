"""One array of a file: its name, shape and number type; its bits are read when they are wanted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.tensors.damage import damage

Words = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One array of a file.

    Attributes:
        name: in the file; empty if the file holds one unnamed array.
        shape: as stored; None if its shard is missing.
        numbers: "bfloat16", "float16", "float32", "float64", or the name of another type, unsuitable for an embedding.
        load: returns its bits as unsigned integers of that shape, mapped or read.
        stream: yields its bits along the first axis piece by piece, without holding all of them in memory; None if
            `load` maps the file.
        notes: on how its numbers were stored, if they are converted.
    """

    name: str
    shape: tuple[int, ...] | None
    numbers: str
    load: Callable[[], Words]
    stream: Callable[[], Iterator[Words]] | None = None
    notes: tuple[str, ...] = ()

    def pieces(self) -> Iterator[Words]:
        """Its bits along the first axis, piece by piece; never all of them in memory."""
        return iter(self.load()) if self.stream is None else self.stream()


def map_words(path: Path, offset: int, shape: tuple[int, ...], width: int) -> Words:
    """The bits (shape) of little-endian numbers of `width` bytes, mapped from byte `offset` of a file.

    Raises:
        InputError: if the file has become shorter, or cannot be read.
    """
    if not math.prod(shape):
        return np.empty(shape, f"<u{width}")
    with damage(path):
        return np.memmap(path, dtype=f"<u{width}", mode="r", offset=offset, shape=shape)
