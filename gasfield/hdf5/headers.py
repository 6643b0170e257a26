"""Where numbers are in the metadata of an HDF5 file of the earliest format: superblock 0, object headers 1.

Only what `GrowingFile` sets itself: the root group and the end of the file in the superblock; the extent of a data set
and the address of its chunk index in its object header. The layout is that of the HDF5 file format specification,
sections II.A (superblock) and IV.A (object headers).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

UNDEFINED = 2**64 - 1
"""The address of something that does not exist."""
SUPERBLOCK_SIZE = 96
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DATASPACE, _LAYOUT, _CONTINUATION, _GROUP = 0x01, 0x08, 0x10, 0x11
_CHUNKED = 2
_END, _ROOT = 40, 64
_CACHED_GROUP = 1
_NODE_ENTRIES, _TREE_CHILD = 8, 32


class UnexpectedLayoutError(Exception):
    """The metadata are not of the earliest format."""


def superblock(before: bytes, end: int, root: Root) -> bytes:
    """The superblock with another root group and end of file.

    Args:
        before: the present one (96 bytes).
        end: address after the last byte in use.
        root: the root group.

    Raises:
        UnexpectedLayoutError: if it is of another version.
    """
    if not before.startswith(_SIGNATURE) or before[8] != 0:
        raise UnexpectedLayoutError("the superblock is not of version 0")
    block = bytearray(before[:SUPERBLOCK_SIZE])
    struct.pack_into("<Q", block, _END, end)
    block[_ROOT : _ROOT + 32] = root.entry()
    return bytes(block)


@dataclass(frozen=True)
class Root:
    """A group: addresses of its object header, of the B-tree of its links and of the heap of their names."""

    header: int
    tree: int
    heap: int

    @classmethod
    def read(cls, image: bytes, header: int, origin: int) -> Root:
        """The group whose object header is at an address, in an image that begins at `origin`.

        Raises:
            UnexpectedLayoutError: if it is not a group with a symbol table.
        """
        at = _only(image, header, origin, _GROUP)
        return cls(header, *struct.unpack_from("<QQ", image, at))

    @classmethod
    def of(cls, block: bytes) -> Root:
        """The root group in a superblock."""
        header, _, _, tree, heap = struct.unpack_from("<QIIQQ", block, _ROOT)
        return cls(header, tree, heap)

    def entry(self) -> bytes:
        """The entry of a symbol table for it, without the offset of the name."""
        return struct.pack("<QIIQQ", self.header, _CACHED_GROUP, 0, self.tree, self.heap)


def first_entry(image: bytes, group: Root) -> int:
    """Where the entry for the first object of a group is, behind the offset of its name, in the beginning of a file.

    Raises:
        UnexpectedLayoutError: if the group has no symbol table there.
    """
    if image[group.tree : group.tree + 4] != b"TREE":
        raise UnexpectedLayoutError(f"there is no B-tree at {group.tree}")
    (node,) = struct.unpack_from("<Q", image, group.tree + _TREE_CHILD)
    if image[node : node + 4] != b"SNOD":
        raise UnexpectedLayoutError(f"there is no symbol table node at {node}")
    return int(node) + _NODE_ENTRIES + 8


@dataclass(frozen=True)
class DatasetFields:
    """Offsets in an image of what changes while a data set grows: its first extent, and the address of its index."""

    extent: int
    index: int

    @classmethod
    def find(cls, image: bytes, header: int, origin: int) -> DatasetFields:
        """Of the data set whose object header is at an address.

        Raises:
            UnexpectedLayoutError: if it is not a chunked data set of the earliest format.
        """
        space, layout = (_only(image, header, origin, kind) for kind in (_DATASPACE, _LAYOUT))
        if image[space] != 1 or image[layout] != 3 or image[layout + 1] != _CHUNKED:
            raise UnexpectedLayoutError("not a chunked data set with a version 1 dataspace and a version 3 layout")
        return cls(extent=space + 8, index=layout + 3)


def _only(image: bytes, header: int, origin: int, kind: int) -> int:
    """Offset of the data of the message of some kind."""
    for found, offset in _messages(image, header - origin, origin):
        if found == kind:
            return offset
    raise UnexpectedLayoutError(f"the object header at {header} has no message of type {kind:#x}")


def _messages(image: bytes, at: int, origin: int) -> Iterator[tuple[int, int]]:
    """Type and offset of the data of each message of an object header."""
    if image[at] != 1:
        raise UnexpectedLayoutError(f"the object header at {at + origin} is of version {image[at]}")
    (size,) = struct.unpack_from("<I", image, at + 8)
    blocks = [(at + 16, size)]
    for start, length in blocks:
        place = start
        while place + 8 <= start + length:
            kind, extent = struct.unpack_from("<HH", image, place)
            if kind == _CONTINUATION:
                target, more = struct.unpack_from("<QQ", image, place + 8)
                blocks.append((target - origin, more))
            yield kind, place + 8
            place += 8 + extent
