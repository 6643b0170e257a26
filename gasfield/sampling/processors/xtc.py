"""XTC ("exclude top choices"): now and then forbids the likeliest tokens (P. E. Weidmann, 2024)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, KeepingSome, Kept, law_of
from gasfield.sampling.processors.history import Array, History


@register
class XTC(KeepingSome):
    """With a probability, forbids all tokens of at least a threshold but the least likely of them.

    The decision is made anew for every token, so the law of a token is the mixture of both outcomes: it is computed,
    not drawn. Of equally likely tokens at the end, the one with the largest id stays (llama.cpp leaves it open). Above
    a threshold of 1/2 no two tokens can qualify.
    """

    kind: Literal["xtc"] = "xtc"
    switch = "xtc_probability"
    xtc_probability: Annotated[float, Field(ge=0.0, le=1.0)]
    """The probability that XTC acts on a token; 0 is off."""
    xtc_threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """XTC forbids tokens of at least this probability, but the least likely of them."""

    @property
    def neutral(self) -> bool:
        return self.xtc_probability == 0.0 or self.xtc_threshold > 0.5

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        """Which states stay allowed when it acts."""
        order = np.argsort(-logits, axis=-1, kind="stable")
        choices = (np.take_along_axis(law_of(logits), order, axis=-1) >= self.xtc_threshold).sum(axis=-1)
        allowed = np.isfinite(logits).sum(axis=-1)
        last = np.minimum(np.maximum(choices, 1), allowed) - 1
        last = np.where(allowed - last >= self.min_keep, last, 0)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=-1)
        return np.asarray(rank >= last[:, None])

    def branches(self, logits: Array, history: History, conventions: Conventions) -> list[tuple[float, Array]]:
        chance = 0.0 if self.neutral else self.xtc_probability
        outcomes = [(1.0 - chance, logits), (chance, self.apply(logits, history, conventions))]
        return [outcome for outcome in outcomes if outcome[0] > 0.0]
