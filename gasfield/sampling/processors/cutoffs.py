"""Cutoffs of the probability: epsilon and eta (Hewitt et al., 2022, arXiv 2210.15191)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, KeepingSome, Kept, entropy_of, law_of, likeliest
from gasfield.sampling.processors.history import Array, History


@register
class EpsilonCutoff(KeepingSome):
    """Keeps tokens with p >= epsilon: a ceiling on the energy -log p itself."""

    kind: Literal["epsilon"] = "epsilon"
    switch = "epsilon_cutoff"
    epsilon_cutoff: Annotated[float, Field(ge=0.0, lt=1.0)]
    """Keep tokens of at least this probability; 0 keeps all."""

    @property
    def neutral(self) -> bool:
        return self.epsilon_cutoff == 0.0

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        return np.asarray((law_of(logits) >= self.epsilon_cutoff) | (logits >= likeliest(logits, self.min_keep)))


@register
class EtaCutoff(KeepingSome):
    """Keeps tokens with p >= min(epsilon, sqrt(epsilon) exp(-S)), S the entropy."""

    kind: Literal["eta"] = "eta"
    switch = "eta_cutoff"
    eta_cutoff: Annotated[float, Field(ge=0.0, lt=1.0)]
    """Keep tokens of at least this probability, or less where the entropy is high; 0 keeps all."""

    @property
    def neutral(self) -> bool:
        return self.eta_cutoff == 0.0

    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        law = law_of(logits)
        least = np.minimum(self.eta_cutoff, np.sqrt(self.eta_cutoff) * np.exp(-entropy_of(law)))[:, None]
        return np.asarray((law >= least) | (logits >= likeliest(logits, self.min_keep)))
