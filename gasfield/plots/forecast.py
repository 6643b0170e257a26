"""Pictures of forecasts: skill by horizon, by phase, and apart; calibration of what is said to be frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gasfield.plots.style import INITIAL, INK, SERIES, SIMULATED, drawn_safely, dress, headline, new_figure
from gasfield.printable import shortened

Values = NDArray[np.float64]
_LOWEST = -1.05
"""Skills below are drawn as arrows at the edge."""
_MARKERS = "os^Dv<>P*X"


class Line(NamedTuple):
    """Numbers of one forecaster: (k,) with errors (k,), NaN where undefined or unknown."""

    name: str
    values: Values
    errors: Values
    learned: bool


@drawn_safely
def skills(lines: Sequence[Line], labels: Sequence[str], title: str, x_label: str, ax: Axes) -> Axes:
    """Draws the skills of forecasters at some places along the axis; learned models are filled and larger."""
    dress(ax, title, x_label, "skill = 1 − MSE / MSE of persistence")
    ax.axhline(0.0, color=INK, linewidth=1.0, zorder=2)
    width = min(0.7, 0.09 * len(lines))
    shifts = np.linspace(-width / 2, width / 2, len(lines)) if len(lines) > 1 else [0.0]
    for number, (line, shift) in enumerate(zip(lines, shifts, strict=True)):
        at = np.arange(len(labels)) + shift
        style = _style(number, line.learned)
        shown = np.isfinite(line.values) & (line.values >= _LOWEST)
        ax.errorbar(
            at[shown], line.values[shown], np.nan_to_num(line.errors[shown]), label=line.name, linestyle="none",
            capsize=2, elinewidth=1.1, zorder=4, **style,
        )  # fmt: skip
        for place in np.flatnonzero(np.isfinite(line.values) & ~shown):
            ax.plot(at[place], _LOWEST + 0.05, marker="v", color=style["color"], markersize=5, zorder=4)
            text = f"{line.values[place]:.2g}"
            ax.text(at[place], _LOWEST + 0.11, text, ha="center", fontsize=7, rotation=90, color=style["color"])
    ax.set_ylim(_LOWEST, 1.08)
    ax.set_xlim(-0.5, len(labels) - 0.5)
    ax.set_xticks(range(len(labels)), labels, parse_math=False)
    return ax


def skill(forecast: Any) -> Figure:
    """Skill by horizon for all forecasters, with error bars."""
    figure = new_figure(9.0, 5.0)
    headline(figure, _what(forecast))
    ax = skills(
        _lines(forecast, forecast.skill),
        [_horizon(forecast, horizon) for horizon in forecast.horizons],
        "above 0: better than no motion",
        "horizon",
        figure.add_subplot(),
    )
    _legend(figure, ax)
    return figure


def phases(forecast: Any) -> Figure:
    """Skill by the phase in which a row is at the origin, a panel for each horizon."""
    figure = new_figure(9.5, 1.2 + 3.4 * len(forecast.horizons))
    headline(figure, f"{_what(forecast)}; by phase at the origin")
    axes = figure.subplots(len(forecast.horizons), 1, squeeze=False)[:, 0]
    for ax, horizon in zip(axes, forecast.horizons, strict=True):
        tables = {phase: skill for phase, (_, skill) in forecast.by_phase.items()}
        _panel(forecast, tables, horizon, ax)
    _legend(figure, axes[0])
    return figure


def apart(forecast: Any) -> Figure:
    """Skill of rows, centroid, radius and stretches, a panel for each horizon."""
    figure = new_figure(9.5, 1.2 + 3.4 * len(forecast.horizons))
    headline(figure, f"{_what(forecast)}: rows and cloud apart")
    axes = figure.subplots(len(forecast.horizons), 1, squeeze=False)[:, 0]
    tables = {"rows": forecast.skill} | {name: skill for name, (_, skill) in forecast.apart.items()}
    for ax, horizon in zip(axes, forecast.horizons, strict=True):
        _panel(forecast, tables, horizon, ax)
    _legend(figure, axes[0])
    return figure


def calibration(forecast: Any) -> Figure:
    """For each horizon: the share that was frozen of the rows said to be and not to be, and Brier's score."""
    figure = new_figure(9.5, 5.4)
    headline(figure, f'{forecast.file.name}, {forecast.rows}: "frozen by step t" as forecast and as it happened')
    known = [h for h in forecast.horizons if any(h in table for table in forecast.calibration.values())]
    upper, lower = figure.subplots(2, len(known), squeeze=False, sharex="col", height_ratios=(3, 2))
    for above, below, horizon in zip(upper, lower, known, strict=True):
        rows = {name: table[horizon] for name, table in forecast.calibration.items() if horizon in table}
        reliability(
            {name: (found.frozen_if_said, found.frozen_if_denied) for name, found in rows.items()},
            _number(next(iter(rows.values())).frozen)[0],
            f"{_horizon(forecast, horizon)} ahead",
            above,
        )
        scores(
            {name: found.brier for name, found in rows.items()},
            _number(next(iter(rows.values())).climatology)[0],
            below,
        )
    for ax in (*upper[1:], *lower[1:]):
        ax.set_ylabel("")
    upper[0].legend(fontsize=7, frameon=False, loc="upper right")
    return figure


