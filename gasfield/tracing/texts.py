"""The texts of a trace, each with a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gasfield.errors import InputError
from gasfield.language.base import LanguageModel
from gasfield.language.prompts import Prompt, prompts_of
from gasfield.reading import read_text

_LONGEST = 90


def texts_of(
    model: LanguageModel,
    *,
    prompt: Sequence[str] = (),
    text: Sequence[str | Path] = (),
    prompts: Path | None = None,
    ids: Sequence[str | Iterable[int]] = (),
    chat: bool = False,
    tokens: int | None = None,
) -> dict[str, Prompt]:
    """All texts by name: of a file its name, of a prompt with a name that, else `text-1`, `text-2`, ...

    Args:
        model: reads them.
        prompt: texts.
        text: files, each of which is one text.
        prompts: a file of texts; see `gasfield.language.prompts`.
        ids: token ids of a text each.
        chat: whether the chat template of the model is applied to each text.
        tokens: the first tokens of each text that are kept; all by default.

    Raises:
        InputError: if there is none, a file cannot be read, or a text is empty, longer than the context or has an id
            outside the vocabulary.
    """
    if tokens is not None and tokens < 1:
        raise InputError("must be at least 1.", parameter="tokens", value=tokens)
    files = [Path(file) for file in text]
    given = [*prompt, *(read_text(file, "text") for file in files)]
    found = prompts_of(model, prompt=given, prompts=prompts, ids=ids, chat=chat, first=tokens)
    named = [
        replace(each, name=files[number - len(prompt)].stem) if len(prompt) <= number < len(given) else each
        for number, each in enumerate(found)
    ]
    texts: dict[str, Prompt] = {}
    for number, each in enumerate(named):
        texts[_unique(_name(each.name, number), texts)] = each
    return texts


def _name(given: str, number: int) -> str:
    """A name of a group: other characters than letters, digits, - and _ become _."""
    name = re.sub("[^A-Za-z0-9_-]", "_", given)[:_LONGEST]
    return name if name[:1].isalpha() else f"text-{name or number + 1}"


def _unique(name: str, taken: Iterable[str]) -> str:
    number, found = 2, name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found
