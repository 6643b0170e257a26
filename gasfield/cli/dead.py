"""`gasfield dead`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Json, Overwrite, PictureFormat, PictureSize, PictureStyle, Plots, Tensor


def dead(
    matrix: Annotated[
        Path | None, typer.Argument(metavar="[MATRIX]", help="An embedding matrix, in any format of `inspect`.")
    ] = None,
    counts: Annotated[
        Path | None, typer.Option("--counts", help="Token counts: JSON, npy, npz, csv, or one count per line.")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="tokenizer.json, to count tokens; without --corpus, to name them."),
    ] = None,
    corpus: Annotated[
        list[Path] | None,
        typer.Option("--corpus", help="Text for counting, plain, .gz or .xz; repeatable."),
    ] = None,
    at_most: Annotated[
        int, typer.Option("--at-most", metavar="K", help="Rows that occur 1 to K times are nearly dead.")
    ] = LIBRARY,
    tensor: Tensor = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the ids, as accepted by `--rows` of other commands.")
    ] = None,
    save_counts: Annotated[
        Path | None, typer.Option("--save-counts", metavar="FILE.npy", help="File for the counts of all tokens.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    plots: Plots = None,
    style: PictureStyle = None,
    size: PictureSize = None,
    picture_format: PictureFormat = None,
) -> None:
    """Finds rows that never occurred in training, from token counts or from the matrix alone."""
    from gasfield.cli.inspection_table import print_dead
    from gasfield.cli.terminal import look_of, show_result
    from gasfield.errors import InputError
    from gasfield.inspection import find_dead
    from gasfield.resources import check_output

    look = look_of(plots, style, size, picture_format)
    for parameter, path in (("output", output), ("save_counts", save_counts)):
        if path is not None:
            check_output(path, overwrite=overwrite, parameter=parameter)
    if save_counts is not None and not (counts or tokenizer):
        raise InputError("there are no counts; give a tokenizer and a corpus.", parameter="save_counts")
    found = find_dead(matrix, counts=counts, tokenizer=tokenizer, corpus=corpus or (), at_most=at_most, tensor=tensor)
    if output is not None:
        found.write(output)
    if save_counts is not None:
        found.save_counts(save_counts)
    show_result(found, lambda: print_dead(found), as_json=as_json, plots=plots, look=look)