def reliability(shares: Mapping[str, tuple[Any, Any]], frozen: float, title: str, ax: Axes) -> Axes:
    """Draws for each forecaster the share that was frozen of the rows said to be frozen, and of the others."""
    dress(ax, title, "", "share that was frozen")
    ax.axhline(frozen, color=INITIAL, linestyle="dotted", label="all rows")
    for which, colour, label in ((0, SERIES[0], "said to be frozen"), (1, SIMULATED, "said to move")):
        pairs = np.array([_number(pair[which]) for pair in shares.values()])
        at = np.arange(len(shares)) + 0.2 * which - 0.1
        ax.errorbar(at, pairs[:, 0], np.nan_to_num(pairs[:, 1]), fmt="o", color=colour, label=label, capsize=2)
    ax.set_ylim(-0.04, 1.04)
    return ax


def scores(brier: Mapping[str, Any], climatology: float, ax: Axes) -> Axes:
    """Draws Brier's scores beside that of always stating the share of frozen rows."""
    dress(ax, "", "", "Brier score")
    pairs = np.array([_number(quantity) for quantity in brier.values()])
    at = np.arange(len(brier))
    ax.bar(at, pairs[:, 0], color=SERIES[3], width=0.6)
    ax.errorbar(at, pairs[:, 0], np.nan_to_num(pairs[:, 1]), fmt="none", ecolor=INK, capsize=2)
    ax.axhline(climatology, color=INITIAL, linestyle="dotted")
    names = [shortened(name.replace("_", " "), 40) for name in brier]
    ax.set_xticks(at, names, rotation=40, ha="right", fontsize=8, parse_math=False)
    ax.set_ylim(0.0, 1.04)
    return ax


# --- helpers ----------------------------------------------------------------------------------------------------------


def _lines(forecast: Any, table: Mapping[Any, Mapping[str, Any]]) -> list[Line]:
    """One for each forecaster but persistence."""
    names = [name for name in next(iter(table.values())) if name != "persistence"]
    found = []
    for name in names:
        pairs = np.array([_number(row[name]) for row in table.values()])
        found.append(Line(name.replace("_", " "), pairs[:, 0], pairs[:, 1], name not in forecast.baselines))
    return found


def _panel(forecast: Any, tables: Mapping[str, Any], horizon: int, ax: Axes) -> None:
    """The skills at one horizon, side by side for the tables that have any."""
    columns = {name: _lines(forecast, {horizon: table[horizon]}) for name, table in tables.items()}
    shown = {name: lines for name, lines in columns.items() if any(np.isfinite(line.values[0]) for line in lines)}
    if not shown:
        ax.text(0.5, 0.5, "nothing moves", ha="center", transform=ax.transAxes)
    skills(_stacked(list(shown.values())), list(shown), _horizon(forecast, horizon), "", ax)


def _stacked(columns: Sequence[Sequence[Line]]) -> list[Line]:
    """Lines of one number each -> lines of several."""
    return [
        Line(
            same[0].name,
            np.concatenate([o.values for o in same]),
            np.concatenate([o.errors for o in same]),
            same[0].learned,
        )
        for same in zip(*columns, strict=True)
    ]


def _number(quantity: Any) -> tuple[float, float]:
    leaf = quantity.leaf()
    value, error = leaf["value"], leaf["error"]
    return np.nan if value is None else value, np.nan if error is None else error


def _style(number: int, learned: bool) -> dict[str, Any]:
    colours = (*SERIES, INK, SIMULATED)
    face = {} if learned else {"markerfacecolor": "white"}
    return {
        "color": colours[number % len(colours)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 7 if learned else 6,
        **face,
    }


def _horizon(forecast: Any, horizon: int) -> str:
    shortest, longest = forecast.steps_ahead[horizon]
    frames = f"{horizon} frame{'s' if horizon > 1 else ''}"
    if shortest == longest == horizon:
        return frames
    return f"{frames} ({shortest} steps)" if shortest == longest else f"{frames} ({shortest} to {longest} steps)"


def _what(forecast: Any) -> str:
    start, stop = forecast.train
    return f"{forecast.file.name}: {forecast.count} rows ({forecast.rows}), fitted to frames {start} to {stop - 1}"


def _legend(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8.5, frameon=False)
