"""How many groups are told apart in one panel: colours, a legend or a colour bar, and lines that coincide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from numpy.typing import NDArray

from gasfield.plots.style import BESIDE, INITIAL, INK, SERIES, SIMULATED, Values, legend
from gasfield.printable import shortened

_COLOURS = (*SERIES, SIMULATED, INK, INITIAL)
MOST = len(_COLOURS)
"""Groups that have colours of their own and stand in a legend; more have a colour bar."""
_TICKS = 7
"""Names at a colour bar."""
_SAME = 2e-3
"""Lines that differ by less of the range of all of them look like one."""
_WIDTH = 1.8
"""Width of a line [points]."""
_NAME = 28
"""Characters of a name at a colour bar."""


def colours(count: int) -> list[Any]:
    """A colour for each of `count` groups: those of series, or a sequential colour map for many groups."""
    if count <= MOST:
        return list(_COLOURS[:count])
    return [colormaps["viridis"](share) for share in np.linspace(0.0, 0.92, count)]


def explain(ax: Axes, names: Sequence[str], panels: Sequence[Axes] = (), **look: Any) -> None:
    """A legend of the groups beside a panel; above `MOST` of them a colour bar in their order, with the names of some,
    beside this panel or several."""
    if len(names) <= MOST:
        legend(ax, **(BESIDE | look))
        return
    scale = Normalize(-0.5, len(names) - 0.5)
    bar = ax.figure.colorbar(
        ScalarMappable(scale, ListedColormap(colours(len(names)))), ax=list(panels) or ax, pad=0.02, aspect=30
    )
    ticks = np.unique(np.linspace(0, len(names) - 1, _TICKS).astype(int)).tolist()
    bar.set_ticks(ticks, labels=[shortened(names[tick], _NAME) for tick in ticks])
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.set_label(f"{len(names)} groups, in order", fontsize=9, color=INK)


def widths(lines: Sequence[tuple[Values, NDArray[Any]]]) -> list[float]:
    """A width for each line (x, y) with which all are visible, drawn in this order, where some coincide: each is wider
    than the next one that lies on it [points]."""
    every = np.concatenate([values[np.isfinite(values)] for _, values in lines] or [np.zeros(0)])
    near = _SAME * float(np.ptp(every)) if every.size else 0.0
    found: list[float] = []
    for place, line in enumerate(lines):
        above = sum(_coincide(line, other, near) for other in lines[place + 1 :]) if len(lines) <= MOST else 0
        found.append(_WIDTH * (1.0 + above))
    return found


def _coincide(one: tuple[Values, NDArray[Any]], other: tuple[Values, NDArray[Any]], near: float) -> bool:
    """Whether two lines have the same places and nowhere differ by more than `near`."""
    if one[0].shape != other[0].shape or not np.array_equal(one[0], other[0]):
        return False
    apart = np.abs(one[1] - other[1])
    return bool(np.all((apart <= near) | (np.isnan(one[1]) & np.isnan(other[1]))))
