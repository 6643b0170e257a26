"""Which kernel sums over all pairs, and the arrays that it takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.direct.flat import push_flat, sum_flat
from gasfield.forces.direct.pair import continued
from gasfield.forces.direct.plain import push_plain, sum_plain
from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.jit import jit

Reals = NDArray[np.floating[Any]]
FLAT = 3
"""Dimensions up to which all coordinates are in one loop."""


def push(
    law: Any,
    p: tuple[Any, ...],
    places: Reals,
    others: Reals,
    rows: NDArray[np.int64],
    sides: Reals,
    own: Reals,
    theirs: Reals,
    reach2: float,
    core2: float,
    force: NDArray[np.float64],
) -> None:
    """Adds to each particle the force -2 w_i w_j U'(r^2) (x_i - x_j) of every source but itself.

    Particles at places that are not finite neither exert nor feel a force. The precision is that of `places`; the law
    and its parameters must be in the same.

    Args:
        law: `law(u, p)` -> U, U', U'' at u = r^2.
        p: its parameters.
        places: (N, D) float64 or float32 positions, within [0, L) along coordinates of period L.
        others: (D, M) positions of the sources.
        rows: (M,) indices of the sources, ascending.
        sides: (D,) periods; infinite along coordinates that are not periodic.
        own: (N,) strengths w.
        theirs: (M,) strengths of the sources.
        reach2: square of the cut-off; infinite if there is none.
        core2: square of the distance below which the law is continued; zero if nowhere.
        force: (N, D) float64, changed in place.
    """
    pairs = _Pairs.of(places, others, rows, sides, theirs)
    if not pairs.rows.size or not len(places):
        return
    number = places.dtype.type
    kernel = push_flat if places.shape[1] <= FLAT else push_plain
    felt = np.zeros(force.shape)
    kernel(law, p, *pairs.places, -number(2.0) * own.astype(number), pairs.theirs, number(reach2),
           number(core2) if core2 > 0.0 else None, felt)  # fmt: skip
    force += np.where(pairs.finite[:, None], felt, 0.0)


def sums(
    law: Any,
    p: tuple[Any, ...],
    places: Reals,
    others: Reals,
    rows: NDArray[np.int64],
    sides: Reals,
    own: Reals,
    theirs: Reals,
    reach2: float,
    core2: float,
    out: NDArray[np.float64],
) -> None:
    """Adds to `out` (N, 3) the energy, its Laplacian and r . F of each particle, summed over its pairs with sources.

    The energy is shifted to zero at a finite cut-off. Arguments as of `push`.
    """
    pairs = _Pairs.of(places, others, rows, sides, theirs)
    if not pairs.rows.size or not len(places):
        return
    number, dimensions = places.dtype.type, places.shape[1]
    core = number(core2) if core2 > 0.0 else None
    shift = number(_energy(law, number(reach2), p, core, number(0.5)) if np.isfinite(reach2) else 0.0)
    kernel = sum_flat if dimensions <= FLAT else sum_plain
    found = np.zeros(out.shape)
    kernel(law, p, *pairs.places, own.astype(number), pairs.theirs, number(reach2), core, shift,
           number(2.0 * dimensions), found)  # fmt: skip
    out += np.where(pairs.finite[:, None], found, 0.0)


class _Pairs(NamedTuple):
    """Targets and sources as kernels take them.

    Attributes:
        targets: (K, N) positions; K is D, or 3 where there are fewer: the others are zero.
        sources: (K, M) those of the sources at finite places.
        rows: (M,) their indices.
        sides: (K,) periods; None if there are none.
        halves: half of them.
        theirs: (M,) strengths.
        finite: (N,) whether the place of a target is finite.
    """

    targets: Reals
    sources: Reals
    rows: NDArray[np.int64]
    sides: Reals | None
    halves: Reals | None
    theirs: Reals
    finite: NDArray[np.bool_]

    @classmethod
    def of(cls, places: Reals, others: Reals, rows: NDArray[np.int64], sides: Reals, theirs: Reals) -> _Pairs:
        """Sources at finite places only: a product with NaN would not be zero where the pair does not interact."""
        dtype, missing = places.dtype, max(FLAT - places.shape[1], 0)
        there = _finite(others, 0)
        if not there.all():
            others, rows, theirs = others[:, there], rows[there], theirs[there]
        targets = np.zeros((places.shape[1] + missing, len(places)), dtype)  # numpy.pad costs more than few pairs do
        sources = np.zeros((places.shape[1] + missing, others.shape[1]), dtype)
        targets[: places.shape[1]], sources[: places.shape[1]] = places.T, others
        periods = None
        if np.isfinite(sides).any():
            periods = np.full(len(sides) + missing, np.inf, dtype)
            periods[: len(sides)] = sides
        half = None if periods is None else periods * dtype.type(0.5)
        return cls(targets, sources, rows, periods, half, theirs.astype(dtype), _finite(places, 1))

    @property
    def places(self) -> tuple[Any, ...]:
        """The arguments of kernels between parameters and strengths."""
        return self.targets, self.sources, self.rows, self.sides, self.halves


def _finite(places: Reals, axis: int) -> NDArray[np.bool_]:
    """Which places are finite, and so are differences of them."""
    return np.asarray((np.abs(places) < 0.25 * np.finfo(places.dtype).max).all(axis=axis))


@jit(**IN_PLACE)
def _energy(law, u, p, core2, half):  # type: ignore[no-untyped-def]
    """The energy of a pair."""
    return continued(law, u, p, core2, half)[0]
