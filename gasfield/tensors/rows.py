"""Rows that the user names: a list in a file, a range, or a group of a trajectory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError

_RANGE = re.compile(r"(-?\d*):(-?\d*)(?::(\d+))?")


def read_rows(
    wanted: str, count: int, groups: Mapping[str, NDArray[np.int64]] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Ids of rows, ascending, each once; and a note where an id was given more than once.

    Args:
        wanted: a range `a:b` or `a:b:step` as Python counts (b not among them), the name of a group of a trajectory, or
            a text file of ids, separated by spaces, commas or lines; what follows a # is a remark.
        count: rows that there are.
        groups: of the trajectory, by name.

    Raises:
        InputError: if nothing is named, or something that is no row.
    """
    pattern = _RANGE.fullmatch(wanted)
    if pattern:
        start, stop, stride = (int(part) if part else None for part in pattern.groups())
        return _range(wanted, start, stop, stride, count), ()
    if groups and wanted in groups:
        ids = groups[wanted]
        if not len(ids):
            raise InputError("no particle is in this group.", parameter="rows", value=wanted)
        return ids, ()
    path = Path(wanted)
    if not path.is_file():
        named = f", or a group: {', '.join(groups)}" if groups else ""
        raise InputError(
            f"no such file; a file of row ids or a range 0:1000 is wanted{named}.", parameter="rows", value=wanted
        )
    ids = _file(path, count)
    unique = np.unique(ids)
    twice = len(ids) - len(unique)
    return unique, (f"{path}: {twice} ids stand there more than once; each counts once",) if twice else ()


def _range(wanted: str, start: int | None, stop: int | None, stride: int | None, count: int) -> NDArray[np.int64]:
    first, end = start or 0, count if stop is None else stop
    if first < 0 or end > count:
        raise InputError(f"the rows are 0 to {count - 1}, a range of all is 0:{count}.", parameter="rows", value=wanted)
    if stride == 0 or first >= end:
        raise InputError("no row is in this range.", parameter="rows", value=wanted)
    return np.arange(first, end, stride or 1)


def _file(path: Path, count: int) -> NDArray[np.int64]:
    ids: list[int] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as fault:
        raise InputError(f"no text file of row ids ({fault}).", parameter="rows", value=path) from None
    for number, line in enumerate(lines, 1):
        for word in line.partition("#")[0].replace(",", " ").split():
            if not re.fullmatch(r"\d{1,15}", word):
                raise InputError(
                    f"'{word[:40]}' is no row id; ids are whole numbers from 0.", location=f"{path}:{number}"
                )
            if int(word) >= count:
                raise InputError(f"there is no row {word}; the rows are 0 to {count - 1}.", location=f"{path}:{number}")
            ids.append(int(word))
    if not ids:
        raise InputError(f"{path}: no row ids in it.")
    return np.array(ids, np.int64)
