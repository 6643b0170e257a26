"""Basins: in whose valley particles are, found by letting them run down the energy of the field until it rises no more.

A basin belongs to a minimum, a place where the gradient vanishes and the Hessian is positive (`minima.py`). Descents
(`descent.py`) may end elsewhere: at a saddle or where the field is flat; nowhere, where the energy falls without end;
or before they are finished. All of them are counted, and only minima are basins. Ends that are near each other are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.structure.descent import USUAL, WORK, Ends, Slope, descend
from gasfield.diagnostics.structure.minima import End, Scale, examine
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, share_error, stated

_FRAMES, _PARTICLES = 24, 200
_FEWEST = 32
"""Particles that are used at least, where there are so many, in each of two frames."""
_NEAR = 0.02
"""Ends nearer than this part of the spread of all ends are one minimum."""
_LEAST = 0.01
"""Of all ends: a place that fewer reach is not a basin."""
CLASSES = {
    "minimum": "end in a minimum",
    "saddle": "end at a saddle, or where the field is flat in some direction: no minimum",
    "unbounded": "run away: the energy falls without end",
    "unfinished": "are still running when their work is done, or end where the force jumps",
    "rare": "end in places that fewer than one in a hundred reach",
}
"""How descents end, and in words."""


@dataclass(frozen=True, kw_only=True)
class BasinsResult(GroupedResult):
    """Where particles are, basin by basin.

    Attributes:
        times: (T,) of the frames that were looked at.
        minima: (B, D) the minimum of each basin, the deepest first [length].
        energies: (B,) its energy.
        shares: (T, B) share of the particles in each basin.

    Keys: `basins.count`, how many were found; `basins.energy` and `basins.shares`, lists of the energy of each and of
    the share of particles in it at the end with its standard error; `basins.ends.minimum`, `.saddle`, `.unbounded`,
    `.unfinished` and `.rare`, the shares of all descents that end so (`CLASSES`), which add up to 1.
    """

    times: Values
    minima: Values
    energies: Values
    shares: Values

    @property
    def drawable(self) -> bool:
        """Only minima are drawn."""
        return len(self.minima) > 0

    @classmethod
    def plot_grouped(cls, results: Sequence[BasinsResult], ax: Axes | None = None) -> Axes:
        """Shares over time where there are few basins; at the end, against their energy, where there are many."""
        from gasfield.plots.time_series import basin_shares

        shown = {r.group: (r.times, r.shares, r.minima, r.energies) for r in results if r.drawable}
        return basin_shares(shown, "Occupation of the basins", ax)


@register
class Basins(Diagnostic[BasinsResult]):
    """Minima of the energy of the field that particles run down to."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("basins.count", "basins.shares")

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
        slope = Slope(group, group.run.fields(group.name)[1], group.run.space)
        frames, rows = _chosen(group)
        if len(rows) < group.count:
            notes.append(f"{len(rows)} of {group.count} particles are used")
        if len(frames) < min(len(group.steps), _FRAMES):
            notes.append(
                f"{len(frames)} of {len(group.steps)} frames are used, for the work in {group.dimensions} dimensions"
            )
        ends = descend(group.places(frames, rows).reshape(-1, group.dimensions), slope)
        found = _examined(ends, slope)
        labels = found.labels.reshape(len(frames), -1)
        shares = np.array([[np.mean(frame == k) for k in range(len(found.minima))] for frame in labels])
        last = shares[-1] if len(found.minima) else np.empty(0)
        notes += [
            f"{share:.1%} of the descents {CLASSES[name]}"
            for name, share in found.classes.items()
            if share and name != "minimum"
        ]
        return BasinsResult(
            group=group.name,
            estimates=_counted(found)
            | {
                "basins.energy": stated(found.energies, np.zeros(len(found.energies)), "energy"),
                "basins.shares": stated(last, share_error(last, len(rows)), "1"),
            },
            notes=tuple(notes),
            times=group.times[frames],
            minima=found.minima,
            energies=found.energies,
            shares=shares,
        )


