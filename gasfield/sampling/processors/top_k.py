"""Top-k: the k likeliest tokens."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, KeepingSome, Kept, likeliest, scattered
from gasfield.sampling.processors.history import Array, History


@register
class TopK(KeepingSome):
    """Keeps the k likeliest tokens: by value, so that ties with the k-th stay (transformers, vLLM), or exactly k, of
    equal ones those with the smallest ids (llama.cpp, which leaves open which)."""

    kind: Literal["top-k"] = "top-k"
    switch = "top_k"
    top_k: Annotated[int, Field(ge=0)]
    """Keep this many of the likeliest tokens; 0 keeps all."""

    @property
    def neutral(self) -> bool:
        return self.top_k == 0

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        if self.top_k == 0:
            return np.ones(logits.shape, bool)
        if conventions.ties:
            return np.asarray(logits >= likeliest(logits, max(self.top_k, self.min_keep)))
        order = np.argsort(-logits, axis=-1, kind="stable")
        place = np.broadcast_to(np.arange(logits.shape[1]), logits.shape)
        return scattered(np.asarray(place < self.top_k), order)
