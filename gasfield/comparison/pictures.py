"""Figures of a comparison: one column per group, real and simulated overlaid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.linalg import null_space

from gasfield.comparison.pairing import GroupComparison
from gasfield.plots.panels import Curve, Paths, curves, places, plane, principal_plane, structure
from gasfield.plots.style import SERIES, Role, headline, new_figure
from gasfield.plots.words import label_of
from gasfield.printable import LISTED

Values = NDArray[np.floating[Any]]
Groups = Mapping[str, GroupComparison]
_COLUMNS = 24
"""Groups side by side; a picture of more would be too wide for its format."""
Sides = tuple[tuple[Role, str], tuple[Role, str]]
"""The roles of the two trajectories, and what they are called."""


def figures(groups: Groups, names: tuple[str, str]) -> dict[str, Callable[[], Figure]]:
    """Every figure for which there are data, by name; drawn when it is called. They show the first groups, where there
    are many: 24 side by side, 100 with pictures of their own. The names are those of the two trajectories."""
    sides: Sides = ((Role.REAL, label_of(names[0])), (Role.SIMULATED, label_of(names[1])))
    moving = {name: group for name, group in groups.items() if group.pair.real.count and len(group.hindcast.steps) > 1}
    if not moving:
        return {}
    beside = dict(list(moving.items())[:_COLUMNS])
    found: dict[str, Callable[[], Figure]] = {
        "centroid-path": partial(_paths, beside, sides),
        "radius-and-freezing": partial(_radius_and_freezing, beside, sides),
        "step-length": partial(_step_lengths, beside, sides),
        "hindcast": partial(_hindcast, beside, sides),
    }
    for name, group in list(moving.items())[:LISTED]:
        if group.real.deformation and group.simulated.deformation and group.real.deformation.frame.shape[1]:
            found[f"structure-{name}"] = partial(_structure, name, group, sides)
            found[f"stretches-{name}"] = partial(_stretches, name, group, sides)
    return found


def _paths(groups: Groups, sides: Sides) -> Figure:
    """Paths of the rows (top) and their final positions at their own scale (bottom)."""
    figure = new_figure(max(6.6, 5.6 * len(groups)), 8.6)
    axes = figure.subplots(2, len(groups), squeeze=False)
    for (way, end), (name, group) in zip(axes.T, groups.items(), strict=True):
        origin, plane_axes = principal_plane(np.asarray(group.pair.real.positions))
        stride = max(1, len(group.hindcast.steps) // 250)
        parts = [
            Paths((np.concatenate([g.positions[:-1:stride], g.positions[-1:]]) - origin) @ plane_axes.T, role, label)
            for g, (role, label) in zip((group.pair.real, group.pair.simulated), sides, strict=True)
        ]
        error = group.hindcast.estimates["centroid_path_error"].value
        share = f": centroids differ by {error:.2%} of the path" if np.isfinite(error) else ""
        plane(parts, f"{name}{share}", way)
        places(parts, f"{name}: rows at step {group.hindcast.steps[-1]}", end)
    headline(figure, "Paths of the rows in the plane of largest variance")
    return figure


def _radius_and_freezing(groups: Groups, sides: Sides) -> Figure:
    """Radius, unmoved and frozen share; shares that are zero throughout are stated in the title, not plotted."""
    shown = [kind for kind in ("unmoved", "frozen") if any(_any_standing(group, kind) for group in groups.values())]
    figure = new_figure(max(6.6, 4.9 * len(groups)), 0.6 + 3.0 * (1 + len(shown)))
    axes = figure.subplots(1 + len(shown), len(groups), squeeze=False, sharex=True)
    for column, (name, group) in zip(axes.T, groups.items(), strict=True):
        _radius(name, group, sides, column[0])
        for ax, kind in zip(column[1:], shown, strict=True):
            _standing(name, group, kind, sides, ax)
        for ax in column[:-1]:
            ax.set_xlabel("")
    still = "" if shown else ": every row moves in every step"
    headline(figure, f"Size of the cloud{', and rows that do not move' if shown else still}")
    return figure


def _radius(name: str, group: GroupComparison, sides: Sides, ax: Any) -> None:
    lines = []
    for side, (role, label) in zip((group.real, group.simulated), sides, strict=True):
        cloud, error = side.cloud, np.nan_to_num(side.cloud.radius_error)
        band = (cloud.radius - error, cloud.radius + error) if role is Role.REAL else (None, None)
        words = f"{label}, ± one standard error" if role is Role.REAL else label
        lines.append(Curve(cloud.steps, cloud.radius, role, words, *band))
    start, real, simulated = lines[0].values[0], lines[0].values[-1], lines[1].values[-1]
    title = f"{name}: {start:.4f} → {real:.4f} {sides[0][1]}, {simulated:.4f} {sides[1][1]}"
    top = 1.08 * max(float(np.max(line.values)) for line in lines)
    curves(lines, title, "radius [length]", limits=(0, top) if top > 0 else None, ax=ax)


def _standing(name: str, group: GroupComparison, kind: str, sides: Sides, ax: Any) -> None:
    """Share of rows that did not move in a step, or that never move again (up to the horizon)."""
    lines = []
    for side, (role, label) in zip((group.real, group.simulated), sides, strict=True):
        if side.freezing is None:
            continue
        steps, shares, error = _standing_curve(side.freezing, kind)
        lines.append(Curve(steps, shares, role, label, np.maximum(shares - error, 0), np.minimum(shares + error, 1)))
    titles = {"unmoved": "rows unmoved in a step", "frozen": "rows that never move again"}
    top = max(float(np.max(line.high)) for line in lines if line.high is not None)
    curves(lines, f"{name}: {titles[kind]}", "share of rows", limits=(-0.03 * top, 1.1 * top), ax=ax)


def _standing_curve(freezing: Any, kind: str) -> tuple[NDArray[np.int64], Values, Values]:
    if kind == "unmoved":
        return freezing.steps[1:], freezing.unmoved, freezing.unmoved_error
    known = freezing.steps <= freezing.horizon
    return freezing.steps[known], freezing.frozen[known], freezing.frozen_error[known]


def _any_standing(group: GroupComparison, kind: str) -> bool:
    return any(
        side.freezing is not None and bool(np.any(_standing_curve(side.freezing, kind)[1] > 0))
        for side in (group.real, group.simulated)
    )


def _step_lengths(groups: Groups, sides: Sides) -> Figure:
    figure = new_figure(max(6.6, 4.9 * len(groups)), 4.0)
    axes = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
    gaps = False
    for ax, (name, group) in zip(axes, groups.items(), strict=True):
        lines, interval = [], "step"
        for side, (role, label) in zip((group.real, group.simulated), sides, strict=True):
            if side.step_length is not None:
                found, interval = side.step_length, side.step_length.interval
                words = f"{label}: median, band 10–90% of rows"
                lines.append(Curve(found.steps, found.median, role, words, found.low, found.high))
        gaps = gaps or any(bool(np.any(line.values <= 0)) for line in lines)
        curves(lines, name, f"step length [length per {interval}]", log=True, ax=ax)
    for ax in axes[1:]:
        ax.set_ylabel("")
    why = " (gaps: at least half of the rows do not move)" if gaps else ""
    headline(figure, f"Step length of the rows{why}")
    return figure


def _hindcast(groups: Groups, sides: Sides) -> Figure:
    """Relative displacement errors and, for bfloat16, the share of coordinates in the same cell."""
    cells = any(np.isfinite(group.hindcast.cells_equal).any() for group in groups.values())
    figure = new_figure(10.4 if cells else 6.4, 4.4)
    axes = figure.subplots(1, 2 if cells else 1, squeeze=False)[0]
    errors, equal = [], []
    for colour, (name, group) in zip(SERIES * len(groups), groups.items(), strict=False):
        h, style = group.hindcast, {"color": colour}
        last = h.estimates["displacement_error"].value
        label = f"{name}: {last:.2%} at the end"
        errors.append(Curve(h.steps, h.displacement_error, Role.CONTEXT, label, h.low, h.high, style))
        if np.isfinite(h.cells_equal).any():
            label = f"{name}: {h.cells_equal[-1]:.0%} at the end"
            equal.append(Curve(h.steps, h.cells_equal, Role.CONTEXT, label, style=style))
    title = "Error / displacement: mean, band 10–90%"
    curves(errors, title, f"|x − x({sides[0][1]})| / |x({sides[0][1]}) − x₀|", log=True, ax=axes[0])
    if cells:
        curves(equal, "Coordinates in the same bfloat16 cell", "share of coordinates", limits=(0, 1.03), ax=axes[1])
    headline(figure, f"Error of the rows: {sides[1][1]} against {sides[0][1]}")
    return figure


def _structure(name: str, group: GroupComparison, sides: Sides) -> Figure:
    """The structure before and after, in its material frame: the initial axes, rotated by R."""
    real, simulated = group.real.deformation, group.simulated.deformation
    assert real is not None
    assert simulated is not None
    first, last, other = group.pair.real.positions[0], group.pair.real.positions[-1], group.pair.simulated.positions[-1]
    before = _own_coordinates(first, real.frame)
    after = _own_coordinates(last, real.isometries[-1])
    computed = _own_coordinates(other, real.isometries[-1])
    half = 1.05 * max(float(np.abs(points).max()) for points in (before, after, computed))
    steps, bonds = group.hindcast.steps, group.pair.real.bonds
    figure = new_figure(12.0, 4.9)
    axes = [figure.add_subplot(1, 3, i + 1, projection="3d") for i in range(3)]
    structure(before, bonds, Role.INITIAL, f"step {steps[0]}", half, axes[0])
    title = f"step {steps[-1]}, {sides[0][1]}\n{_stretch_text(real.stretches[-1])}"
    structure(after, bonds, Role.REAL, title, half, axes[1])
    title = f"step {steps[-1]}, {sides[1][1]} ({sides[0][1]} behind it)\n{_stretch_text(simulated.stretches[-1])}"
    structure(computed, bonds, Role.SIMULATED, title, half, axes[2], ghost=after)
    headline(figure, f"{name}: shape in its material frame [length]; translation and rotation removed")
    return figure


def _own_coordinates(points: Values, axes: Values) -> Values:
    """Coordinates (M, 3) of centred points (M, D) along axes (D, k); for k < 3, axes of the remainder are added."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    if axes.shape[1] < 3:
        outside = null_space(axes.T)
        rest = np.linalg.svd(centred @ outside)[2][: 3 - axes.shape[1]]
        axes = np.hstack([axes, outside @ rest.T])
        axes = np.pad(axes, ((0, 0), (0, 3 - axes.shape[1])))
    coordinates: Values = centred @ axes[:, :3]
    return coordinates


def _stretch_text(stretches: Values) -> str:
    return "stretches " + ", ".join(f"{s:.3f}" for s in stretches[:4])


def _stretches(name: str, group: GroupComparison, sides: Sides) -> Figure:
    real, simulated = group.real.deformation, group.simulated.deformation
    assert real is not None
    assert simulated is not None
    lines = []
    for side, (role, label) in zip((real, simulated), sides, strict=True):
        for i, values in enumerate(side.stretches.T):
            lines.append(Curve(side.steps, values, role, label if i == 0 else ""))
    figure = new_figure(6.4, 4.2)
    ax = figure.add_subplot()
    title = f"{name}: principal stretches (initially 1)"
    curves(lines, title, "principal stretch", reference=1.0, ax=ax)
    return figure
