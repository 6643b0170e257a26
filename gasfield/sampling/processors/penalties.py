"""Penalties on tokens that occurred before: repetition, frequency and presence."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, Processor
from gasfield.sampling.processors.history import Array, History, Tokens


class Penalty(Processor):
    """A processor that looks at the last tokens."""

    counts_tokens = True
    penalty_last_n: Annotated[int, Field(ge=-1)] | None = None
    """How many of the last tokens the penalties count; -1 counts all. By default all, in llama.cpp 64."""

    def window(self, conventions: Conventions) -> int | None:
        """The number of last tokens that count; None if all do."""
        if self.penalty_last_n is None:
            return conventions.window
        return None if self.penalty_last_n == -1 else self.penalty_last_n


@register
class RepetitionPenalty(Penalty):
    """Divides positive logits of tokens that occurred by r, and multiplies negative ones (Keskar et al., 2019,
    arXiv 1909.05858, with the sign as servers have it). The prompt counts in all servers.

    What it does depends on where the zero of the logits lies, which has no meaning: the law is not invariant under a
    shift of all logits.
    """

    kind: Literal["repetition"] = "repetition"
    switch = "repetition_penalty"
    shift_invariant = False
    repetition_penalty: Annotated[float, Field(gt=0.0)]
    """Divide positive logits of tokens that occurred by this number, and multiply negative ones; 1 is off."""

    @property
    def neutral(self) -> bool:
        return self.repetition_penalty == 1.0

    def apply(self, logits: Array, history: History, conventions: Conventions) -> Array:
        tokens = history.last(self.window(conventions))
        found = logits.copy()
        said = np.take_along_axis(logits, tokens, axis=-1)
        penalised = np.where(said < 0.0, said * self.repetition_penalty, said / self.repetition_penalty)
        np.put_along_axis(found, tokens, penalised, axis=-1)
        return found


@register
class FrequencyPenalty(Penalty):
    """Subtracts from a logit a number for each time that the token occurred: in vLLM among the generated tokens, in
    llama.cpp among the last ones, the prompt included."""

    kind: Literal["frequency"] = "frequency"
    switch = "frequency_penalty"
    frequency_penalty: float
    """Subtract this from a logit for each time that the token occurred; 0 is off."""

    @property
    def neutral(self) -> bool:
        return self.frequency_penalty == 0.0

    def apply(self, logits: Array, history: History, conventions: Conventions) -> Array:
        tokens = history.last(self.window(conventions), prompt=conventions.counts_prompt)
        return logits - self.frequency_penalty * _counts(tokens, logits.shape[1])


@register
class PresencePenalty(Penalty):
    """Subtracts a number from the logit of every token that occurred; which ones, as for the frequency penalty."""

    kind: Literal["presence"] = "presence"
    switch = "presence_penalty"
    presence_penalty: float
    """Subtract this from the logit of every token that occurred; 0 is off."""

    @property
    def neutral(self) -> bool:
        return self.presence_penalty == 0.0

    def apply(self, logits: Array, history: History, conventions: Conventions) -> Array:
        tokens = history.last(self.window(conventions), prompt=conventions.counts_prompt)
        return logits - self.presence_penalty * (_counts(tokens, logits.shape[1]) > 0)


def _counts(tokens: Tokens, states: int) -> NDArray[np.int64]:
    """How often each token occurs in each row: (B, V)."""
    rows = len(tokens)
    places = tokens + states * np.arange(rows)[:, None]
    return np.bincount(places.ravel(), minlength=rows * states).reshape(rows, states)
