"""`gasfield diagnose`."""

from __future__ import annotations

from typing import Annotated

import typer

from gasfield.cli.options import Json, Plots, Plugins, TrajectoryFile, run_plugins


def diagnose(
    trajectory: TrajectoryFile,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This diagnostic alone; may be given again.")
    ] = None,
    plugins: Plugins = None,
    as_json: Json = False,
    plots: Plots = None,
) -> None:
    """Computes every diagnostic that applies to a trajectory, and says what was left out and why."""
    from gasfield.cli.terminal import print_diagnosis, show_result
    from gasfield.diagnostics import diagnose as run_diagnostics
    from gasfield.trajectory import open_trajectory

    run_plugins(plugins)
    with open_trajectory(trajectory) as opened:
        diagnosis = run_diagnostics(opened, only or None)
        heading = repr(opened)

    def print_table() -> None:
        print(heading)
        print_diagnosis(diagnosis.as_json())

    show_result(diagnosis, print_table, as_json=as_json, plots=plots)
