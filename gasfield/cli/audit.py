"""`gasfield audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.import_ import Bits, Every, Filters, Format, IgnoreMetadata, OrderOf, Stage
from gasfield.cli.options import Json, Plugins, Quiet, Tensor, run_plugins
from gasfield.cli.output import put, put_json


def audit(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE|TRAJECTORY", help="Anything that `import` reads, or a trajectory."),
    ],
    tensor: Tensor = None,
    bits: Bits = None,
    format: Format = None,
    every: Every = LIBRARY,
    stage: Stage = None,
    filter: Filters = None,
    order: OrderOf = None,
    ignore_metadata: IgnoreMetadata = False,
    plugins: Plugins = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Checks a series of checkpoints: duplicates, jumps, frames of other runs, permuted rows. Exit code 5: faults."""
    from gasfield.cli.terminal import frames_bar
    from gasfield.importing.auditing import audit as run_audit

    run_plugins(plugins)
    with frames_bar(quiet, "auditing") as listen:
        found = run_audit(
            source, tensor=tensor, bits=bits, format=format, every=every, stage=stage, filter=filter or (),
            order=order, ignore_metadata=ignore_metadata, progress=listen,
        )  # fmt: skip
    if as_json:
        put_json(found.as_json())
    elif not quiet:
        faults = len(found.faults)
        verdict = "no fault" if not faults else "1 fault" if faults == 1 else f"{faults} faults"
        put(f"{found.source}: {len(found.steps)} frames, steps {found.steps[0]} to {found.steps[-1]}: {verdict}")
        for line in found.verdicts():
            put(f"  {line}")
        for note in found.notes:
            put(f"note: {note}")
    if found.exit_code:
        raise typer.Exit(found.exit_code)
