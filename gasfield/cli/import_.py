"""`gasfield import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Overwrite, Plugins, Quiet, Tensor, run_plugins
from gasfield.cli.output import put, put_file

Bits = Annotated[
    str | None,
    typer.Option("--bits", metavar="bfloat16", help="Number format of uint16 arrays; bfloat16 is assumed."),
]
Format = Annotated[str | None, typer.Option("--format", metavar="KIND", help="Input format. Default: detected.")]
Every = Annotated[int, typer.Option("--every", metavar="K", help="Take every K-th frame.")]
Stage = Annotated[
    str | None,
    typer.Option("--stage", metavar="STAGE", help="Of checkpoints in stages: 2, or lc-4k-to-32k, as in their names."),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="PATTERN",
        help="Only checkpoints with such a name (* and ?); '!PATTERN': without; repeatable.",
    ),
]
OrderOf = Annotated[
    str | None,
    typer.Option(
        "--order",
        metavar="FILE",
        help="Names of checkpoints, one a line with its step; or 'natural': numbered, 2 before 10.",
    ),
]
IgnoreMetadata = Annotated[
    bool,
    typer.Option(
        "--ignore-metadata", help="Ignore JSON beside the file, headers of safetensors, and states of trainers."
    ),
]


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
    bonds: Annotated[
        list[str] | None,
        typer.Option(
            "--bonds",
            metavar="NAME=PAIRS",
            help="Bonds of a group: a text file, two row numbers a line, or nearest:K neighbours; repeatable.",
        ),
    ] = None,
    tensor: Tensor = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="tokenizer.json, vocab.json or vocab.txt, for token strings."),
    ] = None,
    bits: Bits = None,
    format: Format = None,
    every: Every = LIBRARY,
    stage: Stage = None,
    filter: Filters = None,
    order: OrderOf = None,
    ignore_metadata: IgnoreMetadata = False,
    plugins: Plugins = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Converts existing recordings and checkpoints to a trajectory file. Nothing is ever unpickled."""
    from gasfield.cli.terminal import frames_bar
    from gasfield.importing import import_recording

    run_plugins(plugins)
    groups = _named(rows or [], "rows", "NAME=IDS")
    pairs = _named(bonds or [], "bonds", "NAME=PAIRS")
    with frames_bar(quiet) as listen:
        notes = import_recording(
            source, output, rows=groups, rest=rest, bonds=pairs, tensor=tensor, bits=bits, tokenizer=tokenizer,
            format=format, every=every, stage=stage, filter=filter or (), order=order, ignore_metadata=ignore_metadata,
            overwrite=overwrite, progress=listen,
        )  # fmt: skip
    if not quiet:
        for note in notes:
            put(note if note.startswith("fault: ") else f"note: {note.removeprefix('note: ')}")
        put_file(output)


def _named(given: list[str], parameter: str, form: str) -> dict[str, str]:
    """Name of a group -> what follows, from NAME=..."""
    from gasfield.errors import InputError

    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals and value) or name in found:
            raise InputError(f"expected {form}, each name once.", parameter=parameter, value=each)
        found[name] = value
    return found
