"""Top-p: the likeliest tokens that together have the probability p (nucleus sampling; Holtzman et al., 2020)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, KeepingSome, Kept, law_of, scattered
from gasfield.sampling.processors.history import Array, History


@register
class TopP(KeepingSome):
    """Keeps the fewest of the likeliest tokens whose probabilities sum to at least p.

    transformers and vLLM sum from the least likely upwards and forbid what sums to at most 1 - p; llama.cpp sums from
    the likeliest downwards until p is reached. Both keep a token if and only if those before it have less than p;
    which of equally likely tokens comes first differs.
    """

    kind: Literal["top-p"] = "top-p"
    switch = "top_p"
    top_p: Annotated[float, Field(ge=0.0, le=1.0)]
    """Keep the likeliest tokens that together have this probability; 1 keeps all."""

    @property
    def neutral(self) -> bool:
        return self.top_p == 1.0

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        if self.neutral:
            return np.ones(logits.shape, bool)
        if conventions.larger_ids_first:
            order = np.argsort(logits, axis=-1, kind="stable")
            kept = np.cumsum(law_of(np.take_along_axis(logits, order, axis=-1)), axis=-1) > 1.0 - self.top_p
            kept[:, -self.min_keep :] = True
        else:
            order = np.argsort(-logits, axis=-1, kind="stable")
            sums = np.cumsum(law_of(np.take_along_axis(logits, order, axis=-1)), axis=-1)
            kept = np.pad(sums < self.top_p, ((0, 0), (1, 0)), constant_values=True)[:, :-1]
            kept[:, : self.min_keep] = True
        return scattered(kept, order)
