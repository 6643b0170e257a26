"""`gasfield rows`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import (
    FrameRange,
    Json,
    OnlyGroups,
    Overwrite,
    Quiet,
    RowRange,
    TrajectoryFile,
)

_SHOWN = 20
"""Rows that the terminal shows, unless a number is given."""


def rows(
    trajectory: TrajectoryFile,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="COLUMN",
            help="displacement, own_displacement, path, frozen_since, thaws, cluster_size, together_since, ... "
            "Default: by row.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option("--top", metavar="N", min=1, help=f"Only the first N. Default: all; {_SHOWN} on a terminal."),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = LIBRARY,
    groups: OnlyGroups = None,
    rows: RowRange = None,
    frames: FrameRange = None,
    reach: Annotated[
        float | None,
        typer.Option(
            "--reach",
            metavar="LENGTH",
            help="Rows that are together at the end are at most so far apart, from one to the next; 0: at the same "
            "place. Default: a tenth of the root mean square distance of two rows in the first frame.",
        ),
    ] = LIBRARY,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the table as CSV.")] = None,
    spreadsheet: Annotated[
        bool,
        typer.Option(
            "--spreadsheet", help="In the CSV, put an apostrophe before text that a spreadsheet would calculate."
        ),
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Lists what each row did: how far it moved, since when it is frozen, and with whom it fell together."""
    from gasfield.cli.output import put_json
    from gasfield.cli.row_table import print_rows
    from gasfield.cli.terminal import frames_bar
    from gasfield.errors import InputError
    from gasfield.resources import check_output
    from gasfield.row_tables import rows as table_of

    if csv is not None:
        check_output(csv, overwrite=overwrite, parameter="csv")
    elif spreadsheet:
        raise InputError("only a CSV is for spreadsheets.", parameter="spreadsheet")
    with frames_bar(quiet, "reading") as progress:
        table = table_of(
            trajectory,
            groups=groups,
            rows=rows,
            frames=frames,
            reach=reach,
            sort=sort,
            reverse=reverse,
            top=top,
            progress=progress,
        )
    if csv is not None:
        table.write_csv(csv, spreadsheet=spreadsheet)
    if as_json:
        put_json(table.as_json())
    elif not quiet:
        print_rows(table, len(table) if top else _SHOWN)
