"""Top-n-sigma: logits within n standard deviations of the largest (Tang et al., 2024, arXiv 2411.07641)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, Kept, Truncation
from gasfield.sampling.processors.history import Array, History


@register
class TopNSigma(Truncation):
    """Keeps logits >= max - n sigma, sigma the standard deviation (over V, not V - 1) of the logits that are allowed.

    The set does not depend on a temperature applied before: it scales the logits and sigma alike.
    """

    kind: Literal["top-n-sigma"] = "top-n-sigma"
    switch = "top_n_sigma"
    top_n_sigma: Annotated[float, Field(ge=0.0)]
    """Keep logits within this many standard deviations of the largest; 0 keeps all."""

    @property
    def neutral(self) -> bool:
        return self.top_n_sigma == 0.0

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        if self.neutral:
            return np.ones(logits.shape, bool)
        allowed = np.isfinite(logits)
        spread = np.std(logits, axis=-1, keepdims=True, where=allowed)
        return np.asarray(logits >= logits.max(axis=-1, keepdims=True) - self.top_n_sigma * spread)
