"""What a model folder holds besides weights: tokens that end a text, code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gasfield.reading import read_object, whole

GENERATION = "generation_config.json"
_CODE = "auto_map"


def end_tokens(folder: Path, config: dict[str, Any], default: int | None = None) -> tuple[int, ...]:
    """Ids that end a text, by the folder's generation_config.json, else by its configuration."""
    stated = config.get("eos_token_id", default)
    if (folder / GENERATION).is_file():
        stated = read_object(folder / GENERATION).get("eos_token_id", stated)
    return tuple_of(stated)


def tuple_of(ids: Any) -> tuple[int, ...]:
    """Token ids from how a configuration states them: null, a number or a list; what is no integer is left out."""
    found = [whole(index) for index in (ids if isinstance(ids, list | tuple) else [ids])]
    return tuple(index for index in found if index is not None)


def names_code(folder: Path, config: dict[str, Any]) -> bool:
    """Whether a model comes with Python code of its own, which is never run."""
    tokenizer = folder / "tokenizer_config.json"
    return _CODE in config or (tokenizer.is_file() and _CODE in read_object(tokenizer))
