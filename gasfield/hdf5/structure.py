"""The metadata of a file of the earliest format, checked before the HDF5 library reads them.

The library has been seen to crash, to loop without end and to take any memory on damaged metadata. What gasfield writes
is simple enough to be checked first: a superblock of version 0, groups with symbol tables, object headers of version 1,
chunk indexes that are version 1 B-trees, and heaps of strings. Only what is going to be read is checked, once, so that
opening a file costs no more for what else is in it. Whatever is different, whether damaged or legal, is an
`UnverifiedError`, and a matter for `gasfield.hdf5.examination`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gasfield.closing import Closing
from gasfield.hdf5 import messages
from gasfield.hdf5.chunks import UNFILTERED
from gasfield.hdf5.headers import SUPERBLOCK_SIZE, UNDEFINED, Root
from gasfield.hdf5.messages import REFERENCE_BYTES, Layout, Type, UnverifiedError, need
from gasfield.hdf5.seal import Seal
from gasfield.hdf5.tree import FANOUT

_HEAD = bytes.fromhex("894844460d0a1a0a00000000000808000400100000000000")
"""Of every file: signature, versions, sizes of addresses and lengths, ranks of symbol tables and trees, flags."""
_SYMBOLS, _CHILDREN = 8, 32
"""Most entries of a symbol table node, and of a tree node of a group."""
_MOST_DEPTH, _MOST_VISITS = 32, 1_000_000
_MOST_BLOCKS = 64
_NODE = struct.Struct("<4sBBHQQ")
_ENTRY = struct.Struct("<QQII16s")
_STRING, _HEAP_ENTRY = struct.Struct("<IQI"), struct.Struct("<HHIQ")
_GROUPS, _CHUNKS = 0, 1
_SLACK = 1024
"""Bytes by which a chunk may grow when it is compressed, beyond one in a hundred."""


class _Object(NamedTuple):
    """What an object header says: a group has a table, a data set the rest."""

    table: tuple[int, int] | None
    type: Type = Type(0, False)
    shape: tuple[int, ...] = ()
    layout: Layout = Layout(0, 0, 0, ())
    filters: tuple[int, ...] = ()


class Structure(Closing):
    """The metadata of an open file. Every method raises an `UnverifiedError` at what gasfield does not write.

    Attributes:
        superblock: as it was when the file was opened (96 bytes).
        changed: whether a seal was found that does not fit to what was read.
    """

    def __init__(self, path: Path) -> None:
        """Checks the superblock.

        Raises:
            OSError: if the file cannot be read.
            UnverifiedError: if it is not of the earliest format.
        """
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.changed = False
        self._seal: Seal | None = None
        try:
            self._size = os.fstat(self._descriptor).st_size
            self._seal = Seal.find(self._pread, self._size)
            self.superblock = self._read(0, SUPERBLOCK_SIZE)
            need(self.superblock.startswith(_HEAD))
            base, free, end, driver = struct.unpack_from("<4Q", self.superblock, 24)
            need(base == 0 and free == driver == UNDEFINED)
            if end > self._size:
                raise OSError(f"{self._size} of {end} bytes are there")
            (link,) = struct.unpack_from("<Q", self.superblock, 56)
            need(link == 0)
        except (UnverifiedError, OSError):
            self.close()
            raise
        self._visits = 0
        self._objects: dict[int, _Object] = {}
        self._members: dict[int, dict[str, int]] = {}
        self._heaps: dict[int, tuple[bytes, dict[int, tuple[int, int]]]] = {}
        self._indexes: set[int] = set()
        self._texts: dict[int, list[bytes]] = {}
        self._attributes: dict[int, dict[str, list[bytes] | bytes | None]] = {}

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def require(self, place: str) -> None:
        """Checks the object at a path, if there is one, and everything on the way to it."""
        root = Root.of(self.superblock)
        cached = struct.unpack_from("<I", self.superblock, 72)[0]
        need(cached == 1)
        found = self._object(root.header)
        need(found.table == (root.tree, root.heap))
        header = root.header
        for name in filter(None, place.split("/")):
            if found.table is None:
                return
            entries = self._entries(header, found.table)
            if name not in entries:
                return
            header = entries[name]
            found = self._object(header)
        if found.table is not None:
            self._entries(header, found.table)
        elif found.type.is_variable:
            self._strings(found)
        elif found.layout.kind == messages.CHUNKED and len(found.shape) == 1:
            self._check_index(found)

    def require_values(self, place: str) -> None:
        """Checks the data set at a path with the index of its chunks."""
        self.require(place)
        header = self._at(place)
        if header is not None:
            self._check_values(self._objects[header])

    def _check_values(self, found: _Object) -> None:
        place = found.layout
        if found.table is not None:
            return
        if found.type.is_variable:
            self._strings(found)
        elif place.kind == messages.CHUNKED:
            self._check_index(found)
        elif self._seal is not None and place.size and not self._seal.fits(place.address, place.address + place.size):
            self.changed = True

    def require_all(self, place: str = "") -> None:
        """Checks everything at and below a path."""
        self.require(place)
        header = self._at(place)
        if header is not None:
            self._visits = 0
            self._all(header, ())

    def has(self, place: str) -> bool:
        """Whether there is an object at a path that was checked."""
        return self._at(place) is not None

    def _at(self, place: str) -> int | None:
        header = Root.of(self.superblock).header
        for name in filter(None, place.split("/")):
            table = self._objects[header].table
            if table is None or name not in self._members[header]:
                return None
            header = self._members[header][name]
        return header

    def _all(self, header: int, above: tuple[int, ...]) -> None:
        self._visits += 1
        need(header not in above and len(above) < _MOST_DEPTH)  # a group inside itself has no end
        need(self._visits < _MOST_VISITS)  # and neither have groups that each have the next one twice
        found = self._object(header)
        if found.table is not None:
            for child in self._entries(header, found.table).values():
                self._all(child, (*above, header))
        self._check_values(found)

    # --- object headers ----------------------------------------------------------------------------------------------

    def _object(self, header: int) -> _Object:
        if header not in self._objects:
            self._objects[header] = self._parsed(header)
        return self._objects[header]

    def _parsed(self, header: int) -> _Object:
        table: tuple[int, int] | None = None
        kind: Type | None = None
        shape: tuple[int, ...] | None = None
        place: Layout | None = None
        pipeline: tuple[int, ...] = ()
        attributes: dict[str, list[bytes] | bytes | None] = {}
        seen = set()
        for number, body in self._messages(header):
            need(number not in seen or number in (messages.NIL, messages.ATTRIBUTE, messages.CONTINUATION))
            seen.add(number)
            if number == messages.ATTRIBUTE:
                self._note_attribute(body, attributes)
            elif number == messages.TABLE:
                need(len(body) == 16)
                table = struct.unpack_from("<QQ", body)
            elif number == messages.DATATYPE:
                kind = messages.datatype(body)
            elif number == messages.DATASPACE:
                shape = messages.dataspace(body)
            elif number == messages.LAYOUT:
                place = messages.layout(body)
            elif number == messages.FILTERS:
                pipeline = messages.filters(body)
            elif number == messages.FILL:
                messages.fill(body)
            elif number == messages.OLD_FILL:
                messages.old_fill(body)
            else:
                need(number in (messages.NIL, messages.CONTINUATION, messages.TIME))
        self._attributes[header] = attributes
        if table is not None:
            need(kind is None and shape is None and place is None and not pipeline)
            return _Object(table)
        if kind is None or shape is None or place is None:
            raise UnverifiedError
        self._check_extent(kind, shape, place)
        return _Object(None, kind, shape, place, pipeline)

    def _note_attribute(self, body: bytes, attributes: dict[str, list[bytes] | bytes | None]) -> None:
        """Adds an attribute to those of an object, with its text if it is text."""
        name, kind, shape, data = messages.attribute(body)
        need(name not in attributes)
        texts = self._referred(data, prod(shape)) if kind.is_variable else []
        is_text = kind.is_variable and len(shape) < 2
        attributes[name] = (texts if shape else texts[0]) if is_text else None

    def _check_extent(self, kind: Type, shape: tuple[int, ...], place: Layout) -> None:
        if place.kind == messages.CONTIGUOUS:
            size = prod(shape) * kind.size
            need(place.size == size)
            need(size == 0 or (place.address != UNDEFINED and place.address + size <= self._size))
        else:
            need(len(place.chunk) == len(shape) and place.size == prod(place.chunk) * kind.size)

    def _messages(self, header: int) -> Iterator[tuple[int, bytes]]:
        """Number and content of every message of a header."""
        version, reserved, count, _, size = struct.unpack("<BBHII", self._read(header, 12))
        need(version == 1 and reserved == 0)
        blocks = [(header + 16, size)]
        found = 0
        for start, length in blocks:
            data = self._read(start, length)
            at = 0
            while at < length:
                need(at + 8 <= length)
                number, extent, flags = struct.unpack_from("<HHB", data, at)
                at += 8
                need(extent % 8 == 0 and at + extent <= length and flags & ~0x05 == 0)
                body = data[at : at + extent]
                at += extent
                found += 1
                if number == messages.CONTINUATION:
                    need(extent >= 16)
                    block = struct.unpack_from("<QQ", body)
                    apart = all(block[0] + block[1] <= a or a + b <= block[0] for a, b in blocks)
                    need(apart and block[1] > 0 and len(blocks) < _MOST_BLOCKS)
                    blocks.append(block)
                yield number, body
        need(found == count)

    # --- groups ------------------------------------------------------------------------------------------------------

    def _entries(self, header: int, table: tuple[int, int]) -> dict[str, int]:
        """Names and headers of the members of a group."""
        if header not in self._members:
            heap = self._local_heap(table[1])
            found: dict[str, int] = {}
            last = b""
            for node in self._leaves(table[0], heap):
                for offset, target, cached, reserved, scratch in self._symbols(node):
                    need(0 < offset < len(heap) and reserved == 0 and cached < 2)
                    name = heap[offset : heap.index(b"\0", offset)]
                    need(name > last and b"/" not in name)
                    last = name
                    if cached:
                        need(self._object(target).table == struct.unpack("<QQ", scratch))
                    try:
                        found[name.decode()] = target
                    except UnicodeDecodeError:
                        raise UnverifiedError from None
            self._members[header] = found
        return self._members[header]

    def _local_heap(self, address: int) -> bytes:
        """The names of the members of a group, each ended by a zero byte."""
        magic, version, size, free, data = struct.unpack("<4sIQQQ", self._read(address, 32))
        need(magic == b"HEAP" and version == 0 and 0 < size <= self._size)
        names = self._read(data, size)
        at, seen = free, 0
        while at != 1:  # the library's mark of the end
            need(at % 8 == 0 and at + 16 <= size and seen <= size // 16)
            following, length = struct.unpack_from("<QQ", names, at)
            need(length >= 16 and at + length <= size and (following == 1 or following > at))
            at, seen = following, seen + 1
        need(names.find(b"\0", max(0, size - 8)) >= 0 or free != 1)
        return names + b"\0"

    def _symbols(self, address: int) -> Iterator[tuple[int, int, int, int, bytes]]:
        node = self._read(address, 8 + _ENTRY.size * _SYMBOLS)
        magic, version, count = struct.unpack_from("<4sBxH", node)
        need(magic == b"SNOD" and version == 1 and count <= _SYMBOLS)
        yield from _ENTRY.iter_unpack(node[8 : 8 + _ENTRY.size * count])

    def _leaves(self, root: int, heap: bytes) -> Iterator[int]:
        """Symbol table nodes of a group, in order."""
        keys = struct.Struct("<QQ")
        for node in self._nodes(root, _GROUPS, 8 + _CHILDREN * keys.size, _CHILDREN):
            pairs = [*keys.iter_unpack(node.body[: node.used * keys.size])]
            need(all(key < len(heap) for key, _ in pairs))
            need(struct.unpack_from("<Q", node.body, node.used * keys.size)[0] < len(heap))
            if node.level == 0:
                yield from (child for _, child in pairs)
            else:
                node.children.extend(child for _, child in pairs)

    # --- trees -------------------------------------------------------------------------------------------------------

    def _nodes(self, root: int, kind: int, size: int, most: int) -> Iterator[_TreeNode]:
        """Nodes of a tree, from above and from the left, level by level; whoever gets one fills in its children."""
        level, row, seen = None, [root], set[int]()
        while row:
            below: list[int] = []
            for number, address in enumerate(row):
                need(address not in seen)
                seen.add(address)
                data = self._read(address, _NODE.size + size)
                magic, of, here, used, left, right = _NODE.unpack_from(data)
                need(magic == b"TREE" and of == kind and used <= most and (used or level is None))
                need(here == (here if level is None else level) and here < 16)
                need(left == UNDEFINED or (number > 0 and left == row[number - 1]))
                need(right == UNDEFINED or (number + 1 < len(row) and right == row[number + 1]))
                level = here
                node = _TreeNode(here, used, data[_NODE.size :], [])
                yield node
                below.extend(node.children)
            need(level == 0 or below)
            row, level = below, (level or 0) - 1

    def _check_index(self, found: _Object) -> None:
        """Checks the index of the chunks of a data set: all are there, within the file, and no larger than they may
        be."""
        shape, place = found.shape, found.layout
        counts = [-(-length // size) for length, size in zip(shape, place.chunk, strict=True)]
        needed = prod(counts)
        if place.address == UNDEFINED:
            need(needed == 0)
            return
        if place.address in self._indexes:
            return
        rank = len(shape) + 1
        pair = np.dtype([("size", "<u4"), ("mask", "<u4"), ("origin", "<u8", (rank,)), ("child", "<u8")])
        most = place.size + place.size // 100 + _SLACK if found.filters else place.size
        chunks = 0
        last: tuple[int, ...] = ()
        for node in self._nodes(place.address, _CHUNKS, FANOUT * pair.itemsize + pair.itemsize - 8, FANOUT):
            entries = np.frombuffer(node.body, pair, node.used)
            if node.level:
                node.children.extend(entries["child"].tolist())
                continue
            need((entries["size"] <= most).all() and (entries["mask"] < 8).all())
            plain = entries["mask"] == UNFILTERED if found.filters else slice(None)
            need((entries["size"][plain] == place.size).all())
            need((entries["child"] < self._size).all() and (entries["child"] + entries["size"] <= self._size).all())
            origins = entries["origin"]
            need(not origins[:, -1].any())
            tall = np.array([*place.chunk, 1], np.uint64)
            need(not (origins % tall).any())
            rows = [tuple(origin) for origin in origins[:, :-1].tolist()]
            need(all(a < b for a, b in zip([last, *rows], rows, strict=False)))
            last = rows[-1] if rows else last
            chunks += int((origins[:, :-1] < np.array(shape, np.uint64)).all(axis=1).sum())
        need(chunks == needed)
        self._indexes.add(place.address)

    # --- strings -----------------------------------------------------------------------------------------------------

    def strings(self, place: str) -> list[bytes] | None:
        """The strings at a path, all at once; None where that is not a contiguous data set of strings."""
        self.require(place)
        header = self._at(place)
        found = None if header is None else self._objects[header]
        return None if found is None or not found.type.is_variable else self._strings(found)

    def attributes(self, place: str) -> dict[str, list[bytes] | bytes | None]:
        """Names of the attributes of an object, with the text of those that are text, one or a list."""
        self.require(place)
        header = self._at(place)
        return {} if header is None else self._attributes[header]

    def _strings(self, found: _Object) -> list[bytes]:
        place = found.layout
        need(place.kind == messages.CONTIGUOUS)
        if place.address not in self._texts:
            references = self._read(place.address, place.size) if place.size else b""
            self._texts[place.address] = self._referred(references, prod(found.shape))
        return self._texts[place.address]

    def _referred(self, references: bytes, count: int) -> list[bytes]:
        """Strings that are in heaps, after a check of the heaps."""
        need(len(references) == count * REFERENCE_BYTES)
        found = []
        for length, address, index in _STRING.iter_unpack(references):
            if not length:
                found.append(b"")
                continue
            data, places = self._collection(address)
            at, room = places.get(index, (0, -1))
            need(length <= room)
            found.append(data[at : at + length])
        return found

    def _collection(self, address: int) -> tuple[bytes, dict[int, tuple[int, int]]]:
        """A global heap, and where its objects are in it."""
        if address in self._heaps:
            return self._heaps[address]
        magic, version, size = struct.unpack("<4sB3xQ", self._read(address, 16))
        need(magic == b"GCOL" and version == 1 and 4096 <= size <= self._size)
        data = self._read(address, size)
        places: dict[int, tuple[int, int]] = {}
        at, last = 16, size - _HEAP_ENTRY.size
        while at <= last:
            number, _, _, length = _HEAP_ENTRY.unpack_from(data, at)
            if number == 0:  # what is free, to the end
                need(length in (0, size - at))
                break
            at += _HEAP_ENTRY.size
            if number in places or length > size - at:
                raise UnverifiedError
            places[number] = at, length
            at += (length + 7) & ~7
        self._heaps[address] = data, places
        return self._heaps[address]

    def _read(self, at: int, size: int) -> bytes:
        """Bytes of the file, all of which must be there."""
        need(at + size <= self._size)
        data = self._pread(at, size)
        need(len(data) == size)
        if self._seal is not None and not self._seal.fits(at, at + size):
            self.changed = True
        return data

    def _pread(self, at: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, at)


class _TreeNode(NamedTuple):
    """A node of a tree: its level above the leaves, the number of its entries, its keys and children."""

    level: int
    used: int
    body: bytes
    children: list[int]
