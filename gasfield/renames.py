"""Former names of keys and kinds: accepted with a note, unless a scenario declares the present format.

A specification lists the former names of its keys in `former_keys`, a registry those of its kinds in `former_kinds`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class RenamedWarning(FutureWarning):
    """A former name was used; the text says which one replaces it."""


_MODE: ContextVar[str] = ContextVar("former names", default="note")


def former_name(old: str, new: str) -> bool:
    """Whether a former name is accepted here; where it is, a `RenamedWarning` names the new one."""
    mode = _MODE.get()
    if mode == "note":
        warnings.warn(f"'{old}' is now called '{new}'", RenamedWarning, stacklevel=2)
    return mode != "refuse"


@contextmanager
def former_names(mode: str) -> Iterator[None]:
    """How former names are treated inside: "note", "accept" (as in stored files), or "refuse"."""
    token = _MODE.set(mode)
    try:
        yield
    finally:
        _MODE.reset(token)
