"""Metadata of a trajectory: in the header of a safetensors file, and in a JSON file beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.tensors.files import metadata_of

_IDS, _DEAD, _TOKENS, _STEPS = ("token_ids", "ids"), ("dead_ids",), ("tokens",), ("steps", "step")
_NUMBERS = ("step", "learning_rate", "lr", "betas", "eps", "epsilon", "weight_decay", "momentum", "seed")
"""Header entries, stored as text, that are parsed as numbers."""
_LONGEST = 16_000
"""Maximum length of a kept value in characters: space for HDF5 attributes is limited."""
_MOST = 1000
"""Maximum number of kept values."""
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Metadata:
    """Metadata of the frames and rows of a trajectory.

    Attributes:
        token_ids: (N,) of the rows; None if the rows are the tokens.
        dead: ids of dead tokens; None if unknown.
        tokens: strings by token id.
        steps: (T,) of the frames, ascending.
        provenance: all other entries that an attribute can hold.
        notes: on entries that could not be kept.
    """

    token_ids: NDArray[np.int64] | None
    dead: NDArray[np.int64] | None
    tokens: Mapping[int, str]
    steps: NDArray[np.int64]
    provenance: Mapping[str, Any]
    notes: tuple[str, ...]


def read_metadata(path: Path, frames: int, rows: int, *, in_a_folder: bool) -> Metadata:
    """Parses the header of a file and the JSON beside it; the JSON takes precedence.

    Args:
        path: the file with the arrays.
        frames: T.
        rows: N.
        in_a_folder: whether the folder of the file was given as the source: then its only JSON belongs to the file.

    Raises:
        InputError: if the JSON is invalid, or a known entry has the wrong type or length.
    """
    stated = {name: _meant(name, text) for name, text in _header(path).items()}
    beside = _beside(path, in_a_folder)
    where = beside or path
    if beside:
        stated |= _object(beside)
    ids = _whole_numbers(stated, _IDS, where, rows)
    dead = _whole_numbers(stated, _DEAD, where)
    if dead is not None and ids is None and dead.max(initial=-1) >= rows:
        raise InputError(f"{where}: dead_ids: there is no row {dead.max()}; the rows are 0 to {rows - 1}.")
    provenance, notes = _attributes(stated, where)
    return Metadata(
        token_ids=ids,
        dead=dead,
        tokens=_strings(stated, ids, rows, where),
        steps=_ascending(stated, frames, where),
        provenance=provenance,
        notes=notes,
    )


def _header(path: Path) -> dict[str, str]:
    return metadata_of(path) if path.suffix == ".safetensors" else {}


def _beside(path: Path, in_a_folder: bool) -> Path | None:
    """The JSON of the same name, `metadata.json`, or the only JSON of a folder given as the source."""
    for file in (path.with_suffix(".json"), path.with_name("metadata.json")):
        if file.is_file():
            return file
    others = sorted(path.parent.glob("*.json")) if in_a_folder else []
    return others[0] if len(others) == 1 else None


def _object(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise InputError(f"{file}: not JSON ({fault}).") from None
    if not isinstance(data, dict):
        raise InputError(f"{file}: must be a JSON object of names and values.")
    return data


def _meant(name: str, text: str) -> Any:
    """Parses lists and numbers that a header stores as text."""
    if name in (*_IDS, *_DEAD, *_TOKENS, *_STEPS, *_NUMBERS):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _whole_numbers(
    stated: Mapping[str, Any], names: tuple[str, ...], where: Path, count: int | None = None
) -> NDArray[np.int64] | None:
    """A list of non-negative integers under one of some names."""
    for name in names:
        if name in stated:
            values = stated[name]
            if not isinstance(values, list) or not all(type(each) is int and 0 <= each <= _LARGEST for each in values):
                raise InputError(f"{where}: {name} should be a list of integers from 0.")
            if count is not None and len(values) != count:
                raise InputError(f"{where}: {name} has {len(values)} entries, not {count}.")
            return np.array(values, np.int64)
    return None


def _ascending(stated: Mapping[str, Any], frames: int, where: Path) -> NDArray[np.int64]:
    """The steps of the frames; a single number under `step` has another meaning and is kept unchanged."""
    lists = {name: value for name, value in stated.items() if name == "steps" or isinstance(value, list)}
    steps = _whole_numbers(lists, _STEPS, where, frames)
    if steps is None:
        return np.arange(frames)
    if np.any(np.diff(steps) <= 0):
        raise InputError(f"{where}: steps must be ascending.")
    return steps


def _strings(stated: Mapping[str, Any], ids: NDArray[np.int64] | None, rows: int, where: Path) -> dict[int, str]:
    """Token strings by token id, which is the row unless the metadata contain ids."""
    tokens = stated.get("tokens")
    if not isinstance(tokens, list):  # a number under `tokens` is the number of training tokens
        return {}
    if len(tokens) != rows or not all(isinstance(token, str) for token in tokens):
        raise InputError(f"{where}: tokens should be a list of {rows} strings, one per row.")
    return dict(zip((range(rows) if ids is None else ids.tolist()), map(_plain, tokens), strict=True))


def _attributes(stated: Mapping[str, Any], where: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Entries that fit into an attribute: numbers and text; lists and objects as JSON, if short."""
    known = {*_IDS, *_DEAD, *_TOKENS, *_STEPS}
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    for name, value in stated.items():
        if value is None or (name in known and isinstance(value, list)):
            continue
        simple = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) <= _LARGEST)
        text = _plain(value if isinstance(value, str) else json.dumps(value))
        if not name or len(text) > _LONGEST or len(name) > _LONGEST or len(kept) == _MOST:
            left_out.append(_plain(name)[:40] or "a value without a name")
        else:
            kept[_plain(name)] = value if simple else text
    if not left_out:
        return kept, ()
    more = f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""
    return kept, (f"{where}: too large to be kept: {', '.join(left_out[:5])}{more}",)


def _plain(text: str) -> str:
    """Text that HDF5 can store: without zero bytes and incomplete characters."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode("utf-8")
