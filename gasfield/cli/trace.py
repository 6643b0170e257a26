"""`gasfield trace`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Json, Overwrite, Quiet
from gasfield.cli.output import put, put_file, put_json

if TYPE_CHECKING:
    from gasfield.tracing.tracing import TraceResult


def trace(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model's folder or GGUF file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    prompt: Annotated[
        list[str] | None, typer.Option("--prompt", metavar="TEXT", help="A text as it stands; repeatable.")
    ] = None,
    text: Annotated[
        list[Path] | None, typer.Option("--text", metavar="FILE", help="A text file as one text; repeatable.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", metavar="FILE", help="Texts: a .yaml or .json list, or names with texts; or lines."),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--ids", metavar="I,J,...", help="Token ids of a text, joined by commas; repeatable."),
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Put the texts into the model's chat template.")] = False,
    tokens: Annotated[
        int | None, typer.Option("--tokens", metavar="N", help="Only the first N tokens of each text.")
    ] = None,
    parts: Annotated[
        str,
        typer.Option(
            "--parts",
            metavar="auto|full|work",
            help="Keep what each head and MLP adds to each token, or its projections only; auto: in full up to 2 GiB.",
        ),
    ] = LIBRARY,
    weights: Annotated[bool, typer.Option("--weights", help="Keep the attention weights.")] = False,
    lens: Annotated[
        str,
        typer.Option(
            "--lens",
            metavar="layers|steps|none",
            help="Energies of the true next tokens after each layer, also between attention and MLP, or not at all.",
        ),
    ] = LIBRARY,
    tracers: Annotated[
        Path | None,
        typer.Option("--tracers", metavar="T.yaml", help="Passive tracers planted at tokens: a YAML list `tracers:`."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of random frames and jitter of tracers.")] = LIBRARY,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of PyTorch. Default: all cores.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Records texts passing through a transformer: tokens as particles, layers as time, heads and MLPs as forces."""
    from gasfield.cli.terminal import layers_bar
    from gasfield.scenario.tracer_file import read_tracers
    from gasfield.tracing.tracing import trace as record

    planted = () if tracers is None else read_tracers(tracers)
    with layers_bar(quiet) as listen:
        found = record(
            model, output, prompt=prompt or (), text=text or (), prompts=prompts, ids=ids or (), chat=chat,
            tokens=tokens, parts=parts, weights=weights, lens=lens, tracers=planted, seed=seed, threads=threads,
            overwrite=overwrite, progress=listen,
        )  # fmt: skip
    if as_json:
        put_json(found.as_json())
    elif not quiet:
        _print(found)


def _print(found: TraceResult) -> None:
    from gasfield.cli.tables import Rows

    sizes = found.sizes
    put(f"{found.model}: {sizes.layers} layers, {sizes.heads} heads, {sizes.dimensions} dimensions ({found.family})")
    table = Rows("text", "tokens", "energy of the next token (nats)")
    for name, tokens in found.texts.items():
        table.row([name, f"{tokens:,}", found.quantities()[f"loss.{name}"].text()])
    table.put()
    put(f"the parts sum to the stream within {found.sum_error:.1e} of its length")
    if found.tracers:
        groups = ", ".join(f"{name} ({count:,})" for name, count in found.tracers.items())
        put(f"tracers: {groups}; without offset they follow their tokens within {found.tracer_error:.1e} of the length")
    put_file(found.path)
