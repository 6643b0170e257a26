"""The Boltzmann distribution exp(-U/T) along one coordinate, by quadrature over all others, for D <= 3.

Every space is divided into cross sections of constant x0: boxes in a flat space; balls in a ball and spheres on the
sphere, of one dimension less, that shrink towards the poles. With x0 = R sin t and s = R cos t the measure is
s^D dt times that of the unit section in the ball, s^(D-2) dt on the sphere, both smooth. Gauss-Legendre panels are
halved until no share changes by more than 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

Values = NDArray[np.float64]
Energy = Callable[[Values], Values]
"""Potential energies (M,) at positions (M, D) [energy]."""

TOLERANCE = 1e-6
"""Default tolerance: largest change of a share in the last refinement."""
_POINTS = 20_000_000
"""Evaluations of the energy beyond which the quadrature is not refined."""
_LARGEST_RATIO = 4096
"""Panels of the widest bin, before refinement, over those of a usual one."""
_BLOCK = 1 << 18
_NODES = 2
"""Gauss-Legendre nodes of a panel of x0; bins are many and narrow."""
_NODES_ACROSS = 6
"""Gauss-Legendre nodes of a panel of each of the other coordinates."""
_PANELS = 3
"""Initial number of panels of each of the other coordinates."""
_NEGLIGIBLE = 40.0
"""Energy above the minimum, in T, beyond which positions are neglected: exp(-40) = 4e-18."""
_FORBIDDEN = 1e300
"""Substitute for the minimum of energies that are all infinite."""
_GRID = {1: 801, 2: 121, 3: 41}
"""Grid points per axis for locating the domain, by dimension."""


class NotConfined(Exception):  # noqa: N818 (a property of the potential)
    """No box was found outside of which exp(-U/T) is negligible."""


@dataclass(frozen=True)
class Flat:
    """A box: low (D,) and high (D,) ends [length]."""

    low: Values
    high: Values

    @property
    def ends(self) -> tuple[float, float]:
        """Range of t, which is x0 itself."""
        return float(self.low[0]), float(self.high[0])

    def parameter(self, x0: Values) -> Values:
        """t of x0."""
        return x0

    def sections(self, t: Values, panels: int) -> tuple[Values, Values]:
        """Places (n, M, D) and weights (n, M) of the cross sections at t (n,)."""
        rest, weights = np.empty((1, 0)), np.ones(1)
        for low, high in zip(self.low[1:], self.high[1:], strict=True):
            nodes, own = _panelled(np.linspace(low, high, panels + 1))
            rest, weights = _product(rest, weights, nodes, own)
        places = np.empty((len(t), len(rest), len(self.low)))
        places[..., 0], places[..., 1:] = t[:, None], rest
        return places, np.broadcast_to(weights, places.shape[:2])


@dataclass(frozen=True)
class Round:
    """A ball or a sphere about the origin in `dimensions`, of a given radius [length]."""

    dimensions: int
    radius: float
    hollow: bool

    @property
    def ends(self) -> tuple[float, float]:
        """Range of t, the angle from the equator."""
        return -0.5 * np.pi, 0.5 * np.pi

    def parameter(self, x0: Values) -> Values:
        """t of x0."""
        angle: Values = np.arcsin(np.clip(x0 / self.radius, -1.0, 1.0))
        return angle

    def sections(self, t: Values, panels: int) -> tuple[Values, Values]:
        """Places (n, M, D) and weights (n, M) of the cross sections at t (n,)."""
        unit, weights = (_unit_sphere if self.hollow else _unit_ball)(self.dimensions - 1, panels)
        reach = self.radius * np.cos(t)
        places = np.empty((len(t), len(unit), self.dimensions))
        places[..., 0], places[..., 1:] = self.radius * np.sin(t)[:, None], reach[:, None, None] * unit
        power = self.dimensions - 2 if self.hollow else self.dimensions
        return places, reach[:, None] ** power * weights


def confined(energy: Energy, temperature: float, low: Values, high: Values, bounded: bool) -> Flat:
    """The box outside of which exp(-U/T) is negligible.

    It is located on grids, starting with the box between `low` and `high` (D,): sides grow until the energy on them is
    40 T above the minimum, or to the walls (`bounded`: the given box is the whole space), and then shrink to that
    level. A well narrower than the grid spacing, or behind a barrier of 40 T, is not found.

    Raises:
        NotConfined: if the box does not converge.
    """
    for _ in range(60):
        axes = [np.linspace(a, b, _GRID[len(low)]) for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        height = _in_blocks(energy, grid.reshape(-1, len(low))).reshape(grid.shape[:-1]) / temperature
        if not np.isfinite(height.min()):
            raise NotConfined
        matters = height - height.min() < _NEGLIGIBLE
        old_low, old_high = low, high
        low, high = low.copy(), high.copy()
        for axis, places in enumerate(axes):
            inside = np.flatnonzero(matters.any(axis=tuple(k for k in range(len(low)) if k != axis)))
            width, spacing = old_high[axis] - old_low[axis], places[1] - places[0]
            first, last = int(inside[0]), int(inside[-1])
            low[axis] = places[first] - spacing if first else old_low[axis] - (0.0 if bounded else 0.5 * width)
            at_end = last == len(places) - 1
            high[axis] = old_high[axis] + (0.0 if bounded else 0.5 * width) if at_end else places[last] + spacing
        moved = np.maximum(np.abs(low - old_low), np.abs(high - old_high))
        if np.all(moved <= 0.1 * (old_high - old_low)):
            return Flat(low, high)
    raise NotConfined


def nodes(space: Flat | Round, panels: int) -> tuple[Values, Values]:
    """Places (M, D) and weights (M,) of Gauss-Legendre panels over the whole domain; the weights sum to its volume (of
    a sphere, its area)."""
    t, own = _panelled(np.linspace(*space.ends, panels + 1))
    places, weights = space.sections(t, panels)
    scale = space.radius if isinstance(space, Round) and space.hollow else 1.0
    return places.reshape(-1, places.shape[-1]), (scale * own[:, None] * weights).ravel()


def shares(
    energy: Energy, temperature: float, space: Flat | Round, edges: Values, tolerance: float = TOLERANCE
) -> tuple[Values, float]:
    """The Boltzmann distribution of x0.

    Args:
        energy: potential energy of positions.
        temperature: T [energy].
        space: the domain.
        edges: (k + 1,) of bins of x0; the outer bins extend to the ends of the space.
        tolerance: the quadrature is refined until no share changes by more.

    Returns:
        (k,) shares of the bins, which sum to 1, and the largest change of a share in the last refinement; it exceeds
        `tolerance` if more than 20 million evaluations of the energy would be needed.
    """
    first, last = space.ends
    inner = np.clip(space.parameter(edges[1:-1]), first, last)
    ends = np.concatenate([[first], inner, [last]])
    widths = np.diff(ends)
    usual = float(np.median(widths[widths > 0.0]))  # bins beyond the ends of the space have no width
    ratios = [min(max(1, round(float(width) / usual)), _LARGEST_RATIO) for width in widths]
    before, change, fine = None, np.inf, 1
    while True:
        cuts = [ratio * fine for ratio in ratios]
        size = _NODES * sum(cuts) * len(space.sections(ends[:1], _PANELS * fine)[1][0])
        if before is not None and (change < tolerance or size > _POINTS):
            return before, change
        masses = _masses(energy, temperature, space, ends, cuts, _PANELS * fine)
        if before is not None:
            change = float(np.max(np.abs(masses - before)))
        before, fine = masses, 2 * fine


def _masses(
    energy: Energy, temperature: float, space: Flat | Round, ends: Values, cuts: list[int], panels: int
) -> Values:
    """(k,) shares of the bins of t between `ends`, each divided into `cuts` panels."""
    pieces = zip(ends[:-1], ends[1:], cuts, strict=True)
    borders = np.concatenate([*(np.linspace(a, b, n, endpoint=False) for a, b, n in pieces), ends[-1:]])
    t, weights = _panelled(borders, _NODES)
    height, measure = np.empty(0), np.empty(0)
    block = max(1, _BLOCK // len(space.sections(t[:1], panels)[1][0]))
    lowest, heights, sums = np.inf, [], []
    for start in range(0, len(t), block):
        places, measure = space.sections(t[start : start + block], panels)
        height = _in_blocks(energy, places.reshape(-1, places.shape[-1])).reshape(measure.shape) / temperature
        lowest = min(float(height.min()), _FORBIDDEN)
        heights.append(lowest)
        sums.append(np.sum(measure * np.exp(lowest - height), axis=1))
    lowest = min(heights)
    density = np.concatenate([own * np.exp(lowest - least) for own, least in zip(sums, heights, strict=True)])
    bins = np.repeat(np.arange(len(cuts)), _NODES * np.array(cuts))
    masses = np.bincount(bins, weights * density, minlength=len(cuts))
    return np.asarray(masses / masses.sum(), np.float64)


def _panelled(borders: Values, count: int = _NODES_ACROSS) -> tuple[Values, Values]:
    """Gauss-Legendre nodes and weights (count * panels,) of panels between borders."""
    nodes, weights = leggauss(count)
    half = 0.5 * np.diff(borders)[:, None]
    return ((borders[:-1, None] + half) + half * nodes).ravel(), (half * weights).ravel()


def _product(rest: Values, weights: Values, nodes: Values, own: Values) -> tuple[Values, Values]:
    """Tensor product of positions (M, d) and one more coordinate (n,) -> (M n, d + 1), with weights."""
    places = np.column_stack([np.repeat(rest, len(nodes), axis=0), np.tile(nodes, len(rest))])
    return places, np.outer(weights, own).ravel()


def _unit_ball(dimensions: int, panels: int) -> tuple[Values, Values]:
    """Positions (M, d) and weights (M,) in the unit ball, d <= 2."""
    if dimensions == 0:
        return np.empty((1, 0)), np.ones(1)
    t, weights = _panelled(np.linspace(-0.5 * np.pi, 0.5 * np.pi, panels + 1))
    places, inner = Round(dimensions, 1.0, False).sections(t, panels)
    return places.reshape(-1, dimensions), (weights[:, None] * inner).ravel()


def _unit_sphere(dimensions: int, panels: int) -> tuple[Values, Values]:
    """Positions (M, d) and weights (M,) on the unit sphere, d = 1 or 2."""
    if dimensions == 1:
        return np.array([[-1.0], [1.0]]), np.ones(2)
    count = _NODES_ACROSS * panels
    angle = 2.0 * np.pi * np.arange(count) / count
    return np.column_stack([np.cos(angle), np.sin(angle)]), np.full(len(angle), 2.0 * np.pi / len(angle))


def _in_blocks(energy: Energy, places: Values) -> Values:
    """Energies (M,) at positions (M, D), in blocks; NaN becomes infinity."""
    found = [energy(places[start : start + _BLOCK]) for start in range(0, len(places), _BLOCK)]
    heights = np.concatenate(found)
    return np.where(np.isnan(heights), np.inf, heights)
