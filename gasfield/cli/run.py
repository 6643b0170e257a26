"""`gasfield run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import (
    AllPlots,
    Json,
    Overrides,
    Overwrite,
    Plugins,
    Quiet,
    ScenarioName,
    Threads,
    Verbose,
    limit_threads,
    run_plugins,
)


def run(
    name: ScenarioName,
    overrides: Overrides = None,
    plugins: Plugins = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run directory. Default: outputs/NAME/NNN.")
    ] = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Tell where the time went, by force, dynamics, output, ...")
    ] = False,
    all_plots: AllPlots = False,
    verbose: Verbose = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Simulates a scenario and writes its run directory: trajectory, summary, plots."""
    from gasfield import runs
    from gasfield.cli.terminal import show_run

    run_plugins(plugins)
    limit_threads(threads)
    show_run(
        lambda progress, stage: runs.run(
            name,
            overrides=overrides or [],
            output=output,
            overwrite=overwrite,
            progress=progress,
            stage=stage,
            profile=profile,
            pictures="all" if all_plots else "headline",
        ),
        quiet=quiet,
        verbose=verbose,
        as_json=as_json,
    )
