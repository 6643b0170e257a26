"""`gasfield compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import Json, PictureFormat, PictureSize, PictureStyle, Plots, Plugins, run_plugins


def compare(
    real: Annotated[Path, typer.Argument(metavar="A", help="The real trajectory, or the directory of a run.")],
    simulated: Annotated[Path, typer.Argument(metavar="B", help="The simulated trajectory.")],
    names: Annotated[
        str | None,
        typer.Option("--names", metavar="A,B", help="What the two are called. Default: after their files."),
    ] = None,
    plugins: Plugins = None,
    as_json: Json = False,
    plots: Plots = None,
    style: PictureStyle = None,
    size: PictureSize = None,
    picture_format: PictureFormat = None,
) -> None:
    """Compares two trajectories of the same rows: the error of B against A."""
    from gasfield.cli.names import distinct_names
    from gasfield.cli.result_tables import print_comparison
    from gasfield.cli.terminal import look_of, show_result
    from gasfield.comparison import compare as compare_trajectories
    from gasfield.errors import InputError
    from gasfield.trajectory import open_trajectory

    look = look_of(plots, style, size, picture_format)
    run_plugins(plugins)
    given = None if names is None else [part.strip() for part in names.split(",")]
    if given is not None and (len(given) != 2 or not all(given) or given[0] == given[1]):
        raise InputError("write two different names joined by a comma.", parameter="names", value=names)
    with open_trajectory(real) as a, open_trajectory(simulated) as b:
        first, second = given or distinct_names([a.path, b.path])
        comparison = compare_trajectories(a, b, (first, second))
    show_result(comparison, lambda: print_comparison(comparison), as_json=as_json, plots=plots, look=look)
