"""`gasfield thermo` as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.language.base import LanguageModel, Logits
from gasfield.language.logits import LogitsFile
from gasfield.language.open import open_source
from gasfield.language.prompts import prompts_of
from gasfield.sampling.sources import Source
from gasfield.sampling.thermodynamics.contexts import Context, file_as_laws, next_laws, rows_as_laws
from gasfield.sampling.thermodynamics.next_token import measure
from gasfield.sampling.thermodynamics.result import ModelThermo, Thermo
from gasfield.statistics.canonical import require_temperatures

TEMPERATURES = (0.8, 1.0, 1.2, 2.0)
STORED = 6
"""Contexts of a model that are drawn; of the others numbers are kept."""


def thermo(
    source: Source | Sequence[str | Path | LanguageModel],
    prompt: str | Sequence[str] = (),
    *,
    prompts: Path | None = None,
    ids: Sequence[str | Iterable[int]] = (),
    temperatures: ArrayLike = TEMPERATURES,
    every_position: bool = False,
    keep: int | None = None,
    chat: bool = False,
    store: int = STORED,
    stage: Callable[[str], None] = lambda _: None,
) -> Thermo:
    """Exact thermodynamics of the next token: U, S, F, C at temperatures, spectrum, melting point with its nulls.

    Args:
        source: a model's folder or GGUF file, a file of logits (npy, npz, safetensors), or one of these open; a list of
            paths or open models, a series; or logits (..., V), each row a context.
        prompt: raw text, or several.
        prompts: file of texts: a list in .yaml or .json, else one a line.
        ids: token ids of a further prompt each, as numbers or as text ("1,2,3").
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
    given = _Given((prompt,) if isinstance(prompt, str) else tuple(prompt), prompts, tuple(ids), chat, every_position)
    models = []
    for each in _sources(source):
        stage(f"opening {each}" if isinstance(each, str | Path) else "reading logits")
        name, vocabulary, laws = _laws(each, given)
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


@dataclass(frozen=True)
class _Given:
    """What a model is asked; logits are not asked anything."""

    prompt: tuple[str, ...]
    prompts: Path | None
    ids: tuple[str | Iterable[int], ...]
    chat: bool
    every_position: bool

    def refuse(self) -> None:
        """Refuses all of it.

        Raises:
            InputError: if there is any.
        """
        for name, given in vars(self).items():
            if given:
                raise InputError("logits are read as they stand; only a model reads prompts.", parameter=name)


def _laws(source: Source, given: _Given) -> tuple[str, int, Iterator[tuple[Context, Logits | NDArray[np.float64]]]]:
    """Name, V, and contexts with their logits."""
    if isinstance(source, str | Path):
        source = open_source(source)
    if isinstance(source, LanguageModel):
        read = prompts_of(source, prompt=given.prompt, prompts=given.prompts, ids=given.ids, chat=given.chat)
        return source.name, source.vocabulary, next_laws(source, read, every_position=given.every_position)
    given.refuse()
    if isinstance(source, LogitsFile):
        return source.name, source.vocabulary, file_as_laws(source)
    logits = np.atleast_1d(np.asarray(source))
    if not np.issubdtype(logits.dtype, np.floating) or logits.size == 0:
        raise InputError(f"logits have to be floating-point numbers, not {logits.dtype} of shape {logits.shape}.")
    return "logits", logits.shape[-1], rows_as_laws(logits)


def _notes(models: Sequence[ModelThermo], keep: int | None) -> tuple[str, ...]:
    """What must be said of the numbers."""
    notes = []
    if keep is not None:
        notes.append(f"only the {keep:,} likeliest tokens are summed over: F(1) = -log of their share, not 0")
    if any(
        token.scaling.states[-1] < min(model.vocabulary, keep or model.vocabulary)
        for model in models
        for token in model.tokens
    ):
        notes.append("tokens with a logit of -inf are states that do not exist; they are left out")
    if any(one.vocabulary != other.vocabulary for one, other in pairwise(models)):
        notes.append("the models differ in their vocabularies, and the height of a peak depends on its size")
    return tuple(notes)
