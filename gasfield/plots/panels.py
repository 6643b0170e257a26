"""Panels: functions that draw arrays into axes and return the axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import NDArray

from gasfield.plots.style import (
    BELOW,
    INK,
    SHADES,
    Role,
    Values,
    axes_or_new,
    drawn_safely,
    dress,
    finished,
    legend,
    set_limits,
)
from gasfield.trajectory.projection import moderate

_THIN_ROWS = 24
"""Maximum number of paths of rows drawn in a plane."""


@dataclass(frozen=True)
class Curve:
    """A line over steps: steps (T,), values (T,), and optionally a band from `low` to `high` (T,)."""

    steps: NDArray[np.int64]
    values: Values
    role: Role
    label: str
    low: Values | None = None
    high: Values | None = None
    style: dict[str, Any] = field(default_factory=dict)


@drawn_safely
def curves(
    lines: Sequence[Curve],
    title: str,
    y_label: str,
    *,
    log: bool = False,
    limits: tuple[float, float] | None = None,
    reference: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws lines over the step, with their bands. On a logarithmic axis a line has gaps at zero."""
    ax = axes_or_new(ax)
    for line in lines:
        style = line.role.line | line.style
        if len(line.steps) == 1:
            style |= {"marker": "o", "markersize": 5}
        ax.plot(line.steps, _drawable(line.values, log), label=line.label, **style)
        if line.low is not None and line.high is not None:
            low, high = np.asarray(line.low), _drawable(line.high, log)
            if log:  # a band that includes zero ends at its smallest positive value
                low = np.where(low > 0, low, np.min(low, initial=np.inf, where=low > 0))
            ax.fill_between(line.steps, low, high, color=style["color"], alpha=0.16, linewidth=0)
    if log and any(np.any(line.values > 0) for line in lines):
        ax.set_yscale("log")
    if reference is not None:
        ax.axhline(reference, color=Role.INITIAL.colour, linewidth=0.9, linestyle="dotted", zorder=1)
    if limits is not None:
        set_limits(ax, y=limits)
    return finished(ax, title, "step", y_label)


@drawn_safely
def stacked(
    steps: NDArray[np.int64],
    shares: Values,
    labels: Sequence[str],
    title: str,
    y_label: str,
    ax: Axes | None = None,
) -> Axes:
    """Draws shares (k, T) that sum to 1 as stacked bands over the step."""
    ax = axes_or_new(ax)
    ax.stackplot(steps, shares, labels=labels, colors=SHADES[: len(labels)], linewidth=0)
    dress(ax, title, "step", y_label)
    ax.set_ylim(0, 1)
    if len(steps) > 1:
        set_limits(ax, x=(steps[0], steps[-1]))
    legend(ax, **BELOW)
    return ax


@dataclass(frozen=True)
class Paths:
    """Paths of rows in a plane: positions (T, N, 2), with role and label."""

    positions: Values
    role: Role
    label: str