@dataclass(frozen=True)
class Found:
    """The minima of a field that descents lead to.

    Attributes:
        labels: (M,) basin of each descent, -1 for none.
        minima: (B, D), the deepest first [length].
        energies: (B,).
        classes: how descents end -> share of them.
    """

    labels: NDArray[np.int64]
    minima: Values
    energies: Values
    classes: dict[str, float]


def _counted(found: Found) -> dict[str, Estimate]:
    ends = {f"basins.ends.{name}": exact(share, "1") for name, share in found.classes.items()}
    return {"basins.count": exact(len(found.minima), "1")} | ends


def _chosen(group: Group) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames, the first and the last among them, and rows: as many as the work in so many dimensions allows."""
    most = WORK // (USUAL * group.dimensions)
    rows = spread_over(group.count, min(_PARTICLES, max(most // 2, _FEWEST)))
    frames = int(np.clip(most // max(len(rows), 1), 2, _FRAMES))
    return spread_over(len(group.steps), frames), rows


def _examined(ends: Ends, slope: Slope) -> Found:
    """Which places where descents end are minima: those that one in a hundred reach are examined, most populated first,
    as long as there is work left."""
    places = ends.places.copy()
    places[~np.isfinite(places).all(axis=1)] = 0.0
    still = np.flatnonzero(~ends.ran_away)
    near, clusters = _clusters(places[still], np.zeros(0) if not len(still) else ends.energies[still])
    scale = Scale(ends.spread, ends.force)
    kind = np.full(len(places), -1)
    label = np.full(len(places), -1)
    minima: list[Values] = []
    for lowest, members in clusters:
        if slope.work <= 0:
            break
        place, what = examine(places[still[lowest]], slope, scale, near)
        kind[still[members]] = what
        if what is End.MINIMUM:
            same = [k for k, other in enumerate(minima) if np.linalg.norm(other - place) <= near]
            label[still[members]] = same[0] if same else len(minima)
            minima += [] if same else [place]
    share = _classes(kind, ends)
    if not minima:
        nothing = np.empty((0, places.shape[1]))
        return Found(label, nothing, np.empty(0), share)
    energies = slope.energy(np.array(minima))
    order = np.argsort(energies, kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return Found(np.where(label >= 0, number[label], -1), np.array(minima)[order], energies[order], share)


def _classes(kind: NDArray[np.int64], ends: Ends) -> dict[str, float]:
    """Shares of all descents, by how they end."""
    unfinished = ~ends.ran_away & ((kind == End.UNFINISHED) | ((kind < 0) & ~ends.rested))
    flags = {
        "minimum": kind == End.MINIMUM,
        "saddle": kind == End.SADDLE,
        "unbounded": ends.ran_away,
        "unfinished": unfinished,
        "rare": (kind < 0) & ends.rested & ~ends.ran_away,
    }
    return {name: float(np.mean(flag)) for name, flag in flags.items()}


def _clusters(ends: Values, energies: Values) -> tuple[float, list[tuple[int, NDArray[np.int64]]]]:
    """How near ends (M, D) are one place [length], and the places that enough of them share: the lowest end and all
    members of each, the largest first."""
    if not len(ends):
        return 0.0, []
    reach = max(_NEAR * float(np.sqrt(np.sum(np.var(ends, axis=0)))), 1e-6)
    cells = np.round(ends / (0.25 * reach / np.sqrt(ends.shape[1])))  # those in one cell are one end
    _, firsts, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    apart = ends[firsts]
    pairs = scipy.spatial.cKDTree(apart).query_pairs(reach, output_type="ndarray")
    graph = scipy.sparse.coo_array(
        (np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(apart), len(apart))
    )
    found, of_cell = connected_components(graph, directed=False)
    labels = of_cell[cell.ravel()]
    sizes = np.bincount(labels, minlength=found)
    kept = [k for k in np.argsort(-sizes, kind="stable") if sizes[k] >= max(_LEAST * len(ends), 1)]
    members = [np.flatnonzero(labels == k) for k in kept]
    return reach, [(int(rows[np.argmin(energies[rows])]), rows) for rows in members]
