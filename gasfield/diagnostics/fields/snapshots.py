"""The gas itself at a few times, with the field that moves it: the first picture of every run.

In two flat dimensions the field lies under the particles: contours of its energy, or streamlines of its force. Groups
that different fields act on have rows of their own. Three dimensions and spheres are drawn as they are; more dimensions
in the plane in which the gas is widest, the same at all times, without fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Scope, Values, spread_over
from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.fields.grid import corners, energy_bound, field_grid
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.density_law import wrapped
from gasfield.forces import ForceSpec, TotalForce
from gasfield.plots.panel import Panel, Shown, Snapshot, View
from gasfield.registry import register
from gasfield.statistics.estimate import exact

_ALONE = (0.0, 0.125, 0.5, 1.0)
"""Shares of the run at which it is drawn, where one field acts on all groups."""
_BESIDE = (0.0, 0.25, 1.0)
"""The same, where groups in different fields have rows of their own."""
_ROWS = 4
_GROUPS = 16
_DOTS = 600
_STRUCTURE = 4000
"""Most particles of a structure that is drawn with its bonds."""


@dataclass(frozen=True, kw_only=True)
class SnapshotsResult(Result):
    """Pictures of the gas.

    Key: `snapshots.present`, the share of the particles that have a finite position in the last of them.
    """

    rows: tuple[tuple[Snapshot, ...], ...]
    view: View
    labels: tuple[str, ...]

    def draw(self, ax: Axes | None = None) -> Axes:
        """The particles at a few times; lattices with their bonds, coloured by strain."""
        from gasfield.plots.snapshots import snapshot_panels

        return snapshot_panels(self.rows, self.view, self.labels, "", ax)


@register
class Snapshots(Diagnostic[SnapshotsResult]):
    """Pictures of the gas at a few times, with the field under it where it can be drawn."""

    scope: ClassVar[Scope] = Scope.WHOLE
    throughout: ClassVar[bool] = False
    telling: ClassVar[tuple[str, ...] | None] = ()

    kind: Literal["snapshots"] = "snapshots"

    def objection(self, group: Group) -> str | None:
        """Needs two dimensions."""
        if group.dimensions < 2:
            return "a picture of the gas needs two dimensions"
        return None if any(part.count for part in group.parts) else "there are no particles"

    def measure(self, group: Group, notes: list[str]) -> SnapshotsResult:
        """The pictures of a gas."""
        parts = [part for part in group.parts if part.count]
        if len(parts) > _GROUPS:
            notes.append(f"the first {_GROUPS} of {len(parts)} groups are drawn")
        families = _families(parts[:_GROUPS])
        if len(families) > _ROWS:
            notes.append(f"the gas in the first {_ROWS} of {len(families)} fields is drawn")
        families = families[:_ROWS]
        view, axes = _view(group, [part for family, _ in families for part in family])
        moments = _BESIDE if len(families) > 1 else _ALONE
        rows = tuple(_row(family, fields, view, axes, moments) for family, fields in families)
        last = np.concatenate([np.isfinite(part.frame(-1)).all(axis=1) for part in parts])
        principal = view == "plane" and group.dimensions > 2
        names = ("first principal axis", "second principal axis") if principal else ("x0", "x1")
        return SnapshotsResult(
            group=group.name,
            estimates={"snapshots.present": exact(float(last.mean()), "1")},
            notes=tuple(notes),
            rows=rows,
            view=view,
            labels=tuple(f"{name} [length]" for name in names),
        )


@dataclass(frozen=True)
class _Axes:
    """Where coordinates of a picture come from: (positions - origin) @ axes.T."""

    origin: Values
    axes: Values

    def of(self, positions: Values) -> Values:
        """Coordinates (n, 2 or 3); NaN for particles without a finite position."""
        here = np.isfinite(positions).all(axis=1)
        placed = np.full((len(positions), len(self.axes)), np.nan)
        placed[here] = (positions[here] - self.origin) @ self.axes.T
        return placed


def _families(parts: Sequence[Group]) -> list[tuple[list[Group], TotalForce | None]]:
    """Groups that the same fields act on, with these fields; None where they are not known or not drawn. Groups
    that rest without a field are left out, where others move."""
    families: list[tuple[list[Group], tuple[ForceSpec, ...], TotalForce | None]] = []
    for part in parts:
        specifications, fields = fields_of(part)
        same = next((family for family, own, _ in families if own == specifications), None)
        if same is None:
            families.append(([part], specifications, fields))
        else:
            same.append(part)
    shown = [(family, fields) for family, _, fields in families]
    moving = [(family, fields) for family, fields in shown if fields is not None or any(map(_moves, family))]
    return moving or shown


def _moves(part: Group) -> bool:
    return bool(np.any(part.frame(-1) != part.frame(0)))


def fields_of(part: Group) -> tuple[tuple[ForceSpec, ...], TotalForce | None]:
    """The fields under a group in a flat plane, as specifications and as built; none where there is nothing to draw."""
    if part.dimensions != 2 or part.curved or part.origin.context is None or part.run.dynamics.is_optimiser:
        return (), None
    try:
        specifications, fields = part.run.fields(part.name)
    except NotApplicable:
        return (), None
    return specifications, fields if specifications else None


def _view(group: Group, parts: Sequence[Group]) -> tuple[View, _Axes]:
    """How positions are drawn."""
    dimensions = group.dimensions
    whole = _Axes(np.zeros(dimensions), np.eye(dimensions))
    if dimensions == 2:
        return "plane", whole
    if dimensions == 3:
        radius = group.run.space.outer_radius if group.curved else None
        return ("sphere", _Axes(whole.origin, whole.axes / radius)) if radius else ("space", whole)
    seen = np.concatenate(
        [part.places(_frames(part, _ALONE), spread_over(part.count, _DOTS)) for part in parts], axis=1
    )
    seen = seen[:, np.isfinite(seen).all(axis=(0, 2))]
    if not seen.size:
        return "plane", _Axes(whole.origin, whole.axes[:2])
    from gasfield.plots.panels import principal_plane

    origin, axes = principal_plane(seen)
    return "plane", _Axes(origin.astype(np.float64), axes.astype(np.float64))


def _frames(part: Group, moments: Sequence[float]) -> NDArray[np.int64]:
    return np.unique(np.rint(np.asarray(moments) * (len(part.steps) - 1)).astype(np.int64))


def _row(
    family: Sequence[Group], fields: TotalForce | None, view: View, axes: _Axes, moments: Sequence[float]
) -> tuple[Snapshot, ...]:
    """The panels of the groups in one field."""
    frames = _frames(family[0], moments)
    limits = None if fields is None else corners(family, family[0].run.space)
    potential = fields is not None and fields.conservative and not family[0].run.dynamics.force_is_velocity
    top = max(energy_bound(part, fields) for part in family) if fields is not None and potential else np.nan
    unit = "layer" if family[0].origin.layered else "step"
    shown = []
    for frame in map(int, frames):
        under: Panel | None = None
        if fields is not None and limits is not None:
            under = field_grid(family[0].probe, fields, limits, family[0].frame(frame).mean(axis=0), top, frame=frame)
        groups = tuple(_shown(part, frame, axes) for part in family)
        shown.append(Snapshot(f"{unit} {family[0].steps[frame]:,}", under, groups))
    return tuple(shown)


def _shown(part: Group, frame: int, axes: _Axes) -> Shown:
    """A group at one time; a structure with its bonds, unless it is too large to be seen."""
    solid = len(part.bonds) > 0 and part.count <= _STRUCTURE
    rows = np.arange(part.count) if solid else spread_over(part.count, _DOTS)
    places = part.frame(frame)[rows]
    if part.origin.context is not None:
        places = wrapped(part.run.space, places)
    bonds = part.bonds if solid else np.empty((0, 2), np.int64)
    strain = _strain(part, frame) if solid else np.empty(0)
    here = np.isfinite(strain)
    return Shown(part.name, axes.of(places), bonds[here] if solid else bonds, strain[here])


def _strain(part: Group, frame: int) -> Values:
    """(B,) length of each bond over that in the first frame in which it is there, less 1; NaN before."""
    first = int(np.argmax(part.steps >= part.appears.max(initial=0)))
    now, then = (_lengths(part.frame(number), part.bonds) for number in (frame, first))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((then > 0) & (frame >= first), now / then - 1.0, np.nan)


def _lengths(positions: Values, bonds: NDArray[np.int64]) -> Values:
    return np.asarray(np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=1))
