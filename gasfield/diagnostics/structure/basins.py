"""Basins: in whose valley particles are, found by letting them run down the energy of the field until it rises no more.

Steepest descent with a step for each particle that grows while the energy falls and shrinks where it does not, and is
never so long that it could leap over a hill unseen. Ends that are near each other are one minimum; on a plain without
a slope descent ends nowhere in particular, and a particle there is in no basin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.forces import TotalForce
from gasfield.registry import register
from gasfield.spaces import Space
from gasfield.statistics.estimate import exact, share_error, stated

_FRAMES, _PARTICLES = 24, 200
_STEPS = 2000
_STRIDE = 0.05
"""The longest step of descent, in parts of the spread of the places."""
_NEAR = 0.02
"""Ends nearer than this part of the spread of all ends are one minimum."""
_LEAST = 0.01
"""Of all ends: a place that fewer reach is not a basin."""


@dataclass(frozen=True, kw_only=True)
class BasinsResult(GroupedResult):
    """Where particles are, basin by basin.

    Attributes:
        times: (T,) of the frames that were looked at.
        minima: (B, D) the deepest place of each basin, the deepest basin first [length].
        energies: (B,) its energy.
        shares: (T, B) share of the particles in each basin.

    Keys: `basins.count`, how many were found; `basins.energy` and `basins.shares`, lists of the energy of each and of
    the share of particles in it at the end with its standard error.
    """

    times: Values
    minima: Values
    energies: Values
    shares: Values

    @classmethod
    def plot_grouped(cls, results: Sequence[BasinsResult], ax: Axes | None = None) -> Axes:
        """Shares over time where there are few basins; at the end, against their energy, where there are many."""
        from gasfield.plots.time_series import basin_shares

        shown = {r.group: (r.times, r.shares, r.minima, r.energies) for r in results}
        return basin_shares(shown, "Occupation of the basins", ax)


@register
class Basins(Diagnostic[BasinsResult]):
    """Minima of the energy of the field that particles run down to."""

    needs_run: ClassVar[bool] = True

    kind: Literal["basins"] = "basins"

    def objection(self, group: Group) -> str | None:
        """Needs a field with a potential that stays, in which particles move by laws of physics."""
        laws, fields = group.run.fields(group.name)
        if not laws:
            return "no field acts on it (recorded fields have no basins)"
        if not fields.conservative or not fields.steady:
            return "the field has no potential that stays: there are no basins"
        return "an optimiser does not follow the force" if group.run.dynamics.is_optimiser else None

    def measure(self, group: Group, notes: list[str]) -> BasinsResult:
        """The results for one group."""
        space, fields = group.run.space, group.run.fields(group.name)[1]
        frames, rows = spread_over(len(group.steps), _FRAMES), spread_over(group.count, _PARTICLES)
        if len(rows) < group.count:
            notes.append(f"{len(rows)} of {group.count} particles are used")
        places = group.places(frames, rows)
        ends, energies = descend(places.reshape(-1, group.dimensions), group, fields, space)
        labels, minima, depths = minima_of(ends, energies)
        shares = np.array(
            [[np.mean(frame == k) for k in range(len(minima))] for frame in labels.reshape(len(frames), -1)]
        )
        nowhere = float(np.mean(labels.reshape(len(frames), -1)[-1] < 0))
        if nowhere:
            notes.append(f"{nowhere:.1%} of the particles are in no basin of one in a hundred at the end")
        last = shares[-1] if len(minima) else np.empty(0)
        return BasinsResult(
            group=group.name,
            estimates={
                "basins.count": exact(len(minima), "1"),
                "basins.energy": stated(depths, np.zeros(len(depths)), "energy"),
                "basins.shares": stated(last, share_error(last, len(rows)), "1"),
            },
            notes=tuple(notes),
            times=group.times[frames],
            minima=minima,
            energies=depths,
            shares=shares,
        )


def descend(places: Values, group: Group, fields: TotalForce, space: Space) -> tuple[Values, Values]:
    """(M, D) ends of steepest descent from places (M, D), and their energies (M,)."""
    here = places.copy()
    space.settle(here)
    gas = group.probe(here)
    energy, force = fields.energy(gas), fields.force(gas)
    step = 0.01 * float(np.std(places)) / max(float(np.median(np.linalg.norm(force, axis=1))), 1e-300)
    steps, stride = np.full(len(here), step), _STRIDE * float(np.std(places))
    for _ in range(_STEPS):
        slopes = np.linalg.norm(force, axis=1)
        steps = np.minimum(steps, stride / np.maximum(slopes, 1e-300))
        there = here + steps[:, None] * force
        space.settle(there)
        gas = group.probe(there)
        lower = (new := fields.energy(gas)) < energy
        here[lower], energy[lower] = there[lower], new[lower]
        force[lower] = fields.force(gas)[lower]
        steps *= np.where(lower, 1.3, 0.4)
        if not np.any(lower) and np.all(steps * slopes < 1e-9):
            break
    return here, energy


def minima_of(ends: Values, energies: Values) -> tuple[NDArray[np.int64], Values, Values]:
    """(M,) basin of each end, -1 for none; (B, D) minima; (B,) their energies, ascending."""
    reach = max(_NEAR * float(np.sqrt(np.sum(np.var(ends, axis=0)))), 1e-6)
    cells = np.round(ends / (0.25 * reach / np.sqrt(ends.shape[1])))  # those in one cell are one end
    _, firsts, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    apart = ends[firsts]
    pairs = cKDTree(apart).query_pairs(reach, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(apart), len(apart)))
    found, of_cell = connected_components(graph, directed=False)
    labels = of_cell[cell.ravel()]
    sizes = np.bincount(labels, minlength=found)
    kept = [k for k in range(found) if sizes[k] >= max(_LEAST * len(ends), 1)]
    lowest = {k: int(np.flatnonzero(labels == k)[np.argmin(energies[labels == k])]) for k in kept}
    order = sorted(kept, key=lambda k: float(energies[lowest[k]]))
    number = np.full(found, -1)
    number[order] = np.arange(len(order))
    rows = np.array([lowest[k] for k in order], np.int64)
    return number[labels], ends[rows], energies[rows]
