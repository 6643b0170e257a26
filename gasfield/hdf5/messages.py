"""Checks of the messages in object headers of the earliest format (HDF5 file format specification, IV.A.2).

Only what gasfield writes is accepted, down to the byte where there is one way to write it: the library has been seen to
crash or to loop on messages that are damaged. Whatever else is legal is left to an examination in another process
(`gasfield.hdf5.examination`).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from math import prod
from typing import NamedTuple

from gasfield.hdf5.headers import UNDEFINED

NIL, DATASPACE, DATATYPE, OLD_FILL, FILL, LAYOUT, FILTERS, ATTRIBUTE = 0x00, 0x01, 0x03, 0x04, 0x05, 0x08, 0x0B, 0x0C
CONTINUATION, TABLE, TIME = 0x10, 0x11, 0x12
CONTIGUOUS, CHUNKED = 1, 2
FILTER_NUMBERS = (1, 2, 3)
"""Deflate, shuffle and Fletcher's checksum."""
REFERENCE_BYTES = 16
"""Of a string of variable length: its length, and where it is in a heap."""
_MOST_RANK = 32
_FLOATS = (  # size; bits; offset and precision, places and sizes of exponent and mantissa, bias
    (2, b"\x20\x0f\x00", struct.pack("<HHBBBBI", 0, 16, 10, 5, 0, 10, 15)),
    (4, b"\x20\x1f\x00", struct.pack("<HHBBBBI", 0, 32, 23, 8, 0, 23, 127)),
    (8, b"\x20\x3f\x00", struct.pack("<HHBBBBI", 0, 64, 52, 11, 0, 52, 1023)),
)
_INTEGER, _FLOAT, _TEXT, _REFERENCE, _ENUMERATION, _VARIABLE = 0x10, 0x11, 0x13, 0x17, 0x18, 0x19


class UnverifiedError(Exception):
    """Metadata are damaged, or of a form that gasfield does not write."""


class EndlessError(UnverifiedError):
    """The library would not come to an end with metadata."""


class Type(NamedTuple):
    """Size of a value [bytes], and whether it is a reference to a heap."""

    size: int
    is_variable: bool


class Layout(NamedTuple):
    """Where the values of a data set are: contiguous or in chunks of a shape; address of them or of their index."""

    kind: int
    address: int
    size: int
    chunk: tuple[int, ...]


def need(condition: object) -> None:
    """Raises an `UnverifiedError` unless a condition holds."""
    if not condition:
        raise UnverifiedError


@lru_cache(maxsize=256)
def datatype(body: bytes) -> Type:
    """The type in a message.

    Raises:
        UnverifiedError: if it is not one that gasfield writes.
    """
    return _datatype(body, exact=False)[0]


def _datatype(body: bytes, *, exact: bool) -> tuple[Type, int]:
    """A type and its length in the message; a message has zeros behind it."""
    need(len(body) >= 8)
    head, bits, (size,) = body[0], body[1:4], struct.unpack_from("<I", body, 4)
    variable, length = False, 8
    if head == _INTEGER:
        need(size in (1, 2, 4, 8) and bits in (b"\0\0\0", b"\x08\0\0"))
        need(body[8:12] == struct.pack("<HH", 0, 8 * size))
        length = 12
    elif head == _FLOAT:
        need((size, bits, body[8:20]) in _FLOATS)
        length = 20
    elif head == _TEXT:
        need(size > 0 and bits[0] & 0x0F < 3 and bits[0] >> 4 < 2 and bits[1:] == b"\0\0")
    elif head == _REFERENCE:
        need(size == 8 and bits == b"\0\0\0")
    elif head == _ENUMERATION:
        base, used = _datatype(body[8:], exact=True)
        need(base.size == size and not base.is_variable)
        length = _members(body, 8 + used, int.from_bytes(bits[:2], "little"), size)
    elif head == _VARIABLE:
        base, used = _datatype(body[8:], exact=True)
        need(size == REFERENCE_BYTES and base.size == 1 and bits[0] & 0x0F == 1 and bits[1] < 2 and bits[2] == 0)
        variable, length = True, 8 + used
    else:
        raise UnverifiedError
    need(len(body) >= length and (exact or not any(body[length:])))
    return Type(size, variable), length


def _members(body: bytes, at: int, count: int, size: int) -> int:
    """The end of the names and values of an enumeration."""
    need(0 < count <= 16)
    for _ in range(count):
        end = body.find(b"\0", at)
        need(end > at)
        at += (end - at) // 8 * 8 + 8
    return at + count * size


