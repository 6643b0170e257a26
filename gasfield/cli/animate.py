"""`gasfield animate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Overwrite, TrajectoryFile, sides_of
from gasfield.cli.output import put_file


def animate(
    trajectory: TrajectoryFile,
    beside: Annotated[
        Path | None, typer.Argument(metavar="[OTHER]", help="Another one, shown beside it at the same steps.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, .gif, .mp4 or .webm. Default: next to the trajectory."),
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Show only this group; repeatable.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=2, help="Maximum number of frames.")] = LIBRARY,
    speed: Annotated[
        float | None, typer.Option("--speed", metavar="STEPS", help="Steps in a second of film, instead of --frames.")
    ] = LIBRARY,
    frames_per_second: Annotated[float, typer.Option("--fps", min=1.0, max=50.0, help="Frames per second.")] = LIBRARY,
    size: Annotated[
        str | None, typer.Option("--size", metavar="WxH", help="Size [inches of 90 pixels]. Default: 6.6x5.6.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Show positions relative to the centroid.")] = False,
    field: Annotated[bool, typer.Option("--field/--no-field", help="Draw the field under the particles.")] = LIBRARY,
    trails: Annotated[
        int, typer.Option("--trails", metavar="N", help="Frames over which particles leave a trail.")
    ] = LIBRARY,
    flat: Annotated[
        bool, typer.Option("--flat", help="Show three dimensions in the plane in which the gas is widest.")
    ] = False,
    turn: Annotated[
        float, typer.Option("--turn", metavar="DEGREES", help="How far the view turns in three dimensions.")
    ] = LIBRARY,
    overwrite: Overwrite = False,
) -> None:
    """Films a trajectory: structures in the flow, with their bonds coloured by strain; or two side by side."""
    from gasfield.filming import animate as make_film
    from gasfield.trajectory import open_trajectory

    with open_trajectory(trajectory) as opened:
        made = make_film(
            opened,
            output or opened.path.with_suffix(".gif"),
            beside=beside,
            groups=groups,
            frames=frames,
            frames_per_second=frames_per_second,
            speed=speed,
            size=None if size is None else sides_of(size),
            follow=follow,
            field=field,
            trails=trails,
            flat=flat,
            turn=turn,
            overwrite=overwrite,
        )
    put_file(made)
