"""Min-p: tokens at least a fraction as likely as the likeliest (Nguyen et al., 2024, arXiv 2407.01082)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, KeepingSome, Kept, likeliest
from gasfield.sampling.processors.history import Array, History


@register
class MinP(KeepingSome):
    """Keeps tokens with p_i >= min_p * max p: a ceiling on the energy above the lowest state."""

    kind: Literal["min-p"] = "min-p"
    switch = "min_p"
    min_p: Annotated[float, Field(ge=0.0, le=1.0)]
    """Keep tokens with at least this fraction of the probability of the likeliest; 0 keeps all."""

    @property
    def neutral(self) -> bool:
        return self.min_p == 0.0

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        likely = np.exp(logits - logits.max(axis=-1, keepdims=True)) >= self.min_p
        return np.asarray(likely | (logits >= likeliest(logits, self.min_keep)))
