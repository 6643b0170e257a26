"""`gasfield export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import (
    FrameRange,
    OnlyGroups,
    Overwrite,
    Quiet,
    RowRange,
    TrajectoryFile,
)
from gasfield.cli.output import put
from gasfield.errors import InputError


def export(
    trajectory: TrajectoryFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .parquet, .csv, .npy, .nc; a folder for projector.")
    ],
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="parquet, csv, npy, netcdf (for xarray) or projector (of TensorBoard). Default: by the ending.",
        ),
    ] = None,
    frames: FrameRange = None,
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="I,J,...", help="Only the frames of these steps, joined by commas.")
    ] = None,
    groups: OnlyGroups = None,
    rows: RowRange = None,
    observables: Annotated[
        list[str] | None,
        typer.Option(
            "--observable",
            metavar="NAME",
            help="Add this observable at the step of each line; repeatable. Default: those with a value for each row.",
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            "--layout",
            metavar="columns|vector",
            help="Of Parquet: a column for each coordinate, or one for all. Default: vector above 3 dimensions.",
        ),
    ] = None,
    spreadsheet: Annotated[
        bool,
        typer.Option(
            "--spreadsheet", help="In a CSV, put an apostrophe before text that a spreadsheet would calculate."
        ),
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Writes a trajectory for other programs: pandas, Embedding Atlas, TensorBoard, xarray, NumPy, spreadsheets."""
    from gasfield.cli.terminal import frames_bar
    from gasfield.exporting import export as export_trajectory

    with frames_bar(quiet, "exporting") as progress:
        files = export_trajectory(
            trajectory,
            output,
            format=format,
            frames=frames,
            steps=None if steps is None else _numbers(steps),
            groups=groups,
            rows=rows,
            observables=observables,
            layout=layout,  # type: ignore[arg-type]  # the function checks it
            spreadsheet=spreadsheet,
            overwrite=overwrite,
            progress=progress,
        )
    if not quiet:
        for file in files:
            put(f"{file}: {file.stat().st_size / 1e6:,.3g} MB")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError("write steps as numbers joined by commas.", parameter="steps", value=text) from None
