"""Selection of rows by the user: a list in a file, a range, or a group of a trajectory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.reading import read_lines

_RANGE = re.compile(r"(-?\d{0,18}):(-?\d{0,18})(?::(\d{1,18}))?", re.ASCII)
_ID = re.compile(r"[0-9]{1,15}")


def read_rows(
    wanted: str, count: int, groups: Mapping[str, NDArray[np.int64]] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Ids of rows, ascending and unique; and a note if an id was given more than once.

    Args:
        wanted: a range `a:b` or `a:b:step` as in Python (b excluded), the name of a group of a trajectory, or a text
            file of ids, separated by spaces, commas or lines; # starts a comment.
        count: number of rows.
        groups: of the trajectory, by name.

    Raises:
        InputError: if no row is selected, or one that does not exist.
    """
    pattern = _RANGE.fullmatch(wanted)
    if pattern:
        start, stop, stride = (int(part) if part else None for part in pattern.groups())
        return _range(wanted, start, stop, stride, count), ()
    if groups and wanted in groups:
        ids = groups[wanted]
        if not len(ids):
            raise InputError("this group is empty.", parameter="rows", value=wanted)
        return ids, ()
    path = Path(wanted)
    if not path.is_file():
        named = f", or a group: {', '.join(groups)}" if groups else ""
        raise InputError(
            f"no such file; give a file of row ids or a range such as 0:1000{named}.", parameter="rows", value=wanted
        )
    ids = _file(path, count)
    unique = np.unique(ids)
    twice = len(ids) - len(unique)
    return unique, (f"{path}: {twice} duplicate ids are ignored",) if twice else ()


def _range(wanted: str, start: int | None, stop: int | None, stride: int | None, count: int) -> NDArray[np.int64]:
    first, end = start or 0, count if stop is None else stop
    if first < 0 or end > count:
        raise InputError(f"the rows are 0 to {count - 1}, a range of all is 0:{count}.", parameter="rows", value=wanted)
    if stride == 0 or first >= end:
        raise InputError("this range is empty.", parameter="rows", value=wanted)
    return np.arange(first, end, stride or 1)


def _file(path: Path, count: int) -> NDArray[np.int64]:
    ids: list[int] = []
    for number, line in enumerate(read_lines(path, "rows"), 1):
        for word in line.partition("#")[0].replace(",", " ").split():
            if not _ID.fullmatch(word):
                raise InputError("not a row id; ids are integers from 0.", location=f"{path}:{number}")
            if int(word) >= count:
                raise InputError(f"there is no row {word}; the rows are 0 to {count - 1}.", location=f"{path}:{number}")
            ids.append(int(word))
    if not ids:
        raise InputError(f"{path}: contains no row ids.")
    return np.array(ids, np.int64)
