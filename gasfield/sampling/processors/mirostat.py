"""Mirostat: keeps the surprise of a text near a target by a moving truncation (Basu et al., 2021, arXiv 2007.14966)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, Kept, Truncation, log_law, scattered
from gasfield.sampling.processors.history import Array, History, Tokens

_MEMORY = "mirostat"
_ZIPF_TOKENS = 100
"""Likeliest tokens from which version 1 estimates the exponent of Zipf's law."""


@register
class Mirostat(Truncation):
    """Keeps the states up to a bound mu on the surprise, and moves mu after each token.

    Version 2 keeps tokens with -log2 p <= mu (always the likeliest). Version 1 estimates the exponent s of Zipf's law
    from the 100 likeliest tokens and keeps the k likeliest with k = ((s - 1) 2^mu / (1 - V^(1 - s)))^(1/s). Both start
    with mu = 2 tau, and after a token of surprise x [bits], under the law that was left, mu -= eta (x - tau).

    In llama.cpp it follows the temperature and replaces all other processors.
    """

    kind: Literal["mirostat"] = "mirostat"
    switch = "mirostat"
    mirostat: Annotated[int, Field(ge=0, le=2)]
    """Version of Mirostat: 1 or 2; 0 is off."""
    mirostat_tau: Annotated[float, Field(ge=0.0)] = 5.0
    """The surprise that Mirostat aims at [bits]."""
    mirostat_eta: Annotated[float, Field(ge=0.0)] = 0.1
    """How far Mirostat moves its bound for each bit that a token misses its aim by."""

    @property
    def neutral(self) -> bool:
        return self.mirostat == 0

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        order = np.argsort(-logits, axis=-1, kind="stable")
        surprise = -np.take_along_axis(log_law(logits), order, axis=-1) / np.log(2.0)
        bound = self._bound(history, len(logits))[:, None]
        place = np.arange(logits.shape[1])
        kept = np.asarray(surprise <= bound if self.mirostat == 2 else place < _zipf_count(surprise, bound))
        kept[:, 0] = True
        return scattered(kept, order)

    def remember(self, history: History, processed: Array, tokens: Tokens) -> dict[str, Array]:
        surprise = -np.take_along_axis(log_law(processed), np.asarray(tokens)[:, None], axis=-1)[:, 0] / np.log(2.0)
        return {_MEMORY: self._bound(history, len(processed)) - self.mirostat_eta * (surprise - self.mirostat_tau)}

    def _bound(self, history: History, rows: int) -> Array:
        """mu of each row [bits]."""
        return history.memory.get(_MEMORY, np.full(rows, 2.0 * self.mirostat_tau))


def _zipf_count(surprise: Array, bound: Array) -> Array:
    """k (B, 1) of version 1, from surprises (B, V) in ascending order."""
    states = surprise.shape[1]
    ranks = np.arange(1, min(_ZIPF_TOKENS, states))
    top = surprise[:, : ranks.size + 1] * np.log(2.0)
    steps = np.where(np.isfinite(top[:, 1:]), np.log((ranks + 1) / ranks), 0.0)
    drops = np.diff(np.where(np.isfinite(top), top, 0.0), axis=-1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        exponent = ((steps * drops).sum(axis=-1) / (steps**2).sum(axis=-1))[:, None]
        excess = exponent - 1.0
        found = (excess * 2.0**bound / (1.0 - float(states) ** -excess)) ** (1.0 / exponent)
    return np.asarray(np.maximum(np.floor(np.where(np.isnan(found), 1.0, found)), 1.0))
