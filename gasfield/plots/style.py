"""Common style of all figures: real data are dark and solid, simulated data bright and dashed.

Figures are created and saved through the object interface, without pyplot and without changes of matplotlib's global
settings. Series use the colours of Okabe and Ito, which colour-blind readers can distinguish; real and simulated also
differ in lightness and dash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import wraps
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any, ParamSpec, TypeVar

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from gasfield.errors import GasfieldError
from gasfield.files import make_folder, write_file
from gasfield.names import inside, picture_name
from gasfield.plots import look
from gasfield.plots.words import ENTRIES, LONGEST_TEXT, fit_words, label_of, without_remarks, wrapped
from gasfield.printable import shortened

OnFailure = Callable[[str, Exception], None]
"""Called with the name of a figure and what went wrong."""
Values = NDArray[np.floating[Any]]
INK = "#22223b"
SIMULATED = "#e8590c"
CONTEXT = "#0072b2"
INITIAL = "#8d8d99"
SERIES = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Colours of series that are neither real nor simulated."""
SHADES = ("#dfe3e8", "#a9bdd1", "#5b8db8", "#1f4e79", "#e69f00")
"""Colours of ordered classes, light to dark; the last one marks an exceptional class."""
DPI = 150
BESIDE: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
BELOW: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
"""Places of a legend outside of its panel."""


OVER = ("step", "time")
"""Labels of axes over which things happen."""
_GAPS, _WIDER, _DECADES, _MIDDLE = 5, 8.0, 30.0, 0.6
"""For an axis to be logarithmic: fewest gaps between steps, how much wider the last must be than the first, how much
later the last step than the first above 0, and where on the axis the middle one is at most: 1/2 if steps are evenly
spread there, near 1 if they are so in time."""
LARGEST, SMALLEST = 1e100, 1e-100
"""Larger numbers are not drawn, and smaller ones are drawn as 0: squares and margins of them leave float64."""
P = ParamSpec("P")
Drawn = TypeVar("Drawn", bound=Axes | Figure)


