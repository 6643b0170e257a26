"""The process in which an HDF5 file is opened for the first time: run as a script by `gasfield.hdf5.examination`.

It asks the library for everything that a reader may ask for, within limits of time and memory, and prints as JSON why
the file must not be opened, if so. Whether values can be read does not matter here: what is an error here is one later.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress

import h5py
import numpy as np

MOST_OBJECTS = 50_000
MOST_DEPTH = 64
_PIECE = 20_000
"""Strings that are read at once."""
_MOST_STRINGS = 5_000_000
_SMALL = 1 << 20
"""Size up to which data sets are read [bytes]."""


class RefusedError(Exception):
    """The file must not be opened."""


def examine(path: str) -> None:
    """Visits every object of a file.

    Raises:
        RefusedError: if it refers to other files, has no end, or takes too much memory.
        OSError: if it is not HDF5 or cut short.
    """
    with h5py.File(path, "r", locking=False) as file:
        for place, item in _objects(file):
            with suppress(Exception):
                _attributes(item)
            if isinstance(item, h5py.Dataset):
                _refuse_other_files(place, item)
                with suppress(Exception):
                    _values(item)


def _objects(file: h5py.File) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    pending: list[tuple[str, h5py.Group, tuple[int, ...]]] = [("", file, ())]
    count, seen = 0, set[int]()
    while pending:
        place, group, above = pending.pop()
        yield place or "/", group
        address = int(h5py.h5o.get_info(group.id).addr)
        if address in above or len(above) > MOST_DEPTH:
            raise RefusedError(f"{place[:100]} is a group inside itself, or nested too deeply.")
        if address in seen:
            continue
        seen.add(address)
        for name in _names(group):
            count += 1
            if count > MOST_OBJECTS:
                raise RefusedError(f"it has more than {MOST_OBJECTS:,} objects.")
            inner = f"{place}/{name}" if place else name
            link = item = None
            with suppress(KeyError, OSError, RuntimeError, TypeError, ValueError):
                link = group.get(name, getlink=True)
                item = group.get(name) if isinstance(link, h5py.HardLink) else None
            if isinstance(link, h5py.ExternalLink):
                raise RefusedError(f"{inner} is a link to another file, which is not followed.")
            if isinstance(item, h5py.Group):
                pending.append((inner, item, (*above, address)))
            elif isinstance(item, h5py.Dataset):
                yield inner, item


def _names(group: h5py.Group) -> list[str]:
    try:
        return list(group)
    except (KeyError, OSError, RuntimeError, ValueError):
        return []


def _attributes(item: h5py.Group | h5py.Dataset) -> None:
    for name in item.attrs:
        with suppress(OSError, KeyError, RuntimeError, TypeError, ValueError):
            item.attrs[name]


def _refuse_other_files(place: str, item: h5py.Dataset) -> None:
    if item.is_virtual:
        raise RefusedError(f"{place} is a virtual data set, whose values are in other files, which are not opened.")
    if item.id.get_create_plist().get_external_count():
        raise RefusedError(f"{place} has its values in another file, which is not opened.")


def _values(item: h5py.Dataset) -> None:
    if item.chunks is not None:
        item.id.get_num_chunks()
    if h5py.check_dtype(vlen=item.dtype) is not None and item.ndim == 1:
        if item.chunks is None and item.id.get_offset() is None:
            return
        for start in range(0, min(len(item), _MOST_STRINGS), _PIECE):
            item[start : start + _PIECE]
    elif int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize <= _SMALL:
        item[()]


def _limit(seconds: int, memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the other process ends this one when its time is over
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def main() -> None:
    """The script: path, seconds, bytes."""
    path, seconds, memory = sys.argv[1:4]
    _limit(int(seconds), int(memory))
    verdict: dict[str, str] = {}
    try:
        examine(path)
    except RefusedError as fault:
        verdict["refused"] = str(fault)
    except MemoryError:
        verdict["refused"] = "it asks for more memory than is free."
    except Exception as fault:
        verdict["unreadable"] = str(fault)
    print(json.dumps(verdict))


if __name__ == "__main__":
    main()
