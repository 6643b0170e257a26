"""`gasfield resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import AllPlots, Json, Plugins, Quiet, Threads, Verbose, limit_threads, run_plugins


def resume(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The directory of an interrupted run.")],
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, metavar="N", help="Extend the run, also a finished one, to N steps in all."),
    ] = None,
    plugins: Plugins = None,
    threads: Threads = None,
    all_plots: AllPlots = False,
    verbose: Verbose = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Continues an interrupted run, or extends one; the result is bit-for-bit that of a run without interruption."""
    from gasfield import runs
    from gasfield.cli.terminal import show_run

    run_plugins(plugins)
    limit_threads(threads)
    show_run(
        lambda progress, stage: runs.resume(
            directory,
            steps=steps,
            progress=progress,
            stage=stage,
            pictures="all" if all_plots else "headline",
        ),
        quiet=quiet,
        verbose=verbose,
        as_json=as_json,
    )
