"""`gasfield view`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Overwrite
from gasfield.cli.output import put, put_file
from gasfield.errors import InputError

if TYPE_CHECKING:
    from gasfield.sweeps import Sweep
    from gasfield.sweeps.transitions import Transition


def view(
    trajectory: Annotated[
        Path,
        typer.Argument(
            metavar="TRAJECTORY|SWEEP_DIR",
            help="A trajectory, simulated or recorded, the directory of a run, or that of a sweep.",
        ),
    ],
    other: Annotated[
        Path | None, typer.Argument(metavar="[OTHER]", help="A second trajectory, shown beside it, locked together.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, .html. Default: next to the trajectory, or in the sweep."),
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
    transition: Annotated[
        list[str] | None,
        typer.Option(
            "--transition",
            metavar="RESULT",
            help="Of a sweep: where this result has a transition; repeatable. Default: results whose names say how.",
        ),
    ] = None,
    along: Annotated[
        str | None, typer.Option("--along", metavar="KEY", help="Key of these transitions. Default: temperature.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Shows a trajectory or a sweep in a browser, in one file: points over time, or a diagram with its runs."""
    from gasfield.pages import is_sweep
    from gasfield.trajectory import open_trajectory
    from gasfield.viewing import serve as serve_pages
    from gasfield.viewing import view as write_page

    def progress(text: str) -> None:
        put(text, stream=sys.stderr)

    if serve and output is not None:
        raise InputError("writes a file, and --serve writes none.", parameter="output", value=output)
    shown: dict[str, Any] = {"projection": _projection(projection), "groups": groups, "frames": frames, "rows": rows}
    of_sweep = {"transition": transition, "along": along}
    if is_sweep(trajectory):
        defaults = {name: each.default for name, each in signature(write_page).parameters.items()}
        given = shown | {"other": other, "neighbours": neighbours}
        _require_default(given, defaults, "is for trajectories, not for a sweep")
        _show_sweep(trajectory, output, port if serve else None, _Located(transition, along), overwrite=overwrite)
        return
    _require_default(of_sweep, {}, "is for sweeps, and this is none")
    if serve:
        serve_pages(trajectory, other, port=port, progress=progress, ready=_announce, **shown)
        return
    with open_trajectory(trajectory) as opened:
        path = output or opened.path.with_suffix(".html")
        shown |= {"neighbours": neighbours, "overwrite": overwrite, "progress": progress}
        made = write_page(opened, other, output=path, **shown)
    _done(made)


def _require_default(given: Mapping[str, Any], defaults: Mapping[str, Any], message: str) -> None:
    """Refuses options of another kind of page.

    Raises:
        InputError: if one is given.
    """
    for name, value in given.items():
        if value != defaults.get(name):
            raise InputError(f"{message}.", parameter=name, value=value)


def _show_sweep(directory: Path, output: Path | None, port: int | None, located: _Located, *, overwrite: bool) -> None:
    """Writes the page of a sweep, or serves it if a port is given."""
    from gasfield.pages import opened_for_page, serve_sweep, view_sweep

    if port is not None:
        serve_sweep(directory, located=located, port=port, ready=_announce)
        return
    path = output or directory / "view.html"
    opened = opened_for_page(directory)
    _done(view_sweep(opened, output=path, transitions=located(opened), overwrite=overwrite))


@dataclass(frozen=True)
class _Located:
    """The transitions of a sweep that are asked for; None if none are."""

    results: list[str] | None
    along: str | None

    def __call__(self, sweep: Sweep) -> list[Transition] | None:
        if not self.results:
            if self.along is not None:
                message = "says how a transition is looked for: give the result, too, with --transition."
                raise InputError(message, parameter="along", value=self.along)
            return None
        found = [sweep.transitions(name, self.along or "temperature") for name in self.results]
        return [each for several in found for each in several]


def _done(made: Path) -> None:
    put_file(made, "; open it in a browser")


def _projection(text: str) -> str | list[int]:
    parts = [part.strip() for part in text.split(",")]
    are_numbers = all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts)
    return [int(part) for part in parts] if are_numbers else text


def _announce(address: str) -> None:
    put(f"{address} until Ctrl-C; whoever has this address can read what is shown")
    sys.stdout.flush()
