"""Files of `torch.save` since PyTorch 1.6: an archive with a pickle that describes tensors, and their numbers beside.

PyTorch is not needed.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.tensors.archive import entries_of, place_of, read_entry
from gasfield.tensors.damage import damage
from gasfield.tensors.formats.torch_pickles import Stored, stored_tensors
from gasfield.tensors.numbers import WIDTHS, shown
from gasfield.tensors.tensor import Tensor, Words, map_words

PICKLE = "data.pkl"
"""The description of the tensors, in the one folder of the archive."""
_IN_MEMORY = 40
"""Bytes that one byte of a pickle takes in memory, at most."""


def is_torch_archive(names: list[str]) -> bool:
    """Whether an archive with these names is one of `torch.save`."""
    return any(name == PICKLE or name.endswith(f"/{PICKLE}") for name in names)


def read_torch_archive(path: Path, start: int = 0, size: int | None = None) -> list[Tensor]:
    """All tensors of a file, or of a part of it; nested names are joined by dots.

    Args:
        path: the file.
        start: first byte of the archive.
        size: its bytes; by default all of the file.

    Raises:
        InputError: if it is damaged, or refers to more than tensors and plain values.
    """
    entries = entries_of(path, start, size)
    [name, *others] = [name for name in entries if is_torch_archive([name])] or [""]
    if not name or others:
        raise InputError(f"{path}: not an archive of torch.save, which has one {PICKLE}.")
    archive = _Archive(path, start, size, entries, name.removesuffix(PICKLE))
    require_memory(_IN_MEMORY * entries[name].file_size, f"{path}: {PICKLE}")
    described = stored_tensors(read_entry(path, entries[name], start, size), path)
    with damage(path):
        return [archive.tensor(name, stored) for name, stored in described]


@dataclass(frozen=True)
class _Archive:
    """Where the storages of a file lie: the entries of the archive by name, and the folder in it."""

    path: Path
    start: int
    size: int | None
    entries: Mapping[str, zipfile.ZipInfo]
    folder: str

    def tensor(self, name: str, stored: Stored) -> Tensor:
        """A tensor, whose view of the storage is checked.

        Raises:
            InputError: if it reaches beyond its storage, or the storage is missing or cut short.
        """
        what = f"{self.path}: {shortened(name)}" if name else str(self.path)
        storage, width = stored.storage, WIDTHS.get(stored.numbers)
        if stored.unlike or storage is None or width is None:
            reason = stored.unlike or f"{stored.numbers} values"

            def refuse() -> Words:
                raise InputError(f"{what}: cannot be read: {reason}.")

            return Tensor(name, stored.shape, stored.numbers, refuse)
        if len(stored.shape) != len(stored.strides):
            raise InputError(f"{what}: its shape has {len(stored.shape)} axes, its strides have {len(stored.strides)}.")
        entry = self.entries.get(f"{self.folder}data/{storage.key}")
        held = storage.length * WIDTHS.get(storage.numbers or "uint8", 0)
        if entry is None or entry.file_size < held:
            raise InputError(
                f"{what}: cut short: its storage {shortened(storage.key)} is missing, or has too few bytes."
            )
        last = sum((length - 1) * stride for length, stride in zip(stored.shape, stored.strides, strict=True))
        if math.prod(stored.shape) and (stored.offset + last + 1) * width > held:
            raise InputError(
                f"{what}: its storage holds {held} bytes, too few for {shown(stored.shape)} of {stored.numbers} from "
                f"number {stored.offset} with the strides {shown(stored.strides)}."
            )
        return Tensor(name, stored.shape, stored.numbers, lambda: self._load(what, entry, held, stored, width))

    def _load(self, what: str, entry: zipfile.ZipInfo, held: int, stored: Stored, width: int) -> Words:
        if not math.prod(stored.shape):
            return np.empty(stored.shape, f"<u{width}")
        if width not in (1, 2, 4, 8):
            raise InputError(f"{what}: {stored.numbers} values cannot be read.")
        swapped = self._is_big_endian()
        words = self._words(entry, held, width)[stored.offset :]
        contiguous = stored.strides == _dense(stored.shape)
        if swapped or not contiguous:
            require_memory(2 * width * math.prod(stored.shape), what)
        if contiguous:
            found = words[: math.prod(stored.shape)].reshape(stored.shape)
        else:
            strides = tuple(width * stride for stride in stored.strides)
            found = np.ascontiguousarray(np.lib.stride_tricks.as_strided(words, stored.shape, strides, writeable=False))
        return found.byteswap() if swapped else found

    def _words(self, entry: zipfile.ZipInfo, held: int, width: int) -> Words:
        """All numbers of a storage, mapped; read if they are packed."""
        place = place_of(self.path, entry, self.start)
        if place is not None:
            return map_words(self.path, place, (held // width,), width)
        content = read_entry(self.path, entry, self.start, self.size)
        return np.frombuffer(content[: held // width * width], f"<u{width}")

    def _is_big_endian(self) -> bool:
        entry = self.entries.get(f"{self.folder}byteorder")
        return entry is not None and entry.file_size < 100 and self._read(entry).strip() == b"big"

    def _read(self, entry: zipfile.ZipInfo) -> bytes:
        return read_entry(self.path, entry, self.start, self.size)


def _dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of numbers one after the other, in order of rows."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))
