"""`gasfield diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import Json, Plots, Plugins, TrajectoryFile, run_plugins


def diagnose(
    trajectory: TrajectoryFile,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="DIAGNOSTIC",
            help="Compute only this one, by name or as '{kind: clusters, reach: 0.2}'; repeatable.",
        ),
    ] = None,
    plugins: Plugins = None,
    as_json: Json = False,
    plots: Plots = None,
    arrays: Annotated[
        Path | None, typer.Option("--arrays", metavar="FILE", help="Write arrays of results by particle as HDF5.")
    ] = None,
) -> None:
    """Computes all diagnostics that apply to a trajectory, and lists omitted ones with the reason."""
    from gasfield.cli.terminal import print_diagnosis, show_result, status
    from gasfield.diagnostics import diagnose as run_diagnostics
    from gasfield.errors import InputError, about
    from gasfield.scenario.document import read_value
    from gasfield.trajectory import open_trajectory

    run_plugins(plugins)
    with about("only"):
        chosen = [read_value(text) for text in only] if only else None
    with open_trajectory(trajectory) as opened, status() as stage:
        diagnosis = run_diagnostics(opened, chosen, keep_going=True, stage=stage)
        heading = repr(opened)
    if arrays is not None and not diagnosis.write_arrays(arrays):
        raise InputError("none of these diagnostics has arrays, so there is no file to write.", parameter="arrays")

    def print_table() -> None:
        print(heading)
        print_diagnosis(diagnosis.as_json())

    show_result(diagnosis, print_table, as_json=as_json, plots=plots)