@lru_cache(maxsize=1024)
def dataspace(body: bytes) -> tuple[int, ...]:
    """The shape in a message.

    Raises:
        UnverifiedError: if it is none.
    """
    need(len(body) >= 8 and body[0] == 1 and body[1] <= _MOST_RANK and body[2] < 2 and not any(body[3:8]))
    rank, limited = body[1], body[2]
    need(len(body) >= 8 + 8 * rank * (1 + limited) and (rank or not limited))
    shape = struct.unpack_from(f"<{rank}Q", body, 8)
    limits = struct.unpack_from(f"<{rank}Q", body, 8 + 8 * rank) if limited else shape
    need(all(length <= limit for length, limit in zip(shape, limits, strict=True)))
    need(prod(max(length, 1) for length in shape) < 2**62)
    return shape


def layout(body: bytes) -> Layout:
    """The place of the values of a data set.

    Raises:
        UnverifiedError: if it is none.
    """
    need(len(body) >= 18 and body[0] == 3 and body[1] in (CONTIGUOUS, CHUNKED))
    if body[1] == CONTIGUOUS:
        address, size = struct.unpack_from("<QQ", body, 2)
        return Layout(CONTIGUOUS, address, size, ())
    count = body[2]
    need(2 <= count <= _MOST_RANK + 1 and len(body) >= 11 + 4 * count)
    (address,), chunk = struct.unpack_from("<Q", body, 3), struct.unpack_from(f"<{count}I", body, 11)
    need(all(chunk) and prod(chunk) < 2**32)
    return Layout(CHUNKED, address, prod(chunk), chunk[:-1])


@lru_cache(maxsize=64)
def filters(body: bytes) -> tuple[int, ...]:
    """Numbers of the filters of a data set, in the order of writing.

    Raises:
        UnverifiedError: if one is of another kind.
    """
    need(len(body) >= 8 and body[0] == 1 and 0 < body[1] <= len(FILTER_NUMBERS) and not any(body[2:8]))
    at, found = 8, []
    for _ in range(body[1]):
        need(at + 8 <= len(body))
        number, name, flags, values = struct.unpack_from("<HHHH", body, at)
        need(number in FILTER_NUMBERS and number not in found and name % 8 == 0 and name <= 64)
        need(flags <= 1 and values <= 2)
        at += 8 + name + 4 * (values + values % 2)
        need(at <= len(body))
        found.append(number)
    return tuple(found)


@lru_cache(maxsize=256)
def fill(body: bytes) -> None:
    """Checks the message on the value of what is not written.

    Raises:
        UnverifiedError: if it is damaged.
    """
    need(len(body) >= 4 and body[0] in (1, 2) and body[1] < 4 and body[2] < 3 and body[3] < 2)
    if body[3]:
        need(len(body) >= 8)
        (size,) = struct.unpack_from("<I", body, 4)
        need(size <= len(body) - 8 or size == UNDEFINED & 0xFFFFFFFF)


def old_fill(body: bytes) -> None:
    """Checks the older message of the same meaning.

    Raises:
        UnverifiedError: if it is damaged.
    """
    need(len(body) >= 4 and struct.unpack_from("<I", body)[0] <= len(body) - 4)


class Attribute(NamedTuple):
    """An attribute: its name, type and shape, and the bytes of its values."""

    name: str
    type: Type
    shape: tuple[int, ...]
    data: bytes


def attribute(body: bytes) -> Attribute:
    """An attribute.

    Raises:
        UnverifiedError: if it is damaged.
    """
    need(len(body) >= 8 and body[0] in (1, 2, 3) and body[1] == 0)
    name, kind, space = struct.unpack_from("<HHH", body, 2)
    start, step = (9 if body[0] == 3 else 8), (8 if body[0] == 1 else 1)
    need(body[0] != 3 or body[8] < 2)
    ends = []
    for size in (name, kind, space):
        start += (size + step - 1) // step * step
        ends.append(start)
    need(start <= len(body) and name > 0)
    names = ends[0] - (name + step - 1) // step * step
    need(body.find(b"\0", names, names + name) == names + name - 1)
    try:
        text = body[names : names + name - 1].decode()
    except UnicodeDecodeError:
        raise UnverifiedError from None
    of = datatype(_padded(body[ends[0] : ends[0] + kind]))
    shape = dataspace(_padded(body[ends[1] : ends[1] + space]))
    size = prod(shape) * of.size
    need(size <= len(body) - start)
    return Attribute(text, of, shape, body[start : start + size])


def _padded(part: bytes) -> bytes:
    return part.ljust((len(part) + 7) // 8 * 8, b"\0")
