"""GGUF, the format of llama.cpp. Its header is read here, every size against the length of the file; quantised values
are dequantised by the package gguf, an extra.

The package itself reads a header value by value into Python objects, however many it claims to have.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.tensors.damage import damage
from gasfield.tensors.numbers import WIDTHS, shown
from gasfield.tensors.tensor import Tensor, Words, map_words

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of values of each type in the header."""
_TEXT, _LIST, _UINT32 = 8, 9, 4
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""The same types in the notation of `struct`."""
_LONGEST_TEXT = 1000
"""Bytes of a text in the header that is kept; chat templates are longer."""
_ALIGNMENT = "general.alignment"
_MOST_ITEMS = 2_000_000
"""In all lists of the header: vocabularies have a million at most, and the package reads each item into an object."""
_MOST_TENSORS, _MOST_VALUES = 500_000, 100_000
"""In a header."""
_LONGEST_NAME, _MOST_AXES = 65_535, 4
"""Bytes of a name, and axes of a tensor, in ggml."""
_PLAIN = {
    0: "float32", 1: "float16", 24: "int8", 25: "int16", 26: "int32", 27: "int64", 28: "float64", 30: "bfloat16",
}  # fmt: skip
"""Types that are numbers as they are."""


@dataclass(frozen=True)
class _Entry:
    """A tensor of the header: the first axis of `shape` is the slowest; `offset` counts from the end of the header."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def is_gguf(start: bytes) -> bool:
    """Whether a file that starts with these bytes is one."""
    return start.startswith(_MAGIC)


