"""Zip archives, whole files or parts of files: their entries, checked, and where an entry lies that is not packed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.tensors.damage import damage

_LOCAL = b"PK\x03\x04"
_LOCAL_SIZE = 30
"""Bytes of the fixed part of the header before each entry."""


@contextmanager
def opened(path: Path, start: int = 0, size: int | None = None) -> Iterator[zipfile.ZipFile]:
    """An archive that is a file, or some bytes of it.

    Raises:
        InputError: if it is damaged.
    """
    with damage(path), path.open("rb") as file:
        part: IO[bytes] = file if size is None else io.BufferedReader(_Part(file, start, size))
        with zipfile.ZipFile(part) as archive:
            yield archive


def entries_of(path: Path, start: int = 0, size: int | None = None) -> dict[str, zipfile.ZipInfo]:
    """The entries of an archive by name.

    Raises:
        InputError: if it is damaged or ambiguous: a name is there twice, or the archive is not the only one.
    """
    with opened(path, start, size) as archive:
        infos = archive.infolist()
    found = {info.filename: info for info in infos}
    if len(found) < len(infos):
        raise InputError(f"{path}: an archive in which a name is there twice; which one is meant is unknown.")
    if infos and min(info.header_offset for info in infos) > 0:
        raise InputError(
            f"{path}: its archive begins in the middle of the file. If this is a part of a checkpoint of "
            "torch.distributed.checkpoint (.distcp), give the folder with its .metadata."
        )
    return found


def read_entry(path: Path, info: zipfile.ZipInfo, start: int = 0, size: int | None = None) -> bytes:
    """The content of an entry, unpacked.

    Raises:
        InputError: if it is damaged, or does not fit into memory.
    """
    with opened(path, start, size) as archive, archive.open(info) as member:
        require_memory(info.file_size, f"{path}: {info.filename}")
        data = member.read(info.file_size)
        if len(data) != info.file_size:
            raise EOFError
        return data


def place_of(path: Path, info: zipfile.ZipInfo, start: int = 0) -> int | None:
    """The byte of the file at which an entry lies; None if it is packed.

    Raises:
        InputError: if it is damaged.
    """
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
        return None
    with damage(path), path.open("rb") as file:
        file.seek(start + info.header_offset)
        header = file.read(_LOCAL_SIZE)
        if len(header) < _LOCAL_SIZE or not header.startswith(_LOCAL):
            raise EOFError
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        return start + info.header_offset + _LOCAL_SIZE + name + extra


class _Part(io.RawIOBase):
    """Some bytes of a file, as a file."""

    def __init__(self, file: io.BufferedReader, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        wanted = max(min(len(buffer), self._size - self._at), 0)
        self._file.seek(self._start + self._at)
        data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
