"""A film of one trajectory, or of two side by side with one clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from gasfield.errors import InputError
from gasfield.filming.clock import clock_of
from gasfield.filming.encoders import writer_for
from gasfield.filming.stages import Wish, stage_of
from gasfield.plots.animation import Look, film
from gasfield.plots.look import LARGEST, SMALLEST
from gasfield.resources import check_output
from gasfield.trajectory import Trajectory, open_trajectory

MOST_TRAIL = 1000
"""Most pictures over which a trail reaches back."""


def animate(
    trajectory: Trajectory | Path | str,
    output: Path,
    *,
    beside: Trajectory | Path | str | None = None,
    groups: Sequence[str] | None = None,
    frames: int = 100,
    frames_per_second: float = 20.0,
    speed: float | None = None,
    size: tuple[float, float] | None = None,
    follow: bool = False,
    field: bool = True,
    trails: int = 0,
    flat: bool = False,
    turn: float = 90.0,
    overwrite: bool = False,
) -> Path:
    """Writes a film of a trajectory: in its own plane or, of more than three dimensions, in its principal plane; in
    three dimensions from a point of view that turns slowly. Bonds are coloured by their strain.

    Args:
        trajectory: simulated or recorded; an open one, or the path of a file or of a run directory.
        output: file to write, .gif, .mp4 or .webm.
        beside: another one, shown beside it at the same steps.
        groups: names of the groups to show, of either trajectory; all, or the first hundred with a note, if left out.
        frames: most pictures, evenly spaced.
        frames_per_second: pictures in a second.
        speed: steps in a second, in place of `frames`: each picture shows the last frame up to its step.
        size: width and height [inches, of 90 pixels]; 6 x 5.6, and twice as wide for two, if left out.
        follow: whether positions are relative to the centroid of the shown groups.
        field: whether the field under the particles is drawn: in two dimensions, where it is known and one for all.
        trails: pictures over which particles leave a trail.
        flat: whether three dimensions are shown in the plane in which the gas is widest.
        turn: angle by which the point of view turns during a film in three dimensions [degrees].
        overwrite: whether an existing file may be replaced.

    Raises:
        InputError: if the ending is none of these, ffmpeg is missing, the file exists, a group does not exist, there
            are fewer than two frames, or a number is out of its range.
        WriteError: if it cannot be written.
    """
    writer = writer_for(output, frames_per_second)
    check_output(output, overwrite=overwrite)
    _check(frames, speed, size, trails, turn)
    with ExitStack() as opened:
        sources = [
            given if isinstance(given, Trajectory) else opened.enter_context(open_trajectory(given))
            for given in ([trajectory] if beside is None else [trajectory, beside])
        ]
        clock = clock_of([source.steps for source in sources], frames, speed, frames_per_second)
        stages = []
        for source in sources:
            known = None if groups is None else [name for name in groups if len(sources) == 1 or name in source.names]
            if known == []:
                source.members(next(iter(groups or ())))  # says which there are
            stages.append(stage_of(source, clock, Wish(known, follow, field, flat)))
    return film(stages, Look(size, trails, turn), output, writer)


def _check(frames: int, speed: float | None, size: tuple[float, float] | None, trails: int, turn: float) -> None:
    if frames < 2:
        raise InputError("must be at least 2.", parameter="frames", value=frames)
    if speed is not None and not 0.0 < speed < float("inf"):
        raise InputError("must be a positive number of steps.", parameter="speed", value=speed)
    if size is not None and not all(SMALLEST <= side <= LARGEST for side in size):
        shown = "x".join(f"{side:g}" for side in size)
        raise InputError(f"both sides must be {SMALLEST:g} to {LARGEST:g} inches.", parameter="size", value=shown)
    if not 0 <= trails <= MOST_TRAIL:
        raise InputError(f"must be 0 to {MOST_TRAIL} pictures.", parameter="trails", value=trails)
    if not math.isfinite(turn):
        raise InputError("must be a finite number of degrees.", parameter="turn", value=turn)
