"""Checksums at the end of a finished file, for everything but compressed chunks, which have one of their own.

HDF5 has none for groups, headers, attributes, strings and contiguous numbers in its earliest format: a bit that a disk
has lost there is read as another mass, or as a data set that is not there. The seal is room in the file that no object
refers to:

    ranges that are not covered: begin and end of each
    CRC-32 of each block of what is covered; blocks begin anew behind every range
    "GASFSEAL", CRC-32 of the above, number of ranges, number of blocks, begin of the seal

Blocks are checked when something in them is read, so that opening a file does not take longer with what is in it.
Whoever edits a file with another program breaks the seal, or puts something behind it, where it is no longer found.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from isal.isal_zlib import crc32

Range = tuple[int, int]
Read = Callable[[int, int], bytes]
"""Bytes of a file: offset, size."""
_MAGIC = b"GASFSEAL"
_END, _RANGE, _SUM = struct.Struct("<8sIIQQ"), struct.Struct("<QQ"), struct.Struct("<I")
BLOCK = 1 << 14


def seal_size(start: int, skipped: Sequence[Range]) -> int:
    """Size of the seal [bytes], a multiple of 8."""
    blocks = sum(_count(part) for part in _covered(start, skipped))
    return _table_size(len(skipped), blocks) + _END.size


def seal(read: Read, start: int, skipped: Sequence[Range]) -> bytes:
    """The seal of a file.

    Args:
        read: the file, as it will be.
        start: where the seal begins, at the end of everything else.
        skipped: ranges that are not covered, ascending.
    """
    parts = _covered(start, skipped)
    sums = [_checksum(read, part, number) for part in parts for number in range(_count(part))]
    padded = sums + [0] * (len(sums) % 2)
    table = b"".join([*(_RANGE.pack(*each) for each in skipped), *map(_SUM.pack, padded)])
    return table + _END.pack(_MAGIC, crc32(table), len(skipped), len(sums), start)


class Seal:
    """The seal of an open file."""

    def __init__(self, read: Read, parts: Sequence[Range], sums: bytes) -> None:
        """Ranges that are covered, and the checksums of their blocks as they are stored; without any, nothing fits."""
        self._read, self._parts, self._sums = read, parts, sums
        self._begins = [begin for begin, _ in parts]
        self._first = [0, *accumulate(map(_count, parts))]
        self._known: dict[int, bool] = {}

    @classmethod
    def find(cls, read: Read, size: int) -> Seal | None:
        """The seal of a file of some size; None if it has none. One that is damaged fits nothing."""
        if size < _END.size:
            return None
        magic, checksum, ranges, blocks, start = _END.unpack(read(size - _END.size, _END.size).ljust(_END.size, b"\0"))
        if magic != _MAGIC:
            return None
        length = _table_size(ranges, blocks)
        table = read(start, length) if start + length + _END.size == size else b""
        parts = _covered(start, list(_RANGE.iter_unpack(table[: _RANGE.size * ranges])))
        if crc32(table) != checksum or sum(map(_count, parts)) != blocks:
            return cls(read, (), b"")
        return cls(read, parts, table[_RANGE.size * ranges :])

    def fits(self, begin: int, end: int) -> bool:
        """Whether the file is as it was sealed, from an offset to another."""
        number = bisect_right(self._begins, begin) - 1
        if number < 0:
            return False
        while number < len(self._parts) and self._parts[number][0] < end:
            low, high = self._parts[number]
            for block in range(max(0, begin - low) // BLOCK, -(-(min(end, high) - low) // BLOCK)):
                if not self._fits(number, block):
                    return False
            number += 1
        return True

    def _fits(self, part: int, block: int) -> bool:
        number = self._first[part] + block
        if number not in self._known:
            (expected,) = _SUM.unpack_from(self._sums, _SUM.size * number)
            self._known[number] = _checksum(self._read, self._parts[part], block) == expected
        return self._known[number]


def _covered(start: int, skipped: Sequence[Range]) -> list[Range]:
    """What lies between the ranges."""
    found, at = [], 0
    for begin, end in (*skipped, (start, start)):
        if at < min(begin, start):
            found.append((at, min(begin, start)))
        at = max(at, end)
    return found


def _count(part: Range) -> int:
    """Blocks in a part of the file."""
    return -(-(part[1] - part[0]) // BLOCK)


def _checksum(read: Read, part: Range, block: int) -> int:
    begin = part[0] + block * BLOCK
    return int(crc32(read(begin, min(BLOCK, part[1] - begin))))


def _table_size(ranges: int, blocks: int) -> int:
    return _RANGE.size * ranges + _SUM.size * (blocks + blocks % 2)
