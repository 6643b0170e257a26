"""`gasfield view`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Overwrite, TrajectoryFile
from gasfield.cli.output import put
from gasfield.errors import InputError


def view(
    trajectory: TrajectoryFile,
    other: Annotated[
        Path | None, typer.Argument(metavar="[OTHER]", help="A second trajectory, shown beside it, locked together.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, .html. Default: next to the trajectory.")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it to a browser on this machine instead, until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of --serve; 0: a free one.")] = 0,
    projection: Annotated[
        str,
        typer.Option(
            "--projection",
            metavar="all|last|random|umap|I,J,K",
            help="Principal axes of all frames or of the last one, random axes, UMAP aligned over time, coordinates.",
        ),
    ] = LIBRARY,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Show only this group; repeatable.")
    ] = None,
    frames: Annotated[int | None, typer.Option("--frames", min=1, help="Maximum number of frames.")] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, help="Maximum number of rows; those with bonds are kept.")
    ] = None,
    neighbours: Annotated[
        int,
        typer.Option("--neighbours", min=0, metavar="FRAMES", help="Frames at which the nearest neighbours are known."),
    ] = LIBRARY,
    overwrite: Overwrite = False,
) -> None:
    """Shows a trajectory in a browser: points over time, neighbours, observables, in one file."""
    from gasfield.trajectory import open_trajectory
    from gasfield.viewing import serve as serve_pages
    from gasfield.viewing import view as write_page

    def progress(text: str) -> None:
        put(text, stream=sys.stderr)

    shown: dict[str, Any] = {"projection": _projection(projection), "groups": groups, "frames": frames, "rows": rows}
    if serve:
        if output is not None:
            raise InputError("writes a file, and --serve writes none.", parameter="output", value=output)
        serve_pages(trajectory, other, port=port, progress=progress, ready=_announce, **shown)
        return
    with open_trajectory(trajectory) as opened:
        path = output or opened.path.with_suffix(".html")
        shown |= {"neighbours": neighbours, "overwrite": overwrite, "progress": progress}
        made = write_page(opened, other, output=path, **shown)
    put(f"{made}: {made.stat().st_size / 1e6:.1f} MB")


def _projection(text: str) -> str | list[int]:
    parts = [part.strip() for part in text.split(",")]
    are_numbers = all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts)
    return [int(part) for part in parts] if are_numbers else text


def _announce(address: str) -> None:
    put(f"{address} until Ctrl-C; whoever has this address can read the trajectory")
    sys.stdout.flush()
