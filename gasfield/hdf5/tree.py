"""The index of the chunks of a data set: a version 1 B-tree (HDF5 file format specification, III.A.1) that only grows.

A node that is full is written once and never again. The others, those along the right edge, are written at every commit
into one of two areas in turn, so that those of the last commit stay as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gasfield.hdf5.headers import UNDEFINED

FANOUT = 64
"""Entries of a node: twice the rank of chunk B-trees of superblock 0."""


class Space(Protocol):
    """Where nodes are written."""

    def append(self, data: bytes) -> int:
        """Writes at the end of the file; the address."""
        ...

    def append_chunk(self, data: bytes) -> int:
        """Writes a chunk, which has a checksum of its own, at the end of the file; the address."""
        ...

    def reserve(self, size: int) -> int:
        """Takes room at the end of the file; the address."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Writes into reserved room."""
        ...


@dataclass(frozen=True)
class Entry:
    """A chunk, or a node below another one.

    Attributes:
        origin: index of its first number; of the first chunk below a node.
        address: of the chunk or the node; a node that has no address yet stands for itself.
        size: of a chunk [bytes].
        mask: of the filters of a chunk that were not applied.
    """

    origin: tuple[int, ...]
    address: int | _Node
    size: int = 0
    mask: int = 0

    @property
    def chunk_address(self) -> int:
        """The address of a chunk."""
        assert isinstance(self.address, int)
        return self.address


@dataclass(frozen=True, eq=False)
class _Node:
    """A node: its level above the chunks, its entries, and the origin behind them."""

    level: int
    entries: Sequence[Entry]
    end: tuple[int, ...]

    def bytes(self, addresses: Mapping[_Node, int]) -> bytes:
        """The node as it is stored, at the size of a full one."""
        keys, words = struct.Struct(f"<II{len(self.end) + 1}Q"), struct.Struct("<Q")
        parts = [struct.pack("<4sBBHQQ", b"TREE", 1, self.level, len(self.entries), UNDEFINED, UNDEFINED)]
        for entry in self.entries:
            at = entry.address if isinstance(entry.address, int) else addresses[entry.address]
            parts += [keys.pack(entry.size, entry.mask, *entry.origin, 0), words.pack(at)]
        parts.append(keys.pack(0, 0, *self.end, 0))
        return b"".join(parts).ljust(24 + FANOUT * (keys.size + 8) + keys.size, b"\0")


class ChunkIndex:
    """The chunks of one data set, in the order of their origins."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._levels: list[list[Entry]] = [[]]
        self._areas = [(0, 0), (0, 0)]

    def add(self, entry: Entry) -> None:
        """Adds a chunk that stays."""
        _add(self._levels, 0, entry, lambda node: self._space.append(node.bytes({})))

    def write(self, others: Sequence[Entry], end: tuple[int, ...]) -> int:
        """Writes the nodes that are not full, with further chunks for the time being.

        Args:
            others: chunks behind those that stay; they are not kept.
            end: an origin behind all chunks.

        Returns:
            The address of the root; `UNDEFINED` without any chunk.
        """
        levels, nodes = [list(level) for level in self._levels], list[_Node]()

        def close(node: _Node) -> _Node:
            nodes.append(node)
            return node

        for entry in others:
            _add(levels, 0, entry, close)
        if not levels[0]:
            return UNDEFINED
        level = 0
        while level + 1 < len(levels):
            node = close(_Node(level, levels[level], end))
            level += 1
            _add(levels, level, Entry(node.entries[0].origin, node), close)
        return self._write_nodes([_Node(level, levels[level], end), *nodes])

    def _write_nodes(self, nodes: list[_Node]) -> int:
        """Writes nodes, the root first: whoever still has the root of the last commit but one finds a root there."""
        size = len(nodes[0].bytes(dict.fromkeys(nodes, 0)))
        self._areas.reverse()
        address, room = self._areas[0]
        if len(nodes) * size > room:
            room = 2 * len(nodes) * size
            address = self._space.reserve(room)
            self._areas[0] = address, room
        addresses = {node: address + size * number for number, node in enumerate(nodes)}
        self._space.write(address, b"".join(node.bytes(addresses) for node in nodes))
        return address


def _add(levels: list[list[Entry]], level: int, entry: Entry, close: Callable[[_Node], int | _Node]) -> None:
    """Adds an entry to a level; a full node is closed, and becomes an entry one level above."""
    if level == len(levels):
        levels.append([])
    entries = levels[level]
    if len(entries) < FANOUT:
        entries.append(entry)
        return
    _add(levels, level + 1, Entry(entries[0].origin, close(_Node(level, entries, entry.origin))), close)
    levels[level] = [entry]
