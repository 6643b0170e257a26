"""`gasfield thermo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gasfield.cli.options import Json, Plots
from gasfield.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gasfield.sampling.thermodynamics.result import ModelThermo, Thermo

LISTED = 40
"""Contexts that the table lists; JSON has all."""
NUMBERS = 62
"""Width of the numbers of a context; its last characters take the rest of the line."""


def thermo(
    source: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL|LOGITS...",
            help="A model's folder or GGUF file, or logits (npy, npz, safetensors); several are a series.",
        ),
    ],
    prompt: Annotated[
        list[str] | None, typer.Option("--prompt", metavar="TEXT", help="Raw text before the token; repeatable.")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", metavar="FILE", help="Prompts: a .yaml or .json list, or lines.")
    ] = None,
    text: Annotated[Path | None, typer.Option("--text", metavar="FILE", help="A text file as one prompt.")] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--ids", metavar="I,J,...", help="Token ids of a prompt, joined by commas; repeatable."),
    ] = None,
    every_position: Annotated[
        bool, typer.Option("--every-position", help="The token after every position of the prompts, not only the last.")
    ] = False,
    chat: Annotated[bool, typer.Option("--chat", help="Put the prompts into the model's chat template.")] = False,
    temperatures: Annotated[
        str, typer.Option("--temperatures", metavar="T,...|A:B:N", help="A list, or N equally spaced ones from A to B.")
    ] = "0.8,1,1.2,2",
    keep: Annotated[
        int | None, typer.Option("--keep", metavar="V", min=3, help="Sum over the V likeliest tokens only.")
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            "--length",
            metavar="L",
            min=1,
            help="Whole sequences of L tokens after one prompt, instead of the next token. The length has to be fixed: "
            "summed over all lengths, Z diverges above some T > 1.",
        ),
    ] = None,
    law: Annotated[
        str | None,
        typer.Option(
            "--law",
            metavar="LAW",
            help="Of sequences: ancestral (default), each token at the temperature given its prefix, as samplers "
            "draw; or boltzmann, p(sequence)^(1/T) / Z, by replica exchange over the temperatures.",
        ),
    ] = None,
    chains: Annotated[
        int | None,
        typer.Option(
            "--chains", min=2, help="Sequences at each temperature (default 64), or independent ladders (default 8)."
        ),
    ] = None,
    moves: Annotated[
        int | None, typer.Option("--moves", min=10, help="Of each chain under Boltzmann's law. Default: 200.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the sequences. Default: 0.")] = None,
    allow_end: Annotated[
        bool,
        typer.Option(
            "--allow-end", help="Tokens that end a text are ordinary ones in a sequence; else they are forbidden."
        ),
    ] = False,
    as_json: Json = False,
    plots: Plots = None,
) -> None:
    """Computes the exact thermodynamics of a model's next token: U, S, F, C against T, and where it melts. With
    --length, those of whole sequences, sampled, with errors."""
    from gasfield.sampling.thermodynamics.options import read_temperatures, read_text

    texts = [*(prompt or []), *([read_text(text)] if text else [])]
    prompted: dict[str, Any] = {"prompts": prompts, "ids": ids or (), "chat": chat}
    scale = read_temperatures(temperatures)
    of_sequences = {"law": law, "chains": chains, "moves": moves, "seed": seed, "allow_end": allow_end or None}
    sequences = {name: value for name, value in of_sequences.items() if value is not None}
    if length is None:
        _refuse(sequences, "is for whole sequences; give their --length too.")
        _next_token(source, texts, prompted, scale, every_position, keep, as_json, plots)
        return
    of_tokens = {"every_position": every_position or None, "keep": keep}
    _refuse(of_tokens, "is for the next token; whole sequences do not take it.")
    _sequences(source, texts, prompted, scale, length, sequences, as_json, plots)


def _refuse(options: dict[str, Any], reason: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(reason, parameter=name)


def _next_token(
    source: list[Path],
    texts: list[str],
    prompted: dict[str, Any],
    temperatures: NDArray[np.float64],
    every_position: bool,
    keep: int | None,
    as_json: bool,
    plots: Path | None,
) -> None:
    from gasfield.cli.terminal import show_result, status
    from gasfield.sampling.thermodynamics.thermo import thermo

    options: dict[str, Any] = {"every_position": every_position, "keep": keep}
    with status() as stage:
        found = thermo(source, texts, **prompted, temperatures=temperatures, **options, stage=stage)
    show_result(found, lambda: _print(found), as_json=as_json, plots=plots)


def _sequences(
    sources: list[Path],
    texts: list[str],
    prompted: dict[str, Any],
    temperatures: NDArray[np.float64],
    length: int,
    options: dict[str, Any],
    as_json: bool,
    plots: Path | None,
) -> None:
    from gasfield.cli.sequence_table import print_sequences
    from gasfield.cli.terminal import show_result, status
    from gasfield.language.open import open_model
    from gasfield.language.prompts import prompts_of
    from gasfield.sampling.sequences.thermodynamics import sequence_thermodynamics

    if len(sources) != 1:
        raise InputError(f"whole sequences need one model, not {len(sources)}.", parameter="length")
    with status() as stage:
        stage(f"opening {sources[0]}")
        model = open_model(sources[0])
        read = prompts_of(model, prompt=texts, **prompted)
        if len(read) != 1:
            raise InputError(f"whole sequences need one prompt, not {len(read)}.", parameter="length")
        stage(f"{model.name}: sequences of {length} tokens")
        options["forbid_end"] = not options.pop("allow_end", False)
        found = sequence_thermodynamics(model, read[0].ids, length, temperatures, **options)
    show_result(found, lambda: print_sequences(found), as_json=as_json, plots=plots)


def _print(found: Thermo) -> None:
    """Prints for each model the functions of T, then the peak, nulls and melting point of each context."""
    for model in found.models:
        contexts = len(model.tokens)
        print(f"{model.name}: {model.vocabulary:,} tokens, {contexts} context{'s' if contexts > 1 else ''}")
        _print_functions(model)
        _print_heat(model)
        _print_peaks(model)
    for note in found.notes:
        print(f"note: {note}")


def _print_functions(model: ModelThermo) -> None:
    """U, S, F, C at each temperature: means over contexts with their standard errors."""
    from rich.console import Console
    from rich.table import Table

    from gasfield.quantity import Quantity

    mean, error = model.mean()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("T", "energy U", "entropy S", "free energy F", "heat capacity C"):
        table.add_column(name, no_wrap=True)
    names = ("energy", "entropy", "free_energy", "heat_capacity")
    for k, temperature in enumerate(mean.temperature):
        values = [
            Quantity(getattr(mean, name)[k], "nats", None if error is None else getattr(error, name)[k]).text()
            for name in names
        ]
        table.add_row(f"{temperature:g}", *values)
    Console().print(table)


def _print_heat(model: ModelThermo) -> None:
    """Surprisal of the tokens of each context, and entropy of the law after it."""
    for token in model.tokens[:LISTED]:
        heat = {name: number.quantity().text() for name, number in token.heat().items()}
        read = f"surprisal {heat['surprisal']} a token; " if len(token.context.surprisal) else ""
        print(
            f"{token.context.text}: {read}entropy after it {heat['entropy']}, as {heat['continuations']} equal tokens"
        )


def _print_peaks(model: ModelThermo) -> None:
    """The peak of C beside that of the law and the melting point, a line for each context; then the nulls."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    room = max(12, console.width - NUMBERS)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("peak at T", "C", "C of law", "gap", "s", "melts at", "after"):
        table.add_column(name, no_wrap=True)
    for token in model.tokens[:LISTED]:
        quantities = token.quantities()
        names = ("peak.temperature", "peak.height", "tail.height", "tail.gap", "tail.s", "melting_point")
        text = token.context.text
        short = text if len(text) <= room else f"…{text[1 - room :]}"
        table.add_row(*(quantities[name].text() for name in names), escape(short))
    console.print(table)
    first = model.tokens[0]
    print(f"nulls of {first.scaling.states[-1]:,} states have C of {first.zipf.peak().height:.4g} (bare Zipf) and "
          f"{first.gaussian.peak().height:.4g} (Gaussian energies); law: one lowest state, gap, s ln i")  # fmt: skip
    if len(model.tokens) > LISTED:
        print(f"... {len(model.tokens) - LISTED} more (--json has all)")
    if len(model.tokens) == 1 and (objection := first.scaling.objection):
        print(f"no melting point: {objection}")
