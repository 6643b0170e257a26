"""Top-h: tokens up to a fraction of the entropy (Potraghloo et al., 2025, arXiv 2509.02510)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, Kept, Truncation, law_of, scattered
from gasfield.sampling.processors.history import Array, History

_MOST = 100


@register
class TopH(Truncation):
    """Among the 100 likeliest tokens, and under their own law, keeps the likeliest as long as their -p log p sum to at
    most a fraction h of its entropy; as in transformers."""

    kind: Literal["top-h"] = "top-h"
    switch = "top_h"
    top_h: Annotated[float, Field(gt=0.0, le=1.0)]
    """Keep the likeliest tokens up to this fraction of the entropy of the 100 likeliest."""

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        order = np.argsort(-logits, axis=-1, kind="stable")
        law = law_of(np.take_along_axis(logits, order[:, :_MOST], axis=-1))
        parts = -np.where(law > 0.0, law * np.log(np.where(law > 0.0, law, 1.0)), 0.0)
        kept = np.zeros(logits.shape, bool)
        kept[:, :_MOST] = np.cumsum(parts, axis=-1) <= self.top_h * parts.sum(axis=-1, keepdims=True)
        kept[:, 0] = True
        return scattered(kept, order)
