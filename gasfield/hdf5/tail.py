"""The tail of a growing data set: frames whose chunk is not full, written one after the other in a place of their own.

A place is a header and, behind it, the chunks of one block of frames as they are in memory. The header names the first
frame of the block, and for each time that frames were added where they end and their CRC-32. Frames are never changed,
so whatever the system has lost of the last ones, those before are intact.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"GASFTAIL"
_HEAD, _PART = struct.Struct("<8sQ"), struct.Struct("<II")
Shape = tuple[int, ...]


class TornTailError(Exception):
    """Frames of a tail are not what was written.

    Attributes:
        valid: number of frames before them.
    """

    def __init__(self, valid: int) -> None:
        super().__init__(f"only {valid} frames are valid")
        self.valid = valid


def header_size(block: int) -> int:
    """Size of the header for a block of frames [bytes]."""
    return _HEAD.size + _PART.size * block


def header(first: int, block: int) -> bytes:
    """The header of a block of frames of which none is there yet."""
    return _HEAD.pack(_MAGIC, first).ljust(header_size(block), b"\0")


def part(number: int, end: int, values: NDArray[Any]) -> tuple[int, bytes]:
    """Offset in the header, and what to write there, when frames are added for the n-th time.

    Args:
        number: how often frames have been added to this block before.
        end: number of frames of the block that are there now.
        values: the frames that are added.
    """
    return _HEAD.size + _PART.size * number, _PART.pack(end, crc32(np.ascontiguousarray(values).data))


def columns(shape: Shape, chunk: Shape) -> list[tuple[slice, ...]]:
    """Division of a frame of a shape into chunks, row by row; `chunk` without its axis of frames."""
    axes = [
        [slice(at, min(at + size, length)) for at in range(0, length, size)]
        for length, size in zip(shape, chunk, strict=True)
    ]
    return list(product(*axes))


def read(
    pread: Callable[[int, int], bytes], place: int, first: int, count: int, shape: Shape, chunk: Shape, dtype: Any
) -> NDArray[Any]:
    """The first frames (count, *shape) of a tail, verified.

    Args:
        pread: the bytes of the file from an offset on.
        place: address of the header.
        first: number of the first frame of the block.
        count: how many frames.
        shape: of a frame.
        chunk: (block, ...).
        dtype: of the numbers.

    Raises:
        TornTailError: if the place holds another block, or some of the frames are damaged.
    """
    numbers = np.dtype(dtype)
    top = pread(place, header_size(chunk[0]))
    if len(top) < header_size(chunk[0]) or _HEAD.unpack_from(top) != (_MAGIC, first):
        raise TornTailError(0)
    values = np.empty((count, *shape), numbers)
    inner, start = chunk[1:], place + header_size(chunk[0])
    chunk_bytes, frame_bytes = (int(np.prod(size)) * numbers.itemsize for size in (chunk, inner))
    for number, where in enumerate(columns(shape, inner)):
        data = pread(start + number * chunk_bytes, count * frame_bytes).ljust(count * frame_bytes, b"\0")
        padded = np.frombuffer(data, numbers).reshape(count, *inner)
        values[(slice(None), *where)] = padded[(slice(None), *(slice(piece.stop - piece.start) for piece in where))]
    _verify(top, values)
    return values


def _verify(top: bytes, values: NDArray[Any]) -> None:
    valid = 0
    for end, checksum in _PART.iter_unpack(top[_HEAD.size :]):
        if valid >= len(values):
            return
        if not valid < end <= len(values) or crc32(np.ascontiguousarray(values[valid:end]).data) != checksum:
            raise TornTailError(valid)
        valid = end
    if valid < len(values):
        raise TornTailError(valid)


def padded(values: NDArray[Any], where: Sequence[slice], inner: Shape) -> NDArray[Any]:
    """The part of some frames that belongs to one column of chunks, at the size of whole chunks."""
    piece = values[(slice(None), *where)]
    if piece.shape[1:] == inner:
        return np.ascontiguousarray(piece)
    whole = np.zeros((len(values), *inner), values.dtype)
    whole[(slice(None), *(slice(length) for length in piece.shape[1:]))] = piece
    return whole
