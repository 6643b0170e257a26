"""`gasfield thermo` as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from gasfield.errors import InputError
from gasfield.language.base import LanguageModel, Logits
from gasfield.language.open import open_model
from gasfield.sampling.thermodynamics.contexts import Context, next_laws, read_prompts, rows_as_laws
from gasfield.sampling.thermodynamics.next_token import measure
from gasfield.sampling.thermodynamics.result import ModelThermo, Thermo
from gasfield.statistics.canonical import require_temperatures

Source = str | Path | LanguageModel | ArrayLike
TEMPERATURES = (0.8, 1.0, 1.2, 2.0)
STORED = 6
"""Contexts of a model that are drawn; of the others numbers are kept."""


def thermo(
    source: Source | Sequence[str | Path | LanguageModel],
    prompt: str | Sequence[str] = (),
    *,
    ids: Sequence[ArrayLike] = (),
    temperatures: ArrayLike = TEMPERATURES,
    every_position: bool = False,
    keep: int | None = None,
    chat: bool = False,
    store: int = STORED,
    stage: Callable[[str], None] = lambda _: None,
) -> Thermo:
    """Exact thermodynamics of the next token: U, S, F, C at temperatures, spectrum, melting point with its nulls.

    Args:
        source: a model's path or an open model; a list of these, a series; or logits (..., V), each row a context.
        prompt: raw text, or several.
        ids: token ids (S,) of further prompts.
        temperatures: (K,) finite, 0 (the limit) or above.
        every_position: the next token after every token of each prompt, not only after the last.
        keep: only this many of the likeliest tokens; their energies stay those of the whole law.
        chat: put each prompt into the model's chat template.
        store: contexts of each model whose energies the result keeps, for pictures.
        stage: called with what is being done.

    Raises:
        InputError: if a model or prompt cannot be read, a temperature is negative or not finite, or logits are NaN or
            all forbidden.
    """
    scale = np.atleast_1d(np.asarray(temperatures, float))
    require_temperatures(scale)
    if keep is not None and keep < 3:
        raise InputError(f"{keep} tokens are too few for a spectrum; keep at least 3.", parameter="keep")
    prompts = (prompt,) if isinstance(prompt, str) else tuple(prompt)
    models = []
    for each in _sources(source):
        stage(f"opening {each}" if isinstance(each, str | Path) else "reading logits")
        name, vocabulary, laws = _laws(each, prompts, ids, every_position=every_position, chat=chat)
        tokens = []
        for number, (context, logits) in enumerate(laws):
            stage(f"{name}: {context.text}")
            tokens.append(measure(context, logits, scale, keep, store=number < store))
        models.append(ModelThermo(name, vocabulary, tuple(tokens)))
    return Thermo(tuple(models), _notes(models, keep))


def _sources(source: Source | Sequence[str | Path | LanguageModel]) -> list[Source]:
    """A source, or those of a series."""
    if isinstance(source, list | tuple) and source and all(isinstance(s, str | Path | LanguageModel) for s in source):
        return list(source)
    return [source]  # type: ignore[list-item]


def _laws(
    source: Source, prompts: Sequence[str], ids: Sequence[ArrayLike], *, every_position: bool, chat: bool
) -> tuple[str, int, Iterator[tuple[Context, Logits]]]:
    """Name, V, and contexts with their logits."""
    if isinstance(source, str | Path):
        source = open_model(source)
    if isinstance(source, LanguageModel):
        read = read_prompts(source, prompts, ids, every_position=every_position, chat=chat)
        return source.name, source.vocabulary, next_laws(source, read)
    logits = np.atleast_1d(np.asarray(source))
    if not np.issubdtype(logits.dtype, np.floating) or logits.size == 0:
        raise InputError(f"logits have to be floating-point numbers, not {logits.dtype} of shape {logits.shape}.")
    if len(prompts) or len(ids):
        raise InputError("an array of logits is read as it stands; it takes no prompt.", parameter="prompt")
    return "logits", logits.shape[-1], rows_as_laws(logits)


def _notes(models: Sequence[ModelThermo], keep: int | None) -> tuple[str, ...]:
    """What must be said of the numbers."""
    notes = []
    if keep is not None:
        notes.append(f"only the {keep:,} likeliest tokens are summed over: F(1) = -log of their share, not 0")
    if any(model.tokens[0].scaling.states[-1] < min(model.vocabulary, keep or model.vocabulary) for model in models):
        notes.append("tokens with a logit of -inf are states that do not exist; they are left out")
    if any(one.vocabulary != other.vocabulary for one, other in pairwise(models)):
        notes.append("the models differ in their vocabularies, and the height of a peak depends on its size")
    return tuple(notes)
