"""Families: groups of identical rows that agree with each other in most coordinates.

A cloud of rows narrower than a cell of the floating-point lattice, where it lies across cell boundaries in k
coordinates, is published as up to 2^k groups of identical rows. Their sizes then factorise: in which cell a row is in
one coordinate does not depend on the others, unless the cloud has a shape of its own. For each family: in how many
coordinates its groups differ, by how many cells, and whether the sizes are those of independent coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.embedding import Indices, Matrix
from gasfield.quantity import Quantity
from gasfield.statistics.product_structure import (
    DRAWS,
    FEWEST_DRAWS,
    Occupied,
    ProductTest,
    expected_occupied,
    independence,
    odds_ratio,
)

Keys = NDArray[Any]

_MOST_GROUPS = 256
"""Groups that are compared pair by pair, the largest first."""
_MOST_FAMILIES = 4
"""Families that are described, the largest first."""
_SHOWN = 32
"""Groups of a family whose pairs are listed."""
_CERTAIN = 0.01
"""p-value up to which sizes are said not to factorise."""
_BLOCK = 1 << 24
"""Numbers that are compared at a time."""
_SHUFFLED = 2e8
"""Numbers that all permutations of a test may move: a few seconds."""


@dataclass(frozen=True)
class Family:
    """Groups of identical rows that differ from each other in at most half of the coordinates.

    Attributes:
        groups: ids of each group of two or more identical rows, the largest first.
        singles: ids of further rows, each different from all others, that differ from the largest group only in
            `coordinates`.
        others: number of other rows that agree with the largest group in at least half of the coordinates.
        coordinates: (V,) the coordinates in which the bits of any two groups differ.
        differing: (k, k) number of coordinates in which the bits of two groups differ.
        linf, l1: (k, k) largest difference in one coordinate, and the sum over all, in cells of the matrix's own
            lattice; +0 and -0 share a cell.
        widest: the coordinate in which two groups differ most, and by how many cells.
        size: |number| of the largest group there, over the median |number| of its coordinates: cells are small near 0.
        test: of the independence of these coordinates over all rows of groups and singles.
        occupied: expected numbers of groups if they are independent; None if there are too many combinations.
        odds_ratio: of the two coordinates in which both of two values are commonest; None unless there are two with two
            values.
    """

    groups: Sequence[Indices]
    singles: Indices
    others: int
    coordinates: Indices
    differing: Keys
    linf: Keys
    l1: Keys
    widest: tuple[int, int]
    size: float
    test: ProductTest
    occupied: Occupied | None
    odds_ratio: float | None

    @property
    def rows(self) -> int:
        """Rows of groups and singles."""
        return sum(map(len, self.groups)) + len(self.singles)

    def quantities(self) -> dict[str, Quantity]:
        """The results by key."""
        found = {
            "rows": Quantity(self.rows, "rows"),
            "sizes": Quantity([len(group) for group in self.groups], "rows"),
            "singles": Quantity(len(self.singles), "rows"),
            "others": Quantity(self.others, "rows"),
            "coordinates": Quantity(self.coordinates.tolist(), "coordinate"),
            "differing": Quantity(self.differing[:_SHOWN, :_SHOWN].tolist(), "coordinates"),
            "linf": Quantity(self.linf[:_SHOWN, :_SHOWN].tolist(), "cells"),
            "l1": Quantity(self.l1[:_SHOWN, :_SHOWN].tolist(), "cells"),
            "widest.coordinate": Quantity(self.widest[0], "coordinate"),
            "widest.cells": Quantity(self.widest[1], "cells"),
            "widest.size": Quantity(self.size, "1"),
            "product.g": Quantity(self.test.g, "1"),
            "product.chi_square": Quantity(self.test.chi_square, "1"),
            "product.freedom": Quantity(self.test.freedom, "1"),
            "product.p_value": Quantity(self.test.p_value, "1"),
            "product.permutations": Quantity(self.test.permutations, "1"),
        }
        if self.odds_ratio is not None:
            found["product.odds_ratio"] = Quantity(self.odds_ratio, "1")
        if self.occupied is not None:
            found["product.expected.distinct"] = Quantity(self.occupied.any, "rows", self.occupied.any_spread)
            found["product.expected.groups"] = Quantity(self.occupied.shared, "groups", self.occupied.shared_spread)
        return found

    def sentence(self, lattice: str) -> str:
        """What was found, for a reader."""
        apart = ~np.eye(len(self.groups), dtype=bool)
        size, linf, l1 = (_range(values[apart]) for values in (self.differing, self.linf, self.l1))
        text = (
            f"{len(self.groups)} groups of identical rows ({sum(map(len, self.groups))} rows) differ from each other "
            f"in {size} coordinates, by {linf} cells of the {lattice} lattice in one coordinate and {l1} in all. "
        )
        if not self.test.freedom:
            return text + "Together they differ in one coordinate: there is no product to test"
        how = f"{self.test.permutations} permutations" if self.test.permutations else "chi-square"
        verdict = "do not factorise" if self.test.p_value <= _CERTAIN else "are compatible with a product"
        text += (
            f"The sizes {verdict} over {len(self.coordinates)} independent coordinates (G = {self.test.g:.3g}, "
            f"p = {self.test.p_value:.2g}, {how})"
        )
        if self.occupied is not None:
            text += (
                f"; a product has {self.occupied.shared:.1f} ± {self.occupied.shared_spread:.1f} groups of two or "
                f"more, here there are {len(self.groups)}"
            )
        return text


def find_families(matrix: Matrix, kept: Indices, identical: Sequence[Indices], notes: list[str]) -> list[Family]:
    """The families of two or more groups, the largest first.

    Args:
        matrix: the embedding.
        kept: (n,) ids of finite rows.
        identical: ids of each group of identical rows, the largest first.
        notes: what was found is added.
    """
    groups = list(identical[:_MOST_GROUPS])
    if len(groups) < 2:
        return []
    if len(groups) < len(identical):
        notes.append(f"families: the {_MOST_GROUPS} largest of {len(identical)} groups of identical rows are compared")
    words = np.asarray(matrix.words[[int(group[0]) for group in groups]])
    differing = np.array([np.count_nonzero(words != own, axis=1) for own in words], np.int64)
    together = [family for family in _linked(differing <= matrix.dimensions // 2) if len(family) > 1]
    together.sort(key=lambda family: -sum(len(groups[place]) for place in family))
    if len(together) > _MOST_FAMILIES:
        notes.append(f"families: the {_MOST_FAMILIES} largest of {len(together)} are described")
    alone = np.setdiff1d(kept, np.concatenate(list(identical)))
    found = [
        _family(matrix, [groups[place] for place in family], words[family], alone)
        for family in together[:_MOST_FAMILIES]
    ]
    notes += [f"families.{number}: {family.sentence(matrix.precision)}" for number, family in enumerate(found, 1)]
    return found


def _linked(near: NDArray[np.bool_]) -> list[list[int]]:
    """Connected components of a symmetric relation (k, k), each ascending, in the order of their first members."""
    waiting, found = set(range(len(near))), []
    while waiting:
        reached, frontier = set[int](), {min(waiting)}
        while frontier:
            reached |= frontier
            frontier = {int(other) for place in frontier for other in np.flatnonzero(near[place])} - reached
        found.append(sorted(reached))
        waiting -= reached
    return found


def _family(matrix: Matrix, groups: Sequence[Indices], words: NDArray[np.unsignedinteger], alone: Indices) -> Family:
    """Describes groups, given the bits (k, D) of a row of each, and the ids of rows without a twin."""
    varies = np.any(words != words[0], axis=0)
    coordinates = np.flatnonzero(varies)
    singles, others = _near(matrix, alone, words[0], varies)
    keys = _keys(words[:, coordinates])
    spans = keys.max(axis=0) - keys.min(axis=0)
    widest = int(np.argmax(spans))
    numbers = np.abs(matrix.values(groups[0][:1])[0])
    distinct = np.concatenate([words[:, coordinates], np.asarray(matrix.words[singles])[:, coordinates]])
    counts = [*map(len, groups), *[1] * len(singles)]
    columns = np.repeat(distinct, counts, axis=0)
    codes = np.stack([np.unique(column, return_inverse=True)[1] for column in columns.T], axis=1)
    shares = [np.bincount(column) / len(codes) for column in codes.T]
    return Family(
        groups=groups,
        singles=singles,
        others=others,
        coordinates=coordinates,
        differing=np.array([np.count_nonzero(words != own, axis=1) for own in words], np.int64),
        linf=np.array([np.abs(keys - own).max(axis=1) for own in keys]),
        l1=np.array([np.abs(keys - own).sum(axis=1) for own in keys]),
        widest=(int(coordinates[widest]), int(spans[widest])),
        size=float(numbers[coordinates[widest]] / middle) if (middle := np.median(numbers)) > 0 else float("nan"),
        test=independence(codes, draws=int(np.clip(_SHUFFLED / codes.size, FEWEST_DRAWS, DRAWS))),
        occupied=expected_occupied(shares, len(codes)),
        odds_ratio=_odds_ratio(codes, shares),
    )


def _near(
    matrix: Matrix, ids: Indices, leader: NDArray[np.unsignedinteger], varies: NDArray[np.bool_]
) -> tuple[Indices, int]:
    """The rows that differ from a leader only where `varies`, and the number of others that differ from it in at most
    half of the coordinates."""
    inside, near = np.zeros(len(ids), bool), np.zeros(len(ids), bool)
    block = max(1, _BLOCK // matrix.dimensions)
    for start in range(0, len(ids), block):
        place = slice(start, start + block)
        unequal = np.asarray(matrix.words[ids[place]]) != leader
        near[place] = np.count_nonzero(unequal, axis=1) <= matrix.dimensions // 2
        inside[place] = ~np.any(unequal[:, ~varies], axis=1)
    return ids[inside], int(np.count_nonzero(near & ~inside))


def _keys(words: NDArray[np.unsignedinteger]) -> Keys:
    """Integer coordinates along the lattice of the numbers with these bits: a sign and a magnitude. Those of float64
    are themselves float64, because their differences exceed 63 bits."""
    bits = 8 * words.dtype.itemsize
    magnitude = (words & words.dtype.type((1 << (bits - 1)) - 1)).astype(np.int64)
    keys = np.where(words >> words.dtype.type(bits - 1), -magnitude, magnitude)
    return keys.astype(np.float64) if bits == 64 else keys


def _odds_ratio(codes: Keys, shares: Sequence[NDArray[np.float64]]) -> float | None:
    """That of the two columns of two values whose rarer value is the commonest."""
    rarer = [share.min() if len(share) == 2 else 0.0 for share in shares]
    first, *rest = np.argsort(rarer, kind="stable")[::-1]
    if not rest or rarer[rest[0]] == 0.0:
        return None
    table = np.zeros((2, 2), np.int64)
    np.add.at(table, (codes[:, first], codes[:, rest[0]]), 1)
    return odds_ratio(table)


def _range(values: Keys) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"
