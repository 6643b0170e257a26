"""`gasfield fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Json, Overwrite, PictureFormat, PictureSize, PictureStyle, Plots, Plugins, run_plugins


def fit(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="TRAJECTORY...",
            help="One or several trajectories or runs; or a single YAML file with the whole fit.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FIELD.h5", help="File to write.")],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="A kind, or '{kind: kernel, splines: 20}'."),
    ] = None,
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="GROUPS", help="Groups joined by commas. Default: all rows.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option("--frames", metavar="A:B", help="Training span, end excluded. Default: all frames.")
    ] = None,
    space: Annotated[
        str | None,
        typer.Option("--space", metavar="free|sphere", help="Default: the sphere if all rows lie on one."),
    ] = None,
    blocks: Annotated[int, typer.Option("--blocks", help="Blocks in time, for cross-validation and errors.")] = LIBRARY,
    seed: Annotated[int, typer.Option("--seed", help="Of random features and of the bootstrap.")] = LIBRARY,
    plugins: Plugins = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    plots: Plots = None,
    style: PictureStyle = None,
    size: PictureSize = None,
    picture_format: PictureFormat = None,
) -> None:
    """Learns a force field from trajectories; `force: {kind: learned, file: FIELD.h5}` loads it."""
    from gasfield.cli.result_tables import print_fit
    from gasfield.cli.terminal import look_of, show_result
    from gasfield.errors import InputError, about
    from gasfield.learning.fit import fit as fit_model
    from gasfield.learning.fit import fit_document
    from gasfield.scenario.document import read_value

    look = look_of(plots, style, size, picture_format)
    run_plugins(plugins)
    if len(recordings) == 1 and recordings[0].suffix in (".yaml", ".yml"):
        given = {"model": model, "rows": rows, "frames": frames, "space": space}
        taken = next((name for name, value in given.items() if value is not None), None)
        if taken is not None:
            raise InputError("the YAML file has the whole fit; set it there.", parameter=taken)
        found = fit_document(recordings[0], output, overwrite=overwrite)
    else:
        if model is None:
            raise InputError("say what to fit, for example --model kernel.", parameter="model")
        with about("model"):
            chosen = read_value(model)
        found = fit_model(
            recordings, chosen, output, rows=rows, frames=frames, space=space, blocks=blocks, seed=seed,
            overwrite=overwrite,
        )  # fmt: skip
    show_result(found, lambda: print_fit(found), as_json=as_json, plots=plots, look=look)
