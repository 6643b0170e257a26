"""What is stated of a trajectory: by arrays beside W, in the header of a safetensors file, in a JSON file beside it.

A JSON of others was not written for gasfield. What does not fit is kept as stated, with a note, and is no reason to
refuse; only steps that contradict the order of the frames are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.importing.attributes import as_attributes, some
from gasfield.importing.json_files import object_in
from gasfield.printable import shortened, storable
from gasfield.reading import parse_json
from gasfield.tensors import metadata_of

_IDS, _DEAD, _TOKENS, _STEPS = (
    ("token_ids", "ids", "token_id"),
    ("dead_ids", "dead_indices"),
    "tokens",
    ("steps", "step"),
)
_ID_SUFFIXES = ("_ids", "_indices")
_NO_IDS = ("position_ids", "input_ids", "cluster_ids", "class_ids", "group_ids", "type_ids", "label_ids")
"""Numbers of rows that name no tokens."""
_NUMBERS = ("step", "learning_rate", "lr", "betas", "eps", "epsilon", "weight_decay", "momentum", "seed")
"""Header entries, stored as text, that are parsed as numbers."""
_LARGEST = 2**63 - 1
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Metadata:
    """Metadata of the frames and rows of a trajectory.

    Attributes:
        token_ids: (N,) of the rows; None if they are unknown.
        dead: ids of dead tokens, some of which are rows; None if unknown.
        tokens: (N,) strings of the rows; None if unknown.
        steps: (T,) of the frames, ascending.
        provenance: all other entries that an attribute can hold.
        taken: names of the arrays that were understood.
        notes: on entries that do not fit, or could not be kept.
    """

    token_ids: Integers | None
    dead: Integers | None
    tokens: tuple[str, ...] | None
    steps: Integers
    provenance: Mapping[str, Any]
    taken: frozenset[str]
    notes: tuple[str, ...]


@dataclass
class _Stated:
    """Everything that is stated, and what has been made of it."""

    where: Path
    entries: dict[str, Any]
    taken: set[str] = field(default_factory=set)
    unfit: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """A note on what does not fit, if anything."""
        if not self.unfit:
            return ()
        return (f"{self.where}: without meaning here, since it does not fit: {some(self.unfit)}",)

    def numbers(self, name: str, count: int | None = None) -> Integers | None:
        """The whole numbers from 0 under a name, `count` of them; None if there is no list, or it does not fit."""
        values = self.entries.get(name)
        if isinstance(values, list) and all(type(each) is int and 0 <= each <= _LARGEST for each in values):
            values = np.array(values, np.int64)
        if not isinstance(values, np.ndarray):
            if values is not None:
                self.unfit.append(f"{shortened(name)} (not a list of whole numbers from 0)")
            return None
        if count is not None and len(values) != count:
            self.unfit.append(f"{shortened(name)} ({len(values)} entries, not {count})")
            return None
        return values


def rows_stated(
    arrays: Mapping[str, Integers], rows: int, where: Path
) -> tuple[Integers | None, Integers | None, tuple[str, ...]]:
    """The token ids of rows (N,), those of dead tokens, and notes on what does not fit, by arrays beside a matrix."""
    stated = _Stated(where, dict(arrays))
    return *_rows(stated, rows), stated.notes()


def read_metadata(
    path: Path, frames: int, rows: int, arrays: Mapping[str, Integers], *, in_a_folder: bool, ignore: bool
) -> Metadata:
    """Reads all that is stated; arrays of the file take precedence over the JSON beside it, and that over the header.

    Args:
        path: the file with the arrays.
        frames: T.
        rows: N.
        arrays: one-dimensional arrays of whole numbers in the file, by name.
        in_a_folder: whether the folder of the file was given as the source: then its only JSON belongs to the file.
        ignore: whether header and JSON are ignored.

    Raises:
        InputError: if the header is damaged, or there are T steps that do not ascend.
    """
    header = {} if ignore else {name: _meant(name, text) for name, text in _header(path).items()}
    beside = None if ignore else _beside(path, in_a_folder)
    entries, notes = _object(beside) if beside else ({}, ())
    stated = _Stated(beside if beside and entries else path, {**header, **entries, **arrays})
    steps = _steps(stated, frames)
    ids, dead = _rows(stated, rows)
    tokens = _strings(stated, rows)
    texts = {name: value for name, value in stated.entries.items() if name not in arrays}
    provenance, too_large = as_attributes(texts, stated.taken)
    notes = (*notes, *stated.notes())
    if too_large:
        notes = (*notes, f"{stated.where}: too large to be kept: {some(too_large)}")
    return Metadata(ids, dead, tokens, steps, provenance, frozenset(stated.taken), notes)


def may_be_known(name: str) -> bool:
    """Whether an array of this name may state steps, or ids of tokens."""
    return name in (*_IDS, *_DEAD, *_STEPS) or name.endswith(_ID_SUFFIXES)


# --- where it is stated ----------------------------------------------------------------------------------------------


def _header(path: Path) -> dict[str, str]:
    return metadata_of(path)


def _beside(path: Path, in_a_folder: bool) -> Path | None:
    """The JSON of the same name, `metadata.json`, or the only JSON of a folder given as the source."""
    for file in (path.with_suffix(".json"), path.with_name("metadata.json")):
        if file.is_file():
            return file
    others = sorted(path.parent.glob("*.json")) if in_a_folder else []
    return others[0] if len(others) == 1 else None


def _object(file: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The entries of a JSON object; a note if the file holds something else."""
    entries = object_in(file)
    if entries is None:
        return {}, (f"{file}: ignored, since it is not a JSON object of names and values, of at most 64 MiB",)
    return entries, ()


