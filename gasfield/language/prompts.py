"""Prompts, from text, files, chat templates or token ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gasfield.errors import InputError
from gasfield.language.base import Ids, LanguageModel
from gasfield.reading import read_json, read_lines, read_text

_LONGEST = 60


def _yaml(path: Path) -> Any:
    """A list of texts, or texts by name: plain words are text too, whatever YAML makes of an unquoted `no` or 2026."""
    try:
        return _items(yaml.parse(read_text(path, "prompts"), yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise InputError("not YAML.", location=where, parameter="prompts") from None


def _items(events: Iterator[Any]) -> Any:
    """The items of the one list or mapping of a document; None for an item that is no text."""
    depth = documents = 0
    named, items = False, list[Any]()
    for event in events:
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise ValueError
        if isinstance(event, yaml.CollectionStartEvent):
            if depth == 0:
                named = isinstance(event, yaml.MappingStartEvent)
            if depth == 1:
                items.append(None)
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent) and depth == 1:
            items.append(event.value if isinstance(event, yaml.ScalarEvent) else None)
    if not named:
        return items
    if len(set(items[::2])) < len(items[::2]):
        raise ValueError
    return dict(zip(items[::2], items[1::2], strict=True))


def _json(path: Path) -> Any:
    return read_json(path, "prompts")


def _lines(path: Path) -> list[str]:
    return [line for line in read_lines(path, "prompts") if line]


_READ: dict[str, Callable[[Path], Any]] = {".yaml": _yaml, ".yml": _yaml, ".json": _json}


@dataclass(frozen=True)
class Prompt:
    """What a model continues.

    Attributes:
        text: as the model reads it, with the chat template if there is one; from ids, the text of them.
        ids: (S,) its tokens.
        pieces: S tokens as printable text.
        name: as its file gives it; empty if it gives none.
    """

    text: str
    ids: Ids
    pieces: tuple[str, ...]
    name: str = ""

    @property
    def label(self) -> str:
        """Its text in one short line, for tables and legends."""
        line = " ".join(self.text.split()) or "".join(self.pieces)
        return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def prompts_of(
    model: LanguageModel,
    *,
    prompt: Sequence[str] = (),
    prompts: Path | None = None,
    ids: Sequence[str | Iterable[int]] = (),
    chat: bool = False,
    first: int | None = None,
) -> list[Prompt]:
    """All prompts that are given, in this order: texts, the texts of a file, ids.

    Args:
        model: reads them.
        prompt: raw texts, or messages with `chat`.
        prompts: file of texts: a list, or a mapping of names to texts, in .yaml or .json, else one a line; empty lines
            are left out.
        ids: token ids of a prompt each, as numbers or as text ("1,2,3").
        chat: whether the chat template of the model is applied to each text.
        first: keep so many tokens of each; all by default.

    Raises:
        InputError: if there is none, the model has no tokenizer or no chat template, a file cannot be read, or a prompt
            is empty, longer than the context or has an id outside the vocabulary.
    """
    texts = [("", text) for text in prompt] + (_texts_of(Path(prompts)) if prompts is not None else [])
    found = [_from_text(model, text, name, chat=chat, first=first) for name, text in texts]
    found += [_from_ids(model, given, first) for given in ids]
    if not found:
        raise InputError("a language model needs a prompt.", parameter="prompt")
    return found


def _from_text(model: LanguageModel, text: str, name: str, *, chat: bool, first: int | None) -> Prompt:
    tokenizer = model.require_tokenizer()
    text = tokenizer.chat(text) if chat else text
    ids = tokenizer.encode(text, special=not chat)
    if first is not None and len(ids) > first:
        ids = ids[:first]
        text = tokenizer.decode(ids)
    return _prompt(model, text, ids, name)


def ids_of(given: str | Iterable[int]) -> Ids:
    """Token ids as given: numbers, or text ("1,2,3").

    Raises:
        InputError: if they are no integers.
    """
    try:
        return np.array([int(part) for part in (given.split(",") if isinstance(given, str) else given)], np.int64)
    except (ValueError, TypeError, OverflowError):
        raise InputError("token ids are integers, separated by commas.", parameter="ids", value=given) from None


def _from_ids(model: LanguageModel, given: str | Iterable[int], first: int | None) -> Prompt:
    ids = model.require_ids(ids_of(given)[:first])
    return _prompt(model, "" if model.tokenizer is None else model.tokenizer.decode(ids), ids)


def _prompt(model: LanguageModel, text: str, ids: Ids, name: str = "") -> Prompt:
    return Prompt(text, model.require_ids(ids), tuple(model.token(int(index)) for index in ids), name)


def _texts_of(path: Path) -> list[tuple[str, str]]:
    """Names, empty where there are none, and texts."""
    texts = _READ.get(path.suffix, _lines)(path)
    if not isinstance(texts, list | dict) or not texts:
        wanted = "a list of texts, or texts by name" if path.suffix in _READ else "one a line"
        raise InputError(f"{path}: holds no prompts; give {wanted}.", parameter="prompts")
    named = texts.items() if isinstance(texts, dict) else [("", text) for text in texts]
    for number, (name, text) in enumerate(named):
        if not isinstance(text, str) or not isinstance(name, str):
            raise InputError(f"{path}: item {number} is no text; quote it.", parameter="prompts")
    return list(named)
