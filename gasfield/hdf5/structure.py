"""The metadata of a file of the earliest format, checked before the HDF5 library reads them.

The library has been seen to crash, to loop without end and to take any memory on damaged metadata. What gasfield writes
is simple enough to be checked first: a superblock of version 0, groups with symbol tables, object headers of version 1,
chunk indexes that are version 1 B-trees, and heaps of strings. Only what is going to be read is checked, once, so that
opening a file costs no more for what else is in it. Whatever is different, whether damaged or legal, is an
`UnverifiedError`, and a matter for `gasfield.hdf5.examination`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

from gasfield.closing import Closing
from gasfield.hdf5 import messages
from gasfield.hdf5.btrees import check_index, symbols
from gasfield.hdf5.checked_bytes import CheckedBytes
from gasfield.hdf5.headers import SUPERBLOCK_SIZE, UNDEFINED, Root
from gasfield.hdf5.heaps import GlobalHeaps, local_heap
from gasfield.hdf5.messages import Layout, Type, UnverifiedError, need

_HEAD = bytes.fromhex("894844460d0a1a0a00000000000808000400100000000000")
"""Of every file: signature, versions, sizes of addresses and lengths, ranks of symbol tables and trees, flags."""
_MOST_DEPTH, _MOST_VISITS = 32, 1_000_000
_MOST_BLOCKS = 64
Attributes = dict[str, list[bytes] | bytes | None]
"""Names of attributes, with the text of those that are text, one or a list."""


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
    """

    def __init__(self, path: Path) -> None:
        """Checks the superblock.

        Raises:
            OSError: if the file cannot be read.
            UnverifiedError: if it is not of the earliest format.
        """
        self._file = CheckedBytes(path)
        try:
            self.superblock = self._file.read(0, SUPERBLOCK_SIZE)
            need(self.superblock.startswith(_HEAD))
            base, free, end, driver = struct.unpack_from("<4Q", self.superblock, 24)
            need(base == 0 and free == driver == UNDEFINED)
            if end > self._file.size:
                raise OSError(f"{self._file.size} of {end} bytes are there")
            (link,) = struct.unpack_from("<Q", self.superblock, 56)
            need(link == 0)
        except (UnverifiedError, OSError):
            self.close()
            raise
        self._visits = 0
        self._objects: dict[int, _Object] = {}
        self._members: dict[int, dict[str, int]] = {}
        self._heaps = GlobalHeaps(self._file)
        self._indexes: set[int] = set()
        self._texts: dict[int, list[bytes]] = {}
        self._attributes: dict[int, Attributes] = {}

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    @property
    def changed(self) -> bool:
        """Whether the file has a seal that does not fit to what was read."""
        return self._file.changed

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
        else:
            self._file.look_at(place.address, place.size)

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
        attributes: Attributes = {}
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

    def _note_attribute(self, body: bytes, attributes: Attributes) -> None:
        """Adds an attribute to those of an object, with its text if it is text."""
        name, kind, shape, data = messages.attribute(body)
        need(name not in attributes)
        texts = self._heaps.strings(data, prod(shape)) if kind.is_variable else []
        is_text = kind.is_variable and len(shape) < 2
        attributes[name] = (texts if shape else texts[0]) if is_text else None

    def _check_extent(self, kind: Type, shape: tuple[int, ...], place: Layout) -> None:
        if place.kind == messages.CONTIGUOUS:
            size = prod(shape) * kind.size
            need(place.size == size)
            need(size == 0 or (place.address != UNDEFINED and place.address + size <= self._file.size))
        else:
            need(len(place.chunk) == len(shape) and place.size == prod(place.chunk) * kind.size)

    def _messages(self, header: int) -> Iterator[tuple[int, bytes]]:
        """Number and content of every message of a header."""
        version, reserved, count, _, size = struct.unpack("<BBHII", self._file.read(header, 12))
        need(version == 1 and reserved == 0)
        blocks = [(header + 16, size)]
        found = 0
        for start, length in blocks:
            data = self._file.read(start, length)
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
            heap = local_heap(self._file, table[1])
            found: dict[str, int] = {}
            last = b""
            for symbol in symbols(self._file, table[0], heap):
                name = heap[symbol.name : heap.index(b"\0", symbol.name)]
                need(name > last and b"/" not in name)
                last = name
                need(symbol.table is None or self._object(symbol.header).table == symbol.table)
                found[_text(name)] = symbol.header
            self._members[header] = found
        return self._members[header]

    def _check_index(self, found: _Object) -> None:
        if found.layout.address not in self._indexes:
            check_index(self._file, found.shape, found.layout, filtered=bool(found.filters))
            self._indexes.add(found.layout.address)

    # --- strings -----------------------------------------------------------------------------------------------------

    def strings(self, place: str) -> list[bytes] | None:
        """The strings at a path, all at once; None where that is not a contiguous data set of strings."""
        self.require(place)
        header = self._at(place)
        found = None if header is None else self._objects[header]
        return None if found is None or not found.type.is_variable else self._strings(found)

    def attributes(self, place: str) -> Attributes:
        """Those of an object."""
        self.require(place)
        header = self._at(place)
        return {} if header is None else self._attributes[header]

    def _strings(self, found: _Object) -> list[bytes]:
        place = found.layout
        need(place.kind == messages.CONTIGUOUS)
        if place.address not in self._texts:
            references = self._file.read(place.address, place.size) if place.size else b""
            self._texts[place.address] = self._heaps.strings(references, prod(found.shape))
        return self._texts[place.address]


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise UnverifiedError from None
