"""Typical sampling: tokens whose surprisal is nearest to the entropy (Meister et al., 2023, arXiv 2202.00666)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, KeepingSome, Kept, entropy_of, law_of, log_law, scattered
from gasfield.sampling.processors.history import Array, History


@register
class Typical(KeepingSome):
    """Keeps the fewest tokens, in the order of |-log p - S|, that together have the probability typical_p.

    transformers: until the sum reaches it, and with all tokens exactly as near as the last one. llama.cpp: until the
    sum exceeds it; of equally near tokens, the likelier first (llama.cpp leaves it open).
    """

    kind: Literal["typical"] = "typical"
    switch = "typical_p"
    typical_p: Annotated[float, Field(gt=0.0, le=1.0)]
    """Keep the tokens with the surprisal nearest to the entropy that together have this probability; 1 keeps all."""

    @property
    def neutral(self) -> bool:
        return self.typical_p == 1.0

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        if self.neutral:
            return np.ones(logits.shape, bool)
        law = law_of(logits)
        distance = np.abs(-log_law(logits) - entropy_of(law)[:, None])
        order = np.lexsort((-logits, distance), axis=-1)
        sums = np.cumsum(np.take_along_axis(law, order, axis=-1), axis=-1)
        enough = sums > self.typical_p if conventions.typical_exceeds else sums >= self.typical_p
        place = np.arange(logits.shape[1])
        last = np.where(enough.any(axis=-1), enough.argmax(axis=-1), place[-1])[:, None]
        if conventions.ties:
            ranked = np.take_along_axis(distance, order, axis=-1)
            kept = ranked <= np.take_along_axis(ranked, last, axis=-1)
        else:
            kept = place <= last
        return scattered(np.asarray(kept | (place < self.min_keep)), order)
