"""Films: structures with their bonds coloured by strain, other groups as faint dots, trails, the field under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, cast

import numpy as np
from matplotlib.animation import AbstractMovieWriter
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from numpy.typing import NDArray

from gasfield.files import draft_of, make_folder
from gasfield.plots.maps import draw_field
from gasfield.plots.panel import Panel
from gasfield.plots.snapshots import draw_ball
from gasfield.plots.strain import strain_colours
from gasfield.plots.style import INK, SERIES, Values, dress, legend, new_figure
from gasfield.plots.words import fit_words, label_of, without_remarks

DPI = 90
_TRAILS = 400
"""Most particles of a group that leave trails."""
_LEGEND = 8
"""Most groups that a legend names."""


@dataclass(frozen=True)
class Cast:
    """A group in a film.

    Attributes:
        name: of the group.
        positions: (F, N, d), d = 2 or 3; NaN where a particle is absent [length].
        bonds: (B, 2); empty for a group without bonds.
        strain: (F, B) of its bonds.
    """

    name: str
    positions: Values
    bonds: NDArray[np.int64]
    strain: Values


@dataclass(frozen=True)
class Stage:
    """What a film shows of one trajectory.

    Attributes:
        casts: the groups.
        captions: of each picture.
        title: of the trajectory.
        labels: of its axes, two or three.
        fields: under the groups: none, one that rests, or one for each picture.
        radius: of a sphere on which the groups live; None elsewhere [length].
    """

    casts: Sequence[Cast]
    captions: Sequence[str]
    title: str
    labels: tuple[str, ...]
    fields: tuple[Panel, ...] = ()
    radius: float | None = None


@dataclass(frozen=True)
class Look:
    """How a film looks.

    Attributes:
        size: of its pictures [inches]; as suits if None.
        trails: pictures over which particles leave a trail.
        turn: angle by which the point of view turns in three dimensions [degrees].
    """

    size: tuple[float, float] | None = None
    trails: int = 0
    turn: float = 90.0


def film(stages: Sequence[Stage], look: Look, path: Path, writer: AbstractMovieWriter) -> Path:
    """Writes a film of one or more trajectories side by side, each with a caption in each picture; returns its path.
    Its folder is created.

    Axes and artists are the same in all pictures; only their data are updated.

    Raises:
        WriteError: if it cannot be written.
    """
    figure = _figure(len(stages), look.size)
    strains = [cast.strain.ravel() for stage in stages for cast in stage.casts if cast.strain.size]
    scale, colours = strain_colours(np.concatenate(strains or [np.zeros(1)]))
    shown = [
        _Shown(figure, (len(stages), place), stage, scale, colours, look.trails) for place, stage in enumerate(stages)
    ]
    if strains:
        bar = figure.colorbar(ScalarMappable(scale, colours), ax=[one.ax for one in shown], shrink=0.7, pad=0.05)
        bar.set_label("strain of a bond", color=INK)
    fit_words(figure)
    make_folder(path.parent)
    pictures = len(stages[0].captions)
    with draft_of(path) as draft, _encoding(), without_remarks():
        figure.draw_without_rendering()  # the layout is that of the first picture in all others
        figure.set_layout_engine("none")
        with writer.saving(figure, str(draft), dpi=DPI):
            for picture in range(pictures):
                for one in shown:
                    one.show(picture, look.turn * picture / max(pictures - 1, 1))
                writer.grab_frame()
    return path


def _figure(stages: int, size: tuple[float, float] | None) -> Figure:
    """A figure whose sides are even numbers of pixels, as video needs them."""
    width, height = size or (6.0 * stages + 0.6, 5.6)
    figure = new_figure(*(2 * round(side * DPI / 2) / DPI for side in (width, height)))
    figure.set_dpi(DPI)
    return figure


@contextmanager
def _encoding() -> Iterator[None]:
    """Turns a failure of ffmpeg into an `OSError` with its last message."""
    try:
        yield
    except CalledProcessError as fault:
        said = fault.stderr or fault.output or b""
        lines = (said.decode(errors="replace") if isinstance(said, bytes) else said).strip().splitlines()
        raise OSError(lines[-1] if lines else str(fault)) from fault


class _Shown:
    """The panel of one trajectory."""

    def __init__(
        self, figure: Figure, place: tuple[int, int], stage: Stage, scale: Normalize, colours: str, trails: int
    ) -> None:
        """Draws what does not change."""
        self._stage, self._under = stage, list[Artist]()
        solid = len(stage.labels) == 3
        columns, column = place
        kind: dict[str, Any] = {"projection": "3d"} if solid else {}
        self.ax = cast(Any, figure.add_subplot(1, columns, column + 1, **kind))
        self._players = [
            _Player(self.ax, cast, SERIES[number % len(SERIES)], scale, colours, trails)
            for number, cast in enumerate(stage.casts)
        ]
        dress(self.ax, stage.title, *stage.labels[:2])
        if solid:
            self._set_space(stage)
        else:
            _fit(self.ax, stage)
        if 1 < len(stage.casts) <= _LEGEND:
            legend(self.ax, loc="upper left", fontsize=8, markerscale=2.0)
            for handle in self.ax.get_legend().legend_handles:
                handle.set_alpha(1.0)
        if len(stage.fields) == 1:
            self._draw_field(stage.fields[0])
        write = self.ax.text2D if solid else self.ax.text
        look: dict[str, Any] = {"ha": "right", "va": "top", "fontsize": 10, "color": INK, "zorder": 9}
        self._caption = write(0.98, 0.98, stage.captions[0], transform=self.ax.transAxes, **look)
        self._caption.set_bbox({"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 2.0})

    def show(self, picture: int, turned: float) -> None:
        """Updates the panel to a picture; in three dimensions the point of view has turned by an angle [degrees]."""
        if len(self._stage.fields) > 1:
            self._draw_field(self._stage.fields[picture])
        for player in self._players:
            player.show(picture)
        if len(self._stage.labels) == 3:
            self.ax.view_init(elev=22.0, azim=-60.0 + turned)
        self._caption.set_text(self._stage.captions[picture])

    def _draw_field(self, field: Panel) -> None:
        """Draws a field in place of the one before."""
        for artist in self._under:
            artist.remove()
        before, limits = set(self.ax.get_children()), (self.ax.get_xlim(), self.ax.get_ylim())
        draw_field(self.ax, field)
        self._under = [artist for artist in self.ax.get_children() if artist not in before]
        self.ax.set(xlim=limits[0], ylim=limits[1])
        self.ax.grid(False)

    def _set_space(self, stage: Stage) -> None:
        low, high = _ends(stage)
        if stage.radius is not None:
            draw_ball(self.ax, stage.radius)
            low, high = np.full(3, -stage.radius), np.full(3, stage.radius)
        middle, reach = 0.5 * (low + high), 0.52 * max(float(np.max(high - low)), 1e-12)
        ends = [(float(centre - reach), float(centre + reach)) for centre in middle]
        self.ax.set(xlim=ends[0], ylim=ends[1], zlim=ends[2])
        self.ax.set_zlabel(stage.labels[2], fontsize=10, color=INK)
        self.ax.set_box_aspect((1, 1, 1))
        self.ax.tick_params(labelsize=7, pad=0)


class _Player:
    """The artists of one group."""

    def __init__(self, ax: Any, cast: Cast, colour: str, scale: Normalize, colours: str, trails: int) -> None:
        self._cast, self._lines, self._trail, self._length = cast, None, None, trails
        self._solid = cast.positions.shape[2] == 3
        bound = len(cast.bonds) > 0
        self._colour = INK if bound else colour
        if trails:
            self._tracked = np.unique(np.linspace(0, max(cast.positions.shape[1] - 1, 0), _TRAILS).astype(int))
            self._trail = self._add(ax, linewidths=0.8, zorder=2)
        if bound:
            self._lines = self._add(ax, norm=scale, cmap=colours, linewidths=1.5, zorder=3)
        size, alpha = (9, 0.95) if bound else (6, 0.35)
        none: list[list[float]] = [[]] * cast.positions.shape[2]
        look: dict[str, Any] = {"s": size, "color": self._colour, "alpha": alpha, "linewidths": 0, "zorder": 4}
        self._dots = ax.scatter(*none, **look, **({"depthshade": False} if self._solid else {}))
        self._dots.set_label(label_of(cast.name))

    def _add(self, ax: Any, **look: Any) -> Any:
        if self._solid:
            return ax.add_collection3d(Line3DCollection([np.zeros((2, 3))], **look))
        return ax.add_collection(LineCollection([], **look))

    def show(self, picture: int) -> None:
        """Updates the artists to a picture."""
        places = self._cast.positions[picture]
        here = places[np.isfinite(places).all(axis=1)]
        if self._solid:
            self._dots._offsets3d = tuple(here.T)
        else:
            self._dots.set_offsets(here)
        if self._lines is not None:
            ends = places[self._cast.bonds]
            drawn = np.isfinite(ends).all(axis=(1, 2))
            self._lines.set_segments(list(ends[drawn]))
            self._lines.set_array(self._cast.strain[picture][drawn])
        if self._trail is not None:
            segments, age = trail(self._cast.positions[:, self._tracked], picture, self._length)
            self._trail.set_segments(list(segments))
            shades = np.tile(to_rgba(self._colour), (len(segments), 1))
            shades[:, 3] = 0.6 * (1.0 - age)
            self._trail.set_color(shades)


def trail(positions: Values, picture: int, length: int) -> tuple[Values, Values]:
    """The pieces (S, 2, d) of the ways (F, N, d) in the pictures before one, and the age (S,) of each, from 0, the last
    one, to 1. Pieces that cross a side of a periodic box, longer than half of what all cover, are left out."""
    first = max(0, picture - length)
    some = positions[first : picture + 1]
    pieces = np.stack([some[:-1], some[1:]], axis=2).reshape(-1, 2, positions.shape[2])
    age = np.repeat((picture - first - 1 - np.arange(len(some) - 1)) / max(length, 1), positions.shape[1])
    known = positions[np.isfinite(positions).all(axis=2)]
    reach = 0.5 * float(np.max(np.ptp(known, axis=0))) if len(known) else 0.0
    with np.errstate(invalid="ignore"):
        kept = np.isfinite(pieces).all(axis=(1, 2)) & (np.abs(pieces[:, 1] - pieces[:, 0]).max(axis=1) <= reach)
    return pieces[kept], age[kept]


def _ends(stage: Stage) -> tuple[Values, Values]:
    """The lowest and the highest coordinates of all groups."""
    axes = len(stage.labels)
    every = np.concatenate([cast.positions.reshape(-1, axes) for cast in stage.casts])
    every = every[np.isfinite(every).all(axis=1)]
    return (every.min(axis=0), every.max(axis=0)) if len(every) else (np.zeros(axes), np.ones(axes))


def _fit(ax: Axes, stage: Stage) -> None:
    """Sets limits that contain all pictures, with equal ranges on both axes; those of the field, where there is one."""
    if stage.fields:
        x, y = stage.fields[0].x, stage.fields[0].y
        ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    else:
        low, high = _ends(stage)
        middle, reach = 0.5 * (low + high), 0.54 * max(float(np.max(high - low)), 1e-12)
        ax.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
    ax.set_aspect("equal")
