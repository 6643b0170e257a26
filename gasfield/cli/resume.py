"""`gasfield resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import Plugins, Quiet, Threads, limit_threads, run_plugins


def resume(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The directory of a run that was killed.")],
    plugins: Plugins = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Goes on with a run that was killed; the end is the same, bit for bit, as without the kill."""
    from gasfield import runs
    from gasfield.cli.terminal import print_run, steps_bar

    run_plugins(plugins)
    limit_threads(threads)
    with steps_bar(quiet) as listen:
        result = runs.resume(directory, progress=listen)
    if not quiet:
        print_run(result)
