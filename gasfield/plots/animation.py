"""Animations of a trajectory: structures with their bonds coloured by strain, other groups as faint dots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError

import numpy as np
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from gasfield.files import draft_of, make_folder
from gasfield.plots.strain import strain_colours
from gasfield.plots.style import INK, SERIES, Values, dress, new_figure
from gasfield.plots.words import fit_words, label_of, without_remarks


@dataclass(frozen=True)
class Cast:
    """A group in an animation.

    Attributes:
        name: of the group.
        positions: (F, N, 2) in the plane; NaN where a particle is absent [length].
        bonds: (B, 2); empty for a group without bonds.
        strain: (F, B) of its bonds.
    """

    name: str
    positions: Values
    bonds: NDArray[np.int64]
    strain: Values


def film_writer(path: Path, frames_per_second: float) -> AbstractMovieWriter | None:
    """A writer for the suffix of `path`; None if none is available."""
    if path.suffix == ".gif":
        return PillowWriter(fps=frames_per_second)  # type: ignore[arg-type]
    return FFMpegWriter(fps=frames_per_second) if FFMpegWriter.isAvailable() else None  # type: ignore[arg-type]


def film(
    players: list[Cast],
    captions: list[str],
    title: str,
    labels: tuple[str, str],
    path: Path,
    writer: AbstractMovieWriter,
) -> Path:
    """Writes an animation of all groups, with a caption for each frame; returns its path. Its folder is created.

    Axes and artists are the same in all frames; only their data are updated.

    Raises:
        WriteError: if it cannot be written.
    """
    figure = new_figure(6.0, 5.6)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0.14, 0.11, 0.82, 0.78))
    scale, colours = strain_colours(
        np.concatenate([p.strain.ravel() for p in players if p.strain.size] or [np.zeros(1)])
    )
    drawn = [
        _Player(ax, player, colour, scale, colours) for player, colour in zip(players, _colours(players), strict=True)
    ]
    _fit(ax, players)
    dress(ax, title, *labels)
    fit_words(figure)
    caption = ax.text(0.98, 0.98, "", transform=ax.transAxes, ha="right", va="top", fontsize=10, color=INK)
    make_folder(path.parent)
    with draft_of(path) as draft, _encoding(), without_remarks(), writer.saving(figure, str(draft), dpi=90):
        for frame, words in enumerate(captions):
            for player in drawn:
                player.show(frame)
            caption.set_text(words)
            writer.grab_frame()
    return path


@contextmanager
def _encoding() -> Iterator[None]:
    """Turns a failure of ffmpeg into an `OSError` with its last message."""
    try:
        yield
    except CalledProcessError as fault:
        said = fault.stderr or fault.output or b""
        lines = (said.decode(errors="replace") if isinstance(said, bytes) else said).strip().splitlines()
        raise OSError(lines[-1] if lines else str(fault)) from fault


class _Player:
    """The artists of one group."""

    def __init__(self, ax: Axes, cast: Cast, colour: str, scale: Normalize, colours: str) -> None:
        self._cast, self._lines = cast, None
        solid = len(cast.bonds) > 0
        if solid:
            self._lines = LineCollection([], norm=scale, cmap=colours, linewidths=1.5, zorder=3)
            ax.add_collection(self._lines)
        size, alpha = (9, 0.95) if solid else (6, 0.35)
        self._dots = ax.scatter([], [], s=size, color=INK if solid else colour, alpha=alpha, linewidths=0, zorder=4)
        self._dots.set_label(label_of(cast.name))

    def show(self, frame: int) -> None:
        """Updates the artists to a frame."""
        places = self._cast.positions[frame]
        self._dots.set_offsets(places[np.isfinite(places).all(axis=1)])
        if self._lines is not None:
            ends = places[self._cast.bonds]
            here = np.isfinite(ends).all(axis=(1, 2))
            self._lines.set_segments(list(ends[here]))
            self._lines.set_array(self._cast.strain[frame][here])


def _colours(players: list[Cast]) -> list[str]:
    return [SERIES[place % len(SERIES)] for place in range(len(players))]


def _fit(ax: Axes, players: list[Cast]) -> None:
    """Sets limits that contain all frames, with equal ranges on both axes."""
    every = np.concatenate([player.positions.reshape(-1, 2) for player in players])
    every = every[np.isfinite(every).all(axis=1)]
    low, high = (every.min(axis=0), every.max(axis=0)) if len(every) else (np.zeros(2), np.ones(2))
    middle, reach = 0.5 * (low + high), 0.54 * max(float(np.max(high - low)), 1e-12)
    ax.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
    ax.set_aspect("equal")
