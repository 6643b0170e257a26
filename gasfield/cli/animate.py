"""`gasfield animate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Overwrite, TrajectoryFile
from gasfield.cli.output import put


def animate(
    trajectory: TrajectoryFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, .gif or .mp4. Default: next to the trajectory."),
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Show only this group; repeatable.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=2, help="Maximum number of frames.")] = LIBRARY,
    follow: Annotated[bool, typer.Option("--follow", help="Show positions relative to the centroid.")] = False,
    frames_per_second: Annotated[float, typer.Option("--fps", min=1.0, max=50.0, help="Frames per second.")] = LIBRARY,
    overwrite: Overwrite = False,
) -> None:
    """Animates a trajectory: structures in the flow, with their bonds coloured by strain."""
    from gasfield.plots.film import animate as make_film
    from gasfield.trajectory import open_trajectory

    with open_trajectory(trajectory) as opened:
        made = make_film(
            opened,
            output or opened.path.with_suffix(".gif"),
            groups=groups,
            frames=frames,
            frames_per_second=frames_per_second,
            follow=follow,
            overwrite=overwrite,
        )
    put(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
