"""A map of the field that a gas moves in, and of the ways that its particles take through it.

Where the field has a potential the map shows its energy, else the streamlines of its force; forces between particles
are left out. In more than two dimensions it is the slice through the middle of the gas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Scope, Values, spread_over
from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.fields.grid import corners, energy_bound, field_grid, places_of
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.density_law import wrapped
from gasfield.forces import ForceSpec, TotalForce
from gasfield.plots.panel import Panel
from gasfield.registry import register
from gasfield.spaces import Space
from gasfield.statistics.estimate import exact

_TRACKS = 3
_DOTS = 600
_FRAMES = 400
_FIRST, _LAST = np.array([0]), np.array([-1])
_SMALL = 150
"""Particles up to which all places at the start are drawn too."""
_ALONE = 2
"""Groups in one field that are drawn apart, since they would hide each other; more of them share a panel."""


@dataclass(frozen=True, kw_only=True)
class FieldMapResult(Result):
    """The panels of a map.

    Key: `field_map.inside`, the share of all particles that are within the picture at the end.
    """

    panels: tuple[Panel, ...]

    def draw(self, ax: Axes | None = None) -> Axes:
        """Energy or streamlines, tracks of a few particles, and where all are at the end."""
        from gasfield.plots.maps import field_panels

        return field_panels(self.panels, ax)


@register
class FieldMap(Diagnostic[FieldMapResult]):
    """Field and ways in the plane of the first two coordinates."""

    scope: ClassVar[Scope] = Scope.WHOLE
    needs_run: ClassVar[bool] = True
    throughout: ClassVar[bool] = False
    telling: ClassVar[tuple[str, ...] | None] = ()

    kind: Literal["field_map"] = "field_map"

    def objection(self, group: Group) -> str | None:
        """Needs a field that was written down, in two dimensions or more of flat space."""
        if group.dimensions < 2 or group.curved:
            return "a map needs two dimensions of flat space"
        if group.run.dynamics.is_optimiser:
            return "an optimiser does not follow a force"
        reasons = [_unknown(part) for part in group.parts]
        if all(reasons):
            return next(reason for reason in reasons if reason)
        if not any(_fields_of(part) for part, reason in zip(group.parts, reasons, strict=True) if not reason):
            return "no field acts on a group (recorded ones are not drawn)"
        return None if any(part.present().count for part in group.parts) else "no row has a position throughout"

    def measure(self, group: Group, notes: list[str]) -> FieldMapResult:
        """The map of a run."""
        notes += [f"{part.name} is not drawn: {reason}" for part in group.parts if (reason := _unknown(part))]
        parts = [part.present() for part in group.parts if not _unknown(part)]
        parts = [part for part in parts if part.count and (_fields_of(part) or _moves(part))]
        panels = [panel for family in _families(parts) for panel in _panels(family)]
        inside = np.concatenate([_within(end, panel) for panel in panels for end in panel.ends])
        notes += [note for part in parts for note in part.notes]
        if group.dimensions > 2:
            notes.append(f"the map is a slice: the other {group.dimensions - 2} coordinates are those of the middle")
        return FieldMapResult(
            group=group.name,
            estimates={"field_map.inside": exact(float(inside.mean()), "1")},
            notes=tuple(notes),
            panels=tuple(panels),
        )


def _fields_of(part: Group) -> tuple[ForceSpec, ...]:
    """The laws of the fields that act on a group, which tell fields apart."""
    return part.run.fields(part.name)[0]


def _unknown(part: Group) -> str | None:
    """Why the fields that act on a group are not known; None if they are."""
    try:
        _fields_of(part)
    except NotApplicable as reason:
        return str(reason)
    return None


def _families(parts: Sequence[Group]) -> list[list[Group]]:
    """Groups in one field."""
    families: list[list[Group]] = []
    for part in parts:
        same = [family for family in families if _fields_of(family[0]) == _fields_of(part)]
        same[0].append(part) if same else families.append([part])
    return families


def _moves(part: Group) -> bool:
    return bool(np.any(part.frame(-1) != part.frame(0)))


def _within(places: Values, panel: Panel) -> NDArray[np.bool_]:
    """(N,) which places are in the picture."""
    inside: NDArray[np.bool_] = (np.abs(places[:, 0] - panel.x.mean()) <= 0.5 * np.ptp(panel.x)) & (
        np.abs(places[:, 1] - panel.y.mean()) <= 0.5 * np.ptp(panel.y)
    )
    return inside


def _panels(family: Sequence[Group]) -> list[Panel]:
    """The panels of the groups in one field, all with its limits and its scale: one for each of a few, else one."""
    run = family[0].run
    space, fields = run.space, run.fields(family[0].name)[1]
    potential = fields.conservative and not run.dynamics.force_is_velocity
    top = max(energy_bound(part, fields) for part in family) if potential else np.nan
    limits = corners(family, space)
    shown = [family] if len(family) > _ALONE else [[part] for part in family]
    return [_panel(parts, fields, limits, space, top) for parts in shown]


def _panel(
    parts: Sequence[Group], fields: TotalForce, limits: tuple[Values, Values], space: Space, top: float
) -> Panel:
    """A map with its groups; of energies if a highest one is given."""
    middle = np.mean([part.frame(-1).mean(axis=0) for part in parts], axis=0)
    under = field_grid(parts[0].probe, fields, limits, middle, top)
    return replace(
        under,
        names=tuple(part.name for part in parts),
        tracks=tuple(_tracks(part, space) for part in parts),
        starts=tuple(places_of(part, space, _FIRST, _few(part)) for part in parts),
        ends=tuple(places_of(part, space, _LAST, spread_over(part.count, _DOTS)) for part in parts),
    )


def _few(part: Group) -> NDArray[np.int64]:
    """The rows of a small group; none of a large one."""
    return spread_over(part.count * (part.count <= _SMALL), _SMALL)


def _tracks(part: Group, space: Space) -> Values:
    """(T, few, 2) ways of some particles; NaN where one leaves by a side and enters by the other."""
    frames, rows = spread_over(len(part.steps), _FRAMES), spread_over(part.count, _TRACKS)
    ways = wrapped(space, part.places(frames, rows))[..., :2]
    sides = np.where(space.periods[:2] > 0, space.periods[:2], np.inf)
    jumps = np.any(np.abs(np.diff(ways, axis=0)) > 0.5 * sides, axis=2)
    ways[1:][jumps] = np.nan
    return ways
