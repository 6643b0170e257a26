"""Bonds of tracer structures and their strain over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group

_BLOCK_BYTES = 1 << 26
_HALF = 127
"""Codes of strain: 128 is none, 1 and 255 are -reach and +reach; 0 is unknown."""
_COVERED = 0.98
"""Share of strains within the reach of the colours."""


@dataclass(frozen=True)
class Bonds:
    """Bonds of all structures.

    Attributes:
        ends: (B, 2) rows.
        strain: (F, B) codes of length / first length - 1, the length in the space of the rows.
        reach: strain of the last colour; at most 1, as no bond is shortened by more.
    """

    ends: NDArray[np.int64]
    strain: NDArray[np.uint8]
    reach: float

    @classmethod
    def of(cls, group: Group, bonds: Mapping[str, NDArray[np.int64]]) -> Bonds | None:
        """Those of structures (M, 2), in rows of the trajectory, that lie within the rows of a group; None if there
        are none."""
        every = np.concatenate([np.empty((0, 2), np.int64), *bonds.values()])
        place = np.full(int(max(group.ids.max(), every.max(initial=0))) + 1, -1, np.int64)
        place[group.ids] = np.arange(group.count)
        ends = place[every]
        ends = ends[(ends >= 0).all(axis=1)]
        if not len(ends):
            return None
        strain = np.concatenate([_strain(_lengths(group, some)) for some in _blocks(group, ends)], axis=1)
        known = np.abs(strain[np.isfinite(strain)])
        reach = min(max(float(np.quantile(known, _COVERED)) if len(known) else 0.0, 1e-12), 1.0)
        with np.errstate(invalid="ignore"):
            codes = 1 + _HALF + np.rint(_HALF * np.clip(strain / reach, -1.0, 1.0))
        return cls(ends, np.where(np.isfinite(strain), codes, 0).astype(np.uint8), reach)


def _blocks(group: Group, ends: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    size = max(1, _BLOCK_BYTES // (32 * len(group.steps) * group.dimensions))
    for start in range(0, len(ends), size):
        yield ends[start : start + size]


def _lengths(group: Group, ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """(F, b) lengths of some bonds."""
    rows, place = np.unique(ends, return_inverse=True)
    positions = group.places(rows=rows)
    place = place.reshape(ends.shape)
    lengths: NDArray[np.float64] = np.linalg.norm(positions[:, place[:, 0]] - positions[:, place[:, 1]], axis=2)
    return lengths


def _strain(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, b) relative to the first frame in which a bond has a length; NaN where it has none, or a length of 0."""
    first = np.argmax(np.isfinite(lengths), axis=0)
    original = lengths[first, np.arange(lengths.shape[1])]
    with np.errstate(divide="ignore", invalid="ignore"):
        strain: NDArray[np.float64] = lengths / np.where(original > 0, original, np.nan) - 1.0
    return strain
