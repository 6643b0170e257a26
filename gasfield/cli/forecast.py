"""`gasfield forecast`."""

from __future__ import annotations

from typing import Annotated

import typer

from gasfield.cli.options import (
    Json,
    PictureFormat,
    PictureSize,
    PictureStyle,
    Plots,
    Plugins,
    TrajectoryFile,
    run_plugins,
)


def forecast(
    trajectory: TrajectoryFile,
    train: Annotated[str, typer.Option("--train", metavar="A:B", help="Training span in frames, end excluded.")],
    horizon: Annotated[
        str | None,
        typer.Option(
            "--horizon",
            metavar="H,...",
            help="Frames ahead, joined by commas. Default: those of 1,10,100 that fit into the test span.",
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            metavar="GROUPS",
            help="Groups joined by commas, or all. Default: all rows that are not frozen over the test span.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A learned model besides the baselines: a kind, '{kind: kernel, splines: 20}', or a FIELD.h5 that was "
            "fitted to the training span; repeatable.",
        ),
    ] = None,
    rank: Annotated[
        int | None, typer.Option("--rank", min=1, help="Of the dynamic mode decomposition. Default: by held-out error.")
    ] = None,
    control: Annotated[
        int | None,
        typer.Option(
            "--control",
            metavar="SEED",
            help="Negative control: permute the increments in time and give each a random sign first.",
        ),
    ] = None,
    plugins: Plugins = None,
    as_json: Json = False,
    plots: Plots = None,
    style: PictureStyle = None,
    size: PictureSize = None,
    picture_format: PictureFormat = None,
) -> None:
    """Forecasts a trajectory beyond a training span, and measures skill against persistence and other baselines."""
    from gasfield.cli.result_tables import print_forecast
    from gasfield.cli.terminal import look_of, show_result, status
    from gasfield.learning.forecasting import forecast as forecast_rows
    from gasfield.learning.forecasting.forecasts import read_horizons, read_models

    look = look_of(plots, style, size, picture_format)
    run_plugins(plugins)
    horizons = read_horizons(horizon)
    models = read_models(model or [])
    with status() as stage:
        found = forecast_rows(
            trajectory, train, horizons, rows=rows, models=models, rank=rank, control=control, stage=stage
        )
    show_result(found, lambda: print_forecast(found), as_json=as_json, plots=plots, look=look)
