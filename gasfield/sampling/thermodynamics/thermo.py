"""`gasfield thermo` as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gasfield.errors import InputError
from gasfield.language.base import Ids, LanguageModel, Logits
from gasfield.language.open import open_model
from gasfield.sampling.sequences.result import SequenceThermodynamics
from gasfield.sampling.sequences.thermodynamics import sequence_thermodynamics
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
    length: int | None = None,
    law: str | None = None,
    chains: int | None = None,
    moves: int | None = None,
    seed: int | None = None,
    allow_end: bool = False,
) -> Thermo | SequenceThermodynamics:
    """Exact thermodynamics of the next token: U, S, F, C at temperatures, spectrum, melting point with its nulls.

    With a length, of whole sequences after one prompt instead, sampled: see `sequence_thermodynamics`.

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
        length: tokens of a whole sequence.
        law: of sequences, "ancestral" (default) or "boltzmann".
        chains: sequences at each temperature, or independent ladders.
        moves: of each chain under Boltzmann's law.
        seed: of the sequences; by default 0.
        allow_end: tokens that end a text are ordinary ones in a sequence; else they are forbidden.

    Raises:
        InputError: if a model or prompt cannot be read, a temperature is negative or not finite, logits are NaN or
            all forbidden, or an option of sequences is given without a length or does not fit.
    """
    prompts = (prompt,) if isinstance(prompt, str) else tuple(prompt)
    options = {"law": law, "chains": chains, "moves": moves, "seed": seed, "allow_end": allow_end or None}
    given = {name: value for name, value in options.items() if value is not None}
    if length is not None:
        if keep is not None or every_position:
            name = "every_position" if every_position else "keep"
            raise InputError("is for the next token; whole sequences do not take it.", parameter=name)
        model, start = _one_prompt(source, prompts, ids, chat, stage)
        stage(f"{model.name}: sequences of {length} tokens")
        return _sequences(model, start, length, temperatures, given)
    if given:
        raise InputError("is for whole sequences; give their length too.", parameter=next(iter(given)))
    scale = np.atleast_1d(np.asarray(temperatures, float))
    require_temperatures(scale)
    if keep is not None and keep < 3:
        raise InputError(f"{keep} tokens are too few for a spectrum; keep at least 3.", parameter="keep")
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


def _sequences(
    model: LanguageModel, start: Ids, length: int, temperatures: ArrayLike, given: dict[str, Any]
) -> SequenceThermodynamics:
    """Whole sequences, with the options that were given."""
    forbid_end = not given.pop("allow_end", False)
    return sequence_thermodynamics(model, start, length, temperatures, forbid_end=forbid_end, **given)


def _one_prompt(
    source: Source | Sequence[str | Path | LanguageModel],
    prompts: Sequence[str],
    ids: Sequence[ArrayLike],
    chat: bool,
    stage: Callable[[str], None],
) -> tuple[LanguageModel, Ids]:
    """The model and the one prompt of whole sequences."""
    sources = _sources(source)
    if len(sources) != 1 or len(prompts) + len(ids) != 1:
        raise InputError(
            f"whole sequences need one model and one prompt, not {len(sources)} and {len(prompts) + len(ids)}.",
            parameter="length",
        )
    (model,) = sources
    if isinstance(model, str | Path):
        stage(f"opening {model}")
        model = open_model(model)
    if not isinstance(model, LanguageModel):
        raise InputError("whole sequences need a model: logits do not say what follows what.", parameter="length")
    (read,) = read_prompts(model, prompts, ids, every_position=False, chat=chat)
    return model, read.ids


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