def read_gguf(path: Path) -> list[Tensor]:
    """All tensors of a file. Quantised ones are dequantised to float32 when they are loaded.

    Raises:
        InputError: if it is damaged, or of another version.
    """
    size = path.stat().st_size
    with damage(path), path.open("rb") as file:
        entries, alignment, _ = _Header(file, path, size).read()
        origin = -(-file.tell() // alignment) * alignment
    return [_tensor(path, entry, origin, size) for entry in entries]


def gguf_values(path: Path) -> dict[str, int | float | bool | str]:
    """The numbers and short texts of the header by their keys: architecture, sizes, constants. Lists are left out.

    Raises:
        InputError: if it is damaged, or of another version.
    """
    with damage(path), path.open("rb") as file:
        return _Header(file, path, path.stat().st_size).read()[2]


class _Header:
    """Reads a header from its beginning to its end."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self._file, self._path, self._size = file, path, size
        self._items = 0

    def read(self) -> tuple[list[_Entry], int, dict[str, int | float | bool | str]]:
        """The tensors, the alignment of their numbers in bytes, and the numbers and short texts."""
        self._file.seek(len(_MAGIC))
        [version] = self._values("I")
        if version not in _VERSIONS:
            swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS
            reason = "for machines of the other byte order" if swapped else f"of version {version}"
            raise InputError(f"{self._path}: GGUF {reason}; versions 2 and 3 of the usual byte order are read.")
        tensors, values = self._values("QQ")
        if tensors > min(_MOST_TENSORS, self._size) or values > min(_MOST_VALUES, self._size):
            raise self._damaged(f"it would hold {tensors} tensors and {values} values")
        alignment = 32
        found: dict[str, int | float | bool | str] = {}
        for _ in range(values):
            name, [kind] = self._text(), self._values("I")
            if name == _ALIGNMENT.encode():
                [alignment] = self._values("I")
                if kind != _UINT32 or alignment == 0 or alignment & (alignment - 1):
                    raise self._damaged("its alignment is no power of two")
            elif (value := self._value(kind)) is not None and len(name) <= _LONGEST_NAME:
                found[name.decode("utf-8", "replace")] = value
        return [self._entry() for _ in range(tensors)], alignment, found

    def _value(self, kind: int) -> int | float | bool | str | None:
        """A number or a short text; None for what is passed over."""
        if kind in _SCALARS:
            [number] = self._values(_SCALARS[kind])
            scalar: int | float | bool = number
            return scalar
        if kind != _TEXT:
            self._skip(kind)
            return None
        [length] = self._values("Q")
        if length > _LONGEST_TEXT:
            self._pass(length)
            return None
        return self._bytes(length).decode("utf-8", "replace")

    def _entry(self) -> _Entry:
        name = self._text(_LONGEST_NAME).decode("utf-8")
        [axes] = self._values("I")
        if axes > _MOST_AXES:
            raise self._damaged(f"{shortened(name)} would have {axes} axes")
        shape = self._values(f"{axes}Q")
        kind, offset = self._values("IQ")
        return _Entry(name, tuple(reversed(shape)), kind, offset)

    def _values(self, form: str) -> tuple[Any, ...]:
        """Numbers in the notation of `struct`."""
        return struct.unpack(f"<{form}", self._bytes(struct.calcsize(f"<{form}")))

    def _text(self, most: int | None = None) -> bytes:
        [length] = self._values("Q")
        if most is not None and length > most:
            raise self._damaged(f"a name would have {length} bytes")
        return self._bytes(length)

    def _bytes(self, count: int) -> bytes:
        self._require(count)
        data = self._file.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def _skip(self, kind: int, depth: int = 0) -> None:
        """Passes over a value."""
        if kind in _SIZES:
            self._pass(_SIZES[kind])
        elif kind == _TEXT:
            self._pass(*self._values("Q"))
        elif kind == _LIST and depth < 4:
            inner, count = self._values("IQ")
            self._items += count
            if self._items > _MOST_ITEMS:
                raise self._damaged(f"a list would hold {count} values")
            if inner in _SIZES:
                self._pass(_SIZES[inner] * count)
                return
            for _ in range(count):
                self._skip(inner, depth + 1)
        else:
            raise self._damaged(f"a value is of the type {kind}, which is unknown")

    def _pass(self, count: int) -> None:
        self._require(count)
        self._file.seek(count, 1)

    def _require(self, count: int) -> None:
        if count > self._size - self._file.tell():
            raise self._damaged(f"a value would have {count} bytes")

    def _damaged(self, reason: str) -> InputError:
        return InputError(f"{self._path}: its GGUF header is damaged, or cut short: {reason}.")


def _tensor(path: Path, entry: _Entry, origin: int, size: int) -> Tensor:
    where, start = f"{path}: {shortened(entry.name)}", origin + entry.offset
    if entry.kind in _PLAIN:
        numbers = _PLAIN[entry.kind]
        width = WIDTHS[numbers]
        _require_bytes(where, entry, start, width * math.prod(entry.shape), size)
        return Tensor(entry.name, entry.shape, numbers, lambda: map_words(path, start, entry.shape, width))
    if find_spec("gguf") is None:

        def refuse() -> Words:
            raise InputError(
                f"{where}: quantised (type {entry.kind} of ggml), which the package gguf reads: pip install "
                "'gasfield[lm]'."
            )

        return Tensor(entry.name, entry.shape, "float32", refuse)
    return _quantised(path, entry, start, size)


def _quantised(path: Path, entry: _Entry, start: int, size: int) -> Tensor:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    where = f"{path}: {shortened(entry.name)}"
    try:
        kind = GGMLQuantizationType(entry.kind)
        block, width = GGML_QUANT_SIZES[kind]
    except (ValueError, KeyError):
        raise InputError(
            f"{where}: of type {entry.kind}, which this version of the package gguf does not know."
        ) from None
    columns = entry.shape[-1] if entry.shape else 0
    if not columns or columns % block:
        raise InputError(f"{where}: {shown(entry.shape)} of {kind.name} cannot be: it has blocks of {block} values.")
    rows = (*entry.shape[:-1], columns // block * width)
    _require_bytes(where, entry, start, math.prod(rows), size)

    def load() -> Words:
        require_memory(12 * math.prod(entry.shape), where)
        with damage(path, shortened(entry.name)):
            values = dequantize(np.asarray(map_words(path, start, rows, 1)), kind)
            return np.ascontiguousarray(values, np.float32).reshape(entry.shape).view(np.uint32)

    note = f"{shortened(entry.name)} is quantised ({kind.name}): its values are what gguf dequantises, in float32"
    return Tensor(entry.name, entry.shape, "float32", load, notes=(note,))


def _require_bytes(where: str, entry: _Entry, start: int, count: int, size: int) -> None:
    if start + count > size:
        raise InputError(
            f"{where}: cut short: {shown(entry.shape)} of it end at byte {start + count}, the file at {size}."
        )
