"""`gasfield import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Overwrite, Plugins, Quiet, Tensor, run_plugins
from gasfield.cli.output import put


def import_(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A trajectory (safetensors or npz with W, m, v, g, loss; .h5), checkpoints, a model, or a matrix.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    rows: Annotated[
        list[str] | None,
        typer.Option(
            "--rows",
            metavar="NAME=IDS",
            help="A group: a text file of row numbers, or a range 0:1000; repeatable. Default: all rows.",
        ),
    ] = None,
    rest: Annotated[bool, typer.Option("--rest", help="Keep all other rows too, as group 'rest'.")] = False,
    tensor: Tensor = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="tokenizer.json, vocab.json or vocab.txt, for token strings."),
    ] = None,
    bits: Annotated[
        str | None,
        typer.Option("--bits", metavar="bfloat16", help="Number format of uint16 arrays; bfloat16 is assumed."),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", metavar="KIND", help="Input format. Default: detected.")
    ] = None,
    every: Annotated[int, typer.Option("--every", metavar="K", help="Import every K-th frame.")] = LIBRARY,
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage", metavar="STAGE", help="Of checkpoints in stages: 2, or lc-4k-to-32k, as in their names."
        ),
    ] = None,
    filter: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="PATTERN",
            help="Only checkpoints with such a name (* and ?); '!PATTERN': without; repeatable.",
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            metavar="FILE",
            help="Names of checkpoints, one a line with its step; or 'natural': numbered, 2 before 10.",
        ),
    ] = None,
    ignore_metadata: Annotated[
        bool,
        typer.Option(
            "--ignore-metadata", help="Ignore JSON beside the file, headers of safetensors, and states of trainers."
        ),
    ] = False,
    plugins: Plugins = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Converts existing recordings and checkpoints to a trajectory file. Nothing is ever unpickled."""
    from gasfield.cli.terminal import frames_bar
    from gasfield.importing import import_recording

    run_plugins(plugins)
    groups = _groups(rows or [])
    with frames_bar(quiet) as listen:
        notes = import_recording(
            source, output, rows=groups, rest=rest, tensor=tensor, bits=bits, tokenizer=tokenizer,
            format=format, every=every, stage=stage, filter=filter or (), order=order, ignore_metadata=ignore_metadata,
            overwrite=overwrite, progress=listen,
        )  # fmt: skip
    if not quiet:
        for note in notes:
            put(f"note: {note}")
        put(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


def _groups(rows: list[str]) -> dict[str, str]:
    """Group name -> rows, from NAME=IDS."""
    from gasfield.errors import InputError

    groups: dict[str, str] = {}
    for each in rows:
        name, equals, ids = each.partition("=")
        if not (name and equals and ids) or name in groups:
            raise InputError("expected NAME=IDS, each name once.", parameter="rows", value=each)
        groups[name] = ids
    return groups