def drawn_safely(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Makes a function that draws arrays into a panel safe for all numbers and words: what cannot be placed becomes a
    gap, and text is drawn as it is spelled (`gasfield.plots.words`).

    Numbers that are infinite or beyond `LARGEST` are not drawn, and a line in the picture says so; NaN is a gap, which
    needs no remark. Arrays are looked for in all arguments, in tuples, lists, dictionaries and data classes of them.
    """

    @wraps(draw)
    def drawn(*arguments: P.args, **keywords: P.kwargs) -> Drawn:
        tally = [0]
        safe = tuple(_drawable(argument, tally) for argument in arguments)
        picture = draw(*safe, **{name: _drawable(value, tally) for name, value in keywords.items()})  # type: ignore[arg-type]
        if tally[0]:
            where = picture.figure if isinstance(picture, Axes) else picture
            note = f"{tally[0]} numbers beyond {LARGEST:.0e} are not drawn"
            where.text(0.99, 0.005, note, ha="right", va="bottom", fontsize=7, color=SIMULATED)
        fit_words(picture)
        return picture

    return drawn


def _drawable(argument: Any, tally: list[int]) -> Any:
    """The same with numbers and labels that can be drawn; `tally` counts numbers that cannot."""
    if isinstance(argument, str):
        return label_of(argument)
    if isinstance(argument, np.ndarray) and np.issubdtype(argument.dtype, np.floating):
        return _placed(argument, tally)
    if isinstance(argument, float):
        return float(_placed(np.array(argument), tally))
    if isinstance(argument, tuple | list):
        parts = [_drawable(part, tally) for part in argument]
        if isinstance(argument, tuple) and hasattr(argument, "_fields"):
            return type(argument)(*parts)
        return parts if isinstance(argument, list) else tuple(parts)
    if isinstance(argument, dict):
        named = ((label_of(name) if isinstance(name, str) else name, part) for name, part in argument.items())
        return {name: _drawable(part, tally) for name, part in named}
    if is_dataclass(argument) and not isinstance(argument, type):
        parts_of = {own.name: getattr(argument, own.name) for own in fields(argument) if own.init}
        return replace(argument, **{name: _drawable(part, tally) for name, part in parts_of.items()})
    return argument


def _placed(values: NDArray[Any], tally: list[int]) -> NDArray[Any]:
    """Numbers in float64, those beyond the limits replaced."""
    x = np.asarray(values, np.float64)
    size = np.abs(x)
    far = size > LARGEST
    tally[0] += int(far.sum())
    near = (size < SMALLEST) & (size > 0)
    return np.where(far, np.nan, np.where(near, 0.0, x)) if far.any() or near.any() else values


def set_limits(
    ax: Axes, x: Sequence[float] | None = None, y: Sequence[float] | None = None, z: Sequence[float] | None = None
) -> None:
    """Sets the limits (low, high) of axes, where they are numbers some way apart; else matplotlib's remain."""
    for name, ends in (("x", x), ("y", y), ("z", z)):
        if ends is not None and are_apart(*ends):
            ax.set(**{f"{name}lim": (float(ends[0]), float(ends[1]))})


def are_apart(low: float, high: float) -> bool:
    """Whether two numbers are finite, and far enough apart for an axis."""
    return bool(np.isfinite([low, high]).all()) and abs(high - low) > 1e-9 * max(abs(low), abs(high))


def largest(values: Values, default: float) -> float:
    """The largest of some numbers without those that are not finite; a default where there are none."""
    known = np.asarray(values)[np.isfinite(values)]
    return float(known.max()) if known.size else default


def log_scale(ax: Axes, values: Values, axis: str = "y") -> None:
    """Makes an axis logarithmic if any of its values is positive."""
    if largest(values, 0.0) > 0.0:
        ax.set(**{f"{axis}scale": "log"})


class Role(Enum):
    """The meaning of a line, which determines its colour and dash."""

    REAL = "real"
    SIMULATED = "simulated"
    CONTEXT = "context"
    INITIAL = "initial"

    @property
    def colour(self) -> str:
        """The colour of lines and markers."""
        return {Role.REAL: INK, Role.SIMULATED: SIMULATED, Role.CONTEXT: CONTEXT, Role.INITIAL: INITIAL}[self]

    @property
    def line(self) -> dict[str, Any]:
        """Keywords of a line: bright dashed lines are drawn over dark solid ones, so that both stay visible."""
        dashed = self is Role.SIMULATED
        return {
            "color": self.colour,
            "linestyle": (0, (3.5, 2.0)) if dashed else "solid",
            "linewidth": 1.8 if dashed else 2.0,
            "zorder": 4 if dashed else 3,
        }


def new_figure(width: float = 6.4, height: float = 4.2) -> Figure:
    """An empty figure [inches] with an Agg canvas."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor=look.background())
    FigureCanvasAgg(figure)
    return figure


def axes_or_new(ax: Axes | None, width: float = 6.4, height: float = 4.2) -> Axes:
    """The given axes, or the axes of a new figure [inches]."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def dress(ax: Axes, title: str, x_label: str, y_label: str) -> None:
    """Sets the title, the axis labels, two spines and a faint grid."""
    title = wrapped(title, _width(ax))
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK, parse_math=False)
    ax.set_xlabel(x_label, fontsize=10, color=INK)
    ax.set_ylabel(y_label, fontsize=10, color=INK)
    if x_label in OVER:
        spread_out(ax)
    ax.tick_params(labelsize=9, colors=INK)
    ax.grid(True, color="#e6e6ec", linewidth=0.7)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#8d8d99")


def spread_out(ax: Axes) -> None:
    """Makes the axis of steps or times logarithmic where the longest line has them so; 0 stays on it."""
    longest = max((np.asarray(line.get_xdata(), np.float64) for line in ax.get_lines()), key=len, default=np.empty(0))
    if are_log_spaced(longest):
        ax.set_xscale("symlog", linthresh=float(longest[longest > 0][0]), linscale=0.3)


