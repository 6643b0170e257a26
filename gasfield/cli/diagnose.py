"""`gasfield diagnose`."""

from __future__ import annotations

import warnings
from pathlib import Path
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
    Verbose,
    run_plugins,
)
from gasfield.errors import InputError, Note, about
from gasfield.names import MOST_GROUPS


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
    groups: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="NAME",
            help=f"Diagnose only this group, and the gas as a whole; repeatable. Default: all, at most {MOST_GROUPS}.",
        ),
    ] = None,
    plugins: Plugins = None,
    verbose: Verbose = False,
    as_json: Json = False,
    plots: Plots = None,
    style: PictureStyle = None,
    size: PictureSize = None,
    picture_format: PictureFormat = None,
    arrays: Annotated[
        Path | None, typer.Option("--arrays", metavar="FILE", help="Write arrays of results by particle as HDF5.")
    ] = None,
) -> None:
    """Computes all diagnostics that apply to a trajectory, and prints those numbers that matter most."""
    from gasfield.cli.headline_table import print_headline
    from gasfield.cli.output import put
    from gasfield.cli.result_tables import print_diagnosis
    from gasfield.cli.terminal import look_of, show_result, status
    from gasfield.diagnostics import diagnose as run_diagnostics
    from gasfield.scenario.document import read_value
    from gasfield.trajectory import open_trajectory

    look = look_of(plots, style, size, picture_format)
    run_plugins(plugins)
    with about("only"):
        chosen = [read_value(text) for text in only] if only else None
    with open_trajectory(trajectory) as opened, status() as stage:
        if groups is None and len(opened.names) > MOST_GROUPS:
            groups = opened.names[:MOST_GROUPS]
            note = f"the first {MOST_GROUPS} of {len(opened.names):,} groups are diagnosed; --group NAME chooses others"
            warnings.warn(Note(note), stacklevel=2)
        diagnosis = run_diagnostics(opened, chosen, groups=groups, keep_going=True, stage=stage)
        heading = repr(opened)
    if arrays is not None and not diagnosis.write_arrays(arrays):
        raise InputError("none of these diagnostics has arrays, so there is no file to write.", parameter="arrays")

    def print_table() -> None:
        put(heading)
        if verbose:
            print_diagnosis(diagnosis.as_json())
        else:
            print_headline(diagnosis, diagnosis.headline())

    show_result(diagnosis, print_table, as_json=as_json, plots=plots, look=look)
