"""Checks of version 1 B-trees: the members of a group, and the index of the chunks of a data set (HDF5 file format
specification, III.A and III.B)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np

from gasfield.hdf5.checked_bytes import CheckedBytes
from gasfield.hdf5.chunks import UNFILTERED
from gasfield.hdf5.headers import UNDEFINED
from gasfield.hdf5.messages import Layout, need
from gasfield.hdf5.tree import FANOUT

_SYMBOLS, _CHILDREN = 8, 32
"""Most entries of a symbol table node, and of a tree node of a group."""
_NODE, _ENTRY, _PAIR = struct.Struct("<4sBBHQQ"), struct.Struct("<QQII16s"), struct.Struct("<QQ")
_GROUPS, _CHUNKS = 0, 1
_MOST_LEVELS = 16
_SLACK = 1024
"""Bytes by which a chunk may grow when it is compressed, beyond one in a hundred."""


class _Node(NamedTuple):
    """A node of a tree: its level above the leaves, the number of its entries, its keys and children."""

    level: int
    used: int
    body: bytes
    children: list[int]


class Symbol(NamedTuple):
    """A member of a group: where its name is in the heap, its header, and the tables of a group where they are cached
    in the entry."""

    name: int
    header: int
    table: tuple[int, int] | None


def symbols(file: CheckedBytes, root: int, heap: bytes) -> Iterator[Symbol]:
    """The members of a group, in order.

    Raises:
        UnverifiedError: if its tree or its tables are damaged.
    """
    for node in _nodes(file, root, _GROUPS, 8 + _CHILDREN * _PAIR.size, _CHILDREN):
        pairs = [*_PAIR.iter_unpack(node.body[: node.used * _PAIR.size])]
        (last,) = struct.unpack_from("<Q", node.body, node.used * _PAIR.size)
        need(last < len(heap) and all(key < len(heap) for key, _ in pairs))
        children = [child for _, child in pairs]
        if node.level:
            node.children.extend(children)
        else:
            for child in children:
                yield from _table(file, child, len(heap))


def _table(file: CheckedBytes, address: int, heap: int) -> Iterator[Symbol]:
    node = file.read(address, 8 + _ENTRY.size * _SYMBOLS)
    magic, version, count = struct.unpack_from("<4sBxH", node)
    need(magic == b"SNOD" and version == 1 and count <= _SYMBOLS)
    for name, header, cached, reserved, scratch in _ENTRY.iter_unpack(node[8 : 8 + _ENTRY.size * count]):
        need(0 < name < heap and reserved == 0 and cached < 2)
        yield Symbol(name, header, struct.unpack("<QQ", scratch) if cached else None)


def check_index(file: CheckedBytes, shape: tuple[int, ...], place: Layout, *, filtered: bool) -> None:
    """Checks the index of the chunks of a data set: all are there, within the file, and no larger than they may be.

    Raises:
        UnverifiedError: if it is damaged.
    """
    needed = prod(-(-length // size) for length, size in zip(shape, place.chunk, strict=True))
    if place.address == UNDEFINED:
        need(needed == 0)
        return
    rank = len(shape) + 1
    pair = np.dtype([("size", "<u4"), ("mask", "<u4"), ("origin", "<u8", (rank,)), ("child", "<u8")])
    most = place.size + place.size // 100 + _SLACK if filtered else place.size
    tall, ends = np.array([*place.chunk, 1], np.uint64), np.array(shape, np.uint64)
    chunks, last = 0, tuple[int, ...]()
    for node in _nodes(file, place.address, _CHUNKS, FANOUT * pair.itemsize + pair.itemsize - 8, FANOUT):
        entries = np.frombuffer(node.body, pair, node.used)
        if node.level:
            node.children.extend(entries["child"].tolist())
            continue
        sizes, places, origins = entries["size"], entries["child"], entries["origin"]
        need((sizes <= most).all() and (entries["mask"] < 8).all())
        need((sizes[entries["mask"] == UNFILTERED] == place.size).all() if filtered else (sizes == place.size).all())
        need((places < file.size).all() and (places + sizes <= file.size).all())
        need(not origins[:, -1].any() and not (origins % tall).any())
        rows = [tuple(origin) for origin in origins[:, :-1].tolist()]
        need(all(a < b for a, b in zip([last, *rows], rows, strict=False)))
        last = rows[-1] if rows else last
        chunks += int((origins[:, :-1] < ends).all(axis=1).sum())
    need(chunks == needed)


def _nodes(file: CheckedBytes, root: int, kind: int, size: int, most: int) -> Iterator[_Node]:
    """Nodes of a tree, from above and from the left, level by level; whoever gets one fills in its children."""
    level, row, seen = None, [root], set[int]()
    while row:
        below: list[int] = []
        for number, address in enumerate(row):
            need(address not in seen)
            seen.add(address)
            data = file.read(address, _NODE.size + size)
            magic, of, here, used, left, right = _NODE.unpack_from(data)
            need(magic == b"TREE" and of == kind and used <= most and (used or level is None))
            need(here == (here if level is None else level) and here < _MOST_LEVELS)
            need(left == UNDEFINED or (number > 0 and left == row[number - 1]))
            need(right == UNDEFINED or (number + 1 < len(row) and right == row[number + 1]))
            level = here
            node = _Node(here, used, data[_NODE.size :], [])
            yield node
            below.extend(node.children)
        need(level == 0 or below)
        row, level = below, (level or 0) - 1