def _meant(name: str, text: str) -> Any:
    """Parses lists and numbers that a header stores as text."""
    if name in (*_IDS, *_DEAD, _TOKENS, *_STEPS, *_NUMBERS) or name.endswith(_ID_SUFFIXES):
        try:
            return parse_json(text, name)
        except InputError:
            return text
    return text


# --- what it means ---------------------------------------------------------------------------------------------------


def _steps(stated: _Stated, frames: int) -> Integers:
    """The steps of the frames. A number under these names is something else: how many steps there were, say."""
    for name in _STEPS:
        value = stated.entries.get(name)
        if name == "step" and not isinstance(value, list | np.ndarray):
            continue
        steps = stated.numbers(name, frames)
        if steps is not None:
            if np.any(np.diff(steps) <= 0):
                message = (
                    f"{stated.where}: steps must be ascending; these are not the steps of the frames in their order."
                )
                raise InputError(message, parameter="ignore_metadata")
            stated.taken.add(name)
            return steps
    return np.arange(frames)


def _rows(stated: _Stated, rows: int) -> tuple[Integers | None, Integers | None]:
    """The token ids of the rows, and those of dead tokens."""
    ids = _ids(stated, rows)
    dead = _dead(stated, ids, rows)
    if ids is None and dead is not None:
        ids = np.arange(rows)  # dead tokens are rows, so rows are tokens
    return ids, dead


def _ids(stated: _Stated, rows: int) -> Integers | None:
    """The token ids of the rows: under a definite name, or the only one that may be meant."""
    for name in _IDS:
        ids = stated.numbers(name, rows)
        if ids is not None and _distinct(stated, name, ids):
            stated.taken.add(name)
            return ids
    if any(name in stated.entries for name in _IDS):
        return None
    found = {
        name: ids
        for name, value in stated.entries.items()
        if name.endswith(_ID_SUFFIXES) and name not in _NO_IDS
        if isinstance(value, list | np.ndarray) and len(value) == rows
        if (ids := stated.numbers(name, rows)) is not None and _distinct(stated, name, ids)
    }
    if len({ids.tobytes() for ids in found.values()}) > 1:
        stated.unfit.append(f"{' and '.join(map(shortened, list(found)[:5]))} (which are the token ids?)")
        return None
    stated.taken.update(found)
    return next(iter(found.values()), None)


def _distinct(stated: _Stated, name: str, ids: Integers) -> bool:
    if len(np.unique(ids)) == len(ids):
        return True
    stated.unfit.append(f"{shortened(name)} (an id occurs twice)")
    return False


def _dead(stated: _Stated, ids: Integers | None, rows: int) -> Integers | None:
    """The ids of dead tokens, if at least one of them is a row."""
    for name in _DEAD:
        dead = stated.numbers(name) if name in stated.entries else None
        if dead is None:
            continue
        if ids is None and (outside := dead.max(initial=-1)) >= rows:
            stated.unfit.append(f"{name} (there is no row {outside}; the rows are 0 to {rows - 1})")
        elif not np.isin(np.arange(rows) if ids is None else ids, dead).any():
            stated.unfit.append(f"{name} (none of them is a row)")
        else:
            stated.taken.add(name)
            return dead
    return None


def _strings(stated: _Stated, rows: int) -> tuple[str, ...] | None:
    """The strings of the rows' tokens. A number under `tokens` is that of training tokens."""
    tokens = stated.entries.get(_TOKENS)
    if not isinstance(tokens, list):
        return None
    if len(tokens) != rows or not all(isinstance(token, str) for token in tokens):
        stated.unfit.append(f"{_TOKENS} (not a list of {rows} strings, one a row)")
        return None
    stated.taken.add(_TOKENS)
    return tuple(map(storable, tokens))
