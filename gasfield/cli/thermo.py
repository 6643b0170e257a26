"""`gasfield thermo`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gasfield.cli.options import Json, Plots
from gasfield.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gasfield.sampling.sequences.result import SequenceThermodynamics


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
    from gasfield.cli.sequence_table import print_sequences
    from gasfield.cli.terminal import show_result, status
    from gasfield.cli.token_table import print_next_tokens
    from gasfield.sampling.thermodynamics.options import read_temperatures, read_text
    from gasfield.sampling.thermodynamics.thermo import thermo as thermo_of

    texts = [*(prompt or []), *([read_text(text)] if text else [])]
    prompted: dict[str, Any] = {"prompt": texts, "prompts": prompts, "ids": ids or (), "chat": chat}
    scale = read_temperatures(temperatures)
    of_tokens = {"every_position": every_position or None, "keep": keep}
    of_sequences = {"law": law, "chains": chains, "moves": moves, "seed": seed, "allow_end": allow_end or None}
    if length is None:
        _refuse(of_sequences, "is for whole sequences; give their --length too.")
        with status() as stage:
            tokens = thermo_of(
                source, **prompted, temperatures=scale, every_position=every_position, keep=keep, stage=stage
            )
        show_result(tokens, lambda: print_next_tokens(tokens), as_json=as_json, plots=plots)
        return
    _refuse(of_tokens, "is for the next token; whole sequences do not take it.")
    given = {name: value for name, value in of_sequences.items() if value is not None}
    with status() as stage:
        whole = _sequences(source, prompted, scale, length, given, stage)
    show_result(whole, lambda: print_sequences(whole), as_json=as_json, plots=plots)


def _refuse(options: dict[str, Any], reason: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(reason, parameter=name)


def _sequences(
    sources: list[Path],
    prompted: dict[str, Any],
    temperatures: NDArray[np.float64],
    length: int,
    options: dict[str, Any],
    stage: Callable[[str], None],
) -> SequenceThermodynamics:
    """Whole sequences after the one prompt of the one model."""
    from gasfield.language.logits import LogitsFile
    from gasfield.language.open import open_source
    from gasfield.language.prompts import prompts_of
    from gasfield.sampling.sequences.thermodynamics import sequence_thermodynamics

    if len(sources) != 1:
        raise InputError(f"whole sequences need one model, not {len(sources)}.", parameter="length")
    stage(f"opening {sources[0]}")
    model = open_source(sources[0])
    if isinstance(model, LogitsFile):
        raise InputError("whole sequences need a model; logits do not say what follows a token.", parameter="length")
    read = prompts_of(model, **prompted)
    if len(read) != 1:
        raise InputError(f"whole sequences need one prompt, not {len(read)}.", parameter="length")
    stage(f"{model.name}: sequences of {length} tokens")
    allowed = options.pop("allow_end", False)
    return sequence_thermodynamics(model, read[0].ids, length, temperatures, forbid_end=not allowed, **options)
