"""`gasfield inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Json, PictureFormat, PictureSize, PictureStyle, Plots, Tensor


def inspect(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="safetensors (a file, a folder of shards, or their index), npy, npz, or a trajectory."
        ),
    ],
    tensor: Tensor = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            metavar="IDS",
            help="Compare these rows with the rest: a text file of ids, a range 0:1000, a group of a trajectory.",
        ),
    ] = None,
    cells: Annotated[int, typer.Option("--cells", metavar="K", help="Neighbours differ by at most K cells.")] = LIBRARY,
    step: Annotated[
        int | None, typer.Option("--step", help="Recorded step of a trajectory. Default: the last.")
    ] = None,
    bits: Annotated[
        str | None,
        typer.Option("--bits", metavar="bfloat16", help="Number format of uint16 arrays in npy and npz."),
    ] = None,
    as_json: Json = False,
    plots: Plots = None,
    style: PictureStyle = None,
    size: PictureSize = None,
    picture_format: PictureFormat = None,
) -> None:
    """Analyses an embedding matrix: identical rows, neighbours on the lattice, norms, cosines, outliers."""
    from gasfield.cli.inspection_table import print_inspection
    from gasfield.cli.terminal import look_of, show_result, status
    from gasfield.inspection import inspect as inspect_matrix

    look = look_of(plots, style, size, picture_format)
    with status() as tell:
        inspection = inspect_matrix(source, tensor=tensor, rows=rows, cells=cells, step=step, bits=bits, progress=tell)
    show_result(inspection, lambda: print_inspection(inspection), as_json=as_json, plots=plots, look=look)
