"""Checks of heaps of strings: local ones with the names in a group, and global ones (HDF5 file format specification,
III.D and III.E)."""

from __future__ import annotations

import struct

from gasfield.hdf5.checked_bytes import CheckedBytes
from gasfield.hdf5.messages import REFERENCE_BYTES, EndlessError, UnverifiedError, need

_STRING, _ENTRY = struct.Struct("<IQI"), struct.Struct("<HHIQ")
_END = 1
"""The library's mark behind the last free block of a local heap."""


def local_heap(file: CheckedBytes, address: int) -> bytes:
    """The names of the members of a group, each ended by a zero byte.

    Raises:
        UnverifiedError: if it is none.
    """
    magic, version, size, free, data = struct.unpack("<4sIQQQ", file.read(address, 32))
    need(magic == b"HEAP" and version == 0 and size > 0)
    names = file.read(data, size)
    at = free
    while at != _END:  # the list of free blocks has an end, because it ascends
        need(at % 8 == 0 and at + 16 <= size)
        following, length = struct.unpack_from("<QQ", names, at)
        need(length >= 16 and at + length <= size and (following == _END or following > at))
        at = following
    return names + b"\0"


class GlobalHeaps:
    """The strings of variable length of a file."""

    def __init__(self, file: CheckedBytes) -> None:
        self._file = file
        self._known: dict[int, tuple[bytes, dict[int, tuple[int, int]]]] = {}

    def strings(self, references: bytes, count: int) -> list[bytes]:
        """The strings that so many references stand for.

        Raises:
            UnverifiedError: if one is not in a heap.
        """
        need(len(references) == count * REFERENCE_BYTES)
        found = []
        for length, address, index in _STRING.iter_unpack(references):
            if not length:
                found.append(b"")
                continue
            data, places = self._heap(address)
            at, room = places.get(index, (0, -1))
            need(length <= room)
            found.append(data[at : at + length])
        return found

    def _heap(self, address: int) -> tuple[bytes, dict[int, tuple[int, int]]]:
        """A heap, and where its objects are in it."""
        if address in self._known:
            return self._known[address]
        magic, version, size = struct.unpack("<4sB3xQ", self._file.read(address, 16))
        need(magic == b"GCOL" and version == 1 and size >= 4096)
        data = self._file.read(address, size)
        places: dict[int, tuple[int, int]] = {}
        at, last = 16, size - _ENTRY.size
        while at <= last:
            number, _, _, length = _ENTRY.unpack_from(data, at)
            if number == 0:  # what is free, to the end
                if length == 0:  # the library goes to the next object, which is this one
                    raise EndlessError
                need(length == size - at)
                break
            at += _ENTRY.size
            if number in places or length > size - at:
                raise UnverifiedError
            places[number] = at, length
            at += (length + 7) & ~7
        self._known[address] = data, places
        return self._known[address]
