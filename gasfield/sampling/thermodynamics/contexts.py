"""What stands before a next token, and the model's logits after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids, LanguageModel, Logits


@dataclass(frozen=True)
class Context:
    """One context of a next token.

    Attributes:
        text: of its tokens, shortened in front; a row of a file of logits has its number instead.
        length: number of its tokens; 0 if unknown.
    """

    text: str
    length: int


@dataclass(frozen=True)
class Prompt:
    """Tokens to compute the next one after.

    Attributes:
        ids: (S,).
        every_position: whether the next token is wanted after each of them, not only after the last.
        text: what was given.
    """

    ids: Ids
    every_position: bool
    text: str


def read_prompts(
    model: LanguageModel, prompts: Sequence[str], ids: Sequence[ArrayLike], *, every_position: bool, chat: bool
) -> list[Prompt]:
    """Texts and lists of ids as prompts of a model.

    Args:
        model: whose tokenizer is used; it need not have one for ids.
        prompts: texts.
        ids: lists of token ids.
        every_position: of all of them.
        chat: put texts into the model's chat template.

    Raises:
        InputError: if there is none, the model has no tokenizer for a text, or cannot read the ids.
    """
    if not len(prompts) and not len(ids):
        raise InputError("a model needs a prompt, a text, or ids to compute the next token after.", parameter="prompt")
    found = []
    for text in prompts:
        if model.tokenizer is None:
            raise InputError(f"{model.name}: there is no tokenizer beside the model; give ids.", parameter="prompt")
        raw = model.tokenizer.chat(text) if chat else text
        found.append(Prompt(model.require_ids(model.tokenizer.encode(raw)), every_position, text))
    for tokens in ids:
        array = model.require_ids(np.asarray(tokens, np.int64))
        text = model.tokenizer.decode(array) if model.tokenizer else ",".join(map(str, array))
        found.append(Prompt(array, every_position, text))
    return found


def next_laws(model: LanguageModel, prompts: Sequence[Prompt]) -> Iterator[tuple[Context, Logits]]:
    """Contexts with the logits (V,) of the next token, one by one."""
    for prompt in prompts:
        length = len(prompt.ids)
        if not prompt.every_position:
            yield Context(_short(prompt.text), length), model.decode(prompt.ids[None]).logits[0]
            continue
        for position, row in enumerate(model.logits(prompt.ids), start=1):
            text = model.tokenizer.decode(prompt.ids[:position][-12:]) if model.tokenizer else prompt.text
            yield Context(_short(text), position), row


def rows_as_laws(logits: NDArray[np.floating]) -> Iterator[tuple[Context, Logits]]:
    """The rows of an array of logits (..., V) as contexts."""
    for number, row in enumerate(logits.reshape(-1, logits.shape[-1])):
        yield Context(f"row {number}", 0), row


def _short(text: str, most: int = 48) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else "…" + flat[-most:]
