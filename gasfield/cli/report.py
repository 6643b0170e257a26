"""`gasfield report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import Overwrite, Plugins, run_plugins
from gasfield.cli.output import put
from gasfield.errors import about


def report(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="RUN_DIR...", help="Directories of runs, or trajectories, which are diagnosed."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .html.")],
    title: Annotated[str | None, typer.Option("--title", help="Of the page. Default: that of the run.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", metavar="TEXT", help="The answer in words.")] = None,
    headline: Annotated[
        list[str] | None,
        typer.Option(
            "--headline",
            metavar="NUMBER",
            help="A number that answers, by its path, groups.gas.energy.total; repeatable. Default: one of each kind.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="DIAGNOSTIC",
            help="Compute only this one, anew: by name or as '{kind: clusters, reach: 0.2}'; repeatable.",
        ),
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Whether pictures are embedded.")] = True,
    plugins: Plugins = None,
    overwrite: Overwrite = False,
) -> None:
    """Writes one HTML page to send: question, answer, pictures, numbers, origin; several runs side by side."""
    from gasfield.cli.terminal import status
    from gasfield.reporting import report as write_report
    from gasfield.scenario.document import read_value

    run_plugins(plugins)
    with about("only"):
        chosen = [read_value(text) for text in only] if only else None
    with status() as stage:
        made = write_report(
            sources,
            output,
            title=title,
            answer=answer,
            headline=headline,
            diagnostics=chosen,
            pictures=pictures,
            overwrite=overwrite,
            stage=stage,
        )
    put(f"{made}: {made.stat().st_size / 1e6:,.2g} MB")
