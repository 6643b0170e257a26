"""`gasfield compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import Json, Plots, Plugins, run_plugins


def compare(
    real: Annotated[Path, typer.Argument(metavar="A", help="The real trajectory, or the directory of a run.")],
    simulated: Annotated[Path, typer.Argument(metavar="B", help="The simulated trajectory.")],
    plugins: Plugins = None,
    as_json: Json = False,
    plots: Plots = None,
) -> None:
    """Compares two trajectories of the same rows: the error of B against A."""
    from gasfield.cli.result_tables import print_comparison
    from gasfield.cli.terminal import show_result
    from gasfield.comparison import compare as compare_trajectories
    from gasfield.trajectory import open_trajectory

    run_plugins(plugins)
    with open_trajectory(real) as a, open_trajectory(simulated) as b:
        comparison = compare_trajectories(a, b)
    show_result(comparison, lambda: print_comparison(comparison), as_json=as_json, plots=plots)
