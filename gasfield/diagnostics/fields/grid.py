"""A field on a grid in the plane of the first two coordinates, where the particles of some groups are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.density_law import wrapped
from gasfield.forces import TotalForce
from gasfield.gas import Gas
from gasfield.plots.panel import Panel
from gasfield.spaces import Space

_GRID = 160
_SEEN = 100_000
"""Most particles of a group that the limits of the picture are sought from."""


def corners(parts: Sequence[Group], space: Space) -> tuple[Values, Values]:
    """Lower and upper corner of the picture (2,): where the particles are in their first to their last frame."""
    seen = [places_of(part, space, spread_over(len(part.steps), 50), spread_over(part.count, _SEEN)) for part in parts]
    low = np.min([np.nanquantile(x, 0.005, axis=0) for x in seen], axis=0)
    high = np.max([np.nanquantile(x, 0.995, axis=0) for x in seen], axis=0)
    margin = 0.08 * max(float(np.max(high - low)), 1e-9)
    low, high = low - margin, high + margin
    periods = space.periods[:2]
    return np.where(periods > 0, -0.5 * periods, low), np.where(periods > 0, 0.5 * periods, high)


def field_grid(
    probe: Callable[[Values, int], Gas],
    fields: TotalForce,
    limits: tuple[Values, Values],
    middle: Values,
    top: float,
    frame: int = -1,
) -> Panel:
    """The energy and the force of fields on a grid, without any groups.

    Args:
        probe: particles at places (M, D), at the time of a frame (`Group.probe`).
        fields: their sum.
        limits: corners (2,) of the grid [length].
        middle: (D,) coordinates beyond the first two.
        top: the energy below which particles are; NaN without a potential.
        frame: index of the frame, for fields that change with time.
    """
    x, y = (np.linspace(limits[0][axis], limits[1][axis], _GRID) for axis in (0, 1))
    places = np.tile(middle, (_GRID * _GRID, 1))
    places[:, 0], places[:, 1] = np.tile(x, _GRID), np.repeat(y, _GRID)
    shape = (_GRID, _GRID)
    energy = fields.energy(probe(places, frame)).reshape(shape) if np.isfinite(top) else None
    force = fields.force(probe(places, frame))[:, :2].reshape(*shape, 2)
    return Panel((), x, y, energy, force, (), (), (), top)


def energy_bound(part: Group, fields: TotalForce) -> float:
    """The energy below which the particles of a group are 99% of the time."""
    frames, rows = spread_over(len(part.steps), 20), spread_over(part.count, 200)
    seen = part.places(frames, rows).reshape(-1, part.dimensions)
    return float(np.quantile(fields.energy(part.probe(seen[np.isfinite(seen).all(axis=1)])), 0.99))


def places_of(part: Group, space: Space, frames: NDArray[np.int64], rows: NDArray[np.int64]) -> Values:
    """(M, 2) the first two coordinates of some rows in some frames, one frame after the other."""
    return np.concatenate([wrapped(space, part.frame(frame)[rows])[:, :2] for frame in frames])
