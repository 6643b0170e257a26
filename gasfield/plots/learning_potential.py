"""Figures of learned energies, and of the two parts of a learned field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gasfield.plots.style import (
    CONTEXT,
    INITIAL,
    INK,
    SIMULATED,
    Values,
    axes_or_new,
    drawn_safely,
    dress,
    finished,
    headline,
    new_figure,
)

_LEVELS = 21
_TOP = 12.0
"""Largest energy that is drawn, in units of T: what thermal motion does not reach is white."""


@drawn_safely
def energy_map(
    x: Values,
    y: Values,
    energy: Values,
    error: Values | None,
    inside: NDArray[np.bool_],
    temperature: float | None,
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Draws an energy over the plane of the leading axes, and beside it its standard error; pale where nothing was
    sampled. In one dimension it is a line with a band of two standard errors.

    Args:
        x: (n,) along the first axis [length].
        y: (m,) along the second; a single number in one dimension.
        energy: (m, n).
        error: (m, n) of the energy up to a constant; None if unknown.
        inside: (m, n) whether it was sampled there.
        temperature: unit of the energies; None for the energy's own unit.
        title: of the picture.
        ax: axes for the energy alone.
    """
    unit, name = (temperature, "energy / T") if temperature else (1.0, "energy")
    known = error if error is not None and np.isfinite(error).any() else None
    if len(y) == 1:
        return _line(ax, x, energy[0] / unit, None if known is None else known[0] / unit, inside[0], name, title)
    top = 1.1 * float(np.max(energy, initial=0.0, where=inside)) / unit or 1.0
    if temperature:
        top = min(top, _TOP)
    axes = [ax] if ax is not None else _panels(x, y, 1 if known is None else 2)
    _contours(axes[0], x, y, energy / unit, inside, top, f"{title}: {name}")
    if len(axes) > 1 and known is not None:
        largest = float(np.max(known, initial=0.0, where=inside)) / unit or 1.0
        _contours(axes[1], x, y, known / unit, inside, largest, f"standard error of {name}")
    return axes[0]


def _panels(x: Values, y: Values, count: int) -> list[Axes]:
    """Panels side by side, as high as their axes of equal scale."""
    height = 4.2 * min(max(float(np.ptp(y) / max(float(np.ptp(x)), 1e-300)), 0.3), 1.2) + 0.9
    return list(new_figure(5.4 * count, height).subplots(1, count, squeeze=False)[0])


def _contours(
    ax: Axes, x: Values, y: Values, values: Values, inside: NDArray[np.bool_], top: float, title: str
) -> None:
    levels = np.linspace(0.0, top, _LEVELS)
    drawn = ax.contourf(x, y, values, levels=levels, cmap="GnBu_r")
    ax.contour(x, y, values, levels=levels[::2], colors="#5c6b7a", linewidths=0.35)
    ax.contourf(x, y, inside.astype(float), levels=[-0.5, 0.5], colors="white", alpha=0.6)
    ax.figure.colorbar(drawn, ax=ax, shrink=0.85, format="%.3g")
    ax.set_aspect("equal", adjustable="box")
    dress(ax, title, "first principal axis [length]", "second principal axis [length]")


def _line(
    ax: Axes | None, x: Values, energy: Values, error: Values | None, inside: NDArray[np.bool_], name: str, title: str
) -> Axes:
    ax = new_figure(5.4, 4.0).add_subplot() if ax is None else ax
    ax.plot(x, energy, color=INK, linewidth=1.8, alpha=0.3, label="extrapolated")
    ax.plot(x, np.where(inside, energy, np.nan), color=INK, linewidth=1.8, label="sampled")
    if error is not None:
        ax.fill_between(x, energy - 2 * error, energy + 2 * error, color=INK, alpha=0.15, linewidth=0)
    return finished(ax, title, "axis [length]", name)


@drawn_safely
def held_out_forces(predicted: Values, measured: Values, errors: Values, ax: Axes | None = None) -> Axes:
    """Draws measured over predicted forces (n,), each the mean of a bin, with two standard errors, and the diagonal."""
    ax = axes_or_new(ax, 5.0, 4.4)
    ends = np.array([np.min(predicted), np.max(predicted)])
    ax.plot(ends, ends, color=INITIAL, linewidth=1.0, label="equal")
    ax.errorbar(
        predicted, measured, yerr=2.0 * errors, fmt="o", markersize=4, color=CONTEXT, elinewidth=1.0,
        label="held-out blocks, 2 standard errors",
    )  # fmt: skip
    ax.locator_params(axis="x", nbins=5)
    return finished(ax, "components of the force, in bins", "predicted", "measured")


@drawn_safely
def split_maps(
    x: Values, y: Values, parts: Sequence[Values], shares: Sequence[float], error: float | None, ax: Axes | None = None
) -> Axes:
    """Draws the gradient and the rotational part of a field as arrows on one scale, with their shares.

    Args:
        x: (n,) along the first axis [length].
        y: (m,) along the second [length].
        parts: gradient and rotational part (m n, 2), row by row.
        shares: of both.
        error: standard error of the shares.
        ax: axes for the gradient part alone.
    """
    figure = new_figure(9.6, 4.8)
    axes = [ax] if ax is not None else list(figure.subplots(1, 2))
    across, up = np.meshgrid(x, y)
    longest = max(float(np.nanmax(np.linalg.norm(part, axis=1))) for part in parts) or 1.0
    scale = longest / (1.6 * float(x[1] - x[0]))
    style: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": scale, "width": 0.004}
    for axis, part, share, name, colour in zip(
        axes, parts, shares, ("gradient", "rotational"), (CONTEXT, SIMULATED), strict=False
    ):
        axis.quiver(across.ravel(), up.ravel(), *part.T, color=colour, **style)
        axis.set_aspect("equal", adjustable="box")
        doubt = "" if error is None or not np.isfinite(error) else f" ± {error:.2g}"
        dress(axis, f"{name}: {share:.3f}{doubt}", "first principal axis [length]", "second principal axis [length]")
    if ax is None:
        headline(figure, "Parts of the learned field, orthogonal under the sampled density")
    return axes[0]
