"""Arrays of NumPy: one in a file (npy), or several in an archive (npz)."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.tensors.archive import entries_of
from gasfield.tensors.damage import damage
from gasfield.tensors.formats.pickled import NO_PICKLES
from gasfield.tensors.numbers import shown
from gasfield.tensors.tensor import Tensor, Words

_VERSIONS = ((1, 0), (2, 0), (3, 0))
_UNTYPED = np.dtype("V2")
_AS_BFLOAT16 = "its values of 2 bytes without a number type (V2) are taken as bfloat16, which JAX saves in this way"


@dataclass(frozen=True)
class _Header:
    """Shape, order of axes and number type of an array, and where its numbers begin."""

    shape: tuple[int, ...]
    by_columns: bool
    kind: np.dtype[Any]
    origin: int

    @property
    def size(self) -> int:
        """Bytes of all numbers."""
        return math.prod(self.shape) * self.kind.itemsize

    @property
    def numbers(self) -> str:
        """Name of the number type, whatever the order of its bytes."""
        return "bfloat16" if self.kind == _UNTYPED else str(self.kind.newbyteorder("="))

    @property
    def notes(self) -> tuple[str, ...]:
        return (_AS_BFLOAT16,) if self.kind == _UNTYPED else ()


def is_npy(start: bytes) -> bool:
    """Whether a file that starts with these bytes is an array."""
    return start.startswith(b"\x93NUMPY")


def read_npy(path: Path) -> list[Tensor]:
    """The array of a file.

    Raises:
        InputError: if it is damaged, or holds objects.
    """
    with path.open("rb") as file:
        header = _header(file, str(path))
    _check_size(header, path.stat().st_size, str(path))

    def load() -> Words:
        with damage(path):
            mapped = np.memmap(path, header.kind, "r", header.origin, header.shape, "F" if header.by_columns else "C")
            return _bits(mapped, str(path))

    return [Tensor("", header.shape, header.numbers, load if header.size else _empty(header), notes=header.notes)]


def read_npz(path: Path) -> list[Tensor]:
    """The arrays of an archive.

    Raises:
        InputError: if it is damaged, or an array holds objects.
    """
    tensors = []
    entries = [entry for entry in entries_of(path).values() if entry.filename.endswith(".npy")]
    with zipfile.ZipFile(path) as archive:
        for entry in entries:
            where = f"{path}: {shortened(entry.filename)}"
            with damage(path, shortened(entry.filename)), archive.open(entry) as member:
                header = _header(member, where)
            _check_size(header, entry.file_size, where)
            tensors.append(_member(path, entry.filename, header))
    if not tensors:
        raise InputError(f"{path}: no arrays in this archive; it must be an .npz of numpy.savez.")
    return tensors


def _member(path: Path, name: str, header: _Header) -> Tensor:
    where = f"{path}: {shortened(name)}"

    def load() -> Words:
        with damage(path, shortened(name)), zipfile.ZipFile(path) as archive, archive.open(name) as member:
            require_memory(header.size, where)
            member.read(header.origin)
            values = np.frombuffer(_exactly(member, header.size), header.kind)
            return _bits(values.reshape(header.shape, order="F" if header.by_columns else "C"), where)

    def stream() -> Iterator[Words]:
        """A compressed array, decompressed piece by piece."""
        if header.by_columns and len(header.shape) > 1:
            raise InputError(
                f"{where} is stored by columns, so that its pieces are not contiguous; save numpy.ascontiguousarray of "
                "it."
            )
        size = math.prod(header.shape[1:]) * header.kind.itemsize
        require_memory(size, f"{where}: a piece of it")
        with damage(path, shortened(name)), zipfile.ZipFile(path) as archive, archive.open(name) as member:
            member.read(header.origin)
            for _ in range(header.shape[0]):
                piece = np.frombuffer(_exactly(member, size), header.kind)
                yield _bits(piece.reshape(header.shape[1:]), where)

    loaded = load if header.size else _empty(header)
    streamed = stream if header.shape and header.size else None
    return Tensor(name.removesuffix(".npy"), header.shape, header.numbers, loaded, streamed, header.notes)


def _exactly(member: IO[bytes], size: int) -> bytes:
    data = member.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _empty(header: _Header) -> Callable[[], Words]:
    return lambda: np.empty(header.shape, f"u{header.kind.itemsize or 1}")


def _header(file: IO[bytes], where: str) -> _Header:
    """Reads the header of an array, and nothing else.

    Raises:
        InputError: if the array holds objects, or structures of several values.
        Exception: of any type, if it is damaged.
    """
    version = npy.read_magic(file)
    if version not in _VERSIONS:
        raise InputError(f"{where}: an array in version {version[0]}.{version[1]} of NumPy's format, which is unknown.")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, kind = read(file)
    if kind.hasobject:
        raise InputError(f"{where}: an array of objects; {NO_PICKLES}")
    if kind.names or kind.subdtype:
        raise InputError(f"{where}: an array of structures; save the values of each field as an array.")
    if any(type(length) is not int or length < 0 for length in shape):
        raise InputError(f"{where}: its shape is damaged.")
    return _Header(shape, by_columns, kind, file.tell())


def _check_size(header: _Header, size: int, where: str) -> None:
    """Checks the claim of a header against the bytes that are there."""
    present = size - header.origin
    if present < header.size:
        raise InputError(
            f"{where}: cannot be read; is it cut short? {shown(header.shape)} of {header.numbers} take {header.size} "
            f"bytes, and it has {present}."
        )
    if present > header.size:
        raise InputError(
            f"{where}: {present - header.size} bytes follow its array of {shown(header.shape)}; save one array in a "
            "file, or several by numpy.savez."
        )


def _bits(values: NDArray[Any], where: str) -> Words:
    """The bits in native byte order. Arrays stored in the other order, or by columns, are copied."""
    if values.dtype.kind == "V":
        values = values.view(f"<u{values.dtype.itemsize}")
    native = values.dtype.newbyteorder("=")
    if not (values.flags.c_contiguous and values.dtype == native):
        require_memory(values.nbytes, where)
    values = np.ascontiguousarray(values, native).reshape(values.shape)
    if values.dtype.itemsize not in (1, 2, 4, 8):
        raise InputError(f"{where}: {values.dtype} values cannot be read.")
    return values.view(f"u{values.dtype.itemsize}")
