"""A frame as bytes: a header in JSON, and arrays in little-endian numbers, each at a multiple of 8 bytes.

GFP1, u32 bytes of the header, header (padded with blanks), then the arrays in the order of `blobs`
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"GFP1"
_TYPES = {"f4": "<f4", "u4": "<u4", "i4": "<i4", "u1": "u1"}


@dataclass(frozen=True)
class Blob:
    """A named array of a frame.

    Attributes:
        name: of it.
        type: f4, u4, i4 or u1.
        shape: of the array.
        content: its bytes, padded.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    content: bytes

    @classmethod
    def of(cls, name: str, values: NDArray[Any], kind: str) -> Blob:
        """An array as a blob of one of the types."""
        return cls(name, kind, values.shape, padded(np.ascontiguousarray(values, _TYPES[kind]).tobytes()))

    def described(self) -> dict[str, Any]:
        """For the header."""
        return {"name": self.name, "type": self.type, "shape": list(self.shape)}

    @classmethod
    def described_by(cls, described: Mapping[str, Any], content: bytes) -> Blob:
        """What `described` has described."""
        return cls(described["name"], described["type"], tuple(described["shape"]), content)


def padded(content: bytes, fill: bytes = b"\0") -> bytes:
    """The same bytes up to a multiple of 8."""
    return content + fill * (-len(content) % 8)


def frame(header: Mapping[str, Any], blobs: Sequence[Blob]) -> bytes:
    """A frame with its arrays."""
    text = padded(json.dumps({**header, "blobs": [blob.described() for blob in blobs]}, allow_nan=False).encode(), b" ")
    return b"".join([MAGIC, struct.pack("<I", len(text)), text, *(blob.content for blob in blobs)])


def read_frame(content: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of a frame, for clients in Python.

    Raises:
        ValueError: if it is none.
    """
    if content[:4] != MAGIC:
        raise ValueError("not a frame")
    (size,) = struct.unpack("<I", content[4:8])
    header: dict[str, Any] = json.loads(content[8 : 8 + size])
    place, arrays = 8 + size, {}
    for each in header["blobs"]:
        kind = np.dtype(_TYPES[each["type"]])
        count = int(np.prod(each["shape"], dtype=np.int64))
        arrays[each["name"]] = np.frombuffer(content, kind, count, place).reshape(each["shape"])
        place += -(-count * kind.itemsize // 8) * 8
    return header, arrays