def are_log_spaced(steps: Values) -> bool:
    """Whether steps or times (T,) are farther and farther apart, as 0, 1, 2, 4, ..., 512, 1000."""
    known = steps[np.isfinite(steps)]
    gaps = np.diff(known)
    if len(gaps) < _GAPS or known[0] < 0 or not (gaps > 0).all():
        return False
    above = known[known > 0]
    if not gaps[-2:].max() > _WIDER * gaps[0] or not above[-1] > _DECADES * above[0]:
        return False
    middle = np.log(np.median(above) / above[0]) / np.log(above[-1] / above[0])
    return bool(middle < _MIDDLE)


def _width(ax: Axes) -> float:
    """The width of a panel with its margins [inches]."""
    place, figure = ax.get_subplotspec(), ax.figure
    columns = 1 if place is None else place.get_gridspec().ncols
    return float(figure.bbox.width / figure.dpi / columns)


def headline(figure: Figure, text: str) -> None:
    """Sets a title over all panels, wrapped to the width of the figure."""
    characters = int(10 * figure.get_figwidth())
    figure.suptitle(
        fill(shortened(text, LONGEST_TEXT), characters),
        x=0.01,
        ha="left",
        fontsize=12,
        fontweight="bold",
        color=INK,
        parse_math=False,
    )


def legend(ax: Axes, **keywords: Any) -> None:
    """Adds a legend, if anything has a label; of many entries the first ones and how many more there are."""
    handles, labels = ax.get_legend_handles_labels()
    if not labels:
        return
    if len(labels) > ENTRIES:
        rest = Line2D([], [], linestyle="none")
        handles, labels = [*handles[:ENTRIES], rest], [*labels[:ENTRIES], f"and {len(labels) - ENTRIES:,} more"]
    look: dict[str, Any] = {"fontsize": 9, "frameon": True, "framealpha": 0.85, "edgecolor": "none", "loc": "best"}
    fit_words(ax.legend(handles, labels, **(look | keywords)))


def finished(ax: Axes, title: str, x_label: str, y_label: str, **place: Any) -> Axes:
    """A panel with its title, labels and legend; `place` as for `legend`, for example `BESIDE` or `BELOW`."""
    dress(ax, title, x_label, y_label)
    legend(ax, **place)
    return ax


def save_all(
    figures: Mapping[str, Callable[[], Figure | SubFigure]], folder: Path, failed: OnFailure | None = None
) -> list[Path]:
    """Draws figures one after the other and writes each into the folder, as `gasfield.names.picture_name`, with the
    ending of the present format (`gasfield.plots.look`).

    Args:
        figures: what draws them, by name.
        folder: for the files.
        failed: called with the name and the error where a figure cannot be drawn; the error is raised if left out.

    Returns:
        The paths.

    Raises:
        OSError, GasfieldError: if a file cannot be written.
    """
    saved = []
    for name, draw in figures.items():
        try:
            path = inside(folder, picture_name(name)).with_suffix(f".{look.present().format}")
            saved.append(save(draw(), path))
        except (OSError, GasfieldError):
            raise
        except Exception as fault:
            if failed is None:
                raise
            failed(name, fault)
    return saved


def save(figure: Figure | SubFigure, path: Path) -> Path:
    """Writes a picture in the format of its ending, PNG, SVG or PDF, and returns its path; its folder is created.

    Raises:
        WriteError: if it cannot be written.
    """
    picture = drawn_as(figure, path.suffix.removeprefix("."))
    make_folder(path.parent)
    return write_file(path, picture)


def png_of(figure: Figure | SubFigure) -> bytes:
    """A figure as a PNG file."""
    return drawn_as(figure, "png")


def drawn_as(figure: Figure | SubFigure, format: str) -> bytes:
    """A figure as a file of a format. The same picture has the same bytes: no file says when it was made."""
    whole = figure if isinstance(figure, Figure) else figure.get_figure(root=True)
    picture = BytesIO()
    fit_words(whole)
    look.fit(whole)
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format)
    with without_remarks(), rc_context({"svg.hashsalt": "gasfield"}):
        whole.savefig(picture, dpi=DPI, format=format, metadata=undated)
    return picture.getvalue()
