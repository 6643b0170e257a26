"""DRY ("don't repeat yourself"): against the continuation of repeated sequences (P. E. Weidmann, 2024)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, Processor
from gasfield.sampling.processors.history import Array, History, Tokens

_LARGEST = 88.7228391
"""Natural logarithm of the largest float32, at which llama.cpp caps base^exponent."""


@register
class Dry(Processor):
    """Subtracts multiplier * base^(L - allowed_length) from the logit of a token that would continue a repetition.

    L is the length of the longest end of the text that occurred before, followed by that token; shorter ones than the
    allowed length cost nothing. A repetition does not reach back over a breaker, and a breaker itself is never
    penalised. As in llama.cpp, where the last tokens are those of the context, the prompt included.
    """

    kind: Literal["dry"] = "dry"
    switch = "dry_multiplier"
    counts_tokens = True
    dry_multiplier: Annotated[float, Field(ge=0.0)]
    """Strength of DRY: subtracted from the logit of a token that continues a repetition of the allowed length."""
    dry_base: Annotated[float, Field(ge=1.0)] = 1.75
    """Factor by which DRY grows for each further token of the repetition."""
    dry_allowed_length: Annotated[int, Field(ge=1)] = 2
    """Repetitions shorter than this many tokens are free."""
    dry_last_n: Annotated[int, Field(ge=-1)] = -1
    """How many of the last tokens DRY looks at; -1 looks at all."""
    dry_breakers: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Ids of tokens over which no repetition extends."""

    @property
    def neutral(self) -> bool:
        return self.dry_multiplier == 0.0 or self.dry_last_n == 0

    def apply(self, logits: Array, history: History, conventions: Conventions) -> Array:
        found = logits.copy()
        for row, tokens in enumerate(history.last(None if self.dry_last_n == -1 else self.dry_last_n)):
            continued, lengths = self._continuations(tokens)
            found[row, continued] -= self._cost(lengths)
        return found

    def _continuations(self, tokens: Tokens) -> tuple[Tokens, NDArray[np.int64]]:
        """The tokens that would continue a repetition, each once, and the length of the longest that they would."""
        backwards = tokens[::-1]
        breaks = np.flatnonzero(np.isin(backwards, self.dry_breakers))
        reach = int(breaks[0]) if breaks.size else backwards.size
        if backwards.size <= self.dry_allowed_length or reach < self.dry_allowed_length:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        lengths = np.minimum(_repeats(backwards), reach)
        nexts, long = backwards[:-1], lengths >= self.dry_allowed_length
        long &= ~np.isin(nexts, self.dry_breakers)
        longest = np.zeros(int(backwards.max()) + 1, np.int64)
        np.maximum.at(longest, nexts[long], lengths[long])
        continued = np.flatnonzero(longest)
        return continued, longest[continued]

    def _cost(self, lengths: NDArray[np.int64]) -> Array:
        exponents = lengths - self.dry_allowed_length
        if self.dry_base > 1.000001:
            exponents = np.minimum(exponents, int(_LARGEST / math.log(self.dry_base)))
        found: Array = self.dry_multiplier * self.dry_base ** exponents.astype(float)
        return found


def _repeats(backwards: Tokens) -> NDArray[np.int64]:
    """For a lag of 1, 2, ..., how many tokens, from the last one backwards, equal those at the lag before them."""
    lags = np.arange(1, backwards.size)
    lengths = np.zeros(lags.size, np.int64)
    matched = 0
    while lags.size:
        lags = lags[lags + matched < backwards.size]
        lags = lags[backwards[lags + matched] == backwards[matched]]
        matched += 1
        lengths[lags - 1] = matched
    return lengths
