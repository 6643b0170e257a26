"""Checkpoints whose names state no step: ordered by the one number that they differ in, or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from gasfield.errors import InputError
from gasfield.importing.candidates import Candidate, names
from gasfield.importing.steps import LARGEST_STEP, Place

NATURAL = "natural"

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[kmbt](?![a-z]))?", re.IGNORECASE | re.ASCII)
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_NO_TIME = re.compile(
    r"(?:seed|fold|rank|run|layer|head|expert|replica|member|trial|shard|part|v|version)[\s_=-]*$", re.IGNORECASE
)
"""Words before a number that is no order in time."""


def by_the_number_that_varies(known: Sequence[Candidate], where: Path) -> tuple[list[Candidate], list[int] | None]:
    """The order of names that differ in one number only; and these numbers, if the names are nothing else.

    Raises:
        InputError: if they differ in more, or in a number that is no order in time.
    """
    stems = [each.entry.stem for each in known]
    texts = {tuple(_NUMBER.split(stem)) for stem in stems}
    rows = [[_amount(number) for number in _NUMBER.findall(stem)] for stem in stems]
    columns = list(zip(*rows, strict=True)) if len(texts) == 1 else []
    varying = [number for number, column in enumerate(columns) if len(set(column)) > 1]
    if len(varying) != 1 or len(set(columns[varying[0]])) < len(known):
        refuse_unordered(known, where)
    if unordered := _NO_TIME.search(next(iter(texts))[varying[0]]):
        word = unordered[0].rstrip(" _=-")
        message = (
            f"{where}: the names differ in '{word}' ({names(known)}), which is no order in time; choose by a pattern."
        )
        raise InputError(message, parameter="filter")
    ranked = sorted(zip(columns[varying[0]], known, strict=True), key=lambda pair: pair[0])
    found = [each for _, each in ranked]
    whole = all(stem.isdecimal() and stem.isascii() and int(stem) <= LARGEST_STEP for stem in stems)
    return found, [int(each.entry.stem) for each in found] if whole else None


def naturally(known: Sequence[Candidate]) -> list[Candidate]:
    """In natural order of their names: 2 before 10."""

    def key(each: Candidate) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", each.entry.name, flags=re.ASCII)
        return [(int(part), "") if number % 2 else (0, part) for number, part in enumerate(parts)]

    return sorted(known, key=key)


def refuse_unordered(known: Sequence[Candidate], where: Path) -> NoReturn:
    """Raises the error that the names state no order."""
    hashes = all(each.stated.place is Place.HASH for each in known)
    why = "the names are hashes, which have no order" if hashes else "the names state no order"
    raise InputError(
        f"{where}: {why}: {names(known)}. Choose some by patterns (filter), or give the order: '{NATURAL}' (numbered, "
        "2 before 10), or a file with a name and its step in each line.",
        parameter="order",
    )


def _amount(text: str) -> float:
    return float(text.rstrip("kmbtKMBT")) * _SCALES.get(text[-1].lower(), 1.0)
