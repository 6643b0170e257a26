"""Pictures of linear fields: the drift over time, the spectrum of the matrix, eigenvalues beside the unit circle."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasfield.plots.style import INITIAL, INK, SERIES, SIMULATED, Values, drawn_safely, finished, new_figure, set_limits

_COMPONENTS = 3
"""Principal components of the drift that are drawn."""


@drawn_safely
def drift_over_time(times: Values, values: Values, errors: Values, end: float, *, trend: bool) -> Figure:
    """Draws the size of a drift (k, D) with errors at times (k,), and its leading principal components.

    Args:
        times: start of each window, or knots of a trend.
        values: the drift.
        errors: standard errors of its components.
        end: of the training span; later the drift keeps its value.
        trend: whether it is a line from time to time, not constant in between.
    """
    figure = new_figure(9.0, 4.0)
    size, parts = figure.subplots(1, 2)
    later = max(float(end), float(times[-1])) + 0.08 * max(float(end) - float(times[0]), 1.0)
    x = np.append(times, later)
    how: Literal["default", "steps-post"] = "default" if trend else "steps-post"

    def draw(ax: Axes, y: Values, error: Values, colour: str, label: str) -> None:
        ax.plot(x, np.append(y, y[-1]), color=colour, label=label, drawstyle=how)
        if len(times) < 30:
            middle = times if trend else 0.5 * (x[:-1] + np.append(times[1:], end))
            ax.errorbar(middle, y, error, fmt="none", ecolor=colour, capsize=3)

    norms = np.linalg.norm(values, axis=1)
    spread = np.sqrt(np.sum((values * errors) ** 2, axis=1)) / np.where(norms > 0.0, norms, 1.0)
    draw(size, norms, spread, INK, "|a|")
    _, scales, axes = np.linalg.svd(values, full_matrices=False)
    for number, (axis, scale, colour) in enumerate(zip(axes[:_COMPONENTS], scales, SERIES, strict=False), 1):
        if scale > 1e-9 * scales[0]:
            turned = axis * np.sign(axis @ values.mean(axis=0) or 1.0)
            draw(
                parts,
                values @ turned,
                np.sqrt(errors**2 @ turned**2),
                colour,
                f"{number}, size {scale / scales[0]:.2g}",
            )
    for ax in (size, parts):
        ax.axvline(end, color=INITIAL, linestyle=":", label="end of the training span")
    size.set_ylim(bottom=0.0)
    finished(size, "Size of the drift", "time", "|a|")
    finished(parts, "Its principal components", "time", "component of a")
    return figure


@drawn_safely
def spectrum_with_errors(values: Values, errors: Values) -> Figure:
    """Draws the real parts of eigenvalues (r, 2) with standard errors (r,), in descending order of size."""
    figure = new_figure(6.4, 4.0)
    ax = figure.add_subplot()
    number = np.arange(1, len(values) + 1)
    ax.axhline(0.0, color=INITIAL, linewidth=1.0)
    ax.errorbar(
        number, values[:, 0], errors, fmt="o", color=INK, ecolor=INK, capsize=3, markersize=4, label="real part"
    )
    if np.any(values[:, 1]):
        ax.plot(number, values[:, 1], "x", color=SIMULATED, markersize=5, label="imaginary part")
    finished(ax, "Eigenvalues of K, bootstrap errors", "number, by size", "eigenvalue")
    return figure


@drawn_safely
def eigenvalues_in_the_plane(values: Values, errors: Values) -> Figure:
    """Draws eigenvalues (r, 2) of a map in the complex plane with the unit circle, as far as it is near, and their
    sizes; errors (r,) are radii of circles."""
    figure = new_figure(9.0, 4.6)
    plane, sizes = figure.subplots(1, 2)
    angle = np.linspace(0.0, 2.0 * np.pi, 2001)
    plane.plot(np.cos(angle), np.sin(angle), color=INITIAL, linewidth=1.0)
    size = np.hypot(values[:, 0], values[:, 1])
    for inside, colour, label in ((size <= 1.0, INK, "stable"), (size > 1.0, SIMULATED, "unstable")):
        if np.any(inside):
            plane.plot(values[inside, 0], values[inside, 1], "o", color=colour, markersize=4)
            place = np.flatnonzero(inside)
            sizes.errorbar(
                place + 1, size[inside], errors[inside], fmt="o", color=colour, capsize=3, markersize=4, label=label
            )
    for x, y, error in np.column_stack([values, errors]):
        plane.plot(x + error * np.cos(angle), y + error * np.sin(angle), color=INK, linewidth=0.5, alpha=0.5)
    sizes.axhline(1.0, color=INITIAL, linewidth=1.0)
    plane.set_aspect("equal")
    middle = 0.5 * (values.max(axis=0) + values.min(axis=0))
    reach = max(0.65 * float(np.ptp(values, axis=0).max()), 1e-3)
    set_limits(plane, (middle[0] - reach, middle[0] + reach), (middle[1] - reach, middle[1] + reach))
    finished(plane, "Eigenvalues of the map, with errors", "real part", "imaginary part")
    finished(sizes, "Size: above 1 is unstable", "number, by size", "|eigenvalue|")
    return figure
