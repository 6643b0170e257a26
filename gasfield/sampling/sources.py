"""What stands before a token that is drawn: a prompt of a model, or a position of a file of logits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.language.base import LanguageModel
from gasfield.language.logits import LogitsFile
from gasfield.language.open import open_source
from gasfield.language.prompts import ids_of, prompts_of
from gasfield.sampling.processors.base import require_logits

Source = str | Path | LanguageModel | LogitsFile | ArrayLike
Array = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Context:
    """Where the next token is drawn.

    Attributes:
        name: of the model or file.
        label: of the prompt or position.
        ids: (S,) the tokens before it, as far as they are known.
        logits: (V,) of the next token.
        token: the text of a token.
        model: the model, if there is one.
    """

    name: str
    label: str
    ids: Ids
    logits: Array
    token: Callable[[int], str]
    model: LanguageModel | None = None

    def decode(self, ids: Ids) -> str:
        """The text of several tokens."""
        tokenizer = None if self.model is None else self.model.tokenizer
        return "".join(self.token(int(each)) for each in ids) if tokenizer is None else tokenizer.decode(ids)


def open_context(
    source: Source, prompt: str | None, ids: str | Iterable[int] | None, *, chat: bool, row: str | None
) -> Context:
    """The context of a source.

    Args:
        source: the path of a model or of a file of logits, either of them open, or logits (V,) or (P, V).
        prompt: raw text for a model, a message with `chat`.
        ids: tokens instead of a prompt; of logits, the tokens before them, which penalties count.
        chat: put the prompt into the model's chat template.
        row: name or number of a position, if there are several.

    Raises:
        InputError: if the source cannot be opened, or prompt, ids and row do not fit it.
    """
    if isinstance(source, str | Path):
        source = open_source(source)
    if isinstance(source, LanguageModel):
        if row is not None:
            raise InputError("chooses among the positions of a file of logits; a model has a prompt.", parameter="row")
        return _of_model(source, prompt, ids, chat=chat)
    if prompt is not None or chat:
        raise InputError("logits are already those after a prompt; give a model for text.", parameter="prompt")
    if not isinstance(source, LogitsFile):
        rows = np.atleast_2d(require_logits(source))
        source = LogitsFile("logits", tuple(map(str, range(len(rows)))), rows)
    return _of_logits(source, ids, row)


def _of_model(model: LanguageModel, prompt: str | None, ids: str | Iterable[int] | None, *, chat: bool) -> Context:
    if (prompt is None) == (ids is None):
        raise InputError("give a prompt as text, or ids; one of them.", parameter="prompt")
    given = prompts_of(
        model, prompt=[] if prompt is None else [prompt], ids=[] if ids is None else [ids], chat=chat
    )[0]  # fmt: skip
    logits = np.asarray(model.decode(given.ids[None]).logits[0], float)
    return Context(model.name, given.label, given.ids, logits, model.token, model)


def _of_logits(file: LogitsFile, ids: str | Iterable[int] | None, row: str | None) -> Context:
    if row is None and len(file.names) > 1:
        raise InputError(
            f"{file.name}: there are {len(file.names)} positions, {file.names[0]} to {file.names[-1]}; choose one.",
            parameter="row",
        )
    if row is not None and row not in file.names:
        raise InputError(f"{file.name}: there is no such position; there are {_some(file.names)}.", parameter="row",
                         value=row)  # fmt: skip
    place = 0 if row is None else file.names.index(row)
    before = ids_of(() if ids is None else ids)
    if before.size and (before.min() < 0 or before.max() >= file.vocabulary):
        raise InputError(f"{file.name}: token ids are from 0 to {file.vocabulary - 1}.", parameter="ids", value=ids)
    return Context(file.name, file.names[place], before, file.logits[place], file.token)


def _some(names: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
