"""What rows are coloured by: classes, or numbers coded in eight bits; the same for all frames, or one for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 0
"""Code of a number that is not known."""
_CODES = 254
"""Codes of numbers are 1 to 1 + `_CODES`."""
MOST_CLASSES = 250

_RESERVED = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]|<\|.*\|>|\S*unused\S*")
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_START = (" ", "\u0120", "\u2581", "\u010a", "\n", "\t")
"""Beginnings of tokens that follow a space, in plain text and in the alphabets of BPE and SentencePiece."""
TOKEN_CLASSES = (
    "no token",
    "special or reserved",
    "byte",
    "number",
    "punctuation",
    "starts a word",
    "within a word",
    "other script",
)


@dataclass(frozen=True)
class Channel:
    """A colouring.

    Attributes:
        name: of it.
        unit: of numbers.
        codes: (n,), or (F, n) where it changes over time: numbers of classes, or coded numbers (`numbers`).
        classes: names of the classes; empty for numbers.
        low, high: the numbers at codes 1 and 255.
        logarithmic: whether codes are even on a logarithmic scale.
        since: whether numbers are frames from which on something is so; before, a row is drawn as not yet so.
    """

    name: str
    unit: str
    codes: NDArray[np.uint8]
    classes: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    logarithmic: bool = False
    since: bool = False

    @property
    def moves(self) -> bool:
        """Whether it changes over time."""
        return self.codes.ndim == 2

    def described(self) -> dict[str, Any]:
        """All but the codes, for JSON."""
        own = ("name", "unit", "classes", "low", "high", "logarithmic", "since", "moves")
        return {name: getattr(self, name) for name in own}


def numbers(name: str, unit: str, values: NDArray[np.floating[Any]]) -> Channel | None:
    """Numbers (n,) or (F, n) as a channel, logarithmic where positive ones span more than two decades; None where none
    is finite, or all are the same."""
    known = np.isfinite(values)
    if not known.any():
        return None
    finite = values[known]
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        return None
    positive = finite[finite > 0]
    least, typical = (float(np.quantile(positive, q)) for q in (0.001, 0.5)) if len(positive) else (0.0, 0.0)
    logarithmic = low >= 0 and typical > 0 and high / max(least, np.finfo(float).tiny) > 100 and high > 30 * least
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if logarithmic:
            low = max(least, high * 1e-12)
            scaled = np.log(values / low) / np.log(high / low)
        else:
            scaled = values / (high - low) - low / (high - low)
        codes = np.where(known, 1 + np.rint(_CODES * np.clip(scaled, 0.0, 1.0)), UNKNOWN)
    return Channel(name, unit, codes.astype(np.uint8), (), low, high, logarithmic)


def classes(name: str, of_rows: NDArray[np.int64], names: Sequence[str]) -> Channel:
    """Classes of rows (n,); those beyond `MOST_CLASSES` are one."""
    shown = tuple(names[:MOST_CLASSES]) + (("others",) if len(names) > MOST_CLASSES else ())
    return Channel(name, "", np.minimum(of_rows, MOST_CLASSES).astype(np.uint8), shown)


def token_classes(tokens: Sequence[str]) -> Channel | None:
    """Classes of rows by the look of their tokens; None where there is only one."""
    of_rows = np.array([class_of(token) for token in tokens], np.int64)
    present = np.unique(of_rows)
    if len(present) < 2:
        return None
    return classes("token class", np.searchsorted(present, of_rows), [TOKEN_CLASSES[i] for i in present])


def class_of(token: str) -> int:
    """Number of the class, in `TOKEN_CLASSES`, of a token, by what it looks like."""
    if not token:
        return 0
    if _BYTE.fullmatch(token):
        return 2
    if _RESERVED.fullmatch(token):
        return 1
    body = token.removeprefix("##").lstrip("".join(_START))
    if body.isdigit():
        return 3
    if not any(c.isalnum() for c in body):
        return 4
    if not body.isascii() and not any(c.isascii() and c.isalpha() for c in body):
        return 7
    return 5 if token.startswith(_START) else 6


def frozen_since(last_motion: NDArray[np.int64], steps: NDArray[np.int64]) -> Channel | None:
    """The step from which on no bit of a row changes any more; rows that move until the last frame have the highest
    code. None where all do.

    Args:
        last_motion: (n,) the frame in which each row was first at its last place.
        steps: (F,).
    """
    last = len(steps) - 1
    if last < 1 or (last_motion == last).all():
        return None
    codes = 1 + np.where(last_motion == last, _CODES, np.rint((_CODES - 1) * last_motion / last))
    return Channel("frozen since", "step", codes.astype(np.uint8), (), 0.0, float(last), False, True)
