"""Messages between two processes: JSON and arrays, each with its length before it. Nothing is pickled.

u32 bytes of JSON, u32 number of blobs, u64 bytes of each blob; the JSON; the blobs
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple, Protocol

_HEAD = struct.Struct("<II")
_MOST_JSON, _MOST_BLOBS, _LARGEST = 1 << 26, 64, 1 << 31


class Parcel(NamedTuple):
    """A message: data, and bytes beside it."""

    data: dict[str, Any]
    blobs: tuple[bytes, ...] = ()


class _Reader(Protocol):
    def read(self, count: int, /) -> bytes: ...


class Broken(Exception):  # noqa: N818 (a state, not a fault)
    """The other process is gone, or sends something else."""


def packed(data: dict[str, Any], blobs: Sequence[bytes | memoryview] = ()) -> bytes:
    """A parcel as bytes."""
    text = json.dumps(data, allow_nan=False).encode()
    sizes = struct.pack(f"<{len(blobs)}Q", *(len(blob) for blob in blobs))
    return b"".join([_HEAD.pack(len(text), len(blobs)), sizes, text, *blobs])


def send(stream: BinaryIO, data: dict[str, Any], blobs: Sequence[bytes | memoryview] = ()) -> None:
    """Writes a parcel.

    Raises:
        Broken: if nobody reads it any more.
    """
    try:
        stream.write(packed(data, blobs))
        stream.flush()
    except (OSError, ValueError) as fault:
        raise Broken(str(fault)) from None


def receive(stream: _Reader) -> Parcel:
    """Reads the next parcel.

    Raises:
        Broken: if the stream has ended, also within a parcel.
    """
    size, count = head(_exactly(stream, _HEAD.size))
    sizes = sizes_of(_exactly(stream, 8 * count), count)
    data = data_of(_exactly(stream, size))
    return Parcel(data, tuple(_exactly(stream, each) for each in sizes))


HEAD_SIZE = _HEAD.size


def head(content: bytes) -> tuple[int, int]:
    """Bytes of JSON, and how many blobs follow.

    Raises:
        Broken: if they are out of bounds.
    """
    size, count = _HEAD.unpack(content)
    if size > _MOST_JSON or count > _MOST_BLOBS:
        raise Broken("it sends something else")
    return size, count


def sizes_of(content: bytes, count: int) -> tuple[int, ...]:
    """Bytes of each blob.

    Raises:
        Broken: if they are out of bounds.
    """
    sizes: tuple[int, ...] = struct.unpack(f"<{count}Q", content)
    if sum(sizes) > _LARGEST:
        raise Broken("it sends something else")
    return sizes


def data_of(content: bytes) -> dict[str, Any]:
    """The data of a parcel.

    Raises:
        Broken: if it is something else.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise Broken("it sends something else") from None
    if not isinstance(data, dict):
        raise Broken("it sends something else")
    return data


def _exactly(stream: _Reader, count: int) -> bytes:
    parts: list[bytes] = []
    left = count
    while left:
        try:
            part = stream.read(left)
        except (OSError, ValueError) as fault:
            raise Broken(str(fault)) from None
        if not part:
            raise Broken("it has ended")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
