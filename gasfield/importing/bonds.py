"""Bonds of imported structures: pairs of rows from a file, or nearest neighbours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.reading import read_lines

_NEAREST = re.compile(r"nearest:([1-9][0-9]{0,3})")
Indices = NDArray[np.int64]


def read_bonds(
    wanted: Mapping[str, str], groups: Mapping[str, Indices], places: Callable[[Indices], NDArray[np.floating]]
) -> dict[str, Indices]:
    """Bonds (M, 2) of some groups, as numbers in the order in which the groups are written.

    Args:
        wanted: name of a group -> a file with two row numbers a line, or `nearest:K` for those of each row and the K
            rows of the group that are nearest to it in the first frame.
        groups: rows (n,) by name.
        places: gives the positions (n, D) of rows of the source in the first frame.

    Raises:
        InputError: if there is no such group or file, or a row is not in the group.
    """
    bonds, start = {}, 0
    for name, rows in groups.items():
        if name in wanted:
            nearest = _NEAREST.fullmatch(wanted[name])
            pairs = _nearest(places(rows), int(nearest[1])) if nearest else _of_file(wanted[name], name, rows)
            bonds[name] = pairs + start
        start += len(rows)
    for name in set(wanted) - set(groups):
        raise InputError(f"there is no group '{name}'; the groups are {', '.join(groups)}.", parameter="bonds")
    return bonds


def _nearest(places: NDArray[np.floating], count: int) -> Indices:
    from gasfield.statistics.smoothing import Neighbours

    if len(places) < 2 or not np.isfinite(places).all():
        raise InputError("nearest neighbours need two rows, all of finite numbers.", parameter="bonds")
    nearest = Neighbours.of(places.astype(np.float64), count).indices
    return _distinct(np.stack([np.repeat(np.arange(len(places)), nearest.shape[1]), nearest.ravel()], axis=1))


def _of_file(given: str, name: str, rows: Indices) -> Indices:
    pairs = []
    for number, line in enumerate(read_lines(Path(given), "bonds"), start=1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not all(re.fullmatch("[0-9]{1,15}", word) for word in words) or words[0] == words[1]:
            raise InputError(f"{given}: line {number}: two different row numbers are needed.", parameter="bonds")
        pairs.append([int(word) for word in words])
    if not pairs:
        raise InputError(f"{given}: there are no pairs of rows.", parameter="bonds")
    ids = np.array(pairs, np.int64)
    order = np.argsort(rows)
    places = np.minimum(np.searchsorted(rows, ids, sorter=order), len(rows) - 1)
    found = order[places]
    if np.any(rows[found] != ids):
        missing = int(ids[rows[found] != ids][0])
        raise InputError(f"{given}: row {missing} is not in the group '{name}'.", parameter="bonds")
    return _distinct(found)


def _distinct(pairs: Indices) -> Indices:
    """Each pair once, the smaller number first."""
    return np.unique(np.sort(pairs, axis=1), axis=0)
