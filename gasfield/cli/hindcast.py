"""`gasfield hindcast`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Json, Overwrite, Plugins, Quiet, Threads, limit_threads, run_plugins
from gasfield.cli.output import put_json


def hindcast(
    recording: Annotated[Path, typer.Argument(metavar="REC", help="The recording of a training.")],
    rows: Annotated[
        str | None,
        typer.Option("--rows", metavar="GROUP,...", help="Groups of the recording. Default: those that never occur."),
    ] = None,
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="affine|full", help="Default: the exact one, if it is there for as long."),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Default: all that are recorded.")] = None,
    law: Annotated[
        str | None,
        typer.Option(
            "--law",
            metavar="{KEY: VALUE, ...}",
            help="Keys of dynamics in place of the recorded ones: '{weight_decay: 0.1}'; with another kind, all.",
        ),
    ] = None,
    pull: Annotated[
        bool, typer.Option("--pull/--no-pull", help="Whether live rows feel their recorded pull, or the field alone.")
    ] = True,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Displacement error from which the simulation counts as departed.")
    ] = LIBRARY,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run directory. Default: outputs/hindcast-NAME/NNN.")
    ] = None,
    overwrite: Overwrite = False,
    plugins: Plugins = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Simulates a recorded training again from its recording alone, and says where and why the two depart."""
    from gasfield.cli.hindcast_table import print_hindcast
    from gasfield.cli.terminal import steps_bar
    from gasfield.errors import InputError
    from gasfield.hindcasting import hindcast as simulate_again
    from gasfield.scenario.document import read_value

    run_plugins(plugins)
    limit_threads(threads)
    if field not in (None, "affine", "full"):
        raise InputError("the forms of the field are affine and full.", parameter="field", value=field)
    given = None if law is None else read_value(law)
    if given is not None and not isinstance(given, dict):
        raise InputError("should be a mapping such as {weight_decay: 0.1}.", parameter="law", value=law)
    with steps_bar(quiet or as_json) as (listen, stage):
        result = simulate_again(
            recording,
            rows=rows,
            field=field,  # type: ignore[arg-type]
            steps=steps,
            law=given,
            pull=pull,
            tolerance=tolerance,
            output=output,
            overwrite=overwrite,
            progress=listen,
            stage=stage,
        )
    if as_json:
        put_json(result.as_json())
    elif not quiet:
        print_hindcast(result)
