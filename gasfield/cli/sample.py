"""`gasfield sample`: the settings of all processors are options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gasfield.cli.command import LIBRARY, Deferred, parameters_of, with_signature
from gasfield.cli.options import Json, Plots, Plugins, run_plugins
from gasfield.cli.output import put, put_text
from gasfield.printable import shortened

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from gasfield.sampling.result import Sample

SHOWN = 20
"""Tokens in the table; JSON has more."""


def sample(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|LOGITS", help="A model's folder or GGUF file, or logits (npy, npz, safetensors)."
        ),
    ],
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="TEXT", help="Raw text before the token.")] = None,
    ids: Annotated[
        str | None,
        typer.Option("--ids", metavar="I,J,...", help="Token ids instead of a prompt; before logits, what was said."),
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Put the prompt into the model's chat template.")] = False,
    row: Annotated[
        str | None, typer.Option("--row", metavar="NAME", help="The position in a file of logits, if it has several.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", metavar="N", help="How many tokens or texts. Default: 1000 tokens, 4 texts."),
    ] = None,
    length: Annotated[
        int, typer.Option("--length", metavar="L", help="Tokens of a text; 1 counts draws of the next token.")
    ] = LIBRARY,
    seed: Annotated[int, typer.Option("--seed", help="Of all draws.")] = LIBRARY,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            metavar="transformers|llama.cpp|vllm",
            help="Whose processors, in whose order and definition.",
        ),
    ] = LIBRARY,
    ignore_end: Annotated[bool, typer.Option("--ignore-end", help="Forbid the tokens that end a text.")] = False,
    plugins: Plugins = None,
    as_json: Json = False,
    plots: Plots = None,
    **settings: Any,
) -> None:
    """Draws tokens or texts from a model, and says what each processor of its sampler does to the law."""
    from gasfield.cli.terminal import show_result, status
    from gasfield.sampling.sample import sample as draw

    run_plugins(plugins)
    with status() as stage:
        found = draw(
            source, prompt, ids=ids, chat=chat, row=row, count=count, length=length, seed=seed, profile=profile,
            ignore_end=ignore_end, stage=stage, **{name: _value(given) for name, given in settings.items()},
        )  # fmt: skip
    show_result(found, lambda: _print(found), as_json=as_json, plots=plots)


class SampleCommand(Deferred):
    """`sample`, with the settings of the processors as options."""

    @staticmethod
    def make() -> Callable[..., None]:
        """`sample` with one parameter for each setting."""
        from gasfield.sampling.chain import settings
        from gasfield.sampling.sample import sample as library

        defaults = inspect.signature(library).parameters
        own = [
            parameter.replace(default=defaults[parameter.name].default) if parameter.default is LIBRARY else parameter
            for parameter in parameters_of(sample)
        ]
        options = [_option(name, field) for name, field in settings().items()]
        return with_signature(sample, [*own, *options])


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    """The option of a setting; a list of ids is text."""
    several = "tuple" in str(field.annotation)
    kind: Any = str if several else int if "int" in str(field.annotation) else float
    text = " ".join((field.description or "").split())
    if field.default not in (None, ()) and not field.is_required():
        text = f"{text} Default: {field.default:g}."
    flag, metavar = f"--{name.replace('_', '-')}", "I,J,..." if several else None
    annotation = Annotated[kind | None, typer.Option(flag, metavar=metavar, help=text, show_default=False)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _value(given: Any) -> Any:
    """A setting as the library takes it."""
    if not isinstance(given, str):
        return given
    from gasfield.errors import InputError

    try:
        return tuple(int(part) for part in given.split(","))
    except ValueError:
        raise InputError("token ids are integers, separated by commas.", parameter="dry_breakers") from None


def _print(found: Sample) -> None:
    """Prints what was drawn, then what each processor did."""
    quantities = found.quantities()
    put(f"{found.context.name}: {found.context.label}")
    if found.texts is None:
        _print_tokens(found)
        test = {name: quantities[f"chi_square{name}"].text() for name in ("", ".freedom", ".p_value")}
        put(f"chi-square {test['']} of {test['.freedom']}: p = {test['.p_value']}")
    else:
        for text in found.written():
            put_text(f"\n[log p {text['log_p']['value']:.2f}, as sampled {text['log_q']['value']:.2f}]")
            put_text(text["text"])
        put_text(f"\nsurprisal {quantities['surprisal']}, as sampled {quantities['surprisal_as_sampled']}")
    _print_stages(found)
    for note in found.notes:
        put(f"note: {note}")


def _print_tokens(found: Sample) -> None:
    """The likeliest tokens with frequencies beside exact probabilities."""
    from gasfield.cli.tables import Rows

    table = Rows("token", "drawn", "frequency", "probability", "of the model")
    for token in found.tokens(SHOWN):
        assert token.frequency is not None
        table.row([
            shortened(repr(token.text)), f"{token.count:,}", token.frequency.text(), f"{token.probability:.4g}",
            f"{token.model:.4g}",
        ])  # fmt: skip
    table.put()
    support = int((found.law > 0.0).sum())
    if support > SHOWN:
        put(f"... {support - SHOWN:,} more tokens can be drawn (--json lists some)")


def _print_stages(found: Sample) -> None:
    """What each processor did to the law of the next token."""
    from gasfield.cli.tables import Rows

    quantities = found.quantities()
    entropies = f"{quantities['entropy_of_model'].text()} nats before, {quantities['entropy'].text()} after"
    put(f"entropy of the next token: {entropies} the chain ({found.profile})")
    if not found.stages:
        return
    table = Rows("processor", "forbids", "their mass", "entropy removed", "free energy (kT)", "KL (nats)")
    for stage in found.stages:
        table.row([
            stage.processor.kind, f"{stage.forbidden:,.10g}", f"{stage.mass_removed:.4g}",
            f"{stage.entropy_removed:.4g}", f"{stage.free_energy:.4g}", f"{stage.divergence:.4g}",
        ])  # fmt: skip
    table.put()
    if any(not stage.processor.shift_invariant for stage in found.stages):
        put(
            "a shift of all logits to a maximum of 0 would change the law: total variation "
            f"{found.shift.distance:.4g}, KL {found.shift.divergence:.4g} nats"
        )
