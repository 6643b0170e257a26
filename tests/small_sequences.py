"""A small law with memory, whose normalisations Z_k depend on the prefix, and all of its sequences."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gasfield.language.base import Ids
from gasfield.sampling.sequences.exact import Enumeration, enumerate_sequences
from gasfield.sampling.sequences.law import PrefixLaw, Window

VOCABULARY, LENGTH = 8, 5


@cache
def small_law() -> PrefixLaw:
    """Logits by the last two tokens, wide after some and narrow after others; token 7 ends a text."""
    draws = np.random.default_rng(5)
    table = 1.5 * draws.normal(size=(VOCABULARY,) * 3) * np.exp(0.7 * draws.normal(size=(VOCABULARY, VOCABULARY, 1)))

    def logits(ids: Ids) -> NDArray[np.float64]:
        before = ids[:, -2] if ids.shape[1] > 1 else np.zeros(len(ids), np.int64)
        return np.asarray(table[before, ids[:, -1]])

    return PrefixLaw(VOCABULARY, logits, end=(7,))


def small_window(length: int = LENGTH, forbid_end: bool = False) -> Window:
    """Sequences of the law after token 0."""
    return Window(small_law(), (0,), length, forbid_end)


@cache
def all_sequences() -> Enumeration:
    """All 32,768 of them."""
    return enumerate_sequences(small_window())


def iid_window(weights: list[float], length: int) -> Window:
    """Independent tokens of one law."""
    logits = np.log(np.array(weights))
    return Window(PrefixLaw(len(weights), lambda ids: np.tile(logits, (len(ids), 1))), (0,), length)