def principal_plane(positions: Values) -> tuple[Values, Values]:
    """The principal plane of rows (T, N, D) over all frames: its origin (D,) and two axes (2, D).

    Axes are signed so that the displacement of the centroid is positive. In one dimension the second axis is zero.
    """
    points = positions[:: max(1, len(positions) // 50)].reshape(-1, positions.shape[2]).astype(np.float64)
    origin, near = points.mean(axis=0), moderate(points)
    near = near - near.mean(axis=0)
    values, vectors = np.linalg.eigh(near.T @ near)
    axes = vectors[:, np.argsort(values)[::-1]].T[:2]
    first, last = moderate(positions[[0, -1]].mean(axis=1, dtype=np.float64))
    way = last - first
    axes = axes * np.where(axes @ way < 0, -1.0, 1.0)[:, None]
    return origin, np.vstack([axes, np.zeros((2 - len(axes), len(origin)))])


@drawn_safely
def plane(parts: Sequence[Paths], title: str, ax: Axes | None = None) -> Axes:
    """Draws thin paths of rows and a thick path of their centroid; grey dots mark initial positions."""
    ax = axes_or_new(ax)
    for part in parts:
        rows = np.linspace(0, part.positions.shape[1] - 1, min(_THIN_ROWS, part.positions.shape[1])).astype(int)
        style = part.role.line
        width = 0.6 if part.role is Role.REAL else 0.9
        thin = style | {"linewidth": width, "alpha": 0.45, "zorder": style["zorder"] - 2}
        ax.plot(part.positions[:, rows, 0], part.positions[:, rows, 1], **thin)
        centroid = part.positions.mean(axis=1)
        thick = style | {"linewidth": 2.8, "label": f"{part.label}: centroid (thick), rows (thin)"}
        ax.plot(centroid[:, 0], centroid[:, 1], **thick)
        ax.plot(*centroid[-1], marker="o", markersize=8, color=part.role.colour, fillstyle=_fill(part.role), zorder=6)
    start = parts[0].positions[0]
    colour = Role.INITIAL.colour
    ax.scatter(start[:, 0], start[:, 1], s=9, color=colour, linewidths=0, zorder=2, label="rows at the start")
    ax.set_aspect("equal", adjustable="datalim")
    return finished(ax, title, "first principal axis [length]", "second principal axis [length]")


@drawn_safely
def places(parts: Sequence[Paths], title: str, ax: Axes | None = None) -> Axes:
    """Draws the final positions of the rows: real as dots, simulated as rings, connected by lines."""
    ax = axes_or_new(ax)
    for part in parts:
        ends, size = part.positions[-1], 16 if part.role is Role.REAL else 60
        face = part.role.colour if part.role is Role.REAL else "none"
        style = {"facecolors": face, "edgecolors": part.role.colour, "zorder": part.role.line["zorder"]}
        ax.scatter(ends[:, 0], ends[:, 1], s=size, linewidths=1.2, label=f"{part.label}, at the end", **style)
    if len(parts) == 2:
        pairs = np.stack([part.positions[-1] for part in parts])
        ax.plot(pairs[..., 0], pairs[..., 1], color=INK, linewidth=0.8, zorder=2)
    ax.set_aspect("equal", adjustable="datalim")
    return finished(ax, title, "first principal axis [length]", "second principal axis [length]")


@drawn_safely
def structure(
    points: Values,
    bonds: NDArray[np.int64],
    role: Role,
    title: str,
    half_width: float,
    ax: Axes3D,
    ghost: Values | None = None,
) -> Axes3D:
    """Draws points (M, 3) with bonds (B, 2) in a cube of a given half width; `ghost` (M, 3) is drawn pale behind."""
    if ghost is not None:
        for a, b in bonds:
            ax.plot(*ghost[[a, b]].T, color=INK, alpha=0.35, linewidth=0.9)
    for a, b in bonds:
        ax.plot(*points[[a, b]].T, color=role.colour, alpha=0.75, linewidth=1.2)
    depth = points @ _line_of_sight(ax)
    depth = np.nan_to_num(depth)
    nearness = (depth - depth.min()) / max(float(np.ptp(depth)), 1e-300)
    x, y, z = points.T
    ax.scatter(x, y, z, s=10 + 22 * nearness, color=role.colour, depthshade=True, edgecolors="white", linewidths=0.4)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_major_locator(MaxNLocator(3))
        axis.set_pane_color((0.975, 0.975, 0.985, 1.0))
    around = (-half_width, half_width)
    set_limits(ax, around, around, around)
    ax.set_box_aspect((1, 1, 1), zoom=0.9)
    ax.tick_params(labelsize=7, pad=2)
    ax.set_title(title, fontsize=10.5, fontweight="bold", color=INK, y=0.97)
    return ax


def _fill(role: Role) -> Any:
    """Fill style: hollow markers for simulated data, so that both stay visible."""
    return "full" if role is Role.REAL else "none"


def _line_of_sight(ax: Axes3D) -> Values:
    """Unit vector from the origin of a 3-D scene to the viewer."""
    azimuth, elevation = np.radians(ax.azim), np.radians(ax.elev)
    return np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])


def _drawable(values: Values, log: bool) -> Values:
    """Replaces values <= 0 by NaN on a logarithmic axis."""
    return np.where(np.asarray(values) > 0, values, np.nan) if log else np.asarray(values)
